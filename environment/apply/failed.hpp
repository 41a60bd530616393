// SPDX-License-Identifier: PostgreSQL
// An error of applying, with where in the stream it happened. Text in it is UTF-8 whatever the
// server's encoding is.
#pragma once

#include "common/base/error.hpp"
#include "common/model/lsn.hpp"
#include "common/model/table_definition.hpp"
#include "common/protocol/messages.hpp"

#include <string>
#include <string_view>

namespace ardent::apply {

class Failed : public base::Error {
public:
    Failed(const std::string& message, std::string hint, model::Lsn lsn, std::string table,
           std::string sqlstate = {}, std::string row = {})
        : base::Error(base::ErrorKind::replica, message, std::move(hint), std::move(sqlstate)),
          m_lsn(lsn),
          m_table(std::move(table)),
          m_row(std::move(row)) {}

    model::Lsn lsn() const noexcept { return m_lsn; }
    const std::string& table() const noexcept { return m_table; }
    /// The key of the row, which is no part of what(): that goes into logs.
    const std::string& row() const noexcept { return m_row; }

private:
    model::Lsn m_lsn;
    std::string m_table;
    std::string m_row;
};

/// Any text for people: clipped, and bytes that are no UTF-8 shown as \xHH.
std::string shown(std::string_view text, std::size_t limit = 300);

/// What is said of a change whose table is not there.
Failed no_table(const model::RelationName& relation, model::Lsn lsn);

/// True for an error after which a new session may simply go on: the connection broke, the server
/// asks to try again. A server out of disk or memory (class 53) is no such case: somebody has to
/// mend it.
bool is_lost(const base::Error& error) noexcept;

protocol::Failure to_failure(const base::Error& error);

}  // namespace ardent::apply
