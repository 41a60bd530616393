// SPDX-License-Identifier: PostgreSQL
#include "agent/report/source_watch.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <unistd.h>

namespace ardent::agent {

namespace {

constexpr std::uint64_t k_soon = 3600;  // seconds

std::optional<std::uint64_t> number_of(const pq::Value& value) {
    std::uint64_t number = 0;
    if (!value ||
        std::from_chars(value->data(), value->data() + value->size(), number).ec != std::errc{}) {
        return std::nullopt;
    }
    return number;
}

std::optional<model::Lsn> lsn_of(const pq::Value& value) {
    return value ? model::parse_lsn(*value) : std::nullopt;
}

}  // namespace

SourceFigures read_figures(pq::Connection& connection, const std::string& slot) {
    const pq::Result result = connection.exec(R"sql(
SELECT w.current, s.slot_name IS NOT NULL, s.confirmed_flush_lsn,
       CASE WHEN w.current >= s.restart_lsn
            THEN pg_catalog.pg_wal_lsn_diff(w.current, s.restart_lsn) END,
       s.wal_status,
       CASE WHEN s.safe_wal_size < 0 THEN 0 ELSE s.safe_wal_size END
  FROM (SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery()
                    THEN pg_catalog.pg_current_wal_lsn() END) AS w (current)
  LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = $1
)sql",
                                              {slot});
    SourceFigures figures;
    figures.current = lsn_of(result.value(0, 0));
    figures.slot_exists = result.text(0, 1) == "t";
    figures.confirmed_flush = lsn_of(result.value(0, 2));
    figures.retained_bytes = number_of(result.value(0, 3));
    figures.wal_status = result.value(0, 4);
    figures.safe_wal_size = number_of(result.value(0, 5));
    return figures;
}

std::optional<std::string> excess(const SourceFigures& figures, const std::string& slot,
                                  std::optional<std::uint64_t> limit) {
    if (limit && figures.retained_bytes && *figures.retained_bytes > *limit) {
        return "replication slot \"" + slot + "\" held back " +
               base::human_bytes(*figures.retained_bytes) +
               " of WAL, more than limits.max_retained_wal (" + base::human_bytes(*limit) +
               "): it was dropped to spare the source";
    }
    return std::nullopt;
}

void WalRate::look(model::Lsn position, Time now) noexcept {
    if (m_position && position >= *m_position && now > m_at) {
        const auto passed =
            std::chrono::duration_cast<std::chrono::milliseconds>(now - m_at).count();
        m_rate = (position.value - m_position->value) * 1000 /
                 static_cast<std::uint64_t>(std::max<long>(passed, 1));
    }
    m_position = position;
    m_at = now;
}

std::vector<std::string> warnings(const SourceFigures& figures,
                                  std::optional<std::uint64_t> wal_rate) {
    std::vector<std::string> lines;
    const std::string status = figures.wal_status.value_or("");
    if (status == "unreserved" || status == "lost") {
        lines.push_back("the slot's wal_status is " + status +
                        ": max_slot_wal_keep_size is exceeded");
    }
    if (figures.safe_wal_size && wal_rate && *wal_rate > 0) {
        const std::uint64_t seconds = *figures.safe_wal_size / *wal_rate;
        if (seconds < k_soon) {
            lines.push_back("at " + base::human_bytes(*wal_rate) +
                            "/s of WAL the slot is lost in " + std::to_string(seconds / 60) +
                            " min unless it advances");
        }
    }
    if (status == "extended") {
        lines.push_back("the slot holds back more WAL than max_wal_size: " +
                        base::human_bytes(figures.retained_bytes.value_or(0)));
    }
    return lines;
}

std::optional<std::uint64_t> resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    if (!(file >> total >> resident)) {
        return std::nullopt;
    }
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace ardent::agent
