// SPDX-License-Identifier: PostgreSQL
// What replaying needs a superuser for: roles, extensions, the wrapper of inert servers. A connection of its own, made when
// it is needed; it gets names and never text from the source. What it does is committed at once, before the target
// transaction that asked for it, and doing it again changes nothing. One thread. Throws base::Error.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/replay/sql_text.hpp"

#include <memory>
#include <optional>
#include <string>

namespace ardent::replay {

inline constexpr const char* k_inert_wrapper = "ardent_inert";

class Privileged {
public:
    explicit Privileged(pq::ConnectOptions options) : m_options(std::move(options)) {}

    /// NOLOGIN; whoever applies may act as it.
    void create_role(const std::string& role);
    /// `schema` is made when it is not there. Throws for one that this host does not have, naming the package.
    void create_extension(const ExtensionWords& words, const std::string& default_schema);
    void alter_extension(const ExtensionWords& words);
    void drop_extension(const std::string& name);
    void create_inert_wrapper();

private:
    pq::Connection& connection();

    pq::ConnectOptions m_options;
    std::unique_ptr<pq::Connection> m_connection;
};

}  // namespace ardent::replay
