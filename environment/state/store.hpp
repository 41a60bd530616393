// SPDX-License-Identifier: PostgreSQL
// The environment's own tables, in an instance of their own that is never cloned. One connection
// behind a mutex, opened anew when it broke; calls are short, and each may be repeated. Any thread.
// Throws base::Error (transient) while the instance is away.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/instance/instance.hpp"
#include "environment/state/records.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

/// Pending, with an id of its own; not stored yet.
OperationRecord new_operation(const std::string& type, const std::string& resource);

class Store {
public:
    explicit Store(Instance& instance) : m_instance(instance) {}

    /// Creates the database and its tables, or brings older ones up to date. Throws base::Error
    /// (config) when they were made by a newer version.
    void migrate();

    std::vector<ConnectorRecord> connectors();
    /// Inserts or replaces; `created_at` is set at the first time and returned.
    std::string save(const ConnectorRecord& record);
    void remove_connector(const std::string& id);

    std::vector<BranchRecord> branches();
    /// Inserts it, the operation that makes it and the key of the request if it had one, all or
    /// nothing; created_at is set. Throws base::Error (config) when a branch of that name or port
    /// is there already.
    void begin(BranchRecord& record, const OperationRecord& operation,
               const std::optional<IdempotencyRecord>& request = {});
    /// Replaces what is stored; `revision` is counted up. Throws base::Error (bug) when it is
    /// another one than is stored: two operations work on one branch.
    void save(BranchRecord& record);
    /// And the keys of requests that were answered with it.
    void remove_branch(const std::string& id);

    /// Of a request that needs no branch of its own. Others that have expired (24 hours) are
    /// removed.
    void save(const IdempotencyRecord& record);
    /// nullopt: nobody used the key, or it has expired.
    std::optional<IdempotencyRecord> idempotency(const std::string& key);

    ConnectorSettings settings(const std::string& connector_id);
    /// Throws base::Error when the connector is gone.
    void save(const SettingChange& change);
    /// `hook` as in SettingChange.
    void remove_setting(const std::string& connector_id, const std::string& key,
                        const std::string& hook);

    void save(const OperationRecord& record);
    std::optional<OperationRecord> operation(const std::string& id);
    /// What a crash left unfinished is told as failed.
    std::vector<OperationRecord> unfinished_operations();

    void save(const ApiKeyRecord& record);
    std::vector<ApiKeyRecord> api_keys();

    /// The instance's clock, as text.
    std::string now();

private:
    pq::Result run(const std::string& sql, std::initializer_list<pq::Value> parameters = {});

    Instance& m_instance;
    std::mutex m_mutex;
    std::unique_ptr<pq::Connection> m_connection;
};

}  // namespace ardent::environment
