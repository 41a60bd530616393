// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "environment/api/json_views.hpp"
#include "environment/api/metrics.hpp"
#include "environment/connector/connector.hpp"
#include "environment/connector/sequencer.hpp"
#include "environment/state/states.hpp"
#include "environment/state/record_json.hpp"
#include "environment/state/secrets.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>
#include <toml++/toml.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace ardent;
using namespace ardent::environment;
using Clock = std::chrono::steady_clock;
using Turn = Sequencer::Turn;

namespace {

Clock::time_point in(std::chrono::milliseconds time) {
    return Clock::now() + time;
}

constexpr std::chrono::milliseconds k_short{10};
constexpr std::chrono::seconds k_patience{20};

ConnectorView example_view() {
    ConnectorView view;
    view.record.id = "0123456789abcdef0123456789abcdef";
    view.record.name = "shop \"1\"";
    view.record.schemas = {"public"};
    view.record.phase = Phase::streaming;
    view.status = "streaming";
    view.durable = model::Lsn{0x1000};
    protocol::AgentStatus status;
    status.source_lsn = model::Lsn{0x1800};
    view.record.agent_status = status;
    view.applied = {3, 40};
    return view;
}

}  // namespace

TEST_CASE("segments get their turn in the order of their numbers", "[environment]") {
    Sequencer sequencer(100);
    std::vector<std::uint64_t> order;
    std::vector<std::thread> threads;
    for (std::uint64_t number = 20; number-- > 0;) {  // the last one comes first
        threads.emplace_back([&sequencer, &order, number] {
            if (sequencer.enter(number, Clock::now() + k_patience) == Turn::mine) {
                order.push_back(number);
                sequencer.leave(true);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    REQUIRE(order.size() == 20);
    for (std::uint64_t i = 0; i < order.size(); ++i) {
        CHECK(order[i] == i);
    }
    CHECK(sequencer.next() == 20);
}

TEST_CASE("invariant 6: a repeated segment is known, one that is far ahead refused, a gap is late",
          "[environment]") {
    Sequencer sequencer(2);
    REQUIRE(sequencer.enter(0, in(k_short)) == Turn::mine);
    sequencer.leave(true);
    CHECK(sequencer.enter(0, in(k_short)) == Turn::repeated);
    CHECK(sequencer.enter(3, in(k_short)) == Turn::late);
    CHECK(sequencer.enter(4, in(k_short)) == Turn::too_far);
    REQUIRE(sequencer.enter(1, in(k_short)) == Turn::mine);
    CHECK(sequencer.enter(1, in(k_short)) ==
          Turn::late);  // the same one once more while the first is at work
    sequencer.leave(false);
    CHECK(sequencer.next() == 1);
    CHECK(sequencer.enter(1, in(k_short)) ==
          Turn::mine);  // it was not admitted, so it may come again
}

TEST_CASE("closing a sequencer wakes who waits", "[environment]") {
    Sequencer sequencer(10);
    std::atomic<int> turn{-1};
    std::thread waiting(
        [&] { turn = static_cast<int>(sequencer.enter(5, Clock::now() + k_patience)); });
    sequencer.close();
    waiting.join();
    CHECK(turn == static_cast<int>(Turn::closed));
    CHECK(sequencer.enter(0, in(k_short)) == Turn::closed);
}

TEST_CASE("a connector's phases follow the table and nothing else", "[environment]") {
    CHECK(next_phase(Phase::pending, Event::copy_begun) == Phase::copying);
    CHECK(next_phase(Phase::copying, Event::copy_begun) == Phase::copying);
    CHECK(next_phase(Phase::copying, Event::copy_done) == Phase::streaming);
    CHECK(next_phase(Phase::streaming, Event::resync) == Phase::pending);
    CHECK(next_phase(Phase::streaming, Event::removal) == Phase::deleting);
    CHECK_FALSE(next_phase(Phase::streaming, Event::copy_begun));  // would wipe a good replica
    CHECK_FALSE(next_phase(Phase::streaming, Event::copy_done));
    CHECK_FALSE(next_phase(Phase::pending, Event::copy_done));
    CHECK_FALSE(next_phase(Phase::deleting, Event::copy_begun));
    CHECK_FALSE(next_phase(Phase::deleting, Event::resync));
    for (const Phase phase : {Phase::pending, Phase::copying, Phase::streaming, Phase::deleting}) {
        CHECK(parse_phase(to_string(phase)) == phase);
    }
    CHECK_THROWS_AS(parse_phase("paused"), base::Error);
}

TEST_CASE("the status word puts removal before failure before warnings", "[environment]") {
    CHECK(std::string(status_word(Phase::streaming, false, false)) == "streaming");
    CHECK(std::string(status_word(Phase::streaming, false, true)) == "degraded");
    CHECK(std::string(status_word(Phase::streaming, true, true)) == "failed");
    CHECK(std::string(status_word(Phase::pending, false, true)) == "pending");
    CHECK(std::string(status_word(Phase::deleting, true, true)) == "deleting");
}

TEST_CASE("parts of a record survive their way through JSON", "[environment]") {
    CHECK(parse_texts(texts_to_json({"a\"b", ""})) == std::vector<std::string>{"a\"b", ""});
    const auto triggers = parse_triggers(triggers_to_json({{{"s", "t"}, "always", 'R', true}}));
    REQUIRE(triggers.size() == 1);
    CHECK(triggers[0].relation.name == "t");
    CHECK(triggers[0].enabled == 'R');
    CHECK(triggers[0].rule);
    const std::vector<model::RelationName> tables = {{"a.b", "c"}, {"a", "b.c"}};
    CHECK(parse_relations(relations_to_json(tables)) == tables);
    CHECK_THROWS_AS(parse_relations("[]"), base::Error);
}

TEST_CASE("a connector's row tells lag and what is not carried, and never the token's hash",
          "[environment]") {
    ConnectorView view = example_view();
    view.record.token_hash = "deadbeef";
    view.record.not_carried.sequences = {"public.s"};
    const nlohmann::json row = connector_row(view);
    CHECK(row["replica"]["lag_bytes"] == 0x800);
    CHECK(row["replica"]["rows_applied"] == 40);
    CHECK(row["not_carried"]["sequences"][0] == "public.s");
    CHECK(row["failure"].is_null());
    CHECK(row.dump().find("deadbeef") == std::string::npos);
    view.record.agent_status.reset();
    CHECK(connector_row(view)["replica"]["lag_bytes"].is_null());
    CHECK(row["sequences"].is_null());
}

TEST_CASE("a report comes down to what fails and what warns, failures first", "[environment]") {
    ConnectorView view = example_view();
    CHECK(connector_row(view)["checks"].is_null());
    view.record.preflight_at = "1970-01-02 00:00:01.5+00";
    view.record.preflight = R"({"preflight_pass": false, "checks": {
        "a": {"ordinal": 1, "label": "A", "status": "warn", "actual": "7", "detail": null},
        "b": {"ordinal": 3, "label": "B", "status": "fail", "actual": null, "detail": "one\ntwo"},
        "c": {"ordinal": 2, "label": "C", "status": "fail", "actual": null, "detail": null},
        "d": {"ordinal": 4, "label": "D", "status": "unverified"},
        "e": {"ordinal": 5, "label": "E", "status": "pass"}}})";
    const nlohmann::json checks = connector_row(view)["checks"];
    CHECK(checks["checked_at"] == view.record.preflight_at);
    CHECK(checks["failing"] == 2);
    CHECK(checks["warning"] == 1);
    REQUIRE(checks["findings"].size() == 3);
    CHECK(checks["findings"][0]["id"] == "c");
    CHECK(checks["findings"][0]["detail"].is_null());
    CHECK(checks["findings"][1]["id"] == "b");
    CHECK(checks["findings"][1]["detail"] == "one");
    CHECK(checks["findings"][2]["status"] == "warn");
    CHECK(checks["findings"][2]["detail"] == "7");
    const std::string text = metrics_text({view});
    CHECK(text.find("\nardent_preflight_failing_checks{") != std::string::npos);
    CHECK(text.find("\"} 86401\n") != std::string::npos);
}

TEST_CASE("a connector's row tells how old the values of its sequences are", "[environment]") {
    ConnectorView view = example_view();
    CHECK(metrics_text({view}).find("ardent_sequences_age_seconds{") == std::string::npos);
    view.sequences = {12, 2, std::chrono::milliseconds(4900), {{{"public", "S"}, "away"}}};
    const nlohmann::json sequences = connector_row(view)["sequences"];
    CHECK(sequences["followed"] == 12);
    CHECK(sequences["pending"] == 2);
    CHECK(sequences["age_seconds"] == 4);
    CHECK(sequences["not_set"] == nlohmann::json::array({"public.\"S\": away"}));
    const std::string text = metrics_text({view});
    CHECK(text.find("name=\"shop \\\"1\\\"\"} 4\n") != std::string::npos);
}

TEST_CASE("values of sequences that are old or could not be set are a warning", "[environment]") {
    SequenceState state;
    state.age = std::chrono::seconds(60);
    CHECK(sequence_warnings(state).empty());
    state.age = std::chrono::seconds(61);
    state.stuck = {{{"public", "s"}, "away"}};
    const auto warnings = sequence_warnings(state);
    REQUIRE(warnings.size() == 2);
    CHECK(warnings[0].find("61 s old") != std::string::npos);
    CHECK(warnings[1].find("public.s (away)") != std::string::npos);
}

TEST_CASE("metrics have a help line each, escaped labels, and no figure that is not known",
          "[environment]") {
    ConnectorView view = example_view();
    const std::string text = metrics_text({view});
    const std::string labels =
        R"({connector="0123456789abcdef0123456789abcdef",name="shop \"1\""})";
    CHECK(text.find("# TYPE ardent_lag_bytes gauge\nardent_lag_bytes" + labels + " 2048\n") !=
          std::string::npos);
    CHECK(text.find("ardent_rows_applied_total" + labels + " 40\n") != std::string::npos);
    CHECK(text.find("ardent_source_retained_wal_bytes{") == std::string::npos);
    CHECK(metrics_text({}).find("# HELP ardent_connector_failed") != std::string::npos);
}

TEST_CASE("a new token or name that cannot be saved is none", "[environment]") {
    init_secrets();
    InstanceSpec nowhere;
    nowhere.name = "state";
    nowhere.socket_directory = "/nonexistent/ardent-test";
    Instance instance(nowhere);
    Store store(instance);
    const Settings settings;
    ConnectorRecord record;
    record.name = "shop";
    record.token_hash = token_hash("the old token");
    Connector connector(settings, store, record);
    CHECK_THROWS_AS(connector.set_token_hash(token_hash("the new token")), base::Error);
    CHECK(connector.authorizes("the old token"));
    CHECK_FALSE(connector.authorizes("the new token"));
    CHECK_THROWS_AS(connector.update("other", std::nullopt), base::Error);
    CHECK(connector.view().record.name == "shop");
}

TEST_CASE("the printed configuration of an agent is TOML whatever the schemas are called",
          "[environment]") {
    ConnectorRecord record = example_view().record;
    record.schemas = {"public", "a \"b\"", "c\\d", "e\n\x7f",
                      "gr\xc3\xb6\xc3\x9f"
                      "e"};
    const nlohmann::json hints = agent_hints("https://env.example.com:8443", record, "token");
    const toml::table table = toml::parse(hints["config"].get<std::string>());
    std::vector<std::string> read;
    for (const toml::node& node : *table["source"]["schemas"].as_array()) {
        read.push_back(node.value<std::string>().value());
    }
    CHECK(read == record.schemas);
    CHECK(table["environment"]["url"].value<std::string>() == "https://env.example.com:8443");
    CHECK(table["environment"]["connector"].value<std::string>() == record.id);
}
