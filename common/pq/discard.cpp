// SPDX-License-Identifier: PostgreSQL
#include "common/pq/discard.hpp"

#include <poll.h>

namespace ardent::pq {

namespace {

constexpr const char* k_what = "a statement";

bool is_copy(ExecStatusType status) {
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

// Notifications gather in libpq, and a statement may bring any number of them.
void drop_notifications(PGconn* handle) noexcept {
    while (PGnotify* const notification = PQnotifies(handle)) {
        PQfreemem(notification);
    }
}

// False when `go_on` said no before a result could be had.
bool await_result(Connection& connection, const std::function<bool()>& go_on) {
    constexpr int k_step_ms = 100;
    while (!connection.has_result()) {
        pollfd waiting{connection.socket(), POLLIN, 0};
        ::poll(&waiting, 1, k_step_ms);
        if (waiting.revents != 0 && PQconsumeInput(connection.handle()) == 0) {
            throw connection.failure(k_what);
        }
        drop_notifications(connection.handle());
        if (!connection.has_result() && !go_on()) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::optional<Result> exec_discarding(Connection& connection, const std::string& sql,
                                      const std::function<bool()>& go_on) {
    if (PQsendQuery(connection.handle(), sql.c_str()) == 0) {
        throw connection.failure(k_what);
    }
    PQsetSingleRowMode(connection.handle());
    Result last(nullptr);
    for (;;) {
        if (!go_on() || !await_result(connection, go_on)) {
            connection.cancel();
            return std::nullopt;
        }
        Result next(PQgetResult(connection.handle()));
        if (next.handle() == nullptr) {
            return last;
        }
        if (is_copy(next.status())) {
            return next;
        }
        last = std::move(next);
    }
}

}  // namespace ardent::pq
