// SPDX-License-Identifier: PostgreSQL
#include "agent/source/agent_name.hpp"

#include "common/base/text.hpp"

#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <random>
#include <unistd.h>

namespace ardent::agent {

namespace {

constexpr std::string_view k_prefix = "ardent-agent stream ";
constexpr std::size_t k_slot_digits = 6;
constexpr std::size_t k_time_digits = 11;  // milliseconds, up to the year 2527
constexpr std::size_t k_random_digits = 4;
constexpr std::size_t k_longest = 63;  // NAMEDATALEN - 1

std::string hex(std::uint64_t value, std::size_t digits) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string text(digits, '0');
    for (std::size_t at = digits; at-- > 0; value >>= 4U) {
        text[at] = k_digits[value & 0xFU];
    }
    return text;
}

/// FNV-1a: the same in every build.
std::string slot_digits(std::string_view slot) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : slot) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return hex(hash ^ (hash >> 24U), k_slot_digits);
}

std::string host_name() {
    std::array<char, 256> text{};
    if (::gethostname(text.data(), text.size() - 1) != 0) {
        return "unknown";
    }
    std::string name(text.data());
    for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') {
            c = '_';
        }
    }
    return name;
}

bool is_hex(std::string_view text, std::size_t digits) {
    return text.size() == digits &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

AgentName make_agent_name(const std::string& slot) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    AgentName name;
    name.slot = slot_digits(slot);
    name.instance = hex(static_cast<std::uint64_t>(since.count()), k_time_digits) +
                    hex(std::random_device{}(), k_random_digits);
    const std::string pid = ":" + std::to_string(::getpid());
    const std::size_t room = k_longest - application_name(name).size();
    name.place = host_name().substr(0, room - pid.size()) + pid;
    return name;
}

std::string application_name(const AgentName& name) {
    return std::string(k_prefix) + name.slot + " " + name.instance + " " + name.place;
}

std::optional<AgentName> parse_agent_name(std::string_view application_name) {
    if (!application_name.starts_with(k_prefix)) {
        return std::nullopt;
    }
    const std::vector<std::string> words =
        base::split(application_name.substr(k_prefix.size()), ' ');
    if (words.size() != 3 || !is_hex(words[0], k_slot_digits) ||
        !is_hex(words[1], k_time_digits + k_random_digits)) {
        return std::nullopt;
    }
    return AgentName{words[0], words[1], words[2]};
}

bool is_younger(const AgentName& other, const AgentName& own) {
    return other.slot == own.slot && other.instance > own.instance;
}

bool may_be_ended(const AgentName& other, const AgentName& own) {
    return other.slot == own.slot && other.instance <= own.instance;
}

}  // namespace ardent::agent
