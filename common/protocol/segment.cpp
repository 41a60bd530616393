// SPDX-License-Identifier: PostgreSQL
#include "common/protocol/segment.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/protocol/frame.hpp"

#include <bit>
#include <cstring>

namespace ardent::protocol {

namespace {

static_assert(std::endian::native == std::endian::little,
              "segments are written as they lie in memory");

constexpr std::string_view k_magic = "ARDS";
constexpr std::uint16_t k_version = 1;
constexpr std::uint16_t k_flag_zstd = 1;
constexpr std::uint16_t k_flag_open = 2;

template <class T>
void put(std::string& out, T value) {
    std::array<char, sizeof(T)> bytes{};
    std::memcpy(bytes.data(), &value, sizeof(T));
    out.append(bytes.data(), bytes.size());
}

template <class T>
T get(std::string_view bytes, std::size_t offset) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

[[noreturn]] void malformed(const std::string& what) {
    throw base::Error(base::ErrorKind::bug, "malformed segment: " + what);
}

}  // namespace

std::string to_hex(const SessionId& session) {
    return base::to_hex({reinterpret_cast<const char*>(session.data()), session.size()});
}

SessionId parse_session(std::string_view hex) {
    SessionId session{};
    if (!base::from_hex(hex, session.data(), session.size())) {
        throw base::Error(base::ErrorKind::bug, "a session is 32 lower-case hex digits");
    }
    return session;
}

void SegmentWriter::add(model::Lsn lsn, std::string_view text) {
    if (m_header.messages == 0) {
        m_header.first_lsn = lsn;
    }
    put(m_payload, static_cast<std::uint32_t>(text.size()));
    put(m_payload, lsn.value);
    m_payload.append(text);
    ++m_header.messages;
}

std::string encode(SegmentHeader header, std::string_view payload, int level) {
    header.raw_bytes = payload.size();
    header.compressed = level > 0 && !payload.empty();
    std::string body(k_segment_header_bytes, '\0');
    if (header.compressed) {
        append_frame(body, payload, level);
        // what the other side would refuse goes as it is
        header.compressed = frame_ratio_fits(payload.size(), body.size() - k_segment_header_bytes);
        body.resize(header.compressed ? body.size() : k_segment_header_bytes);
    }
    if (!header.compressed) {
        body.append(payload);
    }
    header.stored_bytes = body.size() - k_segment_header_bytes;

    std::string head;
    head.reserve(k_segment_header_bytes);
    head += k_magic;
    put(head, k_version);
    put(head, static_cast<std::uint16_t>((header.compressed ? k_flag_zstd : 0U) |
                                         (header.open_transaction ? k_flag_open : 0U)));
    head.append(reinterpret_cast<const char*>(header.session.data()), header.session.size());
    put(head, header.sequence);
    put(head, header.first_lsn.value);
    put(head, header.last_commit_end.value);
    put(head, header.advance_to.value);
    put(head, header.messages);
    put(head, std::uint32_t{0});
    put(head, header.raw_bytes);
    put(head, header.stored_bytes);
    std::memcpy(body.data(), head.data(), k_segment_header_bytes);
    return body;
}

SegmentHeader read_header(std::string_view body) {
    if (body.size() < k_segment_header_bytes) {
        malformed("it has " + std::to_string(body.size()) + " bytes, less than its header");
    }
    if (body.substr(0, 4) != k_magic) {
        malformed("it does not begin with ARDS");
    }
    if (const auto version = get<std::uint16_t>(body, 4); version != k_version) {
        malformed("its version is " + std::to_string(version) + ", this side reads 1");
    }
    SegmentHeader header;
    const auto flags = get<std::uint16_t>(body, 6);
    header.compressed = (flags & k_flag_zstd) != 0;
    header.open_transaction = (flags & k_flag_open) != 0;
    std::memcpy(header.session.data(), body.data() + 8, header.session.size());
    header.sequence = get<std::uint64_t>(body, 24);
    header.first_lsn.value = get<std::uint64_t>(body, 32);
    header.last_commit_end.value = get<std::uint64_t>(body, 40);
    header.advance_to.value = get<std::uint64_t>(body, 48);
    header.messages = get<std::uint32_t>(body, 56);
    header.raw_bytes = get<std::uint64_t>(body, 64);
    header.stored_bytes = get<std::uint64_t>(body, 72);
    if (header.stored_bytes != body.size() - k_segment_header_bytes) {
        malformed("its header promises " + std::to_string(header.stored_bytes) +
                  " bytes of payload, " + std::to_string(body.size() - k_segment_header_bytes) +
                  " came");
    }
    if (header.compressed && !frame_ratio_fits(header.raw_bytes, header.stored_bytes)) {
        malformed(std::to_string(header.stored_bytes) + " bytes promise " +
                  std::to_string(header.raw_bytes) + "; at most " + std::to_string(k_frame_ratio) +
                  " for each are accepted");
    }
    return header;
}

std::string read_payload(const SegmentHeader& header, std::string_view body, std::uint64_t limit) {
    const std::string_view stored = body.substr(k_segment_header_bytes);
    if (header.raw_bytes > limit) {
        malformed("its payload of " + std::to_string(header.raw_bytes) +
                  " bytes is above the limit of " + std::to_string(limit));
    }
    if (!header.compressed) {
        if (header.raw_bytes != stored.size()) {
            malformed("raw and stored sizes differ without compression");
        }
        return std::string(stored);
    }
    return read_frame(stored, header.raw_bytes);
}

MessageView MessageReader::next() {
    if (m_rest.size() < k_message_header_bytes) {
        malformed("a message header is cut");
    }
    const auto length = get<std::uint32_t>(m_rest, 0);
    const model::Lsn lsn{get<std::uint64_t>(m_rest, 4)};
    if (m_rest.size() - k_message_header_bytes < length) {
        malformed("the message at " + model::to_string(lsn) + " is cut");
    }
    const MessageView message{lsn, m_rest.substr(k_message_header_bytes, length)};
    m_rest.remove_prefix(k_message_header_bytes + length);
    return message;
}

}  // namespace ardent::protocol
