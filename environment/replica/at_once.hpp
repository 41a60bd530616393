// SPDX-License-Identifier: PostgreSQL
// Several statements at a time, each thread with a connection of its own.
#pragma once

#include "common/base/error.hpp"
#include "common/pq/connection.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace ardent::environment {

/// A new connection for each call, from any thread; what runs on it can be cancelled.
using Connect = std::function<std::shared_ptr<pq::Connection>()>;

struct FailedPlace {
    std::size_t place;
    base::Error error;
};

/// Calls `one` for each place from 0 to before `count`, on up to `jobs` threads. Errors of the
/// server come back, in no order; others, transient ones (but for a deadlock) and whatever comes
/// once `go_on` says no end it and are thrown.
std::vector<FailedPlace> at_once(std::size_t count, unsigned jobs, const Connect& connect,
                                 const std::function<bool()>& go_on,
                                 const std::function<void(pq::Connection&, std::size_t)>& one);

}  // namespace ardent::environment
