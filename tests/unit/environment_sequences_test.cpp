// SPDX-License-Identifier: PostgreSQL
#include "environment/connector/sequence_ledger.hpp"

#include "tests/support/catch.hpp"

using namespace ardent;
using namespace ardent::environment;
using namespace std::chrono_literals;
using model::Lsn;
using protocol::SequenceReport;
using protocol::SequenceValue;

namespace {

using Values = std::vector<SequenceValue>;

const model::RelationName k_a{"public", "a"};
const model::RelationName k_b{"public", "b"};
const SequenceLedger::Time k_start{100s};

SequenceReport report_of(std::uint64_t number, std::uint64_t lsn, Values values,
                         std::vector<model::RelationName> gone = {}) {
    return {"s", number, Lsn{lsn}, std::move(values), std::move(gone), {}};
}

}  // namespace

TEST_CASE("values wait until the replica has come to where they were read", "[sequences]") {
    SequenceLedger ledger;
    CHECK(ledger.take(report_of(1, 100, {{k_a, 5, true}}), k_start));
    ledger.reach(Lsn{99}, 0);
    CHECK(ledger.due().empty());
    CHECK_FALSE(ledger.state(k_start));
    ledger.reach(Lsn{100}, 0);
    CHECK(ledger.due() == Values{{k_a, 5, true}});
    CHECK_FALSE(ledger.state(k_start));  // not set yet
    ledger.settle(ledger.due(), {});
    CHECK(ledger.due().empty());
    const auto state = ledger.state(k_start + 3s);
    REQUIRE(state);
    CHECK(state->followed == 1);
    CHECK(state->pending == 0);
    CHECK(state->age == 3s);
}

TEST_CASE("a replica that is behind gets each report when it comes to it", "[sequences]") {
    SequenceLedger ledger;
    ledger.take(report_of(1, 100, {{k_a, 1, true}}), k_start);
    ledger.take(report_of(2, 200, {{k_a, 2, true}}), k_start + 5s);
    ledger.take(report_of(3, 300, {{k_a, 3, true}, {k_b, 3, false}}), k_start + 10s);
    ledger.reach(Lsn{250}, 0);
    CHECK(ledger.due() == Values{{k_a, 2, true}});
    ledger.settle(ledger.due(), {});
    CHECK(ledger.state(k_start + 11s)->age == 6s);
    ledger.reach(Lsn{300}, 0);
    CHECK(ledger.due() == Values{{k_a, 3, true}, {k_b, 3, false}});
}

TEST_CASE("a replica that is far behind keeps a bounded number of reports, and loses no value",
          "[sequences]") {
    SequenceLedger ledger;
    ledger.take(report_of(1, 1, {{k_b, 1, true}}), k_start);
    for (std::uint64_t i = 2; i <= 1000; ++i) {
        ledger.take(report_of(i, i, {{k_a, static_cast<std::int64_t>(i), true}}), k_start);
    }
    ledger.take(report_of(1001, 1001, {}, {k_b}), k_start);
    ledger.reach(Lsn{63}, 0);
    CHECK(ledger.due() == Values{{k_a, 63, true}, {k_b, 1, true}});
    ledger.reach(Lsn{1000}, 0);
    CHECK(ledger.due() == Values{{k_a, 63, true}, {k_b, 1, true}});  // the rest is one report
    ledger.reach(Lsn{1001}, 0);
    CHECK(ledger.due() == Values{{k_a, 1000, true}});
}

TEST_CASE("a report that comes twice or late changes nothing", "[sequences]") {
    SequenceLedger ledger;
    CHECK(ledger.take(report_of(2, 100, {{k_a, 2, true}}), k_start));
    CHECK_FALSE(ledger.take(report_of(2, 100, {{k_a, 2, true}}), k_start));
    CHECK_FALSE(ledger.take(report_of(1, 50, {{k_a, 1, true}}), k_start));
    ledger.reach(Lsn{100}, 0);
    CHECK(ledger.due() == Values{{k_a, 2, true}});
}

TEST_CASE("what could not be set is tried with the next report, and named after three tries",
          "[sequences]") {
    SequenceLedger ledger;
    ledger.take(report_of(1, 1, {{k_a, 1, true}, {k_b, 1, true}}), k_start);
    ledger.reach(Lsn{1}, 0);
    ledger.settle(ledger.due(), {{k_b, "away"}});
    for (std::uint64_t number = 2; number <= 3; ++number) {
        CHECK(ledger.state(k_start)->pending == 1);
        CHECK(ledger.state(k_start)->stuck.empty());
        CHECK(ledger.due().empty());
        ledger.take(report_of(number, 1, {}), k_start);
        ledger.reach(Lsn{1}, 0);
        CHECK(ledger.due() == Values{{k_b, 1, true}});
        ledger.settle(ledger.due(), {{k_b, "away"}});
    }
    CHECK(ledger.state(k_start)->stuck == SequenceTroubles{{k_b, "away"}});
    ledger.take(report_of(4, 1, {}, {k_b}), k_start);
    ledger.reach(Lsn{1}, 0);
    CHECK(ledger.due().empty());
    CHECK(ledger.state(k_start)->pending == 0);
    CHECK(ledger.state(k_start)->followed == 1);
}

TEST_CASE("DDL that was replayed makes every value due with the next report", "[sequences]") {
    SequenceLedger ledger;
    ledger.take(report_of(1, 10, {{k_a, 1, true}, {k_b, 1, true}}), k_start);
    ledger.reach(Lsn{10}, 0);
    ledger.settle(ledger.due(), {});
    ledger.reach(Lsn{20}, 1);
    CHECK(ledger.due().empty());  // the values are of before the DDL
    ledger.take(report_of(2, 20, {}), k_start);
    ledger.reach(Lsn{20}, 1);
    CHECK(ledger.due().size() == 2);
    ledger.settle(ledger.due(), {});
    ledger.take(report_of(3, 20, {}), k_start);
    ledger.reach(Lsn{20}, 1);
    CHECK(ledger.due().empty());
}
