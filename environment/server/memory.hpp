// SPDX-License-Identifier: PostgreSQL
// How much memory calls may take together: bodies, what is decompressed or read out of them.
// Promised sizes are taken from it before there is memory for them. One owner gets three quarters
// at most, so that the calls of others find room beside one that takes all it can. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace ardent::environment {

class MemoryBudget {
public:
    /// What one call holds, until it is destroyed.
    class Share {
    public:
        Share() = default;
        Share(MemoryBudget& budget, std::string owner)
            : m_budget(&budget), m_owner(std::move(owner)) {}
        Share(Share&& other) noexcept;
        Share& operator=(Share&& other) noexcept;
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() { release(); }

        /// False, and nothing is taken, when there is not so much left.
        bool grow(std::uint64_t bytes);
        void release() noexcept;

    private:
        MemoryBudget* m_budget = nullptr;
        std::string m_owner;
        std::uint64_t m_bytes = 0;
    };

    explicit MemoryBudget(std::uint64_t bytes) : m_bytes(bytes) {}

    static std::uint64_t share_of_one(std::uint64_t bytes) noexcept { return bytes - bytes / 4; }
    std::uint64_t used() const;

private:
    bool take(const std::string& owner, std::uint64_t bytes);
    void give_back(const std::string& owner, std::uint64_t bytes) noexcept;

    const std::uint64_t m_bytes;
    mutable std::mutex m_mutex;
    std::uint64_t m_used = 0;
    std::map<std::string, std::uint64_t> m_owners;
};

}  // namespace ardent::environment
