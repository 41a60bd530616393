// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr long k_second = 1000;
constexpr long k_minute = 60 * k_second;
constexpr long k_hour = 60 * k_minute;

bool has_word(const Cell& words, std::string_view word) noexcept {
    if (!words) {
        return false;
    }
    for (std::size_t at = words->find(word); at != std::string::npos;
         at = words->find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || (*words)[at - 1] == ' ') &&
            (end == words->size() || (*words)[end] == ' ')) {
            return true;
        }
    }
    return false;
}

}  // namespace

long Setting::number() const {
    return std::strtol(value.c_str(), nullptr, 10);
}

std::optional<Setting> find_setting(const Context& context, std::string_view name) {
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (context.text(i, 0) == name) {
            return Setting{.value = context.text(i, 1),
                           .hidden = context.is_null(i, 1),
                           .pending = context.flag(i, 2),
                           .place = context.text(i, 3),
                           .entry = context.text(i, 4)};
        }
    }
    return std::nullopt;
}

std::string show_time(long milliseconds) {
    if (milliseconds % k_hour == 0 && milliseconds != 0) {
        return std::to_string(milliseconds / k_hour) + " h";
    }
    if (milliseconds % k_minute == 0 && milliseconds != 0) {
        return std::to_string(milliseconds / k_minute) + " min";
    }
    if (milliseconds % k_second == 0) {
        return std::to_string(milliseconds / k_second) + " s";
    }
    return std::to_string(milliseconds) + " ms";
}

std::string show_bytes(long bytes) {
    return base::human_bytes(static_cast<std::uint64_t>(std::max(0L, bytes)));
}

Outcome hidden_setting(std::string_view name) {
    return finding(Status::unverified, "",
                   "This session has a value of its own for " + std::string(name) +
                       ", which hides the one in force.",
                   "Ask from a session that does not set it.");
}

Outcome finding(Status status, std::string actual, std::string detail, std::string hint,
                std::string fix) {
    Outcome outcome;
    outcome.status = status;
    outcome.actual = std::move(actual);
    outcome.details = {std::move(detail)};
    outcome.hint = std::move(hint);
    outcome.fix = std::move(fix);
    return outcome;
}

Outcome no_role(const Context& context) {
    return finding(Status::unverified, "",
                   "Role " + context.server.quoted_role + " does not exist yet.");
}

std::vector<std::string> flagged(const Context& context, const Flagged& which) {
    std::vector<std::string> objects;
    const bool decided = !context.request.accept.decisions.empty();
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (!has_word(context.rows[i].front(), which.word)) {
            continue;
        }
        if (!decided || !context.request.accept.excludes(context.text(i, which.table + 1),
                                                         context.text(i, which.table))) {
            objects.push_back(context.text(i, 1));
        }
    }
    return objects;
}

Outcome listed(std::vector<std::string> objects, Status status, std::string line,
               std::string hint) {
    if (objects.empty()) {
        return {};
    }
    Outcome outcome =
        finding(status, std::to_string(objects.size()), std::move(line), std::move(hint));
    outcome.shown = outcome.actual;
    list_capped(outcome.details, "  ", objects);
    outcome.objects = std::move(objects);
    return outcome;
}

Outcome counted(std::vector<std::string> objects, std::string line, std::string hint) {
    Outcome outcome = listed(std::move(objects), Status::info, std::move(line), std::move(hint));
    if (!outcome.details.empty()) {
        outcome.details.resize(1);
    }
    return outcome;
}

}  // namespace ardent::preflight
