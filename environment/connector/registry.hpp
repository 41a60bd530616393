// SPDX-License-Identifier: PostgreSQL
// The connectors of this environment, the admin keys, and the operations that run in the
// background. Any thread.
#pragma once

#include "environment/config/settings.hpp"
#include "environment/connector/connector.hpp"
#include "environment/state/store.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ardent::environment {

class Registry {
public:
    Registry(const Settings& settings, Store& store) : m_settings(settings), m_store(store) {}
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    /// Reads the state, starts the replicas that exist, goes on with removals that a crash
    /// interrupted.
    void load();

    bool is_admin(std::string_view key) const;

    struct Created {
        std::shared_ptr<Connector> connector;
        std::string token;  // shown once
    };
    Created create(ConnectorRecord record);
    /// Throws HttpError 404.
    std::shared_ptr<Connector> find(const std::string& id) const;
    bool knows(const std::string& id) const;
    std::vector<std::shared_ptr<Connector>> all() const;
    /// A new token; the old one stops working.
    std::string new_token(const std::string& id);
    /// Removes in the background; a second call joins the first, unless that failed.
    OperationRecord remove(const std::string& id);
    std::optional<OperationRecord> operation(const std::string& id) {
        return m_store.operation(id);
    }
    /// Returns when an operation ended or `wait` has passed.
    void wait_for_operation(std::chrono::milliseconds wait);
    /// Wakes who waits: an operation of another room ended.
    void notify_operations();
    bool closing() const;

    /// Ends sessions and waiting calls, so that the HTTP threads come back.
    void close();
    /// Stops every instance.
    void stop_instances(std::chrono::milliseconds patience);

private:
    void start_all();
    struct Removal {
        OperationRecord operation;
        std::thread thread;
        bool failed = false;
    };

    void run_removal(const std::shared_ptr<Connector>& connector, OperationRecord operation);

    const Settings& m_settings;
    Store& m_store;
    std::mutex m_removing;       // one begins at a time; taken before the other
    mutable std::mutex m_mutex;  // never held over SQL: authorization of every call takes it
    std::condition_variable m_changed;
    bool m_closing = false;
    std::map<std::string, std::shared_ptr<Connector>> m_connectors;
    std::map<std::string, Removal> m_removals;  // by connector
    std::vector<ApiKeyRecord> m_keys;
};

}  // namespace ardent::environment
