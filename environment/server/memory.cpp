// SPDX-License-Identifier: PostgreSQL
#include "environment/server/memory.hpp"

#include <utility>

namespace ardent::environment {

MemoryBudget::Share::Share(Share&& other) noexcept
    : m_budget(std::exchange(other.m_budget, nullptr)),
      m_owner(std::move(other.m_owner)),
      m_bytes(std::exchange(other.m_bytes, 0)) {}

MemoryBudget::Share& MemoryBudget::Share::operator=(Share&& other) noexcept {
    if (this != &other) {
        release();
        m_budget = std::exchange(other.m_budget, nullptr);
        m_owner = std::move(other.m_owner);
        m_bytes = std::exchange(other.m_bytes, 0);
    }
    return *this;
}

bool MemoryBudget::Share::grow(std::uint64_t bytes) {
    if (m_budget != nullptr && !m_budget->take(m_owner, bytes)) {
        return false;
    }
    m_bytes += bytes;
    return true;
}

void MemoryBudget::Share::release() noexcept {
    if (m_budget != nullptr && m_bytes > 0) {
        m_budget->give_back(m_owner, std::exchange(m_bytes, 0));
    }
}

std::uint64_t MemoryBudget::used() const {
    const std::lock_guard lock(m_mutex);
    return m_used;
}

bool MemoryBudget::take(const std::string& owner, std::uint64_t bytes) {
    if (bytes == 0) {
        return true;
    }
    const std::lock_guard lock(m_mutex);
    const auto found = m_owners.find(owner);
    const std::uint64_t own = found == m_owners.end() ? 0 : found->second;
    if (bytes > m_bytes - m_used || bytes > share_of_one(m_bytes) - own) {
        return false;
    }
    m_owners[owner] = own + bytes;
    m_used += bytes;
    return true;
}

void MemoryBudget::give_back(const std::string& owner, std::uint64_t bytes) noexcept {
    const std::lock_guard lock(m_mutex);
    m_used -= bytes;
    const auto found = m_owners.find(owner);
    found->second -= bytes;
    if (found->second == 0) {
        m_owners.erase(found);
    }
}

}  // namespace ardent::environment
