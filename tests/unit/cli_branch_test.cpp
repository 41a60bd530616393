// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_name.hpp"
#include "cli/branch_row.hpp"
#include "cli/branch_text.hpp"
#include "cli/config_file.hpp"
#include "cli/failure.hpp"
#include "cli/psql.hpp"
#include "cli/selection.hpp"
#include "cli/waiting.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <sstream>

using namespace ardent::cli;
using nlohmann::json;

namespace {

json some_row() {
    return {{"id", "br_1"},
            {"name", "mine"},
            {"connector_id", "conn_1"},
            {"service_type", "postgres"},
            {"status", "active"},
            {"state", "active"},
            {"branch_url", "postgresql://me:p@127.0.0.1:6001/shop?sslmode=require"},
            {"host", "127.0.0.1"},
            {"port", 6001},
            {"database", "shop"},
            {"user", "me"}};
}

/// The product's word for what `work` throws; empty when it does not.
std::string word_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Failure& failure) {
        return failure.code();
    }
    return {};
}

std::string url_word(const json& change) {
    json row = some_row();
    row.update(change);
    return word_of([&] { usable_url(read_branch_row(row)); });
}

}  // namespace

TEST_CASE("a branch's name is 1 to 63 letters, and a slash becomes a hyphen", "[cli]") {
    CHECK(read_branch_name("pr-123").name == "pr-123");
    CHECK_FALSE(read_branch_name("pr-123").mapped());
    CHECK(read_branch_name("feature/x/y").name == "feature-x-y");
    CHECK(read_branch_name("feature/x").requested == "feature/x");
    CHECK(read_branch_name(std::string(63, 'x')).name.size() == 63);
    for (const std::string& text : {std::string(), std::string("A"), std::string("a_b"),
                                    std::string("a b"), std::string("a\n"), std::string(64, 'x'),
                                    std::string("\xc3\xa4"), std::string("a\0b", 3)}) {
        CHECK(word_of([&] { read_branch_name(text); }) == "invalid_name");
    }
}

TEST_CASE("the create's variables are refused when they are no numbers, zero is the default",
          "[cli]") {
    CHECK(create_waiting({}, "").longest == std::chrono::minutes(65));
    CHECK_FALSE(create_waiting({}, "").poll);
    CHECK(create_waiting({}, "").at_server == std::chrono::seconds(5));
    const std::string wait = "ARDENT_BRANCH_CREATE_MAX_WAIT_MS";
    const std::string poll = "ARDENT_BRANCH_CREATE_POLL_INTERVAL_MS";
    const std::string held = "ARDENT_BRANCH_CREATE_OPERATION_WAIT_SECONDS";
    CHECK(create_waiting({{wait, "1500"}}, "").longest == std::chrono::milliseconds(1500));
    CHECK(create_waiting({{wait, "1500"}}, "2min").longest == std::chrono::minutes(2));
    CHECK(create_waiting({{poll, "70"}}, "").poll == std::chrono::milliseconds(70));
    CHECK(create_waiting({{held, "99"}}, "").at_server == std::chrono::seconds(10));
    for (const std::string& name : {wait, poll, held}) {
        CHECK(create_waiting({{name, "0"}}, "").longest == std::chrono::minutes(65));
        for (const char* bad : {"-1", "soon", "1.5", "99999999999999999999"}) {
            CHECK(word_of([&] { create_waiting({{name, bad}}, ""); }) == "invalid_arguments");
        }
    }
    CHECK(word_of([&] { create_waiting({}, "soon"); }) == "invalid_arguments");
    CHECK(word_of([&] { create_waiting({}, "0"); }) == "invalid_arguments");
}

TEST_CASE("a delete never asks without a pause", "[cli]") {
    const std::string poll = "ARDENT_BRANCH_DELETE_POLL_INTERVAL_MS";
    for (const char* text : {"", "0", "-5", "soon"}) {
        CHECK(delete_waiting({{poll, text}}).poll == std::chrono::seconds(2));
        CHECK(delete_waiting({{"ARDENT_BRANCH_DELETE_MAX_WAIT_MS", text}}).longest ==
              std::chrono::minutes(10));
    }
    CHECK(delete_waiting({{poll, "50"}}).poll == std::chrono::milliseconds(50));
}

TEST_CASE("times as people write and read them", "[cli]") {
    CHECK(read_time("--ttl", "7d") == std::chrono::hours(168));
    CHECK(read_time("--ttl", "never").count() == 0);
    for (const char* text : {"", "0", "soon", "-1d", "7", "500ms"}) {
        CHECK(word_of([&] { read_time("--ttl", text); }) == "invalid_arguments");
    }
    CHECK(patience_text(std::chrono::minutes(65)) == "65 minutes");
    CHECK(patience_text(std::chrono::minutes(1)) == "1 minute");
    CHECK(patience_text(std::chrono::seconds(90)) == "90 seconds");
    CHECK(patience_text(std::chrono::milliseconds(1500)) == "1.5 seconds");
    const auto now = Clock::from_time_t(1780315200);  // 2026-06-01T12:00:00Z
    CHECK(ago("2026-06-01T11:58:00Z", now) == "2m");
    CHECK(ago("2026-05-29T11:58:00.123456Z", now) == "3d");
    CHECK(ago("2026-06-01T12:00:05+00:00", now) == "0s");
    CHECK(ago("yesterday", now).empty());
    CHECK(local_time("yesterday") == "yesterday");
}

TEST_CASE("invariant 16: a URL is the branch's own or none", "[cli]") {
    CHECK(url_word(json::object()).empty());
    CHECK(url_word({{"state", "suspended"}}).empty());
    CHECK(url_word({{"state", nullptr}, {"host", nullptr}, {"port", nullptr}}).empty());
    CHECK(url_word({{"branch_url", nullptr}}) == "branch_url_missing");
    CHECK(url_word({{"branch_url", ""}}) == "branch_url_missing");
    CHECK(url_word({{"status", "deleting"}}) == "not_found");
    for (const char* status : {"failed", "creating", "archived"}) {
        CHECK(url_word({{"status", status}}) == "api_error");
    }
    CHECK(url_word({{"state", "merged"}}) == "api_error");
    for (const char* url :
         {"postgresql://me:p@production:6001/shop", "postgresql://me:p@127.0.0.1/shop",
          "postgresql://me:p@127.0.0.1:6001/postgres", "postgresql://admin:p@127.0.0.1:6001/shop",
          "postgresql:///shop", "postgresql://me:p@127.0.0.1:6001,other:1/shop",
          "postgresql://me:p@127.0.0.1:6001/shop?hostaddr=10.0.0.1",
          "postgresql://me:p@127.0.0.1:6001/shop\nx", "host=127.0.0.1",
          "mysql://me:p@127.0.0.1:6001/shop"}) {
        INFO(url);
        CHECK(url_word({{"branch_url", url}}) == "api_error");
    }
}

TEST_CASE("invariant 16: a row of anything else is refused", "[cli]") {
    const BranchRow row = read_branch_row(some_row());
    const auto word = [&](const Asked& asked) { return word_of([&] { check_is(row, asked); }); };
    CHECK(word({"conn_1", "br_1", "mine", "mine"}).empty());
    CHECK(word({"conn_2", "br_1", "mine", ""}) == "api_error");
    CHECK(word({"conn_1", "br_2", "mine", ""}) == "api_error");
    CHECK(word({"conn_1", "br_1", "min", ""}) == "api_error");
    CHECK(word({"conn_1", "br_1", "mine", "mi/ne"}) == "invalid_name");
    CHECK(word_of([&] { find_row({row, row}, "mine"); }) == "api_error");
    CHECK_FALSE(find_row({row}, "min"));
    CHECK(find_row({row}, "mine")->id == "br_1");
    for (const char* name : {"id", "name", "connector_id", "service_type", "status"}) {
        json broken = some_row();
        broken.erase(name);
        CHECK(word_of([&] { read_branch_row(broken); }) == "api_error");
        broken[name] = 5;
        CHECK(word_of([&] { read_branch_row(broken); }) == "api_error");
    }
    CHECK(word_of([&] { read_branch_row(json::array()); }) == "api_error");
}

TEST_CASE("what a row has beside its identity may be of any type", "[cli]") {
    json row = some_row();
    for (const char* name : {"steps", "missing", "data_as_of", "warning", "own_bytes", "protected",
                             "expires_at", "method", "last_branch_activity", "state_since"}) {
        row[name] = json{{"x", json::array({1})}};
    }
    row["steps"] = json::array({1, {{"name", "clone"}}, {{"name", "cut"}, {"ms", 3}}});
    const BranchRow read = read_branch_row(row);
    CHECK(read.steps.size() == 1);
    const json shown = json::parse(branch_json(read, BranchView{"u"}));
    CHECK(shown["own_bytes"].is_null());
    CHECK(shown["missing"] == json::array());
    std::ostringstream out;
    print_info(read, BranchView{"u"}, out);
    print_list({read}, "", Clock::now(), out);
    CHECK_THAT(out.str(), Catch::Contains("never used (active)"));
}

TEST_CASE("a connector is named exactly, selected, or the only one", "[cli]") {
    const std::vector<ConnectorRef> two = {{"conn_1", "shop", "", ""},
                                           {"conn_2", "billing", "", ""}};
    Selections selected;
    const auto word = [&](const std::vector<ConnectorRef>& all, const std::string& name) {
        return word_of([&] { choose_connector(all, name, selected); });
    };
    CHECK(word(two, "") == "no_connectors");
    CHECK(word({}, "") == "no_connectors");
    CHECK(word(two, "sho") == "connector_unavailable");
    CHECK(word({two[0], {"conn_3", "shop", "", ""}}, "shop") == "connector_unavailable");
    CHECK(choose_connector({two[0]}, "", selected).id == "conn_1");
    selected.branch = {"br_1", "mine"};
    select_connector(selected, two[1]);
    CHECK(selected.branch.id.empty());
    CHECK(choose_connector(two, "", selected).id == "conn_2");
    CHECK(word({two[0]}, "") == "connector_unavailable");
}

TEST_CASE("config.json says the same after it was read", "[cli]") {
    Config config;
    config.api_url = "https://a:1";
    config.token = "t\"\n";
    config.selections.environment = "https://a:1";
    config.selections.connector = {"conn_1", "shop"};
    config.selections.branch = {"br_1", "mine"};
    config.selections.branch_authority = "PEM";
    config.selections.deletes = {{"conn_1", "old", "br_0", "op_1"}};
    const std::string text = config_text(config);
    CHECK(config_text(config_from_text("f", text)) == text);
    CHECK(selections_at(config, "https://a:1").branch.id == "br_1");
    CHECK(selections_at(config, "https://b:1").branch.id.empty());
    CHECK(selections_at(config, "https://b:1").branch_authority.empty());
}

TEST_CASE("psql gets the branch's server and nothing of the caller's", "[cli]") {
    const PsqlStart start =
        plan_psql("postgresql://me:a%3Ab%5Cc@h:6001/shop?sslmode=verify-full&sslrootcert=/r.pem",
                  {{"PGHOSTADDR", "10.0.0.1"},
                   {"PGPASSWORD", "x"},
                   {"PGSERVICE", "x"},
                   {"PGTZ", "UTC"},
                   {"PATH", "/bin"}});
    CHECK(start.environment == Variables{{"PATH", "/bin"},
                                         {"PGTZ", "UTC"},
                                         {"PGHOST", "h"},
                                         {"PGPORT", "6001"},
                                         {"PGDATABASE", "shop"},
                                         {"PGUSER", "me"},
                                         {"PGSSLMODE", "verify-full"},
                                         {"PGSSLROOTCERT", "/r.pem"}});
    CHECK(start.password_line == "*:*:*:*:a\\:b\\\\c\n");
    CHECK(plan_psql("postgresql://me@h/shop", {}).password_line.empty());
}
