// SPDX-License-Identifier: PostgreSQL
#include "environment/server/guests.hpp"

#include <tuple>
#include <utility>

namespace ardent::environment {

namespace {

constexpr std::chrono::hours k_known{1};
// Of addresses from which nobody is connected now; more are forgotten early.
constexpr std::size_t k_addresses = 4096;

}  // namespace

Guests::Call::Call(Call&& other) noexcept
    : m_guests(std::exchange(other.m_guests, nullptr)), m_owner(std::move(other.m_owner)) {}

Guests::Call& Guests::Call::operator=(Call&& other) noexcept {
    std::swap(m_guests, other.m_guests);
    std::swap(m_owner, other.m_owner);
    return *this;
}

Guests::Call::~Call() {
    if (m_guests != nullptr) {
        --m_guests->m_owners[m_owner].calls;
        m_guests->forget_owner(m_owner);
    }
}

std::optional<Guests::Id> Guests::arrive(Id id, const std::string& address, Clock::time_point now) {
    Address& from = m_addresses[address];
    from.strangers.push_back(id);
    m_guests[id] = {address, {}, std::prev(from.strangers.end())};
    ++m_strangers;
    std::optional<Id> goes;
    if (from.strangers.size() > m_limits.strangers_of_address) {
        goes = from.strangers.front();
    } else if (m_strangers > m_limits.strangers) {
        goes = oldest_of_the_most(now);
    }
    if (goes) {
        strike(*goes);
    }
    return goes;
}

// From addresses where nobody showed a key first; among those from the one with the most, then the
// oldest.
Guests::Id Guests::oldest_of_the_most(Clock::time_point now) const {
    using Rank = std::tuple<bool, std::size_t, Id>;
    std::optional<Rank> best;
    for (const auto& [name, address] : m_addresses) {
        if (address.strangers.empty()) {
            continue;
        }
        const Rank rank{address.known_until <= now, address.strangers.size(),
                        ~address.strangers.front()};
        if (!best || rank > *best) {
            best = rank;
        }
    }
    return ~std::get<2>(*best);
}

void Guests::strike(Id id) {
    Guest& guest = m_guests.at(id);
    if (guest.place) {
        m_addresses.at(guest.address).strangers.erase(*guest.place);
        guest.place.reset();
        --m_strangers;
    }
}

bool Guests::recognise(Id id, const Owner& owner, Clock::time_point now) {
    const auto found = m_guests.find(id);
    if (found == m_guests.end()) {
        return false;
    }
    Guest& guest = found->second;
    m_addresses[guest.address].known_until = now + k_known;
    if (guest.owner == owner.name) {
        return true;
    }
    Use& use = m_owners[owner.name];
    if (use.connections >= owner.connections) {
        return false;
    }
    ++use.connections;
    strike(id);
    if (!guest.owner.empty()) {
        --m_owners[guest.owner].connections;
        forget_owner(guest.owner);
    }
    guest.owner = owner.name;
    return true;
}

std::optional<Guests::Call> Guests::begin_call(const Owner& owner) {
    Use& use = m_owners[owner.name];
    if (use.calls >= owner.calls) {
        return std::nullopt;
    }
    ++use.calls;
    return std::optional<Call>(std::in_place, *this, owner.name);
}

void Guests::leave(Id id) {
    const auto found = m_guests.find(id);
    if (found == m_guests.end()) {
        return;
    }
    strike(id);
    const Guest guest = std::move(found->second);
    m_guests.erase(found);
    if (!guest.owner.empty()) {
        --m_owners[guest.owner].connections;
        forget_owner(guest.owner);
    }
    forget_address(guest.address, Clock::now());
}

void Guests::forget_address(const std::string& address, Clock::time_point now) {
    const auto found = m_addresses.find(address);
    if (found != m_addresses.end() && found->second.strangers.empty() &&
        (found->second.known_until <= now || m_addresses.size() > k_addresses)) {
        m_addresses.erase(found);
    }
}

void Guests::forget_owner(const std::string& owner) {
    const auto found = m_owners.find(owner);
    if (found != m_owners.end() && found->second.connections == 0 && found->second.calls == 0) {
        m_owners.erase(found);
    }
}

}  // namespace ardent::environment
