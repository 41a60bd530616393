// SPDX-License-Identifier: PostgreSQL
// Collects the plugin's messages into the next segment and knows the transaction boundaries among
// them. Each message is copied once. Belongs to the main thread; does no input or output.
#pragma once

#include "common/protocol/segment.hpp"

#include <optional>
#include <string_view>

namespace ardent::agent {

class Assembler {
public:
    explicit Assembler(std::uint64_t segment_bytes) noexcept : m_limit(segment_bytes) {}

    /// False when the segment must be taken first: a message is never split, and one that is larger
    /// than a segment travels alone.
    bool takes(std::size_t text_bytes) const noexcept;
    /// Throws base::Error (source) for a text that is not the plugin's, (bug) for a commit outside
    /// of a transaction.
    void add(model::Lsn lsn, std::string_view text);

    bool empty() const noexcept { return m_segment.empty(); }
    bool full() const noexcept { return !takes(0); }
    std::uint64_t raw_bytes() const noexcept { return m_segment.raw_bytes(); }
    /// The segment holds the end of a transaction.
    bool has_commit() const noexcept { return m_has_commit; }
    /// The last message is inside a transaction: its first message's LSN.
    std::optional<model::Lsn> open_transaction() const noexcept { return m_open; }
    /// Of everything that was ever added: no position beyond it may be confirmed.
    model::Lsn last_commit_end() const noexcept { return m_last_commit_end; }

    protocol::SegmentWriter take();

private:
    std::uint64_t m_limit;
    protocol::SegmentWriter m_segment;
    bool m_has_commit = false;
    std::optional<model::Lsn> m_open;
    model::Lsn m_last_commit_end;
};

}  // namespace ardent::agent
