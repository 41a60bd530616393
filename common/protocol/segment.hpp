// SPDX-License-Identifier: PostgreSQL
// The segment: how the output plugin's messages travel. Format: docs/protocol.md, "Segments".
// Values and pure functions; each SegmentWriter belongs to one thread.
#pragma once

#include "common/model/lsn.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::protocol {

inline constexpr std::size_t k_segment_header_bytes = 80;
inline constexpr std::size_t k_message_header_bytes = 12;

/// 16 random bytes that the environment makes at hello.
using SessionId = std::array<unsigned char, 16>;

std::string to_hex(const SessionId& session);

/// Throws base::Error (bug) unless the text is 32 hex digits.
SessionId parse_session(std::string_view hex);

struct SegmentHeader {
    SessionId session{};
    std::uint64_t sequence = 0;
    model::Lsn first_lsn;
    model::Lsn last_commit_end;
    model::Lsn advance_to;
    std::uint32_t messages = 0;
    std::uint64_t raw_bytes = 0;     // payload before compression
    std::uint64_t stored_bytes = 0;  // payload as it travels
    bool compressed = false;
    bool open_transaction = false;
};

struct MessageView {
    model::Lsn lsn;
    std::string_view text;  // points into the payload it was read from
};

/// Collects messages and makes the bytes to send. Sequence and session are given at `finish`.
class SegmentWriter {
public:
    void add(model::Lsn lsn, std::string_view text);
    /// The commit end LSN of the transaction whose commit message was just added.
    void commit(model::Lsn end) noexcept { m_header.last_commit_end = end; }
    void open_transaction(bool open) noexcept { m_header.open_transaction = open; }

    bool empty() const noexcept { return m_header.messages == 0; }
    std::uint64_t raw_bytes() const noexcept { return m_payload.size(); }

    SegmentHeader& header() noexcept { return m_header; }
    const std::string& payload() const noexcept { return m_payload; }
    void reserve(std::size_t bytes) { m_payload.reserve(bytes); }

private:
    SegmentHeader m_header;
    std::string m_payload;
};

/// Header and payload in one buffer; zstd with `level`, or as it is when level is 0 or it
/// compresses better than a receiver accepts (frame_ratio_fits). Throws base::Error (bug) when zstd
/// fails.
std::string encode(SegmentHeader header, std::string_view payload, int level);

/// Reads and checks a header: magic, version, sizes against the body and each other
/// (frame_ratio_fits). Throws base::Error (transient is never used: a bad segment is a bug) that
/// says what does not fit.
SegmentHeader read_header(std::string_view body);

/// The raw payload of a segment, decompressed when needed; checks sizes and the frame's checksum.
/// What the header promises is compared with `limit`, the largest raw payload that is accepted, and
/// with the frame, before memory is taken for it (frame.hpp).
std::string read_payload(const SegmentHeader& header, std::string_view body, std::uint64_t limit);

/// Walks the messages of a raw payload. `next` throws base::Error (bug) on a cut message.
class MessageReader {
public:
    explicit MessageReader(std::string_view payload) noexcept : m_rest(payload) {}
    bool done() const noexcept { return m_rest.empty(); }
    MessageView next();

private:
    std::string_view m_rest;
};

}  // namespace ardent::protocol
