// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/snapshot.hpp"

#include <charconv>

namespace ardent::apply {

namespace {

bool take(std::string_view& rest, std::uint64_t& number) noexcept {
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
    return read.ec == std::errc();
}

bool skip(std::string_view& rest, char c) noexcept {
    const bool there = rest.starts_with(c);
    rest.remove_prefix(there ? 1 : 0);
    return there;
}

}  // namespace

bool is_snapshot(std::string_view text) noexcept {
    std::uint64_t xmin = 0;
    std::uint64_t xmax = 0;
    if (!take(text, xmin) || !skip(text, ':') || !take(text, xmax) || !skip(text, ':') ||
        xmin == 0 || xmin > xmax) {
        return false;
    }
    std::uint64_t next = xmin;
    while (!text.empty()) {
        std::uint64_t running = 0;
        if (!take(text, running) || running < next || running >= xmax) {
            return false;
        }
        next = running + 1;
        if (!text.empty() && (!skip(text, ',') || text.empty())) {
            return false;
        }
    }
    return true;
}

bool sees(std::string_view snapshot, std::uint64_t xid) noexcept {
    std::uint64_t xmin = 0;
    std::uint64_t xmax = 0;
    if (!take(snapshot, xmin) || !skip(snapshot, ':') || !take(snapshot, xmax) ||
        !skip(snapshot, ':')) {
        return false;
    }
    if (xid < xmin || xid >= xmax) {
        return xid < xmin;
    }
    std::uint64_t running = 0;
    while (take(snapshot, running)) {
        if (running == xid) {
            return false;
        }
        skip(snapshot, ',');
    }
    return true;
}

}  // namespace ardent::apply
