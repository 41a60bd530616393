// SPDX-License-Identifier: PostgreSQL
// What an agent calls its walsender: the application_name says for which slot it works, which
// process it is, and where. So two agents with one connector can tell each other apart from what an
// earlier process left behind, and agree without a word on who goes on: the one that started last.
// Pure but for `make_agent_name`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ardent::agent {

struct AgentName {
    std::string slot;      // six hex digits of the slot's name
    std::string instance;  // milliseconds of the start, then random digits; compares as text
    std::string place;     // host:pid, the host clipped
};

/// Of this process, started now.
AgentName make_agent_name(const std::string& slot);

/// The application_name of the walsender: fits into 63 bytes of ASCII.
std::string application_name(const AgentName& name);

/// nullopt for what is no agent's walsender.
std::optional<AgentName> parse_agent_name(std::string_view application_name);

/// True when `other` works for the same slot and started after `own`: it is left alone.
bool is_younger(const AgentName& other, const AgentName& own);

/// True when `other` works for the same slot and is this process or one that started before it.
bool may_be_ended(const AgentName& other, const AgentName& own);

}  // namespace ardent::agent
