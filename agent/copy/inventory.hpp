// SPDX-License-Identifier: PostgreSQL
// What a replica needs beside tables and rows, read from the source's catalogs inside the copy's
// snapshot: extensions, roles, owners, and what the stream does not carry. Functions on the
// caller's connection and thread; they throw as Connection::exec.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <string>
#include <vector>

namespace ardent::agent {

/// Extensions that live in the schemas or that something in them depends on, and what those need,
/// in an order in which they can be created. Neither plpgsql, which every database has, nor our
/// own.
std::vector<protocol::ExtensionNeed> read_extensions(pq::Connection& connection,
                                                     const std::vector<std::string>& schemas);

/// The schemas and every object in them that has an owner of its own, without the tables in
/// `excluded`.
std::vector<protocol::ObjectOwner> read_owners(pq::Connection& connection,
                                               const std::vector<std::string>& schemas,
                                               const std::vector<model::RelationName>& excluded);

/// Roles that own or are granted anything in the schemas, without the predefined ones.
std::vector<std::string> read_roles(pq::Connection& connection,
                                    const std::vector<std::string>& schemas);

/// Names are quoted as SQL needs it. `exact_numbers`: the plugin says NaN and infinities.
protocol::NotCarried read_not_carried(pq::Connection& connection,
                                      const std::vector<std::string>& schemas, bool exact_numbers);

/// What defaults, generated columns and checks of the tables call in schemas that are not carried;
/// neither the server's own nor functions of extensions.
std::vector<protocol::OutsideFunction> read_outside_functions(
    pq::Connection& connection, const std::vector<std::string>& schemas);

/// What the copy must not try to make; but for what no table can be made without, which preflight
/// has refused.
std::vector<protocol::OutsideObject> read_outside_objects(
    pq::Connection& connection, const std::vector<std::string>& schemas,
    const std::vector<model::RelationName>& excluded);

/// Casts of types in the schemas, without those in `outside`.
std::vector<protocol::Cast> read_casts(pq::Connection& connection,
                                       const std::vector<std::string>& schemas,
                                       const std::vector<protocol::OutsideObject>& outside);

/// Default privileges that hold in all schemas.
std::vector<protocol::DefaultPrivileges> read_default_privileges(pq::Connection& connection);

/// The labels of enums in the schemas and of those that extensions brought, wherever they are.
std::vector<protocol::EnumLabels> read_enums(pq::Connection& connection,
                                             const std::vector<std::string>& schemas);

}  // namespace ardent::agent
