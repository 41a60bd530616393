// SPDX-License-Identifier: PostgreSQL
#include "agent/report/sequence_changes.hpp"

#include "tests/support/catch.hpp"

using namespace ardent;
using namespace ardent::agent;
using protocol::SequenceReport;
using protocol::SequenceValue;

namespace {

const model::RelationName k_a{"public", "a"};
const model::RelationName k_b{"My \"Schema", "b"};

SequenceLook look_of(std::vector<SequenceValue> values, std::vector<model::RelationName> busy = {},
                     std::vector<model::RelationName> unreadable = {}) {
    return {std::move(values), std::move(busy), std::move(unreadable), model::Lsn{7}};
}

}  // namespace

TEST_CASE("the first report of a session has every sequence, the later ones what changed",
          "[agent][sequences]") {
    SequenceChanges changes("s");
    const SequenceReport first = changes.report(look_of({{k_a, 1, true}, {k_b, 5, false}}));
    CHECK(first.session == "s");
    CHECK(first.number == 1);
    CHECK(first.lsn == model::Lsn{7});
    CHECK(first.values.size() == 2);
    changes.acknowledged(first);
    const SequenceReport none = changes.report(look_of({{k_a, 1, true}, {k_b, 5, false}}));
    CHECK(none.number == 2);
    CHECK(none.values.empty());
    CHECK(none.gone.empty());
    const SequenceReport called = changes.report(look_of({{k_a, 1, true}, {k_b, 5, true}}));
    CHECK(called.values == std::vector<SequenceValue>{{k_b, 5, true}});
    const SequenceReport lower = changes.report(look_of({{k_a, -9, true}, {k_b, 5, false}}));
    CHECK(lower.values == std::vector<SequenceValue>{{k_a, -9, true}});
}

TEST_CASE("a report that was not acknowledged is told again", "[agent][sequences]") {
    SequenceChanges changes("s");
    changes.acknowledged(changes.report(look_of({{k_a, 1, true}, {k_b, 1, true}})));
    changes.report(look_of({{k_a, 2, true}}));  // lost, with the news that b is gone
    const SequenceReport again = changes.report(look_of({{k_a, 2, true}}));
    CHECK(again.number == 3);
    CHECK(again.values == std::vector<SequenceValue>{{k_a, 2, true}});
    CHECK(again.gone == std::vector<model::RelationName>{k_b});
    changes.acknowledged(again);
    CHECK(changes.report(look_of({{k_a, 2, true}})).gone.empty());
}

TEST_CASE("a locked sequence stays as it is known, one that may not be read any more is gone",
          "[agent][sequences]") {
    SequenceChanges changes("s");
    changes.acknowledged(changes.report(look_of({{k_a, 1, true}, {k_b, 1, true}})));
    const SequenceReport report = changes.report(look_of({}, {k_a}, {k_b}));
    CHECK(report.values.empty());
    CHECK(report.gone == std::vector<model::RelationName>{k_b});
    CHECK(report.unreadable == std::vector<model::RelationName>{k_b});
    changes.acknowledged(report);
    CHECK(changes.report(look_of({{k_a, 1, true}, {k_b, 1, true}})).values ==
          std::vector<SequenceValue>{{k_b, 1, true}});
}

TEST_CASE("what cannot be read is named when it changes", "[agent][sequences]") {
    SequenceChanges changes("s");
    SequenceReport report = changes.report(look_of({}, {}, {k_a}));
    CHECK(changes.newly_unreadable(report) == std::vector<model::RelationName>{k_a});
    CHECK(changes.newly_unreadable(report).empty());
    report.unreadable = {};
    CHECK(changes.newly_unreadable(report).empty());
    report.unreadable = {k_a};
    CHECK(changes.newly_unreadable(report).size() == 1);
}

TEST_CASE("a flush that ends at the end of a page is nothing that the stream comes to",
          "[agent][sequences]") {
    CHECK(reachable(model::Lsn{0x3000060}) == model::Lsn{0x3000060});
    CHECK(reachable(model::Lsn{0x3004000}) == model::Lsn{0x3000000});
    CHECK(reachable(model::Lsn{}) == model::Lsn{});
}
