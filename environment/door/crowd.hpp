// SPDX-License-Identifier: PostgreSQL
// How many clients there are at the door, and who finds no room. Silent ones (that did not say what
// they want) are limited for each branch, each address and in all, and a new one is never turned
// away for them: the oldest of the most crowded goes, since who means it speaks at once. Held ones
// (that wait for a branch) are limited likewise, but the new one is refused: those before it have
// waited longer.
//
// Pure: knows no socket. Belongs to the loop's thread.
#pragma once

#include "environment/server/guests.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace ardent::environment {

class Crowd {
public:
    using Id = Guests::Id;

    struct Limits {
        std::size_t silent_of_branch = 256;
        std::size_t silent_of_address = 256;
        std::size_t silent = 1024;
        std::size_t held_of_branch = 512;
        std::size_t held_of_address = 512;
        std::size_t held = 2048;
        std::size_t of_branch = 1024;  // held and connected
        std::size_t all = 8192;
    };

    struct Count {
        std::size_t silent = 0;
        std::size_t held = 0;
        std::size_t connected = 0;
    };

    explicit Crowd(const Limits& limits);

    /// A new one, silent. Those who have to go; it may be itself, when there are too many of all
    /// kinds. Ids grow.
    std::vector<Id> arrive(Id id, const std::string& branch, const std::string& address);
    /// It said what it wants and has to wait. Not empty: why it may not; it is then leaving.
    std::string hold(Id id);
    /// It has its server.
    void connect(Id id);
    /// It is told why not, and counts no more.
    void dismiss(Id id);
    void leave(Id id);

    Count of_branch(const std::string& branch) const;
    std::size_t all() const noexcept { return m_clients.size(); }

private:
    enum class State { silent, held, connected, leaving };
    struct Client {
        std::string branch;
        std::string address;
        State state = State::silent;
    };

    void change(Id id, State state);
    void count(const Client& client, std::size_t step);

    const Limits m_limits;
    Guests m_silent_of_branches;
    Guests m_silent_of_addresses;
    std::unordered_map<Id, Client> m_clients;
    std::map<std::string, Count> m_branches;
    std::map<std::string, std::size_t> m_held_of_addresses;
    std::size_t m_held = 0;
};

}  // namespace ardent::environment
