// SPDX-License-Identifier: PostgreSQL
#include "environment/connector/registry.hpp"

#include "common/process/log.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

#include <algorithm>
#include <set>

namespace ardent::environment {

namespace {

constexpr std::size_t k_id_bytes = 16;
constexpr const char* k_token_prefix = "ard_agent_";

}  // namespace

Registry::~Registry() {
    std::map<std::string, Removal> removals;
    {
        const std::lock_guard lock(m_mutex);
        removals.swap(m_removals);
    }
    for (auto& [id, removal] : removals) {
        removal.thread.join();
    }
}

void Registry::load() {
    m_keys = m_store.api_keys();
    std::set<std::string> removed;
    for (ConnectorRecord& record : m_store.connectors()) {
        const std::string id = record.id;
        const bool deleting = record.phase == Phase::deleting;
        const auto connector = std::make_shared<Connector>(m_settings, m_store, std::move(record));
        m_connectors.emplace(id, connector);
        if (deleting) {
            removed.insert(id);
        }
    }
    // Before the replicas start: where the disk is full, they take what room the state still has.
    for (OperationRecord& operation : m_store.unfinished_operations()) {
        operation.status = "failed";
        operation.error = "the environment was restarted; it goes on under another operation";
        m_store.save(operation);
        // it was answered, and the connector did not come to write down its own part
        if (operation.type == "connector_delete" && m_connectors.contains(operation.resource_id)) {
            removed.insert(operation.resource_id);
        }
    }
    start_all();
    for (const std::string& id : removed) {
        remove(id);
    }
}

// Side by side, and one that cannot start does not keep the others away.
void Registry::start_all() {
    std::vector<std::thread> threads;
    for (const auto& connector : all()) {
        threads.emplace_back([connector] { connector->start(); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

bool Registry::is_admin(std::string_view key) const {
    const std::lock_guard lock(m_mutex);
    return std::any_of(m_keys.begin(), m_keys.end(),
                       [&](const ApiKeyRecord& record) { return token_matches(key, record.hash); });
}

Registry::Created Registry::create(ConnectorRecord record) {
    record.id = random_hex(k_id_bytes);
    std::string token = make_token(k_token_prefix);
    record.token_hash = token_hash(token);
    record.created_at = m_store.save(record);
    const auto connector = std::make_shared<Connector>(m_settings, m_store, record);
    const std::lock_guard lock(m_mutex);
    m_connectors.emplace(record.id, connector);
    process::log_info("connector created", {{"connector", record.id}, {"name", record.name}});
    return {connector, std::move(token)};
}

std::shared_ptr<Connector> Registry::find(const std::string& id) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_connectors.find(id);
    if (found == m_connectors.end()) {
        throw HttpError(404, "not_found", "Connector not found");
    }
    return found->second;
}

bool Registry::knows(const std::string& id) const {
    const std::lock_guard lock(m_mutex);
    return m_connectors.contains(id);
}

std::vector<std::shared_ptr<Connector>> Registry::all() const {
    const std::lock_guard lock(m_mutex);
    std::vector<std::shared_ptr<Connector>> list;
    for (const auto& [id, connector] : m_connectors) {
        list.push_back(connector);
    }
    return list;
}

std::string Registry::new_token(const std::string& id) {
    std::string token = make_token(k_token_prefix);
    find(id)->set_token_hash(token_hash(token));
    return token;
}

OperationRecord Registry::remove(const std::string& id) {
    const std::shared_ptr<Connector> connector = find(id);
    const std::lock_guard one(m_removing);
    {
        const std::lock_guard lock(m_mutex);
        if (const auto before = m_removals.find(id); before != m_removals.end()) {
            if (!before->second.failed) {
                return before->second.operation;
            }
            before->second.thread.join();
            m_removals.erase(before);
        }
    }
    OperationRecord operation = new_operation("connector_delete", id);
    m_store.save(operation);
    const std::lock_guard lock(m_mutex);
    Removal& removal = m_removals[id];
    removal.operation = operation;
    removal.thread =
        std::thread([this, connector, operation] { run_removal(connector, operation); });
    return operation;
}

void Registry::run_removal(const std::shared_ptr<Connector>& connector, OperationRecord operation) {
    try {
        operation.status = "running";
        m_store.save(operation);
        connector->begin_removal();
        connector->remove();
        m_store.remove_connector(operation.resource_id);
        operation.status = "completed";
        m_store.save(operation);
        const std::lock_guard lock(m_mutex);
        m_connectors.erase(operation.resource_id);
        m_changed.notify_all();
        process::log_info("connector removed", {{"connector", operation.resource_id}});
    } catch (const std::exception& error) {
        process::log_error("connector cannot be removed",
                           {{"connector", operation.resource_id}, {"error", error.what()}});
        operation.status = "failed";
        operation.error = error.what();
        try {
            m_store.save(operation);
        } catch (const base::Error& also) {
            process::log_error("the operation's end cannot be kept", {{"error", also.what()}});
        }
        const std::lock_guard lock(m_mutex);
        m_removals.at(operation.resource_id).failed = true;
        m_changed.notify_all();
    }
}

void Registry::wait_for_operation(std::chrono::milliseconds wait) {
    std::unique_lock lock(m_mutex);
    m_changed.wait_for(lock, wait);
}

void Registry::notify_operations() {
    const std::lock_guard lock(m_mutex);
    m_changed.notify_all();
}

bool Registry::closing() const {
    const std::lock_guard lock(m_mutex);
    return m_closing;
}

void Registry::close() {
    {
        const std::lock_guard lock(m_mutex);
        m_closing = true;
        m_changed.notify_all();
    }
    for (const auto& connector : all()) {
        connector->close();
    }
}

void Registry::stop_instances(std::chrono::milliseconds patience) {
    std::vector<std::thread> threads;
    for (const auto& connector : all()) {
        threads.emplace_back([connector, patience] { connector->stop_instance(patience); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace ardent::environment
