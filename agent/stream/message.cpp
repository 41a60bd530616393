// SPDX-License-Identifier: PostgreSQL
#include "agent/stream/message.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <chrono>

namespace ardent::agent {

namespace {

constexpr std::size_t k_data_header = 25;      // 'w', walStart, walEnd, sendTime
constexpr std::size_t k_keepalive_bytes = 18;  // 'k', walEnd, sendTime, replyRequested
constexpr std::string_view k_action = R"({"action":")";
constexpr std::string_view k_next = R"("nextlsn":")";
constexpr std::int64_t k_postgres_epoch = 946'684'800;  // 2000-01-01 in seconds since 1970

std::uint64_t big_endian(std::string_view bytes, std::size_t offset) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
        value = (value << 8U) | static_cast<unsigned char>(bytes[offset + i]);
    }
    return value;
}

void put_big_endian(std::string& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        out += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU);
    }
}

base::Error unreadable(std::string_view text) {
    return {base::ErrorKind::source,
            "the output plugin's message is not wal2json's format version 2: " +
                base::clip_utf8(text, 100),
            "Install wal2json 2.4 or later on the source."};
}

}  // namespace

ServerMessage parse_server_message(std::string_view bytes) {
    if (bytes.size() >= k_data_header && bytes[0] == 'w') {
        return PluginMessage{{big_endian(bytes, 1)}, bytes.substr(k_data_header)};
    }
    if (bytes.size() >= k_keepalive_bytes && bytes[0] == 'k') {
        return Keepalive{{big_endian(bytes, 1)}, bytes[17] != 0};
    }
    throw base::Error(base::ErrorKind::bug, "the source sent a replication message of " +
                                                std::to_string(bytes.size()) +
                                                " bytes that is none");
}

std::string status_update(model::Lsn flush, std::int64_t clock, bool reply_requested) {
    std::string message = "r";
    put_big_endian(message, flush.value);
    put_big_endian(message, flush.value);
    put_big_endian(message, flush.value);
    put_big_endian(message, static_cast<std::uint64_t>(clock));
    message += reply_requested ? '\1' : '\0';
    return message;
}

std::int64_t replication_clock() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count() -
           k_postgres_epoch * 1'000'000;
}

char action_of(std::string_view text) {
    if (text.size() < k_action.size() + 2 || !text.starts_with(k_action) ||
        text[k_action.size() + 1] != '"') {
        throw unreadable(text);
    }
    return text[k_action.size()];
}

model::Lsn commit_end_of(std::string_view text) {
    const std::size_t at = text.rfind(k_next);
    if (at != std::string_view::npos) {
        const std::string_view rest = text.substr(at + k_next.size());
        if (const auto lsn = model::parse_lsn(rest.substr(0, rest.find('"')))) {
            return *lsn;
        }
    }
    throw unreadable(text);
}

std::optional<std::string> table_left_out(std::string_view warning) {
    if (!warning.starts_with("no tuple ") && !warning.starts_with("no old tuple ")) {
        return std::nullopt;
    }
    constexpr std::string_view k_in_table = " in table ";
    const std::size_t at = warning.find(k_in_table);
    return std::string(at == std::string_view::npos ? warning
                                                    : warning.substr(at + k_in_table.size()));
}

}  // namespace ardent::agent
