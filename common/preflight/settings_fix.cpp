// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/settings_fix.hpp"

#include "common/preflight/names.hpp"

namespace ardent::preflight {

std::string coming_value(const std::string& name) {
    return "coalesce((SELECT setting FROM pg_catalog.pg_file_settings WHERE name = '" + name +
           "'\n                  ORDER BY seqno DESC LIMIT 1), pg_catalog.current_setting('" +
           name + "'))";
}

std::string raise_setting(const std::string& name, long need) {
    const std::string number = std::to_string(need);
    return set_setting(name, number, coming_value(name) + "::int < " + number);
}

std::string set_setting(const std::string& name, const std::string& literal,
                        const std::string& guard) {
    return "SELECT " + quote_literal("ALTER SYSTEM SET " + name + " = " + literal) + "\n WHERE " +
           guard + " \\gexec\n";
}

std::string set_for_role(const Context& context, const std::string& name, const Setting& now,
                         const std::string& literal, const std::string& guard) {
    const bool here = now.place == "role here";
    const bool own = here || now.place == "role";
    const std::string database = here ? "(SELECT oid FROM pg_catalog.pg_database WHERE datname = "
                                        "pg_catalog.current_database())"
                                      : "0";
    return "SELECT " +
           quote_literal("ALTER ROLE " + context.server.quoted_role +
                         (here ? " IN DATABASE " + context.server.quoted_database : "") + " SET " +
                         name + " = " + literal) +
           "\n WHERE coalesce((SELECT e.entry FROM pg_catalog.pg_db_role_setting AS s\n"
           "                    JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole\n"
           "                   CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS e (entry)\n"
           "                   WHERE r.rolname = " +
           quote_literal(context.request.role) + " AND s.setdatabase = " + database +
           "\n                     AND pg_catalog.split_part(e.entry, '=', 1) = '" + name +
           "'), '') = " + quote_literal(own ? name + "=" + now.entry : "") +
           (own || guard.empty() ? "" : "\n   AND " + guard) + " \\gexec\n";
}

}  // namespace ardent::preflight
