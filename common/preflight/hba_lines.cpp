// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/scripts.hpp"

#include "common/base/error.hpp"
#include "common/preflight/names.hpp"

#include <algorithm>
#include <string_view>

namespace ardent::preflight {

namespace {

constexpr const char* k_here = R"(
SELECT pg_catalog.current_database(), pg_catalog.current_setting('ssl')
)";

bool is_host_letter(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(".:/-_").find(c) != std::string_view::npos;
}

bool all_of(std::string_view text, std::string_view letters) noexcept {
    return text.find_first_not_of(letters) == std::string_view::npos;
}

base::Error misfit(const std::string& what) {
    return {
        base::ErrorKind::config, what,
        "Give an address such as '10.0.0.5', '10.0.0.0/24', 'fd00::5', a host name, or 'local' for "
        "the Unix socket.",
        "22023"};
}

// pg_hba.conf knows no line break inside a name.
std::string hba_name(const std::string& name) {
    if (name.find_first_of("\n\r") != std::string::npos) {
        throw base::Error(base::ErrorKind::config,
                          "a name with a line break cannot stand in pg_hba.conf", "", "22023");
    }
    return quote_identifier(name);
}

std::string hba_address(const std::string& address) {
    if (address.empty() || !std::all_of(address.begin(), address.end(), is_host_letter)) {
        throw misfit("this is no address: \"" + address + "\"");
    }
    const bool v6 = address.find(':') != std::string::npos;
    const bool v4 = !v6 && all_of(address, "0123456789./");
    if ((v4 || v6) && address.find('/') == std::string::npos) {
        return address + (v6 ? "/128" : "/32");
    }
    return address;
}

}  // namespace

std::string hba_lines(QueryRunner& runner, const std::string& role, const std::string& address) {
    const Rows rows = runner.run(k_here, {});
    return hba_lines(rows.at(0).at(0).value_or(""), rows.at(0).at(1) == "on", role, address);
}

std::string hba_lines(const std::string& database, bool ssl, const std::string& role,
                      const std::string& address) {
    const std::string name = hba_name(database);
    const std::string user = hba_name(role);
    const bool local = address == "local";
    const std::string type = local ? "local" : (ssl ? "hostssl" : "host");
    const std::string from = local ? "" : hba_address(address) + " ";
    std::string result =
        "# Ardent: put this line into pg_hba.conf above wider ones, then SELECT "
        "pg_reload_conf(); remove it to undo.\n";
    if (!local && !ssl) {
        result +=
            "# ssl is off on this server: the password is safe (scram), the data travels in "
            "clear.\n";
    }
    return result + type + " " + name + " " + user + " " + from +
           "scram-sha-256\n"
           "# Not needed: logical replication matches the line above. A replication line would let "
           "the "
           "role copy the whole cluster (pg_basebackup).\n# " +
           type + " replication " + user + " " + from + "scram-sha-256\n";
}

}  // namespace ardent::preflight
