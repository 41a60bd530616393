// SPDX-License-Identifier: PostgreSQL
#include "environment/door/crowd.hpp"

namespace ardent::environment {

Crowd::Crowd(const Limits& limits)
    : m_limits(limits),
      m_silent_of_branches(
          {.strangers = limits.silent, .strangers_of_address = limits.silent_of_branch}),
      m_silent_of_addresses(
          {.strangers = limits.silent, .strangers_of_address = limits.silent_of_address}) {}

std::vector<Crowd::Id> Crowd::arrive(Id id, const std::string& branch, const std::string& address) {
    const Client& client = m_clients.emplace(id, Client{branch, address}).first->second;
    count(client, 1);
    const auto now = Guests::Clock::now();
    std::vector<Id> go;
    for (const auto goes : {m_silent_of_branches.arrive(id, branch, now),
                            m_silent_of_addresses.arrive(id, address, now)}) {
        if (goes) {
            go.push_back(*goes);
        }
    }
    if (m_clients.size() > m_limits.all) {
        go.push_back(id);
    }
    return go;
}

std::string Crowd::hold(Id id) {
    const Client& client = m_clients.at(id);
    const Count branch = m_branches[client.branch];
    std::string refusal;
    if (branch.held + branch.connected >= m_limits.of_branch) {
        refusal = "too many clients of this branch are connected";
    } else if (branch.held >= m_limits.held_of_branch || m_held >= m_limits.held) {
        refusal = "too many clients wait for a branch";
    } else if (m_held_of_addresses[client.address] >= m_limits.held_of_address) {
        refusal = "too many clients of one address wait for a branch";
    }
    change(id, refusal.empty() ? State::held : State::leaving);
    return refusal;
}

void Crowd::connect(Id id) {
    change(id, State::connected);
}

void Crowd::dismiss(Id id) {
    change(id, State::leaving);
}

void Crowd::leave(Id id) {
    change(id, State::leaving);
    m_clients.erase(id);
}

Crowd::Count Crowd::of_branch(const std::string& branch) const {
    const auto found = m_branches.find(branch);
    return found == m_branches.end() ? Count{} : found->second;
}

void Crowd::change(Id id, State state) {
    Client& client = m_clients.at(id);
    if (client.state == State::silent) {
        m_silent_of_branches.leave(id);
        m_silent_of_addresses.leave(id);
    }
    count(client, static_cast<std::size_t>(-1));
    client.state = state;
    count(client, 1);
    if (const Count left = m_branches[client.branch];
        left.silent + left.held + left.connected == 0) {
        m_branches.erase(client.branch);
    }
    if (m_held_of_addresses[client.address] == 0) {
        m_held_of_addresses.erase(client.address);
    }
}

void Crowd::count(const Client& client, std::size_t step) {
    Count& branch = m_branches[client.branch];
    switch (client.state) {
    case State::silent:
        branch.silent += step;
        return;
    case State::connected:
        branch.connected += step;
        return;
    case State::leaving:
        return;
    case State::held:
        break;
    }
    branch.held += step;
    m_held += step;
    m_held_of_addresses[client.address] += step;
}

}  // namespace ardent::environment
