// SPDX-License-Identifier: PostgreSQL
// The one door through which statements run as the instance's superuser. Behind it every setting
// that changes what a statement means is ours, nothing that code of the source left in a session is
// there, and a call is one statement: the server refuses a second one. No text of the source goes
// through it, only names, quoted by us or by the server. `make lint` (scripts/lint.d/privileged)
// sees that there is no other door, and that what goes through it names every function and operator
// with its schema. One thread. Throws base::Error.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/instance/instance.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace ardent::environment {

/// Every setting that an ordinary role may make and that changes what a statement means, as our
/// statements want it. A session whose start-up packet has them is back at them after RESET ALL.
std::map<std::string, std::string> pinned_settings();

/// What code of the source may have left in the session is gone: role, settings, cursors, prepared
/// statements, temporary objects, channels. Advisory locks stay, because one of them is the
/// writer's (replica/src/functions.cpp). Also inside of a transaction.
void clean_session(pq::Connection& connection);

class Superuser {
public:
    /// For a session of its own: what `Superuser` takes, to be changed before.
    static pq::ConnectOptions options(const Instance& instance, const std::string& database,
                                      base::ErrorKind kind);
    explicit Superuser(pq::ConnectOptions options);
    Superuser(const Instance& instance, const std::string& database, base::ErrorKind kind)
        : Superuser(options(instance, database, kind)) {}

    /// Turns a session that was lent the role (lend_admin) into the superuser's, in its open
    /// transaction and until give_back.
    explicit Superuser(pq::Connection& lent);
    ~Superuser();
    Superuser(Superuser&&) noexcept = default;
    Superuser& operator=(Superuser&&) = delete;
    Superuser(const Superuser&) = delete;
    Superuser& operator=(const Superuser&) = delete;

    /// The lent session is its owner's again. What is destroyed without it leaves a transaction
    /// that must not be committed.
    void give_back();

    pq::Connection* operator->() const noexcept { return m_connection.get(); }
    pq::Connection& operator*() const noexcept { return *m_connection; }

private:
    std::shared_ptr<pq::Connection> m_connection;  // without an owner when it is lent
};

/// True for the roles that a replica has for itself.
bool is_own_role(std::string_view role);
/// True for those and the predefined ones, of which some reach the host: nothing of the source may
/// be owned by them or act as them.
bool is_reserved_role(std::string_view role);

/// ardent_apply may act as the superuser until it is taken back: for statements of ours that belong
/// into its transaction. Nothing of the source's runs meanwhile.
void lend_admin(const Superuser& admin);
void take_back_admin(const Superuser& admin);

}  // namespace ardent::environment
