// SPDX-License-Identifier: PostgreSQL
#include "common/base/version.hpp"

#include "tests/support/preflight_cases.hpp"

namespace ardent::tests {

using preflight::Status;

namespace {

constexpr Status k_pass = Status::pass;
constexpr Status k_fail = Status::fail;
constexpr Status k_warn = Status::warn;
constexpr Status k_info = Status::info;
constexpr Status k_unverified = Status::unverified;

/// A row of k_role: everything in order, as a role that the grant script made.
preflight::Row role() {
    return {"f", "t", "t", "f", "f", std::nullopt, "t", "t", "f", "f", std::nullopt};
}

preflight::Rows role_with(std::size_t column, preflight::Cell value) {
    preflight::Row row = role();
    row[column] = std::move(value);
    return {row};
}

/// A row of k_capture: triggers, those that fire ALWAYS, those disabled.
preflight::Row capture(const char* triggers, const char* always, const char* disabled,
                       const char* event_triggers = "on", const char* usage = "t",
                       const char* mapped = "t", preflight::Cell holds_key = "t") {
    return {triggers,       always, disabled, "ardent_sql_drop",
            event_triggers, usage,  mapped,   std::move(holds_key),
            "0.1.0",        "t"};
}

base::Error library_error(const char* sqlstate) {
    return {base::ErrorKind::source, "could not access file", "", sqlstate};
}

preflight::Row hba(const char* number, const char* type, const char* address, const char* method,
                   const char* covers = "t", const char* physical = "f",
                   preflight::Cell error = std::nullopt) {
    return {number, type, address, method, std::move(error), covers, physical};
}

}  // namespace

std::vector<Case> product_cases() {
    using preflight::PluginAllowance;
    return {
        {"postgres_metadata", k_pass, {}},
        {"postgres_metadata", k_fail, {}, [](Situation& s) { s.server.version_num = 120017; }},
        {"postgres_metadata",
         k_fail,
         {},
         [](Situation& s) { s.server.product = "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64"; },
         "another server"},
        {"postgres_metadata",
         k_fail,
         {},
         [](Situation& s) { s.server.product = "CockroachDB CCL v23.1"; },
         "CockroachDB"},
        {"is_writer", k_pass, {}},
        {"is_writer", k_fail, {}, [](Situation& s) { s.server.in_recovery = true; }, "primary"},
        {"wal_level", k_pass, {setting("wal_level", "logical")}},
        {"wal_level", k_fail, {setting("wal_level", "replica")}, nullptr, "restart"},
        {"wal_level",
         k_fail,
         {{"wal_level", "replica", "t", "server", ""}},
         nullptr,
         "waits for a restart"},
        {"replication_slots", k_pass, {{"10", "9", "0", "f"}}},
        {"replication_slots", k_fail, {{"9", "0", "0", "f"}}, nullptr, "< 10 \\gexec"},
        {"replication_slots", k_fail, {{"12", "12", "0", "f"}}, nullptr, "< 13 \\gexec"},
        {"replication_slots", k_pass, {{"12", "12", "1", "f"}}},
        {"wal_senders", k_pass, {{"10", "9", "f", "f"}}},
        {"wal_senders", k_fail, {{"9", "0", "f", "f"}}, nullptr, "-- then restart the server"},
        {"wal_senders", k_fail, {{"10", "10", "f", "f"}}, nullptr, "No WAL sender is free"},
        {"wal_senders", k_pass, {{"10", "10", "t", "f"}}},
        {"wal2json", k_pass, {{std::nullopt}}},
        {"wal2json",
         k_fail,
         {},
         [](Situation& s) { s.inside.plugin = preflight::PluginProbe{.missing = true}; },
         "postgresql-15-wal2json"},
        {"wal2json",
         k_fail,
         {},
         [](Situation& s) { s.allowance.verdict = PluginAllowance::Verdict::refused; },
         "ALTER ROLE ardent_replication SET output_plugin_libraries"},
        {"can_read_tables", k_pass, {}},
        {"can_read_tables",
         k_fail,
         {{"table", "public.t", "public.t"}},
         nullptr,
         "SELECT on public.t"},
        {"can_read_tables",
         k_pass,
         {{"policy", "public.t", "public.t"}},
         [](Situation& s) {
             s.request.accept.decisions["public.t"] = preflight::Decision::exclude;
         }},
        {"metadata_schema", k_pass, {}},
        {"metadata_schema", k_info, {}, [](Situation& s) { s.server.extension_version = ""; }},
        {"replica_identity",
         k_pass,
         {{"public.t", "public.t", "d", "t_pkey", "id", std::nullopt, "f"}}},
        {"replica_identity",
         k_fail,
         {{"public.t", "public.t", "d", std::nullopt, std::nullopt, "t_key", "f"}},
         nullptr,
         "unique index t_key"},
        {"replica_identity",
         k_fail,
         {{"public.t", "public.t", "d", std::nullopt, std::nullopt, "t_key", "f"}},
         [](Situation& s) { s.request.accept.decisions["public.t"] = preflight::Decision::add_pk; },
         "ALTER TABLE public.t REPLICA IDENTITY USING INDEX t_key;"},
        {"duplicate_source", k_pass, {{"other", "other", "shop"}}},
        {"duplicate_source", k_pass, {{"ardent_1", "own", "shop"}}},
        {"duplicate_source", k_fail, {{"ardent_2", "here", "shop"}}, nullptr, "slot ardent_2"},
        {"duplicate_source", k_info, {{"ardent_2", "elsewhere", "other"}}},
    };
}

std::vector<Case> server_cases() {
    return {
        {"supported_major", k_pass, {}},
        {"supported_major", k_warn, {}, [](Situation& s) { s.server.version_num = 130023; }},
        {"supported_major", k_warn, {}, [](Situation& s) { s.server.version_num = 190000; }},
        {"known_bad_minor", k_pass, {}},
        {"known_bad_minor", k_warn, {}, [](Situation& s) { s.server.version_num = 150013; }},
        {"encoding", k_pass, {}},
        {"encoding", k_info, {}, [](Situation& s) { s.server.encoding = "LATIN1"; }},
        {"encoding", k_warn, {}, [](Situation& s) { s.server.encoding = "SQL_ASCII"; }},
        {"session_timeouts", k_pass, {setting("statement_timeout", "0")}},
        {"session_timeouts", k_info, {setting("statement_timeout", "5000")}, nullptr, "agent"},
        {"session_timeouts", k_info, {setting("transaction_timeout", "5000")}, nullptr, "agent"},
        {"old_snapshot_threshold", k_pass, {}},
        {"old_snapshot_threshold", k_pass, {setting("old_snapshot_threshold", "-1")}},
        {"old_snapshot_threshold", k_warn, {setting("old_snapshot_threshold", "60000")}},
        {"temp_file_limit", k_pass, {setting("temp_file_limit", "-1")}},
        {"temp_file_limit", k_info, {setting("temp_file_limit", "1024")}},
        {"temp_file_limit", k_unverified, {setting("temp_file_limit", std::nullopt)}},
        {"default_read_only", k_pass, {setting("default_transaction_read_only", "off")}},
        {"default_read_only", k_pass, {setting("default_transaction_read_only", "on", "role")}},
        {"default_read_only", k_warn, {setting("default_transaction_read_only", "on", "database")}},
        {"hot_standby_feedback", k_pass, {setting("hot_standby_feedback", "off")}},
        {"hot_standby_feedback",
         k_fail,
         {setting("hot_standby_feedback", "off")},
         [](Situation& s) { s.server.in_recovery = true; }},
        {"transaction_age", k_pass, {{"200000000", "5"}}},
        {"transaction_age", k_warn, {{"5", "1000000001"}}},
        {"transaction_age", k_fail, {{"1800000001", "5"}}},
        {"archiver", k_pass, {{"on", "f", "0", std::nullopt}}},
        {"archiver", k_pass, {{"off", "t", "3", "000000010000000000000001"}}},
        {"archiver", k_warn, {{"on", "t", "3", "000000010000000000000001"}}, nullptr, "00000001"},
        {"server_tls", k_pass, {setting("ssl", "on")}},
        {"server_tls", k_warn, {setting("ssl", "off")}},
        {"tls_version", k_pass, {setting("ssl_min_protocol_version", "TLSv1.3")}},
        {"tls_version", k_warn, {setting("ssl_min_protocol_version", "TLSv1")}},
        {"tls_version", k_unverified, {setting("ssl", "on")}},
        {"replication_role", k_pass, {role()}},
        {"replication_role", k_fail, {}, nullptr, "does not exist"},
        {"replication_role", k_fail, role_with(2, "f"), nullptr, "REPLICATION"},
        {"role_superuser", k_pass, {role()}},
        {"role_superuser", k_info, role_with(0, "t")},
        {"role_superuser", k_unverified, {}},
        {"password_expiry", k_pass, {role()}},
        {"password_expiry", k_pass, role_with(5, "30")},
        {"password_expiry", k_warn, role_with(5, "29"), nullptr, "VALID UNTIL 'infinity'"},
        {"password_form", k_pass, {{"scram-sha-256"}}},
        {"password_form", k_pass, {{"none"}}},
        {"password_form", k_warn, {{"md5"}}},
        {"monitoring_rights", k_pass, {role()}},
        {"monitoring_rights", k_info, role_with(7, "f"), nullptr, "GRANT pg_read_all_settings TO"},
        {"publication_rights", k_pass, role_with(8, "t")},
        {"publication_rights", k_info, {role()}},
        {"hba_line", k_pass, {hba("1", "hostssl", "all", "scram-sha-256")}},
        {"hba_line", k_pass, {hba("1", "local", "", "trust")}},
        {"hba_line", k_fail, {hba("1", "host", "all", "scram-sha-256", "f")}},
        {"hba_line", k_fail, {hba("1", "host", "all", "reject")}},
        {"hba_line", k_warn, {hba("7", "host", "10.0.0.0", "trust")}, nullptr, "line 7"},
        {"hba_line", k_warn, {hba("7", "host", "all", "password")}},
        {"hba_line", k_pass, {hba("7", "hostssl", "all", "password")}},
        {"hba_syntax", k_pass, {hba("1", "local", "", "trust")}},
        {"hba_syntax", k_fail, {hba("9", "", "", "", "f", "f", "invalid type")}, nullptr, "line 9"},
        {"hba_replication_line", k_pass, {hba("1", "local", "", "trust")}},
        {"hba_replication_line", k_pass, {hba("1", "local", "", "reject", "f", "t")}},
        {"hba_replication_line",
         k_warn,
         {hba("3", "local", "", "peer", "f", "t")},
         nullptr,
         "line 3"},
        {"free_connections", k_pass, {{"97", "93", "0", "0", "-1", "5", "-1", "0", "100"}}},
        {"free_connections",
         k_fail,
         {{"97", "94", "0", "0", "-1", "5", "-1", "0", "100"}},
         nullptr,
         "max_connections = 101"},
        {"free_connections",
         k_fail,
         {{"97", "94", "0", "0", "-1", "5", "-1", "0", "100"}},
         nullptr,
         "after raising it on standbys"},
        {"free_connections", k_pass, {{"97", "96", "3", "3", "-1", "5", "-1", "0", "100"}}},
        {"role_connection_limit", k_pass, {{"97", "1", "0", "0", "-1", "5", "-1", "0", "100"}}},
        {"role_connection_limit", k_pass, {{"97", "1", "0", "0", "5", "5", "-1", "0", "100"}}},
        {"role_connection_limit", k_fail, {{"97", "1", "0", "0", "4", "5", "-1", "0", "100"}}},
        {"database_connection_limit", k_pass, {{"97", "1", "0", "0", "-1", "5", "10", "0", "100"}}},
        {"database_connection_limit",
         k_fail,
         {{"97", "1", "0", "0", "-1", "6", "10", "0", "100"}},
         nullptr,
         "CONNECTION LIMIT 11"},
        {"senders_for_slots",
         k_pass,
         {setting("max_replication_slots", "10"), setting("max_wal_senders", "10")}},
        {"senders_for_slots",
         k_warn,
         {setting("max_replication_slots", "20"), setting("max_wal_senders", "10")},
         nullptr,
         "max_wal_senders = 20"},
        {"wal_sender_timeout", k_pass, {setting("wal_sender_timeout", "60000")}},
        {"wal_sender_timeout",
         k_warn,
         {setting("wal_sender_timeout", "0")},
         nullptr,
         "never notices"},
        {"wal_sender_timeout",
         k_warn,
         {setting("wal_sender_timeout", "5000", "role here", "5s")},
         nullptr,
         "IN DATABASE shop SET"},
        {"wal_sender_timeout", k_unverified, {setting("wal_sender_timeout", std::nullopt)}},
        {"event_trigger_rights", k_pass, role_with(0, "t")},
        {"event_trigger_rights", k_pass, role_with(9, "t")},
        {"event_trigger_rights", k_info, {role()}},
        {"logical_messages", k_pass, {role()}},
        {"logical_messages", k_info, role_with(10, "pg_logical_emit_message(boolean,text,text)"),
         nullptr, "GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean,text,text) TO"},
        {"ddl_capture", k_pass, {capture("4", "0", "4")}},
        {"ddl_capture", k_pass, {capture("4", "4", "0")}},
        {"ddl_capture", k_pass, {}, [](Situation& s) { s.server.extension_version = ""; }},
        {"ddl_capture", k_fail, {capture("4", "3", "1")}, nullptr, "ardent_ddl_capture(true, "},
        {"ddl_capture", k_fail, {capture("3", "3", "0")}, nullptr, "there are 3"},
        {"ddl_capture",
         k_fail,
         {capture("4", "4", "0", "off")},
         nullptr,
         "event_triggers is off here"},
        {"ddl_capture_library", k_pass, {}},
        {"ddl_capture_library",
         k_fail,
         {},
         [](Situation& s) { s.inside.library = library_error("58P01"); },
         "Install the package again"},
        {"ddl_capture_library",
         k_unverified,
         {},
         [](Situation& s) { s.inside.library = library_error("42501"); }},
        {"ddl_capture_version",
         k_pass,
         {capture("4", "0", "4")},
         [](Situation& s) { s.server.extension_version = base::version(); }},
        {"ddl_capture_version",
         k_warn,
         {capture("4", "0", "4")},
         [](Situation& s) { s.server.extension_version = "0.0.9"; },
         "ALTER EXTENSION ardent UPDATE"},
        {"ddl_capture_key", k_pass, {capture("4", "0", "4", "on", "f", "f", std::nullopt)}},
        {"ddl_capture_key", k_pass, {capture("4", "4", "0")}},
        {"ddl_capture_key", k_pass, {capture("4", "4", "0", "on", "t", "t", std::nullopt)}},
        {"ddl_capture_key",
         k_fail,
         {capture("4", "4", "0", "on", "t", "f", std::nullopt)},
         nullptr,
         "cannot read the key"},
        {"ddl_capture_key", k_fail, {capture("4", "4", "0", "on", "f")}},
        {"ddl_capture_key", k_fail, {capture("4", "4", "0", "on", "t", "t", "f")}},
    };
}

}  // namespace ardent::tests
