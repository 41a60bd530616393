// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/journal.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"

#include <array>
#include <ctime>
#include <utility>

namespace ardent::environment {

namespace {

// As the state's server would print it.
std::string now_as_text() {
    const std::time_t time = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S+00", &parts)};
}

bool has_ended(const OperationRecord& operation) {
    return operation.status == "completed" || operation.status == "failed";
}

}  // namespace

void Journal::keep(const OperationRecord& operation) {
    const std::lock_guard one(m_saving);
    try {
        m_store.save(operation);
        const std::lock_guard lock(m_mutex);
        m_waiting.erase(operation.id);
    } catch (const std::exception& error) {
        process::log_warning("an operation cannot be kept yet",
                             {{"operation", operation.id}, {"error", error.what()}});
        const std::lock_guard lock(m_mutex);
        const std::string now = now_as_text();
        OperationRecord waits = operation;
        const auto before = m_waiting.find(operation.id);
        waits.created_at = before == m_waiting.end() ? now : before->second.created_at;
        waits.updated_at = now;
        waits.completed_at = has_ended(operation) ? now : "";
        m_waiting.insert_or_assign(operation.id, std::move(waits));
    }
}

void Journal::catch_up() {
    const std::lock_guard one(m_saving);
    for (;;) {
        OperationRecord next;
        {
            const std::lock_guard lock(m_mutex);
            if (m_waiting.empty()) {
                return;
            }
            next = m_waiting.begin()->second;
        }
        try {
            m_store.save(next);
        } catch (const base::Error&) {
            return;  // told when it began to wait
        }
        const std::lock_guard lock(m_mutex);
        m_waiting.erase(next.id);
    }
}

std::optional<OperationRecord> Journal::waiting(const std::string& id) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_waiting.find(id);
    return found == m_waiting.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace ardent::environment
