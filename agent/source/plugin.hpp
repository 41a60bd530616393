// SPDX-License-Identifier: PostgreSQL
// What we ask of the output plugin wal2json. Pure but for the probe.
// Source: wal2json's README and wal2json.c, versions 2.4 to 2.6.
#pragma once

#include "agent/config/settings.hpp"
#include "common/model/lsn.hpp"
#include "common/pq/connection.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::agent {

using PluginOptions = std::map<std::string, std::string>;

/// Selection, exclusions, and everything that the format of the messages depends on; no prefix of
/// logical messages. `exact_numbers`: the plugin knows numeric-data-types-as-string (2.6 and
/// later). `unfollowed`: left out as what source.exclude names.
PluginOptions plugin_options(const SourceSettings& source, bool exact_numbers,
                             const std::vector<model::RelationName>& unfollowed = {});

/// What the plugin would decode although a replica does not follow it: materialized views (REFRESH
/// … CONCURRENTLY writes rows, and deletes them without an identity) and the tables of extensions.
std::vector<model::RelationName> read_unfollowed(pq::Connection& connection,
                                                 const std::vector<std::string>& schemas);

/// A name inside add-tables and filter-tables: what the plugin would take for syntax gets a
/// backslash.
std::string escape_table_part(std::string_view name);

/// START_REPLICATION SLOT "…" LOGICAL 0/… ("option" 'value', …). Of logical messages those with one
/// of `prefixes` come and no others, however large or ill formed they are: the plugin looks at the
/// prefix first. Ours that keep an idle stream moving need not come: the begin and commit around
/// them do.
std::string start_replication_command(const std::string& slot, model::Lsn from,
                                      const PluginOptions& options,
                                      const std::set<std::string>& prefixes);

/// True for the plugin's word that it does not know the option for exact numbers.
bool refuses_exact_numbers(const base::Error& error) noexcept;

/// Asks the plugin through the slot, which must be inactive; decodes nothing. From 17 on the server
/// answers only once the standbys in synchronized_standby_slots are there: transient after 30
/// seconds, or when `go_on` says no. Throws as exec.
bool knows_exact_numbers(pq::Connection& connection, const std::string& slot,
                         const std::function<bool()>& go_on);

}  // namespace ardent::agent
