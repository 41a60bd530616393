// SPDX-License-Identifier: PostgreSQL
// Who is connected, and who has to go when it becomes too many. A connection is a stranger's until
// a call of it was authorized; then it is its owner's (a connector's agent, or the admin keys).
// Strangers are limited in all and for each address, and a new one is never turned away: the oldest
// goes. So whoever shows a key soon after it came, as every agent does, finds room beside any
// number that show none. Owners are limited by connections and by calls in progress.
//
// Pure: knows no socket. Belongs to the event loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace ardent::environment {

struct Owner {
    std::string name;
    std::size_t connections = 0;  // the most
    std::size_t calls = 0;        // the most in progress
};

class Guests {
public:
    using Id = std::uint64_t;
    using Clock = std::chrono::steady_clock;

    struct Limits {
        std::size_t strangers = 0;
        std::size_t strangers_of_address = 0;
    };

    /// A call in progress, until it is destroyed.
    class Call {
    public:
        Call(Guests& guests, std::string owner) : m_guests(&guests), m_owner(std::move(owner)) {}
        Call(Call&& other) noexcept;
        Call& operator=(Call&& other) noexcept;
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        ~Call();

    private:
        Guests* m_guests;
        std::string m_owner;
    };

    explicit Guests(const Limits& limits) : m_limits(limits) {}

    /// A new connection, and the stranger that has to go for it. Ids grow.
    std::optional<Id> arrive(Id id, const std::string& address, Clock::time_point now);

    /// The connection showed the owner's key. False when the owner has enough of them: it stays a
    /// stranger's.
    bool recognise(Id id, const Owner& owner, Clock::time_point now);

    /// nullopt when the owner has enough in progress.
    std::optional<Call> begin_call(const Owner& owner);

    void leave(Id id);

    std::size_t strangers() const noexcept { return m_strangers; }

private:
    struct Guest {
        std::string address;
        std::string owner;                             // empty: a stranger
        std::optional<std::list<Id>::iterator> place;  // among the strangers of its address
    };
    struct Address {
        std::list<Id> strangers;          // the oldest first
        Clock::time_point known_until{};  // a key was shown from there not long ago
    };
    struct Use {
        std::size_t connections = 0;
        std::size_t calls = 0;
    };

    Id oldest_of_the_most(Clock::time_point now) const;
    void strike(Id id);
    void forget_address(const std::string& address, Clock::time_point now);
    void forget_owner(const std::string& owner);

    Limits m_limits;
    std::unordered_map<Id, Guest> m_guests;
    std::map<std::string, Address> m_addresses;
    std::map<std::string, Use> m_owners;
    std::size_t m_strangers = 0;
};

}  // namespace ardent::environment
