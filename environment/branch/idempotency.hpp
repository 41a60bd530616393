// SPDX-License-Identifier: PostgreSQL
// Keys under which clients ask for a branch, so that a request whose answer was lost may be sent
// again: it gets the first answer. A key is in flight while its first request is being answered,
// which is a matter of this process; what was answered stands in the state, stored with the branch
// and its operation in one statement, for 24 hours and not beyond the branch. A request that was
// refused changed nothing and may be sent again under its key. Any thread.
#pragma once

#include "environment/state/records.hpp"

#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace ardent::environment {

/// 1 to 255 printable characters of ASCII.
bool is_idempotency_key(std::string_view key) noexcept;

class KeysInFlight {
public:
    class Flight {
    public:
        Flight(KeysInFlight& keys, std::string key);
        ~Flight();
        Flight(const Flight&) = delete;
        Flight& operator=(const Flight&) = delete;

    private:
        KeysInFlight& m_keys;
        std::string m_key;
    };

    /// In flight until what is returned goes. Throws HttpError 409 in_flight when it is already.
    Flight take(const std::string& key) { return {*this, key}; }

private:
    std::mutex m_mutex;
    std::set<std::string> m_keys;
};

}  // namespace ardent::environment
