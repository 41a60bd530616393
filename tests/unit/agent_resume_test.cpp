// SPDX-License-Identifier: PostgreSQL
// Invariant 9: what is compared before START_REPLICATION.
#include "agent/source/resume.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::agent;
using ardent::model::Lsn;

namespace {

SlotFacts good_slot() {
    SlotFacts slot;
    slot.name = "ardent_3f9c";
    slot.exists = true;
    slot.plugin = "wal2json";
    slot.type = "logical";
    slot.database = "shop";
    slot.restart_lsn = Lsn{900};
    slot.confirmed_flush = Lsn{1000};
    slot.wal_status = "reserved";
    return slot;
}

ResumeFacts good_facts() {
    ResumeFacts facts;
    facts.system_identifier = "7388214559125110000";
    facts.timeline = 1;
    facts.wal_end = Lsn{5000};
    facts.database = "shop";
    facts.slot = good_slot();
    facts.replica_system_identifier = facts.system_identifier;
    facts.replica_timeline = 1;
    facts.durable = Lsn{1000};
    facts.plugin = "wal2json";
    return facts;
}

std::string refusal(const ResumeFacts& facts) {
    const auto refused = refuse_to_resume(facts);
    if (!refused) {
        return "";
    }
    CHECK_FALSE(refused->hint.empty());
    return refused->message;
}

}  // namespace

TEST_CASE("invariant 9: equal facts resume, and a durable position beyond the slot's", "[agent]") {
    ResumeFacts facts = good_facts();
    CHECK(refusal(facts).empty());
    facts.durable = Lsn{5000};
    CHECK(refusal(facts).empty());
}

TEST_CASE("invariant 9: a slot ahead of the replica is refused, by one byte already", "[agent]") {
    ResumeFacts facts = good_facts();
    facts.slot.confirmed_flush = Lsn{1001};
    CHECK_THAT(refusal(facts), Catch::Contains("ardent_3f9c") && Catch::Contains("0/3E9") &&
                                   Catch::Contains("0/3E8") && Catch::Contains("ahead"));
    facts.slot.confirmed_flush.reset();
    CHECK_THAT(refusal(facts), Catch::Contains("ahead"));
}

TEST_CASE("invariant 9: a source that was set back on its timeline is refused", "[agent]") {
    ResumeFacts facts = good_facts();
    facts.wal_end = Lsn{1000};
    CHECK(refusal(facts).empty());
    facts.wal_end = Lsn{999};
    CHECK_THAT(refusal(facts), Catch::Contains("set back") && Catch::Contains("0/3E7") &&
                                   Catch::Contains("0/3E8") && Catch::Contains("the source lost"));
}

TEST_CASE("invariant 9: another server is refused", "[agent]") {
    ResumeFacts facts = good_facts();
    facts.system_identifier = "1";
    CHECK_THAT(refusal(facts),
               Catch::Contains("another server") && Catch::Contains("7388214559125110000"));
    facts = good_facts();
    facts.replica_system_identifier.reset();
    CHECK_THAT(refusal(facts), Catch::Contains("another server"));
}

TEST_CASE("invariant 9: without a durable position nothing is streamed", "[agent]") {
    ResumeFacts facts = good_facts();
    facts.durable.reset();
    CHECK_THAT(refusal(facts), Catch::Contains("no durable position"));
    facts.durable = Lsn{};
    CHECK_THAT(refusal(facts), Catch::Contains("no durable position"));
}

TEST_CASE("invariant 9: a new timeline only when the switch is not before the replica", "[agent]") {
    ResumeFacts facts = good_facts();
    facts.timeline = 3;
    CHECK_THAT(refusal(facts), Catch::Contains("not in the source's history"));
    facts.history = parse_timeline_history(
        "1\t0/3E8\tno recovery target specified\n\n"
        "2\t0/7D0\tno recovery target specified\n");
    REQUIRE(facts.history.size() == 2);
    CHECK(facts.history[0].timeline == 1);
    CHECK(facts.history[1].end == Lsn{2000});
    CHECK(refusal(facts).empty());  // the replica is exactly at the switch
    facts.durable = Lsn{1001};
    CHECK_THAT(refusal(facts),
               Catch::Contains("changes that the source lost") && Catch::Contains("0/3E8"));
    facts.replica_timeline = 2;
    CHECK(refusal(facts).empty());
    facts.replica_timeline = 4;
    CHECK_THAT(refusal(facts), Catch::Contains("older history"));
    facts.replica_timeline.reset();
    CHECK_THAT(refusal(facts), Catch::Contains("not in the source's history"));
}

TEST_CASE("a history file's comments and stray lines are left out", "[agent]") {
    const auto history =
        parse_timeline_history("# comment\n 1 \t 0/A reason\nrubbish\n2 nonsense\n3");
    REQUIRE(history.size() == 1);
    CHECK(history[0].end == Lsn{10});
    CHECK(parse_timeline_history("").empty());
}

TEST_CASE("invariant 9: a slot that cannot serve is refused by its cause", "[agent]") {
    ResumeFacts facts = good_facts();
    facts.slot = SlotFacts{};
    facts.slot.name = "ardent_3f9c";
    CHECK_THAT(refusal(facts), Catch::Contains("does not exist"));
    facts = good_facts();
    facts.slot.type = "physical";
    CHECK_THAT(refusal(facts), Catch::Contains("physical"));
    facts = good_facts();
    facts.slot.plugin = "pgoutput";
    CHECK_THAT(refusal(facts), Catch::Contains("pgoutput"));
    facts = good_facts();
    facts.slot.database = "other";
    CHECK_THAT(refusal(facts), Catch::Contains("database other"));
    facts = good_facts();
    facts.slot.wal_status = "lost";
    CHECK_THAT(refusal(facts), Catch::Contains("invalidated"));
    facts = good_facts();
    facts.slot.restart_lsn.reset();
    CHECK_THAT(refusal(facts), Catch::Contains("invalidated"));
    facts = good_facts();
    facts.slot.invalidated = "rows_removed";
    CHECK_THAT(refusal(facts), Catch::Contains("rows_removed"));
    facts = good_facts();
    facts.slot.wal_status = "unreserved";
    CHECK(refusal(facts).empty());
}
