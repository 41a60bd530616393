// SPDX-License-Identifier: PostgreSQL
// What replaying needs a superuser for. A connection of its own, made when it is needed; it gets names and never text from
// the source. What it does is committed at once, before the target transaction that asked for it, and doing it again
// changes nothing. One thread. Throws base::Error.
#pragma once

#include "common/pq/connection.hpp"

#include <memory>
#include <string>

namespace ardent::replay {

inline constexpr const char* k_inert_wrapper = "ardent_inert";

class Privileged {
public:
    explicit Privileged(pq::ConnectOptions options) : m_options(std::move(options)) {}

    /// NOLOGIN; whoever applies may act as it.
    void create_role(const std::string& role);
    void create_inert_wrapper();
    void lend_admin();
    void take_back_admin();

private:
    pq::Connection& connection();

    pq::ConnectOptions m_options;
    std::unique_ptr<pq::Connection> m_connection;
};

/// A session hears of what others committed, roles and memberships too, when it locks a relation that it has not
/// locked. In a transaction.
void hear_of_others(pq::Connection& connection);

/// In the target transaction, the superuser's role: for statements whose text is ours alone, because whoever acts as it
/// could do anything. Left before anything of the source's runs; a transaction that was not left cannot be committed.
class AsAdmin {
public:
    AsAdmin(pq::Connection& connection, Privileged& privileged);
    ~AsAdmin();
    AsAdmin(const AsAdmin&) = delete;
    AsAdmin& operator=(const AsAdmin&) = delete;

    void leave();

private:
    pq::Connection& m_connection;
    Privileged& m_privileged;
    bool m_left = false;
};

}  // namespace ardent::replay
