// SPDX-License-Identifier: PostgreSQL
#include "tests/support/preflight_cases.hpp"

#include "common/base/text.hpp"
#include "common/preflight/provider.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace ardent;
using namespace ardent::preflight;
using ardent::tests::Case;
using ardent::tests::Situation;

namespace {

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (const std::vector<Case>& part : {tests::product_cases(), tests::server_cases(),
                                          tests::slot_cases(), tests::table_cases()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

Situation usual(const Case& wanted) {
    Situation situation;
    situation.request.schemas = {"public"};
    situation.server.version_num = 150020;
    situation.server.version = "15.20";
    situation.server.product = "PostgreSQL 15.20 on x86_64-pc-linux-gnu";
    situation.server.database = "shop";
    situation.server.encoding = "UTF8";
    situation.server.extension_version = "0.1.0";
    situation.server.role_exists = true;
    situation.server.reads_settings = true;
    situation.server.quoted_database = "shop";
    situation.server.quoted_role = "ardent_replication";
    situation.allowance.verdict = PluginAllowance::Verdict::allowed;
    situation.inside = {
        .is_inside = true, .plugin = PluginProbe{.loadable = true}, .wal_free = "1000000000000"};
    situation.rows = wanted.rows;
    if (wanted.arrange != nullptr) {
        wanted.arrange(situation);
    }
    return situation;
}

Outcome judged(const Case& wanted, const char* provider = "vanilla") {
    Situation situation = usual(wanted);
    situation.server.provider = provider;
    for (const Check& check : catalogue()) {
        if (std::string(check.id) == wanted.id) {
            return check.judge({situation.request, situation.server, situation.allowance,
                                situation.inside, situation.rows});
        }
    }
    throw std::logic_error(std::string("no check ") + wanted.id);
}

}  // namespace

TEST_CASE("every check answers as it must", "[preflight]") {
    std::size_t number = 0;
    for (const Case& wanted : all_cases()) {
        CAPTURE(wanted.id, ++number, wanted.says);
        const Outcome outcome = judged(wanted);
        CHECK(to_string(outcome.status) == std::string(to_string(wanted.status)));
        const std::string said = base::join(outcome.details, "\n") + "\n" + outcome.hint + "\n" +
                                 outcome.fix + outcome.shown;
        CHECK(said.find(wanted.says) != std::string::npos);
        if (wanted.status != Status::pass) {
            CHECK_FALSE(base::trim(said).empty());
        } else {
            CHECK(outcome.fix.empty());
            CHECK(outcome.objects.empty());
        }
    }
}

TEST_CASE("no fix of a managed server needs a superuser", "[preflight]") {
    for (const Provider& provider : providers()) {
        bool changes_settings = false;
        for (const Case& wanted : all_cases()) {
            CAPTURE(provider.name, wanted.id, wanted.says);
            const Outcome outcome = judged(wanted, provider.name);
            CHECK(outcome.status == wanted.status);
            const std::string said = outcome.fix + "\n" + outcome.hint;
            const bool alter_system = said.find("ALTER SYSTEM") != std::string::npos;
            changes_settings = changes_settings || alter_system;
            for (const char* const word :
                 {"ALTER SYSTEM", "SUPERUSER", "superuser", "GRANT CREATE", "pg_reload_conf",
                  "CREATE EXTENSION", "-- then restart"}) {
                CAPTURE(word, said);
                CHECK((!provider.managed || said.find(word) == std::string::npos));
            }
        }
        CHECK(changes_settings != provider.managed);
    }
}

TEST_CASE("every check has a case that does not pass, and one that does", "[preflight]") {
    std::map<std::string, std::set<bool>> passes;
    for (const Case& wanted : all_cases()) {
        if (wanted.status != Status::unverified) {
            passes[wanted.id].insert(wanted.status == Status::pass);
        }
    }
    for (const Check& check : catalogue()) {
        CAPTURE(check.id);
        CHECK(passes[check.id].size() == 2);
    }
}

TEST_CASE("the catalogue: ids, labels, sections, and what each expects", "[preflight]") {
    const std::vector<Check> checks = catalogue();
    CHECK(checks.size() >= 60);
    std::set<std::string> ids;
    Section last = Section::connection;
    for (const Check& check : checks) {
        CAPTURE(check.id);
        CHECK(ids.insert(check.id).second);
        CHECK(check.section >= last);
        last = check.section;
        std::string label = check.id;
        std::replace(label.begin(), label.end(), '_', ' ');
        CHECK(label == check.label);
        CHECK_FALSE(std::string(check.expected).empty());
        CHECK(check.judge != nullptr);
    }
}

TEST_CASE("no two checks share one observation and one judge", "[preflight]") {
    std::set<std::pair<const Observation*, Outcome (*)(const Context&)>> seen;
    for (const Check& check : catalogue()) {
        CAPTURE(check.id);
        CHECK(seen.emplace(check.observation, check.judge).second);
    }
}
