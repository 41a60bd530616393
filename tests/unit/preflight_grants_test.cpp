// SPDX-License-Identifier: PostgreSQL
// The grant script over facts that a test server does not have; the rest is in sql/grant_script.sql
// and tests/tap/grant_script.pl.
#include "common/preflight/grant_parts.hpp"
#include "common/preflight/scripts.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/scripted_runner.hpp"

#include <string>
#include <vector>

using namespace ardent;
using namespace ardent::preflight;
using ardent::tests::ScriptedRunner;

namespace {

Server server_of(int version_num, const std::string& extension = "0.1.0") {
    Server server;
    server.version_num = version_num;
    server.provider = "vanilla";
    server.extension_version = extension;
    server.role_exists = true;
    server.quoted_role = "r";
    server.quoted_database = "shop";
    return server;
}

constexpr const char* k_facts = "CONNECT WITH GRANT OPTION";

/// The caller `maker` is no superuser; `makes` says whether he has CREATEROLE, REPLICATION and
/// ADMIN.
ScriptedRunner facts_runner(const char* makes) {
    ScriptedRunner runner;
    runner.on(k_facts, {{"maker", "maker", "f", makes, "t", "f", "f", std::nullopt, "t", "f", "app",
                         "app", "t", "f", "f", "f"}});
    return runner;
}

}  // namespace

TEST_CASE("grant script: who may make the role depends on the major version", "[preflight]") {
    ScriptedRunner runner = facts_runner("t");
    const Request request;
    for (const int version : {130000, 150020}) {
        const Server server = server_of(version);
        const Part part = role_part(server, observe_grant_facts(runner, server, request), request);
        CHECK(part.authority.who == "a superuser");
        CHECK(part.undo == std::vector<std::string>{"ALTER ROLE r NOREPLICATION;"});
    }
    for (const int version : {160000, 180000}) {
        const Server server = server_of(version);
        CHECK(role_part(server, observe_grant_facts(runner, server, request), request)
                  .authority.who == "maker");
    }
    ScriptedRunner without = facts_runner("f");
    const Server server = server_of(180000);
    CHECK(role_part(server, observe_grant_facts(without, server, request), request).authority.who ==
          "a superuser");
}

TEST_CASE("grant script: the role as its provider lets replicate", "[preflight]") {
    const auto part = [](const char* provider, const char* creates_roles, const char* member) {
        ScriptedRunner runner;
        runner.on(k_facts, {{"maker", "maker", "f", "f", "t", "f", "f", std::nullopt, "t", "f",
                             "app", "app", "t", "f", "f", "f", creates_roles, member}});
        Server server = server_of(150020);
        server.provider = provider;
        const Request request;
        return role_part(server, observe_grant_facts(runner, server, request), request);
    };
    const Part rds = part("rds", "f", "f");
    CHECK(rds.authority.who == "a member of rds_superuser");
    CHECK(rds.text.find("GRANT rds_replication TO r") != std::string::npos);
    CHECK(rds.text.find("REPLICATION") == std::string::npos);
    CHECK(rds.undo == std::vector<std::string>{"REVOKE rds_replication FROM r;"});
    CHECK(part("rds", "t", "f").authority.who == "maker");
    CHECK(part("rds", "f", "t").text.empty());
    CHECK_FALSE(part("cloudsql", "f", "t").text.empty());
    CHECK(part("cloudsql", "t", "f").text.find("ALTER ROLE r REPLICATION") != std::string::npos);
    const Part neon = part("neon", "t", "f");
    CHECK(neon.text.find("-- Neon: Create the role in the Neon Console") != std::string::npos);
    CHECK(neon.text.find("'r'::pg_catalog.regrole") != std::string::npos);
    CHECK(neon.text.find("CREATE ROLE") == std::string::npos);
    CHECK(neon.undo.empty());
}

TEST_CASE("grant script: the extension where it may be installed", "[preflight]") {
    const Request request;
    GrantFacts facts;
    facts.connects = true;
    facts.extension_available = true;
    const std::vector<Part> parts = database_parts(server_of(150020, ""), facts, request);
    REQUIRE(parts.size() == 2);
    CHECK(parts.at(0).text == "CREATE EXTENSION IF NOT EXISTS ardent;\n");
    CHECK(parts.at(0).authority.who == "a superuser");
    CHECK(parts.at(0).undo == std::vector<std::string>{"DROP EXTENSION ardent;"});
    CHECK(parts.at(1).text == "GRANT USAGE ON SCHEMA ardent TO r;\n");
    CHECK(parts.at(1).undo.empty());

    facts.extension_available = false;
    CHECK(database_parts(server_of(150020, ""), facts, request).empty());
    Request everything;
    everything.full_grants = true;
    for (const Part& part : database_parts(server_of(150020, ""), facts, everything)) {
        CHECK(part.text == "GRANT CONNECT ON DATABASE shop TO r;\n");
    }
}

TEST_CASE("grant script: undo drops an extension that came with a new role", "[preflight]") {
    const auto text = [](const char* available) {
        ScriptedRunner runner;
        runner
            .on("current_setting('server_version_num')",
                {{"150020", "15.20", "5432", "shop", "UTF8", std::nullopt, std::nullopt, "f", "t",
                  "f", "shop", "r", "PostgreSQL 15.20"}})
            .on("output_plugin_libraries", {})
            .on(k_facts, {{"dba", "dba", "t", "t", std::nullopt, std::nullopt, "f", std::nullopt,
                           std::nullopt, "t", "app", "app", available, std::nullopt, std::nullopt,
                           std::nullopt, "t", "f"}})
            .on("n.oid IS NOT NULL",
                {{"public", "public", "t", "f", std::nullopt, "t", "app", "app", "f"}})
            .on("SELECT WITH GRANT OPTION", {})
            .on("pg_catalog.pg_default_acl", {})
            .on("c.relforcerowsecurity", {})
            .on(k_message_writers.sql, {{"0"}});
        Request request;
        request.schemas = {"public"};
        return grant_script(runner, request).text;
    };
    const std::string dropped =
        "--   DROP ROLE r;\n-- and, here, the extension that it brought\n"
        "--   DROP EXTENSION ardent;\n";
    CHECK(text("t").find(dropped) != std::string::npos);
    CHECK(text("f").find("DROP EXTENSION") == std::string::npos);
}

TEST_CASE("grant script: metadata schema rights when PUBLIC has none", "[preflight]") {
    const Request request;
    GrantFacts facts;
    facts.connects = true;
    const std::vector<Part> parts = database_parts(server_of(150020), facts, request);
    REQUIRE(parts.size() == 1);
    CHECK(parts.front().text == "GRANT USAGE ON SCHEMA ardent TO r;\n");
    CHECK(parts.front().undo == std::vector<std::string>{"REVOKE USAGE ON SCHEMA ardent FROM r;"});
    facts.metadata_usage = true;
    CHECK(database_parts(server_of(150020), facts, request).empty());
}

TEST_CASE("grant script: undo puts a role's own list of plugins back", "[preflight]") {
    PluginAllowance allowance;
    allowance.verdict = PluginAllowance::Verdict::refused;
    allowance.set_for_role_here = true;
    allowance.libraries = {"test_decoding", "it's"};
    CHECK(plugin_part(server_of(150020), allowance, {}).undo ==
          std::vector<std::string>{"ALTER ROLE r IN DATABASE shop SET output_plugin_libraries = "
                                   "'test_decoding', 'it''s';"});
    allowance = {};
    allowance.verdict = PluginAllowance::Verdict::refused;
    allowance.libraries = {"pgoutput"};
    CHECK(plugin_part(server_of(150020), allowance, {}).undo ==
          std::vector<std::string>{"ALTER ROLE r RESET output_plugin_libraries;"});
    allowance.verdict = PluginAllowance::Verdict::allowed;
    CHECK(plugin_part(server_of(150020), allowance, {}).text.empty());
    allowance.known = false;
    Request everything;
    everything.full_grants = true;
    CHECK(plugin_part(server_of(150020), allowance, everything).text.empty());
}
