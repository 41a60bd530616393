// SPDX-License-Identifier: PostgreSQL
// The replica of one connector inside its instance: roles, database, schemas, extensions, owners.
// What stands here runs as the superuser (environment/instance/superuser.hpp). Functions of one
// thread each; they throw base::Error (replica) with what to do.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/config/settings.hpp"
#include "environment/instance/superuser.hpp"
#include "environment/replica/extensions.hpp"
#include "environment/state/records.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

inline constexpr const char* k_maintenance_database = "template1";

InstanceSpec replica_spec(const Settings& settings, const std::string& connector_id,
                          const std::string& name, int major);

/// ardent_apply, ardent_reader, and every role of the source that owns or is granted anything,
/// NOLOGIN.
void create_roles(Superuser& admin, const std::vector<std::string>& roles);

/// Who owns here what `role` owns at the source.
std::string owner_here(const std::string& role);
/// What a warning says after "… is ROLE".
std::string inert_owner_note();

/// NOLOGIN, when it is not there; ardent_apply may act as it, and lend it (environment/replay),
/// unless it is a predefined one.
void create_source_role(Superuser& admin, const std::string& role);

/// With the source's encoding and locale. A locale that this host lacks is an error that names it.
void create_database(Superuser& admin, const protocol::SourceIdentity& source);

/// What to say when text is sorted by other rules here than at the source; empty: it is not, or one
/// side does not tell. Pure.
std::string collation_warning(const protocol::SourceIdentity& source,
                              const std::optional<std::string>& here);

/// Owned by ardent_apply, when it is not there.
void create_schema(Superuser& admin, const std::string& schema);

/// Schemas and extensions. `admin` is connected to the new database. What could not be had exactly
/// is added to `warnings`. Throws as create_extension.
void create_surroundings(Superuser& admin, const protocol::CopyBegin& begin,
                         const ExtensionPolicy& policy, std::vector<std::string>& warnings);

/// For what stands in: everybody may look into it, so that what is missing there is said to be.
void create_outside_schema(Superuser& admin, const std::string& schema);
/// One of those that create_stand_ins makes; its schema is there.
void create_stand_in(pq::Connection& apply, const protocol::OutsideFunction& function);

/// What stands for functions of schemas that are not carried, so that tables can be made whose
/// expressions call them: functions that raise an error. Nothing calls them while rows are stored.
/// Each is named in `warnings`.
void create_stand_ins(Superuser& admin, pq::Connection& apply,
                      const std::vector<protocol::OutsideFunction>& functions,
                      std::vector<std::string>& warnings);

/// True for what runs code of the source: tables and functions get their owners before the rows
/// come, so that no code runs with the rights of ardent_apply.
bool runs_code(const protocol::ObjectOwner& owned);

/// Gives each object to its owner at the source. Where that cannot be, it becomes a warning, and
/// k_nobody_role owns what runs code, and whatever has a reserved role as its owner (but for a
/// schema of pg_database_owner, as public is since 15).
void set_owners(Superuser& admin, const std::vector<protocol::ObjectOwner>& owners,
                std::vector<std::string>& warnings);

/// Grants come last, and owners' code wants to look into schemas before: lets everybody, who is
/// nobody then. Returns those that were closed, for close_schemas.
std::vector<std::string> open_schemas(Superuser& admin, const std::vector<std::string>& schemas);
void close_schemas(Superuser& admin, const std::vector<std::string>& opened);

/// Triggers and rules that would fire in a replica (ENABLE ALWAYS, ENABLE REPLICA) are switched
/// off.
std::vector<DisabledTrigger> disable_triggers(pq::Connection& connection);

/// What ardent_reader lacks where pg_read_all_data does not exist (PostgreSQL 13), on what the
/// connection's role owns.
void grant_reader(pq::Connection& connection);

}  // namespace ardent::environment
