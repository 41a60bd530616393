// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/apply_settings.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "environment/branch/setting_rules.hpp"
#include "environment/instance/superuser.hpp"

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

// Each look has a short session in a database that no hook renames: CREATE DATABASE … TEMPLATE
// wants its template alone.
constexpr const char* k_looking_from = "template1";

void require_role(const Instance& branch, const SettingsPlan& plan) {
    const std::string& role = plan.settings.branch_role;
    const std::string what_to_do =
        ". Set another one: ardent settings set branch_role NAME, or none: ardent settings remove "
        "branch_role";
    if (const auto objection = role_objection(role, plan.hooks.superusers)) {
        throw Error(ErrorKind::replica, "branch_role: " + *objection + what_to_do);
    }
    Superuser admin(branch, k_looking_from, ErrorKind::replica);
    const pq::Result found = admin->exec(
        R"sql(
        SELECT rolsuper
          FROM pg_catalog.pg_roles
         WHERE rolname OPERATOR(pg_catalog.=) $1
        )sql",
        {role});
    if (found.rows() == 0) {
        throw Error(ErrorKind::replica,
                    "branch_role is " + role +
                        ", and the replica has no such role: those come that "
                        "own something at the source, or are granted something" +
                        what_to_do);
    }
    if (found.text(0, 0) == "t") {
        throw Error(ErrorKind::replica, "branch_role is " + role + ", a superuser" + what_to_do);
    }
}

// Whoever logs in as the branch's role is `branch_role` from then on. SET ROLE NONE makes the
// branch's role of it again; RESET ROLE does not, because it goes back to what the session began
// with.
void set_role_at_login(const Instance& branch, const SettingsPlan& plan) {
    Superuser admin(branch, k_looking_from, ErrorKind::replica);
    admin->exec("ALTER ROLE " + pq::quote_identifier(plan.hooks.role) + " SET role TO " +
                admin->quote_literal(plan.settings.branch_role));
}

void require_database(const Instance& branch, const SettingsPlan& plan) {
    Superuser admin(branch, k_looking_from, ErrorKind::replica);
    const pq::Result found = admin->exec(
        R"sql(
        SELECT datname,
               datallowconn AND pg_catalog.has_database_privilege($1::pg_catalog.name, oid,
                                                                  'CONNECT')
          FROM pg_catalog.pg_database
         WHERE NOT datistemplate OR datname OPERATOR(pg_catalog.=) $2::pg_catalog.name
         ORDER BY datname
        )sql",
        {plan.hooks.role, plan.url_database});
    std::vector<std::string> names;
    for (int row = 0; row < found.rows(); ++row) {
        if (found.text(row, 0) == plan.url_database && found.text(row, 1) == "t") {
            return;
        }
        if (found.text(row, 0) != plan.url_database) {
            names.emplace_back(found.text(row, 0));
        }
    }
    throw Error(ErrorKind::replica,
                "the branch has no database " + plan.url_database +
                    " to connect to, which its URL names (" + k_default_db +
                    "). There are: " + base::join(names, ", ") +
                    ". Set one of them (ardent settings set default_db NAME), or create it in a "
                    "hook (branch_sql)");
}

}  // namespace

std::vector<BranchStep> apply_settings(const Instance& branch, const SettingsPlan& plan) {
    const ConnectorSettings& settings = plan.settings;
    if (!settings.branch_role.empty()) {
        require_role(branch, plan);
    }
    std::vector<BranchStep> ran = run_hooks(branch, settings.hooks, plan.hooks);
    if (!settings.branch_role.empty()) {
        set_role_at_login(branch, plan);
    }
    if (!ran.empty() || plan.url_database != plan.hooks.database) {
        require_database(branch, plan);
    }
    return ran;
}

}  // namespace ardent::environment
