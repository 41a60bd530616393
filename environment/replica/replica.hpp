// SPDX-License-Identifier: PostgreSQL
// The replica of one connector inside its instance: roles, database, schemas, extensions, owners. What stands
// here runs on the admin connection, which never sees text from the source: only names, quoted by us or by the
// server. Functions of one thread each; they throw base::Error (replica) with what to do.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/config/settings.hpp"
#include "environment/instance/instance.hpp"
#include "environment/replica/extensions.hpp"
#include "environment/state/records.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

inline constexpr const char* k_maintenance_database = "template1";
/// Owns what its owner at the source cannot own here; without any right of its own.
inline constexpr const char* k_nobody_role = "ardent_nobody";

InstanceSpec replica_spec(const Settings& settings, const std::string& connector_id,
                          const std::string& name, int major);

/// ardent_apply, ardent_reader, and every role of the source that owns or is granted anything, NOLOGIN.
void create_roles(pq::Connection& admin, const std::vector<std::string>& roles);

/// NOLOGIN, when it is not there; ardent_apply may act as it, and lend it (environment/replay), unless it is a predefined one.
void create_source_role(pq::Connection& admin, const std::string& role);

/// ardent_apply may act as the superuser until it is taken back: for statements of ours that belong into its transaction.
/// Nothing of the source's runs meanwhile.
void lend_admin(pq::Connection& admin);
void take_back_admin(pq::Connection& admin);

/// With the source's encoding and locale. A locale that this host lacks is an error that names it.
void create_database(pq::Connection& admin, const protocol::SourceIdentity& source);

/// Owned by ardent_apply, when it is not there.
void create_schema(pq::Connection& admin, const std::string& schema);

/// Schemas and extensions. `admin` is connected to the new database. What could not be had exactly is
/// added to `warnings`. Throws as create_extension.
void create_surroundings(pq::Connection& admin, const protocol::CopyBegin& begin,
                         const ExtensionPolicy& policy, std::vector<std::string>& warnings);

/// What stands for functions of schemas that are not carried, so that tables can be made whose expressions call them:
/// functions that raise an error. Nothing calls them while rows are stored. Each is named in `warnings`.
void create_stand_ins(pq::Connection& admin, pq::Connection& apply,
                      const std::vector<protocol::OutsideFunction>& functions,
                      std::vector<std::string>& warnings);

/// True for what runs code of the source: tables and functions get their owners before the rows come, so that no code runs
/// with the rights of ardent_apply.
bool runs_code(const protocol::ObjectOwner& owned);

/// Gives each object to its owner at the source. Where that cannot be, it becomes a warning, and k_nobody_role owns what runs
/// code.
void set_owners(pq::Connection& admin, const std::vector<protocol::ObjectOwner>& owners,
                std::vector<std::string>& warnings);

/// Grants come last, and owners' code wants to look into schemas before: lets everybody, who is nobody then. Returns those
/// that were closed, for close_schemas.
std::vector<std::string> open_schemas(pq::Connection& admin,
                                      const std::vector<std::string>& schemas);
void close_schemas(pq::Connection& admin, const std::vector<std::string>& opened);

/// Triggers and rules that would fire in a replica (ENABLE ALWAYS, ENABLE REPLICA) are switched off.
std::vector<DisabledTrigger> disable_triggers(pq::Connection& admin);

/// What ardent_reader lacks where pg_read_all_data does not exist (PostgreSQL 13), on what the connection's role owns.
void grant_reader(pq::Connection& connection);

}  // namespace ardent::environment
