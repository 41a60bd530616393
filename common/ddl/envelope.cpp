// SPDX-License-Identifier: PostgreSQL
#include "common/ddl/envelope.hpp"

#include <algorithm>

namespace ardent::ddl {

namespace {

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_digits(std::string_view text) {
    return !text.empty() && text.size() <= 9 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Takes `expected` off the front.
bool skip(std::string_view& rest, std::string_view expected) {
    if (!rest.starts_with(expected)) {
        return false;
    }
    rest.remove_prefix(expected.size());
    return true;
}

std::string_view cut(std::string_view& rest, std::size_t length) {
    const std::string_view part = rest.substr(0, length);
    rest.remove_prefix(part.size());
    return part;
}

}  // namespace

std::optional<Envelope> parse_envelope(std::string_view message) {
    Envelope envelope;
    std::string_view rest = message;
    if (!skip(rest, R"({"version":)")) {
        return std::nullopt;
    }
    envelope.version = cut(rest, std::min(rest.find(','), rest.size()));
    if (!is_digits(envelope.version) || envelope.version.front() == '0' ||
        !skip(rest, R"(,"key":")")) {
        return std::nullopt;
    }
    envelope.key_id = cut(rest, k_key_id_digits);
    if (!is_hex(envelope.key_id) || !skip(rest, R"(","hmac":")")) {
        return std::nullopt;
    }
    envelope.code = cut(rest, k_code_digits);
    if (!is_hex(envelope.code) || !skip(rest, R"(","body":)")) {
        return std::nullopt;
    }
    if (rest.size() < 3 || rest.front() != '{' || !rest.ends_with("}}")) {
        return std::nullopt;
    }
    envelope.body = rest.substr(0, rest.size() - 1);
    return envelope;
}

std::string message_prefix(std::string_view code) {
    return k_name + ("." + std::string(code.substr(0, k_prefix_digits)));
}

bool is_message_prefix(std::string_view text) {
    return skip(text, k_name) && skip(text, ".") && text.size() == k_prefix_digits && is_hex(text);
}

std::string signed_head(std::string_view version, std::string_view key_id) {
    std::string head = k_name;
    head.append("\n").append(version).append("\n").append(key_id).append("\n");
    return head;
}

}  // namespace ardent::ddl
