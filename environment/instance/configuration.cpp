// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/configuration.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/instance.hpp"

#include <fstream>
#include <iterator>
#include <pwd.h>
#include <unistd.h>

namespace ardent::environment {

namespace {

// Full-page writes, fsync and synchronous_commit stay on: what is called durable is durable.
// wal_level replica, because a branch starts with a base backup. JIT is off: it needs memory that
// is writable and executable, which the hardened unit forbids, and helps nothing here. Statements
// are kept out of the log, because they hold rows.
const std::map<std::string, std::string>& built_in_settings() {
    static const std::map<std::string, std::string> settings = {
        {"listen_addresses", ""},
        {"port", "5432"},
        {"unix_socket_permissions", "0777"},
        {"max_connections", "50"},
        {"shared_buffers", "64MB"},
        {"dynamic_shared_memory_type", "posix"},
        {"wal_level", "replica"},
        {"max_wal_senders", "4"},
        {"max_wal_size", "1GB"},
        {"checkpoint_timeout", "15min"},
        {"checkpoint_completion_target", "0.9"},
        {"max_locks_per_transaction", "256"},
        {"jit", "off"},
        {"logging_collector", "on"},
        {"log_directory", "log"},
        {"log_filename", "postgresql-%a.log"},
        {"log_truncate_on_rotation", "on"},
        {"log_rotation_age", "1d"},
        {"log_rotation_size", "0"},
        {"log_file_mode", "0600"},
        {"log_min_error_statement", "panic"},
        // no detail and no context: "Failing row contains …" is not for a log
        {"log_error_verbosity", "terse"},
        {"log_parameter_max_length", "0"},
        {"log_checkpoints", "off"},
        {"log_timezone", "UTC"},
        {"timezone", "UTC"},
        {"datestyle", "iso, ymd"},
        {"lc_messages", "C"},
        {"default_text_search_config", "pg_catalog.simple"},
    };
    return settings;
}

std::string conf_value(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        result += c;
        if (c == '\'') {
            result += c;
        }
    }
    return result + "'";
}

std::string conninfo_value(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') {
            result += '\\';
        }
        result += c;
    }
    return result + "'";
}

}  // namespace

std::string user_name() {
    const passwd* const entry = ::getpwuid(::geteuid());
    if (entry == nullptr) {
        throw base::Error(
            base::ErrorKind::config,
            "the user " + std::to_string(::geteuid()) + " that runs the environment has no name",
            "Run it as a user that the system knows.");
    }
    return entry->pw_name;
}

std::string configuration_text(const InstanceSpec& spec, const ServerPaths& paths) {
    std::map<std::string, std::string> all = built_in_settings();
    for (const auto& [name, value] : spec.settings) {
        all[name] = value;
    }
    all["unix_socket_directories"] = paths.socket;
    all["hba_file"] = paths.configuration + "/pg_hba.conf";
    all["ident_file"] = paths.configuration + "/pg_ident.conf";
    all["cluster_name"] = "ardent";
    std::string text =
        "# Written by ardent-environment at every start. Own settings: local.conf in the folder of "
        "the instance.\n";
    for (const auto& [name, value] : all) {
        text += name + " = " + conf_value(value) + "\n";
    }
    std::ifstream own(spec.directory + "/local.conf");
    return text + std::string(std::istreambuf_iterator<char>(own), {});
}

std::map<std::string, std::string> settings_of_major(int major) {
    constexpr int k_first_with_syncfs = 14;
    constexpr int k_first_with_lz4 = 15;
    std::map<std::string, std::string> settings;
    if (major >= k_first_with_syncfs) {
        settings["recovery_init_sync_method"] = "syncfs";
    }
    // Debian's servers have lz4. Where there is only pglz, compressing costs more than writing.
    settings["wal_compression"] = major >= k_first_with_lz4 ? "lz4" : "off";
    return settings;
}

std::string hba_text(const std::vector<std::string>& peers) {
    return "local all " + std::string(k_admin_role) + "," + base::join(peers, ",") +
           " peer map=ardent\n";
}

std::string ident_text(const std::vector<std::string>& peers) {
    const std::string user = "\"" + user_name() + "\"";
    std::string text = "ardent " + user + " " + k_admin_role + "\n";
    for (const std::string& role : peers) {
        text += "ardent " + user + " " + role + "\n";
    }
    return text;
}

std::string conninfo(const Instance& instance, std::string_view role, std::string_view database) {
    return "host=" + conninfo_value(instance.spec().socket_directory) +
           " port=5432 user=" + conninfo_value(role) + " dbname=" + conninfo_value(database) +
           " application_name=ardent-environment";
}

}  // namespace ardent::environment
