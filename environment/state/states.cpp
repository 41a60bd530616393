// SPDX-License-Identifier: PostgreSQL
#include "environment/state/states.hpp"

#include "common/base/error.hpp"

#include <array>
#include <string>

namespace ardent::environment {

namespace {

struct Transition {
    Phase from;
    Event event;
    Phase to;
};

constexpr std::array k_transitions = {
    Transition{Phase::pending, Event::copy_begun, Phase::copying},
    Transition{Phase::copying, Event::copy_begun, Phase::copying},
    Transition{Phase::copying, Event::copy_done, Phase::streaming},
    Transition{Phase::streaming, Event::resync, Phase::pending},
    Transition{Phase::copying, Event::resync, Phase::pending},
    Transition{Phase::pending, Event::resync, Phase::pending},
    Transition{Phase::pending, Event::removal, Phase::deleting},
    Transition{Phase::copying, Event::removal, Phase::deleting},
    Transition{Phase::streaming, Event::removal, Phase::deleting},
    Transition{Phase::deleting, Event::removal, Phase::deleting},
};

constexpr std::array k_phases = {Phase::pending, Phase::copying, Phase::streaming, Phase::deleting};

}  // namespace

std::optional<Phase> next_phase(Phase phase, Event event) noexcept {
    for (const Transition& transition : k_transitions) {
        if (transition.from == phase && transition.event == event) {
            return transition.to;
        }
    }
    return std::nullopt;
}

const char* to_string(Phase phase) noexcept {
    switch (phase) {
    case Phase::pending:
        return "pending";
    case Phase::copying:
        return "copying";
    case Phase::streaming:
        return "streaming";
    case Phase::deleting:
        return "deleting";
    }
    return "deleting";
}

Phase parse_phase(std::string_view word) {
    for (const Phase phase : k_phases) {
        if (word == to_string(phase)) {
            return phase;
        }
    }
    throw base::Error(base::ErrorKind::bug,
                      "\"" + std::string(word) + "\" is no phase of a connector");
}

const char* status_word(Phase phase, bool failed, bool warned) noexcept {
    if (phase == Phase::deleting) {
        return to_string(phase);
    }
    if (failed) {
        return "failed";
    }
    return phase == Phase::streaming && warned ? "degraded" : to_string(phase);
}

}  // namespace ardent::environment
