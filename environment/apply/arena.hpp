// SPDX-License-Identifier: PostgreSQL
// Memory for the rows of one batch: taken piece by piece, given back all at once. One thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ardent::apply {

class Arena {
public:
    /// Aligned for any column cell; lives until `reset`.
    char* take(std::size_t bytes) {
        bytes = (bytes + 7U) & ~std::size_t{7};
        m_used += bytes;
        if (bytes > m_left) {
            if (bytes > k_block_bytes / 4) {
                m_large.push_back(std::make_unique<char[]>(bytes));
                return m_large.back().get();
            }
            next_block();
        }
        char* const place = m_next;
        m_next += bytes;
        m_left -= bytes;
        return place;
    }

    template <class T>
    T* take_array(std::size_t count) {
        static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
        return reinterpret_cast<T*>(take(count * sizeof(T)));
    }

    /// A copy with a NUL behind it, as libpq wants its parameters.
    std::string_view copy(std::string_view text) {
        char* const place = take(text.size() + 1);
        std::memcpy(place, text.data(), text.size());
        place[text.size()] = '\0';
        return {place, text.size()};
    }

    std::size_t used() const noexcept { return m_used; }

    /// Everything taken is gone; ordinary blocks are kept for the next batch.
    void reset() noexcept {
        m_large.clear();
        m_used = 0;
        m_block = 0;
        m_next = m_blocks.empty() ? nullptr : m_blocks.front().get();
        m_left = m_blocks.empty() ? 0 : k_block_bytes;
    }

private:
    static constexpr std::size_t k_block_bytes = std::size_t{1} << 20U;

    void next_block() {
        if (!m_blocks.empty() && m_block + 1 < m_blocks.size()) {
            ++m_block;
        } else {
            m_blocks.push_back(std::make_unique<char[]>(k_block_bytes));
            m_block = m_blocks.size() - 1;
        }
        m_next = m_blocks[m_block].get();
        m_left = k_block_bytes;
    }

    std::vector<std::unique_ptr<char[]>> m_blocks;
    std::vector<std::unique_ptr<char[]>> m_large;
    std::size_t m_block = 0;
    char* m_next = nullptr;
    std::size_t m_left = 0;
    std::size_t m_used = 0;
};

}  // namespace ardent::apply
