// SPDX-License-Identifier: PostgreSQL
// The catalogue over libpq, for any connection class of the shape of pq::Connection (this room may
// not include that one). Everything runs in one READ ONLY transaction, each statement behind a
// savepoint; the destructor ends the transaction. The connection must outlive the runner and be
// idle.
#pragma once

#include "common/base/error.hpp"
#include "common/preflight/query_runner.hpp"

#include <span>
#include <string>

namespace ardent::preflight {

template <class Connection>
class ConnectionRunner final : public QueryRunner {
public:
    explicit ConnectionRunner(Connection& connection) : m_connection(connection) {
        m_connection.exec("START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
        m_connection.exec(k_frugal);
    }
    ~ConnectionRunner() override {
        try {
            m_connection.exec("ROLLBACK");
        } catch (const base::Error&) {
            return;  // the connection is gone, and the transaction with it
        }
    }
    ConnectionRunner(const ConnectionRunner&) = delete;
    ConnectionRunner& operator=(const ConnectionRunner&) = delete;

    Rows run(const std::string& sql, const Row& parameters) override {
        m_connection.exec("SAVEPOINT ardent_check");
        try {
            const auto result = m_connection.exec(sql, std::span<const Cell>(parameters));
            Rows rows(static_cast<std::size_t>(result.rows()));
            for (int row = 0; row < result.rows(); ++row) {
                for (int column = 0; column < result.columns(); ++column) {
                    rows[static_cast<std::size_t>(row)].push_back(result.value(row, column));
                }
            }
            return rows;
        } catch (const base::Error& e) {
            if (e.kind() != base::ErrorKind::transient) {
                m_connection.exec("ROLLBACK TO SAVEPOINT ardent_check");
            }
            throw;
        }
    }

private:
    Connection& m_connection;
};

}  // namespace ardent::preflight
