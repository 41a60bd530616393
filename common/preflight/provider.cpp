// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/provider.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/preflight/preflight.hpp"

#include <algorithm>

namespace ardent::preflight {

namespace {

constexpr const char* k_console = "the provider's console";
constexpr std::string_view k_setting = "setting ";

// Sources: docs/preflight.md, "Providers". A role of a provider is also in dumps that are restored elsewhere, so the
// one who runs such a server says so: provider => 'vanilla'.
constexpr std::array<Provider, 14> k_providers = {{
    {.name = "aurora",
     .title = "Amazon Aurora",
     .signs = {"function aurora_version"},
     .managed = true,
     .superuser = false,
     .where = "in the cluster's DB cluster parameter group (one of your own, not the default)",
     .logical = "rds.logical_replication = 1",
     .logical_note = nullptr,
     .restart = "Then reboot the writer instance.",
     .replicating = Replicating::membership,
     .admin = "a member of rds_superuser",
     .replication_note = nullptr,
     .wal2json = Wal2json::included,
     .network = "the cluster's security group",
     .pooler = {".proxy-", ".rds.amazonaws.com"},
     .instead_of_pooler = "RDS Proxy: name the instance's or the cluster's own endpoint."},
    {.name = "rds",
     .title = "Amazon RDS",
     .signs = {"role rds_superuser", "setting rds.logical_replication", "setting rds.extensions"},
     .managed = true,
     .superuser = false,
     .where = "in the instance's DB parameter group (one of your own, not the default)",
     .logical = "rds.logical_replication = 1",
     .logical_note = nullptr,
     .restart = "Then reboot the instance.",
     .replicating = Replicating::membership,
     .admin = "a member of rds_superuser",
     .replication_note = nullptr,
     .wal2json = Wal2json::included,
     .network = "the instance's security group",
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "alloydb",
     .title = "AlloyDB",
     .signs = {"role alloydbsuperuser", "setting alloydb.logical_decoding"},
     .managed = true,
     .superuser = false,
     .where =
         "in the instance's database flags (gcloud forgets every flag that is not named again)",
     .logical = "alloydb.logical_decoding = on",
     .logical_note = nullptr,
     .restart = "The instance restarts for it.",
     .replicating = Replicating::attribute,
     .admin = "a member of alloydbsuperuser, such as postgres",
     .replication_note = nullptr,
     .wal2json = Wal2json::unsure,
     .network = "the instance's authorized networks",
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "cloudsql",
     .title = "Google Cloud SQL",
     .signs = {"role cloudsqlsuperuser", "setting cloudsql.logical_decoding"},
     .managed = true,
     .superuser = false,
     .where =
         "in the instance's database flags (gcloud forgets every flag that is not named again)",
     .logical = "cloudsql.logical_decoding = on",
     .logical_note = nullptr,
     .restart = "The instance restarts for it.",
     .replicating = Replicating::attribute,
     .admin = "a member of cloudsqlsuperuser, such as postgres",
     .replication_note = nullptr,
     .wal2json = Wal2json::included,
     .network = "the instance's authorized networks",
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "azure",
     .title = "Azure Database for PostgreSQL (Flexible Server)",
     .signs = {"role azure_pg_admin", "setting azure.extensions"},
     .managed = true,
     .superuser = false,
     .where = "in the server parameters (portal, or az postgres flexible-server parameter set)",
     .logical = "wal_level = logical",
     .logical_note = nullptr,
     .restart = "Then restart the server.",
     .replicating = Replicating::attribute,
     .admin = "the server's administrator, a member of azure_pg_admin",
     .replication_note = nullptr,
     .wal2json = Wal2json::included,
     .network = "the server's firewall rules",
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "neon",
     .title = "Neon",
     .signs = {"role neon_superuser", "setting neon.timeline_id", "setting neon.tenant_id"},
     .managed = true,
     .superuser = false,
     .where = "by asking Neon's support",
     .logical = nullptr,
     .logical_note =
         "Enable logical replication in the Neon Console (the project's Settings); it cannot be "
         "taken back.\nThe project's computes restart for it.",
     .restart = "Its computes restart for it.",
     .replicating = Replicating::elsewhere,
     .admin = "a role of the Neon Console",
     .replication_note =
         "Create the role in the Neon Console, its CLI or its API: such roles may replicate, roles "
         "that were\ncreated in SQL may not.",
     .wal2json = Wal2json::included,
     .network = "the project's IP Allow list",
     .pooler = {"-pooler.", ".neon."},
     .instead_of_pooler = "Neon: leave \"-pooler\" out of the host name."},
    {.name = "supabase",
     .title = "Supabase",
     .signs = {"role supabase_admin"},
     .managed = true,
     .superuser = false,
     .where = "with the Supabase CLI (supabase postgres-config update)",
     .logical = nullptr,
     .logical_note = "wal_level is logical there by default: ask Supabase's support why it is not.",
     .restart = "Then let the CLI restart the database.",
     .replicating = Replicating::attribute,
     .admin = "postgres",
     .replication_note =
         "Below PostgreSQL 17 only the role postgres itself may replicate: name it.",
     .wal2json = Wal2json::included,
     .network = "the project's network restrictions",
     .pooler = {"pooler.supabase.com"},
     .instead_of_pooler =
         "Supabase: name db.<project>.supabase.co:5432 (IPv6, or with the IPv4 add-on)."},
    {.name = "planetscale",
     .title = "PlanetScale",
     .signs = {"role pscale_superuser", "role pscale_admin"},
     .managed = true,
     .superuser = false,
     .where = "in the cluster's parameters (dashboard, Clusters, Parameters)",
     .logical = "wal_level = logical",
     .logical_note = nullptr,
     .restart = "Then apply the change, which restarts the cluster.",
     .replicating = Replicating::attribute,
     .admin = "postgres, the default role",
     .replication_note = nullptr,
     .wal2json = Wal2json::included,
     .network = k_console,
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "crunchy",
     .title = "Crunchy Bridge",
     .signs = {"role crunchy_superuser", "role crunchy_replication"},
     .managed = true,
     .superuser = true,
     .where = "in the cluster's configuration parameters (dashboard or API)",
     .logical = "wal_level = logical",
     .logical_note = nullptr,
     .restart = "Then restart the cluster.",
     .replicating = Replicating::attribute,
     .admin = "postgres",
     .replication_note = nullptr,
     .wal2json = Wal2json::unsure,
     .network = k_console,
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "timescale",
     .title = "Timescale",
     .signs = {"role tsdbadmin"},
     .managed = true,
     .superuser = false,
     .where = "in the service's database parameters (console)",
     .logical = nullptr,
     .logical_note =
         "wal_level is the provider's there: ask its support whether your service can have logical "
         "replication.",
     .restart = "The service restarts for it.",
     .replicating = Replicating::elsewhere,
     .admin = "tsdbadmin",
     .replication_note = "Ask its support for a role that may replicate.",
     .wal2json = Wal2json::unsure,
     .network = k_console,
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "aiven",
     .title = "Aiven",
     .signs = {"role avnadmin"},
     .managed = true,
     .superuser = false,
     .where = "in the service's advanced configuration (console, API or CLI)",
     .logical = "wal_level = logical",
     .logical_note = nullptr,
     .restart = "The service restarts for it.",
     .replicating = Replicating::elsewhere,
     .admin = "avnadmin",
     .replication_note =
         "Make it a service user that may replicate (API and Terraform: pg_allow_replication); "
         "avnadmin may already.",
     .wal2json = Wal2json::unsure,
     .network = "the service's allowed IP addresses",
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "heroku",
     .title = "Heroku Postgres",
     .signs = {"role heroku_admin", "schema heroku_ext", "schema _heroku"},
     .managed = true,
     .superuser = false,
     .where = "by asking Heroku's support",
     .logical = nullptr,
     .logical_note = "Heroku Postgres has no logical replication "
                     "(github.com/heroku/roadmap/issues/38): move the "
                     "database\nto a provider that has it.",
     .restart = "Then restart the database.",
     .replicating = Replicating::elsewhere,
     .admin = "the database's owner",
     .replication_note = "No role may replicate there: it has no logical replication.",
     .wal2json = Wal2json::never,
     .network = k_console,
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "managed",
     .title = "This provider",
     .signs = {"role doadmin", "extension aiven_extras"},
     .managed = true,
     .superuser = false,
     .where = "in the provider's console",
     .logical = "wal_level = logical",
     .logical_note = nullptr,
     .restart = "Then restart the server there.",
     .replicating = Replicating::attribute,
     .admin = "the provider's administrator role",
     .replication_note = "Where that is refused, the provider's console or its support can do it.",
     .wal2json = Wal2json::unsure,
     .network = k_console,
     .pooler = {},
     .instead_of_pooler = nullptr},
    {.name = "vanilla",
     .title = "PostgreSQL",
     .signs = {},
     .managed = false,
     .superuser = true,
     .where = "with ALTER SYSTEM",
     .logical = "wal_level = logical",
     .logical_note = nullptr,
     .restart = "Then restart the server.",
     .replicating = Replicating::attribute,
     .admin = "a superuser",
     .replication_note = nullptr,
     .wal2json = Wal2json::package,
     .network = "pg_hba.conf",
     .pooler = {},
     .instead_of_pooler = nullptr},
}};

std::string as_comment(const std::string& text) {
    std::string result;
    for (const std::string& line : base::split(text, '\n')) {
        result += "-- " + line + "\n";
    }
    return result;
}

bool is_setting(std::string_view sign) noexcept {
    return sign.substr(0, k_setting.size()) == k_setting;
}

bool names_pooler(const Provider& provider, std::string_view host) noexcept {
    return provider.instead_of_pooler != nullptr &&
           std::all_of(
               provider.pooler.begin(), provider.pooler.end(),
               [host](std::string_view part) { return host.find(part) != std::string_view::npos; });
}

}  // namespace

std::span<const Provider> providers() noexcept {
    return k_providers;
}

const Provider& find_provider(std::string_view name) noexcept {
    const auto* const found =
        std::find_if(k_providers.begin(), k_providers.end(),
                     [name](const Provider& provider) { return name == provider.name; });
    return found == k_providers.end() ? k_providers.back() : *found;
}

const Provider& detect_provider(const std::vector<std::string>& signs) noexcept {
    const auto* const found =
        std::find_if(k_providers.begin(), k_providers.end(), [&signs](const Provider& provider) {
            return std::any_of(
                provider.signs.begin(), provider.signs.end(), [&signs](std::string_view sign) {
                    return !sign.empty() &&
                           std::find(signs.begin(), signs.end(), sign) != signs.end();
                });
        });
    return found == k_providers.end() ? k_providers.back() : *found;
}

std::vector<std::string> known_settings() {
    std::vector<std::string> names;
    for (const Provider& provider : k_providers) {
        for (const std::string_view sign : provider.signs) {
            if (is_setting(sign)) {
                names.emplace_back(sign.substr(k_setting.size()));
            }
        }
    }
    return names;
}

std::vector<std::string> known_signs() {
    std::vector<std::string> signs;
    for (const Provider& provider : k_providers) {
        for (const std::string_view sign : provider.signs) {
            if (!sign.empty() && !is_setting(sign)) {
                signs.emplace_back(sign);
            }
        }
    }
    return signs;
}

std::string parse_provider(std::string_view text) {
    std::vector<std::string> names;
    for (const Provider& provider : k_providers) {
        if (text == provider.name) {
            return provider.name;
        }
        names.emplace_back(provider.name);
    }
    std::sort(names.begin(), names.end());
    throw base::Error(base::ErrorKind::config,
                      "\"" + std::string(text) + "\" is no provider that is known here",
                      "Use one of " + base::join(names, ", ") +
                          "; managed stands for any other one that gives no superuser, vanilla for "
                          "a server of your own.",
                      "22023");
}

std::string change_settings(const Provider& provider, const std::vector<std::string>& lines,
                            Takes takes) {
    std::string result = std::string("-- ") + provider.title + ": settings are changed " +
                         provider.where + ", not with SQL:\n";
    for (const std::string& line : lines) {
        result += "--   " + line + "\n";
    }
    return result + "-- " + (takes == Takes::restart ? provider.restart : "No restart is needed.") +
           "\n";
}

std::string explain_wal_level(const Provider& provider) {
    return as_comment(std::string(provider.title) + ": " + provider.logical_note);
}

std::string let_replicate(const Provider& provider, const std::string& quoted_role) {
    const std::string note =
        provider.replication_note == nullptr
            ? ""
            : as_comment(std::string(provider.title) + ": " + provider.replication_note);
    switch (provider.replicating) {
    case Replicating::attribute:
        return note + "ALTER ROLE " + quoted_role + " REPLICATION;";
    case Replicating::membership:
        return note + "GRANT " + k_replication_role + " TO " + quoted_role + ";";
    case Replicating::elsewhere:
        return note;
    }
    return note;
}

std::string wal2json_advice(const Provider& provider, int major) {
    const std::string number = std::to_string(major);
    switch (provider.wal2json) {
    case Wal2json::package:
        return "Install the package postgresql-" + number +
               "-wal2json (Debian, Ubuntu) or wal2json_" + number +
               " (RHEL family) on the server, then re-run preflight.";
    case Wal2json::included:
        return std::string(provider.title) +
               " brings wal2json: update to its newest minor version, or ask its support.";
    case Wal2json::unsure:
        return std::string(provider.title) +
               " does not document wal2json: look into its list of extensions, or ask its support; "
               "nobody else can install it there.";
    case Wal2json::never:
        return base::join(base::split(provider.logical_note, '\n'), " ");
    }
    return {};
}

std::string instead_of_pooler(std::string_view host) {
    for (const Provider& provider : k_providers) {
        if (names_pooler(provider, host)) {
            return provider.instead_of_pooler;
        }
    }
    return {};
}

}  // namespace ardent::preflight
