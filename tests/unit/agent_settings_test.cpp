// SPDX-License-Identifier: PostgreSQL
#include "agent/config/settings.hpp"
#include "agent/copy/schema_dump.hpp"
#include "agent/copy/table_stream.hpp"
#include "agent/report/source_watch.hpp"
#include "agent/source/failing_checks.hpp"
#include "agent/source/plugin.hpp"
#include "common/base/error.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace ardent::agent;
using ardent::base::Error;
using ardent::config::Inputs;
using ardent::model::Lsn;
using namespace std::chrono_literals;

namespace {

std::string secret_file() {
    static const std::string s_path = [] {
        std::string path = "/tmp/ardent-agent-test-XXXXXX";
        const int fd = ::mkstemp(path.data());
        REQUIRE(fd >= 0);
        REQUIRE(::write(fd, "secret\n", 7) == 7);
        ::close(fd);
        return path;
    }();
    return s_path;
}

Settings settings_of(std::map<std::string, std::string> more = {}) {
    std::map<std::string, std::string> flags = {{"environment.url", "https://env.example.com"},
                                                {"environment.connector", "conn_3f9c"},
                                                {"environment.token_file", secret_file()},
                                                {"source.host", "db.example.com"},
                                                {"source.database", "shop"}};
    for (auto& [key, value] : more) {
        flags[key] = value;
    }
    return read_settings(
        ardent::config::load(options(), {.file = {}, .environment = {}, .flags = flags}));
}

}  // namespace

TEST_CASE("the agent's defaults", "[agent]") {
    const Settings settings = settings_of();
    CHECK(settings.source.user == "ardent_replication");
    CHECK(settings.source.sslmode == "verify-full");
    CHECK(settings.source.schemas == std::vector<std::string>{"public"});
    CHECK(settings.slot.name == "ardent_3f9c");
    CHECK(settings.limits.segment_bytes == 4194304);
    CHECK(settings.limits.compression == 1);
    CHECK_FALSE(settings.limits.max_retained_wal);
    const Settings local =
        settings_of({{"source.host", "/run/postgresql"}, {"limits.compression", "0"}});
    CHECK(local.source.sslmode == "prefer");
    CHECK(local.source.sslrootcert.empty());
    CHECK(settings_of({{"source.host", "/a,127.0.0.1"}}).source.sslmode == "prefer");
    CHECK(settings_of({{"source.host", "/a,db.example.com"}}).source.sslmode == "verify-full");
    CHECK(local.limits.compression == 0);
}

TEST_CASE("the preflight list runs again every 1s to 24h, or never", "[agent]") {
    CHECK(settings_of().source.preflight_interval == 5min);
    CHECK(settings_of({{"source.preflight_interval", "0s"}}).source.preflight_interval == 0s);
    CHECK(settings_of({{"source.preflight_interval", "1s"}}).source.preflight_interval == 1s);
    CHECK(settings_of({{"source.preflight_interval", "24h"}}).source.preflight_interval == 24h);
    CHECK_THROWS_WITH(settings_of({{"source.preflight_interval", "999ms"}}),
                      Catch::Contains("source.preflight_interval: 999ms is shorter than 1s"));
    CHECK_THROWS_WITH(
        settings_of({{"source.preflight_interval", "25h"}}),
        Catch::Contains("source.preflight_interval") && Catch::Contains("above the largest value"));
}

TEST_CASE("sequences are reported every 1s to 10s", "[agent]") {
    CHECK(settings_of().source.sequence_interval == 5s);
    CHECK(settings_of({{"source.sequence_interval", "1s"}}).source.sequence_interval == 1s);
    CHECK(settings_of({{"source.sequence_interval", "10s"}}).source.sequence_interval == 10s);
    CHECK_THROWS_WITH(settings_of({{"source.sequence_interval", "999ms"}}),
                      Catch::Contains("source.sequence_interval: 999ms is shorter than 1s"));
    CHECK_THROWS_WITH(
        settings_of({{"source.sequence_interval", "11s"}}),
        Catch::Contains("source.sequence_interval") && Catch::Contains("above the largest value"));
}

TEST_CASE("a check is news when it begins to fail, and when it does not any more", "[agent]") {
    using ardent::preflight::Status;
    FailingChecks known;
    const auto look = [&](Status grant, Status key) {
        ardent::preflight::Report report;
        report.checks.resize(2);
        report.checks[0].id = "grant";
        report.checks[0].status = grant;
        report.checks[1].id = "key";
        report.checks[1].status = key;
        std::string text;
        const FailingChecks::Changes changes = known.look(report);
        for (const auto& check : changes.failing) {
            text += "-" + check.id;
        }
        for (const auto& check : changes.mended) {
            text += "+" + check.id;
        }
        return text;
    };
    CHECK(look(Status::pass, Status::warn).empty());
    CHECK(look(Status::fail, Status::warn) == "-grant");
    CHECK(look(Status::fail, Status::fail) == "-key");
    CHECK(look(Status::unverified, Status::fail).empty());
    CHECK(look(Status::fail, Status::fail).empty());
    CHECK(look(Status::pass, Status::warn) == "+grant+key");
    CHECK(look(Status::fail, Status::pass) == "-grant");
}

TEST_CASE("slot names keep the prefix and the server's rule", "[agent]") {
    CHECK(default_slot_name("conn_3F9C-aa") == "ardent_3f9caa");
    CHECK(default_slot_name("3f9c") == "ardent_3f9c");
    CHECK(settings_of({{"slot.name", "ardent_mine_2"}}).slot.name == "ardent_mine_2");
    for (const char* const bad : {"mine", "ardent_", "ardent_A", "ardent_a-b", "ardent_ x"}) {
        CHECK_THROWS_AS(settings_of({{"slot.name", bad}}), Error);
    }
    CHECK_THROWS_AS(settings_of({{"slot.name", "ardent_" + std::string(60, 'a')}}), Error);
}

TEST_CASE("excluded tables are schema.table, quoted where they must be", "[agent]") {
    const Settings settings =
        settings_of({{"source.exclude", "public.a,\"My.Schema\".\"t\"\"x\""}});
    REQUIRE(settings.source.excluded.size() == 2);
    CHECK(settings.source.excluded[0] == ardent::model::RelationName{"public", "a"});
    CHECK(settings.source.excluded[1] == ardent::model::RelationName{"My.Schema", "t\"x"});
    for (const char* const bad : {"a", "a.", ".b", "a.b.c", "\"a.b", "\"\".b"}) {
        CHECK_THROWS_AS(settings_of({{"source.exclude", bad}}), Error);
    }
    CHECK_THROWS_AS(settings_of({{"source.schemas", ","}}), Error);
}

TEST_CASE("the plugin is asked for the selected tables only", "[agent]") {
    Settings settings = settings_of({{"source.exclude", "public.audit"}});
    settings.source.schemas = {"public", "My, Schema*", "größe"};
    const PluginOptions plain = plugin_options(settings.source, false);
    CHECK(plain.at("add-tables") == "public.*,My\\,\\ Schema\\*.*,größe.*");
    CHECK(plain.at("filter-tables") == "public.audit");
    CHECK(plain.at("format-version") == "2");
    CHECK(plain.at("include-types") == "false");
    CHECK(plain.count("numeric-data-types-as-string") == 0);
    CHECK(plugin_options(settings.source, true).at("numeric-data-types-as-string") == "true");
    CHECK(escape_table_part("a.b\\c'd") == "a\\.b\\\\c\\'d");
    CHECK(plain.count("add-msg-prefixes") == 0);
    const auto command = [](const std::set<std::string>& prefixes) {
        return start_replication_command("ardent_1", Lsn{0x100000016}, {{"add-tables", "it's.*"}},
                                         prefixes);
    };
    const std::string begins =
        R"(START_REPLICATION SLOT "ardent_1" LOGICAL 1/16 ("add-tables" 'it''s.*', )";
    CHECK(command({"b", "a"}) == begins + R"("add-msg-prefixes" 'a,b'))");
    // an empty list would be all messages there are
    const std::string none = command({});
    CHECK_THAT(none, Catch::Matches(R"(.*"add-msg-prefixes" 'ardent\.none\.[0-9a-f]{32}'\))"));
    CHECK(none != command({}));
}

TEST_CASE("rows are read with all that is stored, and by a query only where it takes one",
          "[agent]") {
    using ardent::model::Generated;
    const std::string by_query = R"( FROM ONLY "a b"."t""x" WHERE (SELECT pg_catalog.set_config()"
                                 R"('search_path', 'pg_catalog', true)) IS NOT NULL))"
                                 R"( TO STDOUT WITH (ENCODING 'LATIN1'))";
    ardent::model::TableDefinition table;
    table.relation = {"a b", "t\"x"};
    table.columns = {{"id", "integer", true, Generated::no, ' '},
                     {"v", "integer", false, Generated::virtually, ' '},
                     {"t", "text", false, Generated::no, ' '}};
    CHECK(copy_out_statement(table, "LATIN1") ==
          R"(COPY "a b"."t""x" ("id", "t") TO STDOUT WITH (ENCODING 'LATIN1'))");
    table.columns.push_back({"s", "text", false, Generated::stored, ' '});
    CHECK(copy_out_statement(table, "LATIN1") == R"(COPY (SELECT "id", "t", "s")" + by_query);
    table.columns = {{"v", "integer", false, Generated::virtually, ' '}};
    CHECK(copy_out_statement(table, "LATIN1") == "COPY (SELECT " + by_query);
    table.columns.clear();
    CHECK(copy_out_statement(table, "LATIN1") == "COPY (SELECT " + by_query);
}

TEST_CASE("pg_dump gets exact names and no password", "[agent]") {
    Settings settings =
        settings_of({{"source.exclude", "public.a*"}, {"source.password_file", secret_file()}});
    settings.source.schemas = {"Mixed \"x\""};
    const auto arguments = dump_arguments(settings.source, "00000003-1", "LATIN1");
    const auto has = [&](const std::string& text) {
        return std::find(arguments.begin(), arguments.end(), text) != arguments.end();
    };
    CHECK(has("--schema=\"Mixed \"\"x\"\"\""));
    CHECK(has("--exclude-table=\"public\".\"a*\""));
    CHECK(has("--snapshot=00000003-1"));
    CHECK(has("--encoding=LATIN1"));
    CHECK(has("--schema-only"));
    for (const std::string& argument : arguments) {
        CHECK_THAT(argument, !Catch::Contains("secret"));
    }
    CHECK(pg_dump_major("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n") == 15);
    CHECK(pg_dump_major("pg_dump (PostgreSQL) 18beta1") == 18);
    CHECK(pg_dump_major("something else") == 0);
    CHECK_THROWS_AS(find_pg_dump("/no/such/pg_dump", 150000), Error);
    CHECK_THROWS_AS(find_pg_dump("/bin/true", 150000), Error);
}

TEST_CASE("invariant 15: what the slot costs is said in time", "[agent]") {
    SourceFigures figures;
    figures.current = Lsn{1000};
    figures.slot_exists = true;
    figures.retained_bytes = 100;
    figures.wal_status = "reserved";
    CHECK(warnings(figures, 1000).empty());
    figures.wal_status = "extended";
    CHECK(warnings(figures, 1000).size() == 1);
    figures.wal_status = "reserved";
    figures.safe_wal_size = 1000U * 60 * 30;
    REQUIRE(warnings(figures, 1000).size() == 1);
    CHECK_THAT(warnings(figures, 1000)[0], Catch::Contains("30 min"));
    CHECK(warnings(figures, 10).empty());
    CHECK(warnings(figures, std::nullopt).empty());
    figures.wal_status = "lost";
    CHECK_THAT(warnings(figures, std::nullopt)[0], Catch::Contains("lost"));
}

TEST_CASE("the rate of WAL needs two looks", "[agent]") {
    WalRate rate;
    const auto now = std::chrono::steady_clock::now();
    rate.look(Lsn{1000}, now);
    CHECK_FALSE(rate.bytes_per_second());
    rate.look(Lsn{6000}, now + 500ms);
    CHECK(rate.bytes_per_second() == 10000U);
    rate.look(Lsn{10}, now + 1s);  // another server answered
    CHECK(rate.bytes_per_second() == 10000U);
    CHECK(resident_bytes().value_or(0) > 1000000U);
}
