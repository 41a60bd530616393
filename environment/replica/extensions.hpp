// SPDX-License-Identifier: PostgreSQL
// Which extensions of the source a replica gets, and how: the same rules for the copy and for
// replayed DDL. Functions of one thread; they throw base::Error (replica) with what to do.
#pragma once

#include "common/protocol/messages.hpp"
#include "environment/instance/superuser.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

/// In the list of allowed extensions: those that their authors and this host's packages call
/// trusted, which an ordinary role may create.
inline constexpr const char* k_trusted = "trusted";
inline constexpr const char* k_known = "known";  // a list of our own: what can do no harm
inline constexpr const char* k_any_extension = "*";

struct ExtensionPolicy {
    std::vector<std::string>
        allowed;  // replica.extensions: names, k_trusted, k_known, k_any_extension
    std::vector<std::string> dropped;  // drop_extensions of the connector
};

/// Not installed, whatever else is said about it.
bool is_dropped(const ExtensionPolicy& policy, const std::string& extension);

/// "postgresql-15-postgis-3"; a guess where the name follows no rule that is known.
std::string package_of(int major, const std::string& extension);

/// While an extension's script runs, functions and operators of the source have other names: a
/// script is not written for a schema in which somebody else's fit its calls better than what it
/// means. Relations and types are no way in, because a name of theirs has one meaning, and of the
/// schemas that a script finds pg_catalog is the first and pg_temp the last. In a transaction,
/// which alone sees it; without put_back it must not be committed.
class NamesAside {
public:
    explicit NamesAside(Superuser& admin);
    void put_back();

private:
    struct Names {
        std::string oids;  // array text
        std::string names;
    };
    Superuser& m_admin;
    Names m_functions;
    Names m_operators;
};

/// As the source has it, with what it requires and with its schema, when they are not there. Throws
/// when this host does not have it, naming the package, and when the policy forbids it or what it
/// requires, naming the setting. What could not be had exactly is added to `warnings`.
void create_extension(Superuser& admin, const protocol::ExtensionNeed& need,
                      const ExtensionPolicy& policy, std::vector<std::string>& warnings);

/// To `version`, or to this host's; it is installed.
void update_extension(Superuser& admin, const std::string& name,
                      const std::optional<std::string>& version);

}  // namespace ardent::environment
