// SPDX-License-Identifier: PostgreSQL
// What our slot costs the source, as figures and as sentences (invariant 15). The query runs on the
// caller's connection, the rest is pure.
#pragma once

#include "common/model/lsn.hpp"
#include "common/pq/connection.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ardent::agent {

struct SourceFigures {
    std::optional<model::Lsn> current;  // nullopt on a standby
    bool slot_exists = false;
    std::optional<model::Lsn> confirmed_flush;
    std::optional<std::uint64_t> retained_bytes;
    std::optional<std::string> wal_status;
    std::optional<std::uint64_t> safe_wal_size;  // nullopt: max_slot_wal_keep_size is off
};

SourceFigures read_figures(pq::Connection& connection, const std::string& slot);

/// Why the slot is to be given up: it holds back more than `limit` (limits.max_retained_wal).
/// nullopt while it may stay.
std::optional<std::string> excess(const SourceFigures& figures, const std::string& slot,
                                  std::optional<std::uint64_t> limit);

/// Bytes of WAL a second between two looks at the source.
class WalRate {
public:
    using Time = std::chrono::steady_clock::time_point;

    void look(model::Lsn position, Time now) noexcept;
    std::optional<std::uint64_t> bytes_per_second() const noexcept { return m_rate; }

private:
    std::optional<model::Lsn> m_position;
    Time m_at{};
    std::optional<std::uint64_t> m_rate;
};

/// What an operator should know, worst first; empty when all is well.
std::vector<std::string> warnings(const SourceFigures& figures,
                                  std::optional<std::uint64_t> wal_rate);

/// VmRSS of this process; nullopt when /proc does not say.
std::optional<std::uint64_t> resident_bytes();

}  // namespace ardent::agent
