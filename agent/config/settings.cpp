// SPDX-License-Identifier: PostgreSQL
#include "agent/config/settings.hpp"

#include "common/base/address.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <unistd.h>

namespace ardent::agent {

namespace {

using config::Option;
using config::Type;

constexpr std::chrono::seconds k_shortest_interval{1};

base::Error refuse(const std::string& message, const std::string& hint = {}) {
    return {base::ErrorKind::config, message, hint};
}

/// The server's rule for slot names, and ours for the prefix.
void check_slot_name(const std::string& name) {
    constexpr std::string_view k_allowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (!name.starts_with("ardent_") || name.size() < 8 || name.size() > 63 ||
        name.find_first_not_of(k_allowed) != std::string::npos) {
        throw refuse(
            "slot.name: \"" + name + "\" is no name for our slot",
            "It begins with ardent_ and has lower-case letters, digits and underscores, at most "
            "63 in all.");
    }
}

std::string system_certificates() {
    for (const char* const path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem"}) {
        if (::access(path, R_OK) == 0) {
            return path;
        }
    }
    return "";
}

std::vector<Option> make_options() {
    return {
        {.key = "environment.url",
         .help =
             "Where the Ardent environment listens, for example https://ardent.example.com:8443.",
         .required = true},
        {.key = "environment.connector", .help = "The connector's id.", .required = true},
        {.key = "environment.token_file",
         .type = Type::secret_file,
         .help = "File with the connector's agent token, mode 0600.",
         .required = true},
        {.key = "environment.ca_file",
         .type = Type::file,
         .help = "Certificate authority of the environment; the system's when not set."},
        {.key = "source.host",
         .help = "The source server: a name, an address, or the folder of its Unix socket. Several "
                 "with commas between: the one that is the primary.",
         .required = true},
        {.key = "source.port",
         .type = Type::integer,
         .help = "Its port.",
         .default_value = "5432",
         .minimum = 1,
         .maximum = 65535},
        {.key = "source.database", .help = "The database to carry.", .required = true},
        {.key = "source.user",
         .help = "The role: LOGIN, REPLICATION, SELECT on the tables; no superuser.",
         .default_value = "ardent_replication"},
        {.key = "source.password_file",
         .type = Type::secret_file,
         .help = "File with its password, mode 0600; read anew at every connect. Not set: none is "
                 "sent."},
        {.key = "source.sslmode",
         .help = "How the connection is protected; when not set: verify-full, or prefer for a "
                 "local host.",
         .choices = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
        {.key = "source.sslrootcert",
         .type = Type::file,
         .help = "Certificate authority of the source server; the system's when not set."},
        {.key = "source.schemas",
         .type = Type::text_list,
         .help = "Schemas to carry, named exactly as the catalog has them.",
         .default_value = "public"},
        {.key = "source.exclude",
         .type = Type::text_list,
         .help = "Tables to leave out, as schema.table."},
        {.key = "source.pg_dump",
         .type = Type::file,
         .help = "The pg_dump to use; when not set, the one of the server's major."},
        {.key = "source.accept_large_objects",
         .type = Type::boolean,
         .help = "Go on although the database has large objects, which are not carried.",
         .default_value = "false"},
        {.key = "source.preflight_interval",
         .type = Type::duration,
         .help =
             "How often the preflight list runs again while streaming, 1s to 24h; 0s for never.",
         .default_value = "5min",
         .maximum = 86'400'000},
        {.key = "source.sequence_interval",
         .type = Type::duration,
         .help = "How often the values of sequences are reported while streaming, 1s to 10s.",
         .default_value = "5s",
         .maximum = 10'000},
        {.key = "slot.name",
         .help = "The replication slot; ardent_ and the connector's id when not set."},
        {.key = "slot.plugin",
         .help = "The output plugin.",
         .default_value = "wal2json",
         .choices = {"wal2json"}},
        {.key = "limits.segment_bytes",
         .type = Type::bytes,
         .help = "Messages are shipped in segments of at most this size; the environment may ask "
                 "for less.",
         .default_value = "4MB",
         .minimum = 4096,
         .maximum = 16LL * 1024 * 1024},
        {.key = "limits.in_flight",
         .type = Type::integer,
         .help = "So many segments may be under way; the environment may ask for less.",
         .default_value = "3",
         .minimum = 1,
         .maximum = 8},
        {.key = "limits.compression",
         .type = Type::integer,
         .help = "zstd level of segments, 0 for none.",
         .default_value = "1",
         .minimum = 0,
         .maximum = 19},
        {.key = "limits.max_retained_wal",
         .type = Type::bytes,
         .help = "Give the slot up when it holds back more WAL than this on the source. The "
                 "replica must then "
                 "be made anew. Never when not set."},
        {.key = "limits.drain",
         .type = Type::duration,
         .help = "How long a stop waits until what was read is durable.",
         .default_value = "10s",
         .maximum = 600'000},
        {.key = "log.level",
         .help = "How much is logged.",
         .default_value = "info",
         .choices = {"debug", "info", "warning", "error"}},
    };
}

SourceSettings read_source(const config::Values& values) {
    SourceSettings source;
    source.host = values.text("source.host");
    source.port = values.text("source.port");
    source.database = values.text("source.database");
    source.user = values.text("source.user");
    source.password_file = values.text("source.password_file");
    source.sslmode = values.text("source.sslmode");
    if (source.sslmode.empty()) {
        source.sslmode = is_local_host(source.host) ? "prefer" : "verify-full";
    }
    source.sslrootcert = values.text("source.sslrootcert");
    if (source.sslrootcert.empty() && source.sslmode.starts_with("verify")) {
        source.sslrootcert = system_certificates();
    }
    source.pg_dump = values.text("source.pg_dump");
    source.schemas = values.list("source.schemas");
    if (source.schemas.empty()) {
        throw refuse("source.schemas names no schema");
    }
    for (const std::string& text : values.list("source.exclude")) {
        const auto relation = model::parse_relation(text);
        if (!relation) {
            throw refuse("source.exclude: \"" + text + "\" is not schema.table");
        }
        source.excluded.push_back(*relation);
    }
    source.preflight_interval = values.duration("source.preflight_interval");
    if (source.preflight_interval.count() > 0 && source.preflight_interval < k_shortest_interval) {
        throw refuse("source.preflight_interval: " + values.text("source.preflight_interval") +
                         " is shorter than 1s",
                     "Say 1s to 24h, or 0s for never; 5min is the default.");
    }
    source.sequence_interval = values.duration("source.sequence_interval");
    if (source.sequence_interval < k_shortest_interval) {
        throw refuse("source.sequence_interval: " + values.text("source.sequence_interval") +
                         " is shorter than 1s",
                     "Say 1s to 10s; 5s is the default.");
    }
    return source;
}

}  // namespace

const std::vector<Option>& options() {
    static const std::vector<Option> s_options = make_options();
    return s_options;
}

std::string current_secret(const std::string& path) {
    try {
        return config::read_secret(path);
    } catch (const base::Error& e) {
        throw base::Error(base::ErrorKind::transient, e.what(), e.hint());
    }
}

bool selects(const SourceSettings& source, const model::RelationName& table) {
    const auto& [schemas, excluded] = std::tie(source.schemas, source.excluded);
    return std::find(schemas.begin(), schemas.end(), table.schema) != schemas.end() &&
           std::find(excluded.begin(), excluded.end(), table) == excluded.end();
}

bool is_local_host(const std::string& hosts) {
    const std::vector<std::string> each = base::split(hosts, ',');
    return std::all_of(each.begin(), each.end(), [](const std::string& host) {
        return host.starts_with('/') || host.starts_with('@') || base::is_loopback(host);
    });
}

std::string default_slot_name(const std::string& connector) {
    std::string name = "ardent_";
    const std::size_t at = connector.rfind('_');
    for (const char c : at == std::string::npos ? connector : connector.substr(at + 1)) {
        if (c != '-') {
            name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    return name;
}

Settings read_settings(const config::Values& values) {
    Settings settings;
    settings.environment = {values.text("environment.url"), values.text("environment.connector"),
                            values.text("environment.token_file"),
                            values.text("environment.ca_file")};
    settings.source = read_source(values);
    settings.slot.name = values.text("slot.name");
    if (settings.slot.name.empty()) {
        settings.slot.name = default_slot_name(settings.environment.connector);
    }
    check_slot_name(settings.slot.name);
    settings.slot.plugin = values.text("slot.plugin");
    settings.slot.accept_large_objects = values.boolean("source.accept_large_objects");
    LimitSettings& limits = settings.limits;
    limits.segment_bytes = values.bytes("limits.segment_bytes");
    limits.in_flight = static_cast<unsigned>(values.integer("limits.in_flight"));
    limits.compression = static_cast<int>(values.integer("limits.compression"));
    if (values.has("limits.max_retained_wal")) {
        limits.max_retained_wal = values.bytes("limits.max_retained_wal");
    }
    limits.drain = values.duration("limits.drain");
    settings.log_level = values.text("log.level");
    return settings;
}

}  // namespace ardent::agent
