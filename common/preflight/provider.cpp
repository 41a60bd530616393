// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/provider.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/preflight/preflight.hpp"

#include <algorithm>

namespace ardent::preflight {

namespace {

constexpr std::string_view k_setting = "setting ";

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

const Provider& find_provider(std::string_view name) noexcept {
    const auto found =
        std::find_if(providers().begin(), providers().end(),
                     [name](const Provider& provider) { return name == provider.name; });
    return found == providers().end() ? providers().back() : *found;
}

const Provider& detect_provider(const std::vector<std::string>& signs) noexcept {
    const auto found =
        std::find_if(providers().begin(), providers().end(), [&signs](const Provider& provider) {
            return std::any_of(
                provider.signs.begin(), provider.signs.end(), [&signs](std::string_view sign) {
                    return !sign.empty() &&
                           std::find(signs.begin(), signs.end(), sign) != signs.end();
                });
        });
    return found == providers().end() ? providers().back() : *found;
}

std::vector<std::string> known_settings() {
    std::vector<std::string> names;
    for (const Provider& provider : providers()) {
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
    for (const Provider& provider : providers()) {
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
    for (const Provider& provider : providers()) {
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

std::string replication_advice(const Provider& provider) {
    return provider.replication_note == nullptr
               ? ""
               : as_comment(std::string(provider.title) + ": " + provider.replication_note);
}

std::string let_replicate(const Provider& provider, const std::string& quoted_role) {
    std::string note = replication_advice(provider);
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
    for (const Provider& provider : providers()) {
        if (names_pooler(provider, host)) {
            return provider.instead_of_pooler;
        }
    }
    return {};
}

}  // namespace ardent::preflight
