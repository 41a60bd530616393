// SPDX-License-Identifier: PostgreSQL
#include "common/pq/direct.hpp"

#include <random>
#include <utility>

namespace ardent::pq {

namespace {

constexpr const char* k_who_answers = R"(
SELECT pg_catalog.pg_backend_pid(),
       pg_catalog.current_setting('ardent_session.mark', true),
       pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port()
)";

std::string where_it_listens(const Result& row) {
    if (row.is_null(0, 2)) {
        return "The server behind it was reached over a Unix socket.";
    }
    const std::string address(row.text(0, 2));
    return "The server behind it listens on " +
           (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" +
           std::string(row.text(0, 3)) + ".";
}

}  // namespace

std::string new_session_mark() {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::random_device random;
    std::string mark;
    for (int i = 0; i < 16; ++i) {
        mark += k_digits[random() % k_digits.size()];
    }
    return mark;
}

Between look_between(Connection& connection, const std::string& mark) {
    const Result row = connection.exec(k_who_answers);
    if (row.is_null(0, 1) || row.text(0, 1) != mark) {
        return {Between::What::pooler,
                "A connection pooler answers: the settings sent at the start did not reach the "
                "session. " +
                    where_it_listens(row)};
    }
    if (row.text(0, 0) != std::to_string(connection.backend_pid())) {
        return {Between::What::proxy,
                "A proxy answers: the client was told process " +
                    std::to_string(connection.backend_pid()) + ", the session is process " +
                    std::string(row.text(0, 0)) + ". " + where_it_listens(row)};
    }
    return {};
}

bool is_pooler_refusal(std::string_view connect_error) noexcept {
    return connect_error.find("unsupported startup parameter") != std::string_view::npos;
}

Connection connect_directly(ConnectOptions options) {
    const std::string mark = new_session_mark();
    options.settings[k_session_mark] = mark;
    try {
        Connection connection(options);
        const Between between = look_between(connection, mark);
        if (between.what == Between::What::pooler) {
            throw base::Error(options.kind, options.name + ": " + between.evidence,
                              k_connect_directly);
        }
        return connection;
    } catch (const base::Error& e) {
        if (is_pooler_refusal(e.what())) {
            throw base::Error(options.kind,
                              std::string(e.what()) + " (a connection pooler says so)",
                              k_connect_directly);
        }
        throw;
    }
}

}  // namespace ardent::pq
