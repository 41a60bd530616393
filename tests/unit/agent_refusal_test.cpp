// SPDX-License-Identifier: PostgreSQL
// What the agent makes of an environment that refuses, of another agent, and of a slot that costs
// too much.
#include "agent/report/source_watch.hpp"
#include "agent/send/courier.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/source/agent_name.hpp"
#include "agent/source/preflight.hpp"
#include "common/base/error.hpp"

#include "tests/support/catch.hpp"

using namespace ardent;
using namespace ardent::agent;
using base::ErrorKind;
using model::Lsn;

namespace {

ErrorKind kind_of(long status, const std::string& code = "") {
    return refusal_of("POST segments", status, {"no", code}).kind();
}

AgentName named(const std::string& slot, const std::string& instance) {
    return {slot, instance, "db1:4711"};
}

}  // namespace

TEST_CASE("a refusal by status is of those who can mend it, and never a bug", "[agent]") {
    CHECK(kind_of(401) == ErrorKind::config);
    CHECK(kind_of(403) == ErrorKind::config);
    CHECK(kind_of(404, "not_found") == ErrorKind::config);
    CHECK(kind_of(409, "protocol_version") == ErrorKind::config);
    CHECK(kind_of(409, "failed") == ErrorKind::replica);
    CHECK(kind_of(413) == ErrorKind::source);
    CHECK(kind_of(413, "too_large") == ErrorKind::source);
    for (const long status : {408, 425, 429, 500, 502, 503, 504}) {
        CHECK(kind_of(status) == ErrorKind::transient);
    }
    for (const long status : {301, 302, 400, 404, 405, 409, 411, 415, 422, 431, 451}) {
        CHECK(kind_of(status) == ErrorKind::config);
    }
    const auto refusal = refusal_of("PUT x", 413, {"5 of 4 bytes", "too_large"});
    CHECK(refusal.status() == 413);
    CHECK_THAT(refusal.what(), Catch::Contains("PUT x answered 413 too_large: 5 of 4 bytes"));
    CHECK_FALSE(refusal.hint().empty());
}

TEST_CASE("a segment is described by its range and its sizes", "[agent]") {
    protocol::SegmentWriter segment;
    segment.header().first_lsn = Lsn{0x1000};
    segment.add(Lsn{0x1000}, "first");
    segment.add(Lsn{0x2000}, std::string(3000, 'x'));
    segment.add(Lsn{0x1800}, "earlier");
    for (const int level : {0, 1}) {
        const std::string body = protocol::encode(segment.header(), segment.payload(), level);
        CHECK_THAT(describe_segment(body),
                   Catch::Contains("a segment of 3 messages, LSN 0/1000 to 0/2000, "));
    }
    protocol::SegmentWriter idle;
    idle.header().advance_to = Lsn{0x3000};
    CHECK_THAT(describe_segment(protocol::encode(idle.header(), idle.payload(), 0)),
               Catch::Contains("0 messages, LSN 0/3000 to 0/3000"));
}

TEST_CASE("the walsender's name says slot, process and place, and fits", "[agent]") {
    const AgentName own = make_agent_name("ardent_3f9c");
    const std::string text = application_name(own);
    CHECK(text.size() <= 63);
    CHECK(text.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 :.-_") ==
          std::string::npos);
    const auto read = parse_agent_name(text);
    REQUIRE(read);
    CHECK(read->slot == own.slot);
    CHECK(read->instance == own.instance);
    CHECK(read->place == own.place);
    CHECK(make_agent_name("ardent_3f9c").slot == own.slot);
    CHECK(make_agent_name("ardent_3f9d").slot != own.slot);
    for (const char* other :
         {"", "psql", "pg_recvlogical", "ardent-agent report", "ardent-agent stream",
          "ardent-agent stream 12345g 0123456789abcde db1:1", "ardent-agent stream 123456 1 db1:1",
          "ardent-agent stream 123456 0123456789abcde", "ardent preflight"}) {
        CHECK_FALSE(parse_agent_name(other));
    }
}

TEST_CASE("of two agents for one slot exactly one gives way", "[agent]") {
    const AgentName first = named("aaaaaa", "0193456789a0000");
    const AgentName second = named("aaaaaa", "0193456789b0000");
    CHECK(is_younger(second, first));
    CHECK_FALSE(is_younger(first, second));
    CHECK(may_be_ended(first, second));
    CHECK_FALSE(may_be_ended(second, first));
    // What this process left behind itself is no other agent.
    CHECK(may_be_ended(first, first));
    CHECK_FALSE(is_younger(first, first));
    // Another connector on the same source is nobody's business.
    const AgentName elsewhere = named("bbbbbb", "0193456789a0000");
    CHECK_FALSE(is_younger(elsewhere, first));
    CHECK_FALSE(may_be_ended(elsewhere, second));
}

TEST_CASE("invariant 15: a slot is given up beyond its limit only", "[agent]") {
    SourceFigures figures;
    figures.retained_bytes = 2000;
    CHECK_FALSE(excess(figures, "ardent_1", std::nullopt));
    CHECK_FALSE(excess(figures, "ardent_1", 2000));
    const auto why = excess(figures, "ardent_1", 1999);
    REQUIRE(why);
    CHECK_THAT(*why, Catch::Contains("\"ardent_1\"") && Catch::Contains("max_retained_wal"));
    figures.retained_bytes.reset();  // no slot, or a standby
    CHECK_FALSE(excess(figures, "ardent_1", 1));
}

TEST_CASE("the checks that failed are named, no others", "[agent]") {
    preflight::Report report;
    preflight::CheckResult check;
    check.label = "wal_level is logical";
    check.status = preflight::Status::fail;
    check.shown = "replica";
    report.checks.push_back(check);
    check.label = "passes";
    check.status = preflight::Status::pass;
    report.checks.push_back(check);
    check.label = "warns";
    check.status = preflight::Status::warn;
    report.checks.push_back(check);
    check.label = "tables have a primary key";
    check.status = preflight::Status::fail;
    check.shown.clear();
    report.checks.push_back(check);
    CHECK(failing_checks(report) == "wal_level is logical (replica); tables have a primary key");
}
