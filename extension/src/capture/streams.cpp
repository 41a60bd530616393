// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/streams.hpp"

namespace ardent::ext::capture {

namespace {

constexpr const char* k_streams = R"(
SELECT pg_catalog.array_agg(s.active_pid)::pg_catalog.text
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.active_pid IS NOT NULL AND s.database = pg_catalog.current_database()
   AND pg_catalog.starts_with(s.slot_name::pg_catalog.text, 'ardent_')
)";

// By the processes: a slot may have its next stream by now.
constexpr const char* k_end = R"(
SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(s.active_pid))
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.active_pid = ANY ('%s'::pg_catalog.int4[])
)";

constexpr long k_turn = 20'000;  // microseconds
constexpr int k_turns = 1500;

const char* value_of(const char* query) {
    const bool found = SPI_execute(query, false, 1) == SPI_OK_SELECT && SPI_processed == 1;
    return found ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : nullptr;
}

bool end_those(const char* processes) {
    const char* const end = psprintf(k_end, processes);
    for (int turn = 0; turn < k_turns; ++turn) {
        const char* const left = value_of(end);
        if (left != nullptr && std::strcmp(left, "0") == 0) {
            return true;
        }
        CHECK_FOR_INTERRUPTS();
        pg_usleep(k_turn);
    }
    return false;
}

}  // namespace

bool end_streams() {
    SPI_connect();
    const char* const processes = value_of(k_streams);
    const bool ended = processes == nullptr || end_those(processes);
    SPI_finish();
    return ended;
}

}  // namespace ardent::ext::capture
