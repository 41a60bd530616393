// SPDX-License-Identifier: PostgreSQL
// Rights that a role had at the source without a grant (a superuser, a member of roles) and has not
// in the replica: lent for one statement inside the target transaction and taken back after it, so
// that nobody sees them. The connection's user is a member, with the admin option, of every role of
// the source; no right beyond its own is lent. One thread.
#pragma once

#include "common/pq/connection.hpp"

#include <string>
#include <vector>

namespace ardent::replay {

/// What a role may be lent; each costs the replica time.
enum class Lent : unsigned {
    nothing = 0,
    owners = 1,    // membership in whoever owns something
    schemas = 2,   // USAGE and CREATE
    servers = 4,   // USAGE
    database = 8,  // CREATE
    all = 15
};

Lent operator|(Lent a, Lent b) noexcept;
bool has(Lent all, Lent one) noexcept;
/// What a refused statement lacks, by the server's words for it.
Lent lacking(const base::Error& error);

class Lending {
public:
    /// `schemas` may be used and created in.
    Lending(pq::Connection& connection, const std::vector<std::string>& schemas)
        : m_connection(connection), m_schemas(schemas) {}

    /// Lends to the statement's role; in a transaction, as the connection's own user.
    void lend(const std::string& role, Lent what);
    /// Lends to the statement's role what it takes to act for another one.
    void lend_membership(const std::string& role, const std::string& other);
    /// Lends the role what it takes to make another one an owner, and that one what it takes to
    /// own.
    void lend_ownership(const std::string& role, const std::string& owner);
    void take_back();

private:
    void grant(const std::string& what, const std::string& role);
    void lend_owners(const std::string& role);
    void lend_schemas(const std::string& role);
    void lend_servers(const std::string& role);
    void lend_database(const std::string& role);

    pq::Connection& m_connection;
    const std::vector<std::string>& m_schemas;
    std::vector<std::string> m_revokes;
};

}  // namespace ardent::replay
