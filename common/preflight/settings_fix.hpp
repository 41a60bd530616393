// SPDX-License-Identifier: PostgreSQL
// What changes a setting: a statement for psql that is guarded when it runs (what is high enough by
// then, or was changed since the printout, is left alone), or, where a provider manages the server,
// comments that say where it is changed. Rooms of this folder only. Pure.
#pragma once

#include "common/preflight/judging.hpp"
#include "common/preflight/provider.hpp"

#include <string>

namespace ardent::preflight {

struct SettingChange {
    std::string name;
    std::string literal;  // as ALTER SYSTEM wants it
    std::string guard;    // a condition in SQL
    Takes takes = Takes::restart;
    bool or_more = false;  // the literal is the least that will do
};

/// What the server will have: the last word of the configuration files, or else what it has now.
std::string coming_value(const std::string& name);

/// wal_level = logical, unless it is.
SettingChange logical_wal_level();
/// A number without a unit, unless it is as high. It needs a restart.
SettingChange at_least(const std::string& name, long need);

/// The statement alone, without what puts it into force.
std::string alter_system(const SettingChange& change);
/// The whole fix.
std::string change_setting(const Server& server, const SettingChange& change);
std::string change_setting(const Provider& provider, const SettingChange& change);
/// All of them at once, for a provider.
std::string change_settings(const Provider& provider, const std::vector<SettingChange>& changes);

/// "Run the fix", or what else it takes; a sentence without its end.
std::string run_the_fix(const Server& server, Takes takes = Takes::reload);

/// ALTER ROLE … SET for the role alone (in this database alone where that is what is set), unless
/// the role's setting was changed since; `guard` is one more condition for a value that the server
/// gave.
std::string set_for_role(const Context& context, const std::string& name, const Setting& now,
                         const std::string& literal, const std::string& guard);

}  // namespace ardent::preflight
