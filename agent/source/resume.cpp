// SPDX-License-Identifier: PostgreSQL
#include "agent/source/resume.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace ardent::agent {

namespace {

constexpr const char* k_resync =
    "To make the replica anew: ardent connector retry-setup --resync, or delete the connector and "
    "create it again.";

std::optional<Refusal> check_system(const ResumeFacts& facts) {
    if (facts.replica_system_identifier &&
        *facts.replica_system_identifier == facts.system_identifier) {
        return std::nullopt;
    }
    return Refusal{"the source is another server: its system identifier is " +
                       facts.system_identifier + ", the replica was made from " +
                       facts.replica_system_identifier.value_or("an unknown one"),
                   std::string("Check source.host and source.database. ") + k_resync};
}

std::optional<Refusal> check_timeline(const ResumeFacts& facts) {
    const std::uint32_t ours = facts.replica_timeline.value_or(0);
    if (ours == facts.timeline) {
        return std::nullopt;
    }
    const std::string both = "the source is on timeline " + std::to_string(facts.timeline) +
                             ", the replica follows timeline " + std::to_string(ours);
    if (ours > facts.timeline) {
        return Refusal{both + ": the source went back to an older history", k_resync};
    }
    const auto left = std::find_if(facts.history.begin(), facts.history.end(),
                                   [&](const TimelineSwitch& at) { return at.timeline == ours; });
    if (left == facts.history.end()) {
        return Refusal{both + ", which is not in the source's history", k_resync};
    }
    if (*facts.durable > left->end) {
        return Refusal{both + "; it was left at " + model::to_string(left->end) +
                           ", but the replica is at " + model::to_string(*facts.durable) +
                           ": it holds changes that the source lost",
                       k_resync};
    }
    return std::nullopt;
}

// A server that was set back (a restored disk, a copied data directory) has the same identifier and
// timeline, and skips whatever it commits below our position.
std::optional<Refusal> check_wal_end(const ResumeFacts& facts) {
    if (*facts.durable <= facts.wal_end) {
        return std::nullopt;
    }
    return Refusal{"the source was set back: its WAL ends at " + model::to_string(facts.wal_end) +
                       ", but the replica is at " + model::to_string(*facts.durable) +
                       ": it holds changes that the source lost",
                   k_resync};
}

}  // namespace

std::optional<Refusal> unusable_slot(const SlotFacts& slot, const std::string& plugin,
                                     const std::string& database) {
    const std::string name = "replication slot \"" + slot.name + "\"";
    if (!slot.exists) {
        return Refusal{
            name + " does not exist: changes since then are gone",
            std::string("Was it dropped, or did a standby take over without it? ") + k_resync};
    }
    if (slot.type != "logical") {
        return Refusal{name + " is a physical one", "Choose another slot.name."};
    }
    if (slot.plugin != plugin) {
        return Refusal{name + " uses the plugin " + slot.plugin + ", not " + plugin,
                       "Choose another slot.name, or drop that slot."};
    }
    if (slot.database != database) {
        return Refusal{name + " belongs to the database " + slot.database + ", not " + database,
                       "Choose another slot.name."};
    }
    if (slot.invalidated || slot.wal_status == "lost" || !slot.restart_lsn) {
        return Refusal{name + " is invalidated (" + slot.invalidated.value_or("wal_status = lost") +
                           "): the server removed WAL that it needed",
                       std::string("Look at max_slot_wal_keep_size. ") + k_resync};
    }
    return std::nullopt;
}

std::optional<Refusal> refuse_to_resume(const ResumeFacts& facts) {
    if (!facts.durable || !facts.durable->valid()) {
        return Refusal{"the environment has no durable position to stream from", k_resync};
    }
    if (auto refusal = check_system(facts)) {
        return refusal;
    }
    if (auto refusal = check_timeline(facts)) {
        return refusal;
    }
    if (auto refusal = check_wal_end(facts)) {
        return refusal;
    }
    if (auto refusal = unusable_slot(facts.slot, facts.plugin, facts.database)) {
        return refusal;
    }
    if (!facts.slot.confirmed_flush || *facts.slot.confirmed_flush > *facts.durable) {
        const std::string slot_at = facts.slot.confirmed_flush
                                        ? model::to_string(*facts.slot.confirmed_flush)
                                        : "an unknown position";
        return Refusal{"replication slot \"" + facts.slot.name +
                           "\" is ahead of the replica: it is confirmed up to " + slot_at +
                           ", the replica is at " + model::to_string(*facts.durable) +
                           "; it was advanced or created again, and the changes between are gone",
                       k_resync};
    }
    return std::nullopt;
}

std::vector<TimelineSwitch> parse_timeline_history(std::string_view text) {
    std::vector<TimelineSwitch> history;
    for (const std::string& line : base::split(text, '\n')) {
        const std::string_view rest = base::trim(line);
        const std::size_t end = rest.find_first_of(" \t");
        if (rest.empty() || rest.front() == '#' || end == std::string_view::npos) {
            continue;
        }
        TimelineSwitch at;
        const auto [stop, error] = std::from_chars(rest.data(), rest.data() + end, at.timeline);
        const std::string_view behind = base::trim(rest.substr(end));
        const auto lsn = model::parse_lsn(behind.substr(0, behind.find_first_of(" \t")));
        if (error == std::errc{} && stop == rest.data() + end && lsn) {
            at.end = *lsn;
            history.push_back(at);
        }
    }
    return history;
}

}  // namespace ardent::agent
