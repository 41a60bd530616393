// SPDX-License-Identifier: PostgreSQL
// What replaying needs a superuser for (environment/instance/superuser.hpp). `Privileged` has a
// session of its own, made when it is needed: what it does is committed at once, before the target
// transaction that asked for it, and doing it again changes nothing. One thread. Throws
// base::Error.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/instance/superuser.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace ardent::replay {

inline constexpr const char* k_inert_wrapper = "ardent_inert";
/// That a session makes.
inline constexpr std::size_t k_most_roles = 1000;

class Privileged {
public:
    explicit Privileged(pq::ConnectOptions options) : m_options(std::move(options)) {}

    /// NOLOGIN; whoever applies may act as it. Throws base::Error (replica) from k_most_roles on: a
    /// statement names the roles that it needs, and whoever writes statements could fill the
    /// catalogs with them.
    void create_role(const std::string& role);
    /// As environment::create_outside_schema.
    void create_outside_schema(const std::string& schema);
    void create_inert_wrapper();
    void lend_admin();
    void take_back_admin();

private:
    environment::Superuser& superuser();

    pq::ConnectOptions m_options;
    std::optional<environment::Superuser> m_superuser;
    std::size_t m_made = 0;
};

/// A session hears of what others committed, roles and memberships too, when it locks a relation
/// that it has not locked. In a transaction.
void hear_of_others(pq::Connection& connection);

/// In the target transaction, the superuser's role: for statements whose text is ours alone,
/// because whoever acts as it could do anything. Left before anything of the source's runs; a
/// transaction that was not left cannot be committed.
class AsAdmin {
public:
    AsAdmin(pq::Connection& connection, Privileged& privileged);
    ~AsAdmin();
    AsAdmin(const AsAdmin&) = delete;
    AsAdmin& operator=(const AsAdmin&) = delete;

    environment::Superuser& operator*() noexcept { return *m_superuser; }
    pq::Connection* operator->() const noexcept { return m_superuser->operator->(); }
    void leave();

private:
    pq::Connection& m_connection;
    Privileged& m_privileged;
    std::optional<environment::Superuser> m_superuser;  // until it is left
};

}  // namespace ardent::replay
