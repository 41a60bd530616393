// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/preflight_cases.hpp"
#include "tests/support/scripted_runner.hpp"

#include <set>

using namespace ardent;
using namespace ardent::preflight;
using ardent::tests::ScriptedRunner;

namespace {

constexpr const char* k_file_value = "THEN s.reset_val";
constexpr const char* k_role_value = "pg_db_role_setting";
constexpr const char* k_known = "current_setting('output_plugin_libraries', true)";

constexpr const char* k_product = "PostgreSQL 15.20 on x86_64";

const char* sql(const std::string& id) {
    for (const Check& check : catalogue()) {
        if (id == check.id) {
            return check.observation->sql;
        }
    }
    throw std::logic_error("no check " + id);
}

/// A source on which every check passes but what only the server itself can see.
ScriptedRunner healthy_source() {
    ScriptedRunner runner;
    for (const Check& check : catalogue()) {
        if (check.observation != nullptr) {
            runner.on(check.observation->sql, {});
        }
    }
    runner
        .on("current_setting('server_version_num')",
            {{"150020", "15.20", "5432", "shop", "UTF8", "vanilla", "0.1.0", "f", "t", "t", "shop",
              "ardent_replication", k_product}})
        .on(k_file_value, {{"pgoutput, test_decoding, wal2json"}})
        .on(k_role_value, {})
        .on(sql("wal_level"),
            {tests::setting("wal_level", "logical"), tests::setting("temp_file_limit", "-1"),
             tests::setting("default_transaction_read_only", "off"), tests::setting("ssl", "on"),
             tests::setting("ssl_min_protocol_version", "TLSv1.2"),
             tests::setting("wal_sender_timeout", "60000")})
        .on(sql("replication_slots"), {{"10", "2", "0", "f"}})
        .on(sql("wal_senders"), {{"10", "1", "f", "f"}})
        .on(sql("wal2json"), {{std::nullopt}})
        .on(sql("replica_identity"),
            {{"public.a", "public.a", "d", "a_pkey", "id", std::nullopt, "f"}})
        .on(sql("replication_role"),
            {{"f", "t", "t", "f", "f", std::nullopt, "t", "t", "t", "t", std::nullopt}})
        .on(sql("hba_line"), {{"1", "hostssl", "all", "scram-sha-256", std::nullopt, "t", "f"}})
        .on(sql("password_form"), {{"scram-sha-256"}})
        .on(sql("free_connections"), {{"97", "1", "0", "0", "-1", "1", "-1", "0", "100"}})
        .on(sql("archiver"), {{"off", "f", "0", std::nullopt}})
        .on(sql("slot_wal_limit"), {{std::nullopt, "10240"}})
        .on("SELECT NULL,", {{std::nullopt, "10240"}})
        .on(sql("large_objects"), {{"0"}})
        .on(sql("metadata_schema"), {{"t"}})
        .on("CONNECT WITH GRANT OPTION", {{"dba", "dba", "t", "t", "t", "t", "f", std::nullopt, "t",
                                           "t", "app", "app", "t", "t", "t", "f", "t", "f"}})
        .on("EXCEPT", {})
        .on("FROM ardent.slots()", {})
        .on("pg_catalog.pg_event_trigger AS e",
            {{"4", "0", "4", "", "on", "f", "f", std::nullopt, "0.1.0", "t"}})
        .on("n.oid IS NOT NULL", {{"public", "public", "t", "f", "t", "t", "app", "app", "f"}})
        .on("SELECT WITH GRANT OPTION", {})
        .on("pg_catalog.pg_default_acl", {})
        .on("c.relforcerowsecurity OR r.oid IS NULL", {})
        .on("FROM pg_catalog.pg_replication_slots),", {{"2", "1"}})
        .on(sql("message_writers"), {{"0"}})  // PUBLIC may write no messages
        .on(sql("key_readers"), {});
    return runner;
}

Report run_on(ScriptedRunner& runner, Request request = {}) {
    request.schemas = {"public"};
    return run(runner, request);
}

const CheckResult& result(const Report& report, const std::string& id) {
    for (const CheckResult& check : report.checks) {
        if (check.id == id) {
            return check;
        }
    }
    throw std::logic_error("no check " + id);
}

/// The result of one check when its observation gives these rows.
CheckResult judged(const char* observation, Rows rows, const std::string& id,
                   Request request = {}) {
    ScriptedRunner runner = healthy_source();
    runner.on(observation, std::move(rows));
    return result(run_on(runner, std::move(request)), id);
}

class Probe final : public ServerProbe {
public:
    explicit Probe(PluginProbe plugin, std::string value = "pgoutput, wal2json")
        : m_plugin(std::move(plugin)), m_value(std::move(value)) {}
    PluginProbe probe_plugin(const std::string&) override { return m_plugin; }
    Rows run_privileged(const std::string& statement, const Row&) override {
        if (statement.find("output_plugin_libraries") != std::string::npos) {
            return {{m_value}};
        }
        ++m_told;
        return {};
    }
    std::optional<std::string> wal_disk_free() override { return std::nullopt; }
    int told() const noexcept { return m_told; }

private:
    PluginProbe m_plugin;
    std::string m_value;
    int m_told = 0;
};

CheckResult probed(const PluginProbe& plugin, const std::string& value = "pgoutput, wal2json") {
    ScriptedRunner runner = healthy_source();
    Probe probe(plugin, value);
    Request request;
    request.schemas = {"public"};
    return result(run(runner, request, &probe), "wal2json");
}

}  // namespace

TEST_CASE("the product's labels come first and in its order", "[preflight]") {
    std::vector<std::string> labels;
    std::set<std::string> ids;
    for (const Check& check : catalogue()) {
        if (check.section == Section::connection) {
            labels.emplace_back(check.label);
        }
        CHECK(ids.insert(check.id).second);
    }
    CHECK(labels == std::vector<std::string>{"postgres metadata", "is writer", "wal level",
                                             "replication slots", "wal senders", "wal2json",
                                             "can read tables", "metadata schema",
                                             "replica identity", "duplicate source"});
}

TEST_CASE("a healthy source passes, and unverified does not block", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    const Report report = run_on(runner);
    for (const CheckResult& check : report.checks) {
        CAPTURE(check.id);
        const bool inside_only = check.id == "wal2json" || check.id == "wal_disk_room";
        CHECK(check.status == (inside_only ? Status::unverified : Status::pass));
    }
    CHECK(report.preflight_pass);
    CHECK(report.branching_prerequisites_pass);
    CHECK(report.nothing_to_grant);
    CHECK_FALSE(report.settings_needed);
}

TEST_CASE("wal2json inside the server: loadable and allowed", "[preflight]") {
    CHECK(probed({.loadable = true}).status == Status::pass);
    const CheckResult missing =
        probed({.missing = true, .problem = "could not access file \"wal2json\""});
    CHECK(missing.status == Status::fail);
    CHECK(missing.hint.find("postgresql-15-wal2json") != std::string::npos);
    CHECK(probed({.loadable = true}, "pgoutput, test_decoding").status == Status::fail);
    const CheckResult trap = probed({.loadable = true}, "\"pgoutput, test_decoding, wal2json\"");
    CHECK(trap.status == Status::fail);
    CHECK(trap.details.front().find("ONE library") != std::string::npos);
}

TEST_CASE("wal2json from outside is told only as far as it can be seen", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    SECTION("in use: that proves it") {
        runner.on(sql("wal2json"), {{"ardent_x"}});
        CHECK(result(run_on(runner), "wal2json").status == Status::pass);
    }
    SECTION("the setting is hidden") {
        runner.on(k_file_value, {});
        runner.fail(k_known, {base::ErrorKind::source, "permission denied", "", "42501"});
        const CheckResult check = result(run_on(runner), "wal2json");
        CHECK(check.status == Status::unverified);
        CHECK(check.details.size() == 2);
    }
    SECTION("hidden, but the role's own setting is not") {
        runner.on(k_file_value, {});
        runner.fail(k_known, {base::ErrorKind::source, "permission denied", "", "42501"});
        runner.on(k_role_value, {{"test_decoding", "t", "f"}});
        const CheckResult check = result(run_on(runner), "wal2json");
        CHECK(check.status == Status::fail);
        CHECK(check.fix.find("output_plugin_libraries = ''pgoutput'', ''wal2json'', "
                             "''test_decoding'''\n WHERE EXISTS") != std::string::npos);
    }
    SECTION("an older minor without the setting") {
        runner.on(k_file_value, {});
        runner.on(k_known, {{std::nullopt}});
        CHECK(result(run_on(runner), "wal2json").status == Status::unverified);
        CHECK(run_on(runner).grant_script.find("output_plugin_libraries") == std::string::npos);
    }
}

TEST_CASE("duplicate source: our own slot is none", "[preflight]") {
    Request agent;
    agent.own_slot = "ardent_1";
    const Row own = {"ardent_1", "own", "shop", "logical", "wal2json", "f", "t", "reserved"};
    const CheckResult alone = judged(sql("duplicate_source"), {own}, "duplicate_source", agent);
    CHECK(alone.status == Status::pass);
    CHECK(alone.shown == "this connector");
    CHECK(judged(sql("duplicate_source"), {own, {"ardent_2", "here", "shop"}}, "duplicate_source",
                 agent)
              .status == Status::fail);
}

TEST_CASE("metadata schema is not needed without the extension", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    runner.on("current_setting('server_version_num')",
              {{"150020", "15.20", "5432", "shop", "UTF8", "vanilla", std::nullopt, "f", "t", "t",
                "shop", "ardent_replication", k_product}});
    const CheckResult check = result(run_on(runner), "metadata_schema");
    CHECK(check.status == Status::info);
    CHECK(check.shown == "not needed: no DDL capture");
}

TEST_CASE("a standby and an old server fail, and everything else still reports", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    runner.on("current_setting('server_version_num')",
              {{"120017", "12.17", "5432", "shop", "UTF8", "vanilla", std::nullopt, "t", "t", "t",
                "shop", "ardent_replication", k_product}});
    const Report report = run_on(runner);
    CHECK(result(report, "postgres_metadata").status == Status::fail);
    CHECK(result(report, "is_writer").status == Status::fail);
    CHECK(result(report, "can_read_tables").status == Status::pass);
    CHECK(report.checks.size() == catalogue().size());
}

TEST_CASE("what only the privileged may know is told to them alone", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    Probe probe({.loadable = true});
    Request request;
    request.schemas = {"public"};
    run(runner, request, &probe);
    CHECK(probe.told() == 2);
    runner.on("current_setting('server_version_num')",
              {{"150020", "15.20", "5432", "shop", "UTF8", "vanilla", "0.1.0", "f", "f", "t",
                "shop", "ardent_replication", k_product}});
    const Report report = run(runner, request, &probe);
    CHECK(probe.told() == 2);
    for (const char* const id :
         {"hba_line", "hba_syntax", "hba_replication_line", "password_form"}) {
        CHECK(result(report, id).status == Status::unverified);
        CHECK(result(report, id).details.front().find("pg_monitor") != std::string::npos);
    }
}

TEST_CASE("what several checks look at is looked at once", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    run_on(runner);
    std::set<const Observation*> observations;
    for (const Check& check : catalogue()) {
        if (check.observation != nullptr) {
            observations.insert(check.observation);
        }
    }
    CHECK(observations.size() < catalogue().size() / 2);
    for (const Observation* const observation : observations) {
        CHECK(runner.count(observation->sql) == 1);
    }
}

TEST_CASE("a statement that an older server does not know is not sent there", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    runner.on("current_setting('server_version_num')",
              {{"130023", "13.23", "5432", "shop", "UTF8", "vanilla", "0.1.0", "f", "t", "t",
                "shop", "ardent_replication", k_product}});
    runner.fail("pg_stat_wal", {base::ErrorKind::source, "no such view", "", "42P01"});
    CHECK(result(run_on(runner), "slot_wal_limit").status == Status::pass);
}

TEST_CASE("a refused look makes one check unverified, a lost connection ends it all",
          "[preflight]") {
    ScriptedRunner runner = healthy_source();
    runner.fail(sql("replica_identity"),
                {base::ErrorKind::source, "permission denied for pg_index", "", "42501"});
    const Report report = run_on(runner);
    CHECK(result(report, "replica_identity").status == Status::unverified);
    CHECK(result(report, "replica_identity").details.front().find("permission denied") !=
          std::string::npos);
    CHECK(report.preflight_pass);

    runner.fail(sql("replication_role"),
                {base::ErrorKind::transient, "server closed the connection"});
    CHECK_THROWS_AS(run_on(runner), base::Error);
}

TEST_CASE("long lists are capped in the text and whole in the objects", "[preflight]") {
    Rows rows;
    for (int i = 0; i < 10000; ++i) {
        const std::string name = "public.t" + std::to_string(i);
        rows.push_back({name, name, "d", std::nullopt, std::nullopt, std::nullopt, "f"});
    }
    const CheckResult check = judged(sql("replica_identity"), rows, "replica_identity");
    CHECK(check.objects.size() == 10000);
    CHECK(check.details.size() == 11);
    CHECK(check.details.back() == "... and 9990 more");
}

TEST_CASE("accepted findings are info", "[preflight]") {
    Request request;
    CHECK(judged(sql("large_objects"), {{"3"}}, "large_objects", request).status == Status::fail);
    request.accept.large_objects = true;
    CHECK(judged(sql("large_objects"), {{"3"}}, "large_objects", request).status == Status::info);
    const Rows keyless = {
        {"public.a", "public.a", "d", std::nullopt, std::nullopt, std::nullopt, "f"}};
    request.accept.decisions = {{"public.a", Decision::replica_identity_full}};
    CHECK(judged(sql("replica_identity"), keyless, "replica_identity", request).status ==
          Status::fail);
    request.accept.decisions = {{"public.a", Decision::exclude}};
    CHECK(judged(sql("replica_identity"), keyless, "replica_identity", request).status ==
          Status::info);
}

TEST_CASE("a table that is left out is known by both its names", "[preflight]") {
    const auto identity = [](const std::string& plain, const std::string& quoted) {
        Request request;
        request.accept.excluded = {{"a.b", "user"}, {"public", "t"}};
        const Rows rows = {{quoted, plain, "d", std::nullopt, std::nullopt, std::nullopt, "f"}};
        return judged(sql("replica_identity"), rows, "replica_identity", request).status;
    };
    CHECK(identity("a.b.user", "\"a.b\".\"user\"") == Status::info);
    CHECK(identity("a.b.user", "a.\"b.user\"") == Status::fail);
    CHECK(identity("public.t", "public.t") == Status::info);
    CHECK(identity("public.u", "public.u") == Status::fail);
}

TEST_CASE("NaN is a warning unless the plugin says it", "[preflight]") {
    ScriptedRunner runner = healthy_source();
    runner.on(sql("exact_numbers"), {{"inexact ", "public.a.v", "public.a", "public.a"}});
    const Report outside = run_on(runner);
    CHECK(result(outside, "exact_numbers").status == Status::warn);
    CHECK(result(outside, "exact_numbers").objects == std::vector<std::string>{"public.a.v"});
    CHECK(outside.preflight_pass);
    Probe probe({.loadable = true, .says_nan = true});
    Request request;
    request.schemas = {"public"};
    CHECK(result(run(runner, request, &probe), "exact_numbers").status == Status::pass);
}
