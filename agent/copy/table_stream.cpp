// SPDX-License-Identifier: PostgreSQL
#include "agent/copy/table_stream.hpp"

#include "common/base/backoff.hpp"
#include "common/base/bounded_queue.hpp"
#include "common/base/text.hpp"
#include "common/protocol/frame.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <future>
#include <random>
#include <thread>

namespace ardent::agent {

namespace {

using base::Error;
using base::ErrorKind;
using model::Generated;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t k_part_bytes = 4U << 20U;
constexpr std::size_t k_queue_bytes = 3 * k_part_bytes;
constexpr int k_level = 1;
constexpr milliseconds k_look_up{50};  // from waiting, for what else there is to do
constexpr auto k_network_patience = std::chrono::minutes(2);

// Evaluated once, before the first row.
constexpr const char* k_back_to_exact_path =
    " WHERE (SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)) IS NOT NULL";

constexpr const char* k_no_privilege = "42501";

constexpr const char* k_owner = R"sql(
SELECT pg_catalog.pg_get_userbyid(c.relowner)
  FROM pg_catalog.pg_class AS c
 WHERE c.oid = pg_catalog.to_regclass($1)
)sql";

struct Part {
    std::string rows;
    bool last = false;
};

/// The sending half: takes parts from the queue until the last one was answered.
class PartSender {
public:
    using Put = std::function<std::optional<PartAnswer>(std::uint64_t, bool, std::string_view)>;

    explicit PartSender(const Put& put)
        : m_put(put), m_answer(m_promise.get_future()), m_thread([this] { run(); }) {}

    ~PartSender() {
        m_give_up = true;
        m_queue.clear();
        m_queue.close();
        if (m_thread.joinable()) {
            m_thread.join();
        }
    }

    PartSender(const PartSender&) = delete;
    PartSender& operator=(const PartSender&) = delete;

    /// Waits for room, with `go_on` in between. Throws what the thread met.
    void put(Part part, const std::function<bool()>& go_on) {
        const std::size_t bytes = part.rows.size() + 1;
        while (!m_queue.push_until(part, bytes, Clock::now() + k_look_up)) {
            if (is_answered(milliseconds(0))) {
                m_answer.get();
            }
            require(go_on);
        }
        require(go_on);
    }

    /// Waits for the answer to the last part: the rows that the other end counted.
    std::uint64_t finish(const std::function<bool()>& go_on) {
        while (!is_answered(k_look_up)) {
            require(go_on);
        }
        const std::uint64_t rows = m_answer.get();
        require(go_on);
        return rows;
    }

private:
    static void require(const std::function<bool()>& go_on) {
        if (!go_on()) {
            throw Error(ErrorKind::transient, "stopped while copying");
        }
    }

    bool is_answered(milliseconds patience) const {
        return m_answer.wait_for(patience) == std::future_status::ready;
    }

    void run() noexcept {
        try {
            for (std::uint64_t number = 0;; ++number) {
                const std::optional<Part> part = m_queue.pop();
                if (!part) {
                    return;
                }
                const auto rows = send(number, *part);
                if (part->last) {
                    m_promise.set_value(rows.value_or(0));
                    return;
                }
            }
        } catch (...) {
            m_promise.set_exception(std::current_exception());
        }
        m_queue.close();
    }

    std::optional<std::uint64_t> send(std::uint64_t number, const Part& part) {
        std::string frame;
        protocol::append_frame(frame, part.rows, k_level);
        base::Backoff backoff(milliseconds(100), milliseconds(3000), std::random_device{}());
        const auto deadline = Clock::now() + k_network_patience;
        for (;;) {
            try {
                const auto answer = m_put(number, part.last, frame);
                if (!answer) {
                    throw Error(ErrorKind::replica, "the environment gave this copy up");
                }
                return answer->rows;
            } catch (const Error& e) {
                if (e.kind() != ErrorKind::transient || m_give_up || Clock::now() > deadline) {
                    throw;
                }
                std::this_thread::sleep_for(backoff.next());
            }
        }
    }

    const Put& m_put;
    base::BoundedQueue<Part> m_queue{k_queue_bytes};
    std::promise<std::uint64_t> m_promise;  // the rows counted there, or what the thread met
    std::future<std::uint64_t> m_answer;
    std::atomic<bool> m_give_up{false};
    std::thread m_thread;
};

/// The planner inlines SQL functions of index expressions and predicates, and evaluates what is
/// constant in them; with constraint_exclusion = on those of checks, too.
std::string plan_as_a_writer(const TableTransfer& transfer, const model::RelationName& table) {
    const std::string owner =
        transfer.connection.value(k_owner, {pq::quote_qualified(table.schema, table.name)})
            .value_or("");
    std::string path = model::path_of_user(transfer.search_paths.of(owner), owner);
    transfer.connection.exec("SET LOCAL constraint_exclusion = off");
    transfer.connection.exec("SELECT pg_catalog.set_config('search_path', $1, true)", {path});
    return path;
}

Error cannot_query(const Error& e, const model::RelationName& table, const std::string& path) {
    std::string hint =
        e.sqlstate() == k_no_privilege
            ? "The agent's role needs SELECT on the table, and EXECUTE on the functions of its "
              "indexes."
            : "The table has a stored generated column, so its rows are read by a query, for which "
              "the server looks into the functions of its indexes, here with search_path = " +
                  path +
                  ". Let the function that is named find what it needs by itself (ALTER FUNCTION … "
                  "SET search_path = …), or give the table's owner the search_path that it needs "
                  "(ALTER ROLE … SET search_path = …).";
    return {e.kind(), "the rows of " + model::to_string(table) + " cannot be read: " + e.what(),
            std::move(hint), e.sqlstate()};
}

std::uint64_t read_rows(const TableTransfer& transfer, const model::TableDefinition& table,
                        const std::function<void(std::string_view row)>& sink) {
    const std::string statement = copy_out_statement(table, transfer.encoding);
    if (!needs_query(table)) {
        return pq::copy_out(transfer.connection, statement, sink, transfer.go_on);
    }
    const std::string path = plan_as_a_writer(transfer, table.relation);
    try {
        return pq::copy_out(transfer.connection, statement, sink, transfer.go_on);
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::transient || e.sqlstate().empty()) {
            throw;
        }
        throw cannot_query(e, table.relation, path);
    }
}

}  // namespace

bool needs_query(const model::TableDefinition& table) {
    return std::none_of(table.columns.begin(), table.columns.end(),
                        [](const auto& column) { return column.generated == Generated::no; }) ||
           std::any_of(table.columns.begin(), table.columns.end(),
                       [](const auto& column) { return column.generated == Generated::stored; });
}

std::string copy_out_statement(const model::TableDefinition& table, const std::string& encoding) {
    std::vector<std::string> names;
    for (const model::ColumnDefinition& column : table.columns) {
        if (column.stored()) {
            names.push_back(pq::quote_identifier(column.name));
        }
    }
    const std::string columns = base::join(names, ", ");
    const std::string relation = pq::quote_qualified(table.relation.schema, table.relation.name);
    const std::string what = needs_query(table) ? "(SELECT " + columns + " FROM ONLY " + relation +
                                                      k_back_to_exact_path + ")"
                                                : relation + " (" + columns + ")";
    return "COPY " + what + " TO STDOUT WITH (ENCODING '" + encoding + "')";
}

std::uint64_t transfer_table(const TableTransfer& transfer, const model::TableDefinition& table) {
    PartSender sender(transfer.put);
    Part part;
    std::uint64_t rows = 0;
    // A partitioned table has no rows of its own: they are in its leaves.
    if (table.kind != 'p') {
        part.rows.reserve(k_part_bytes);
        rows = read_rows(transfer, table, [&](std::string_view row) {
            part.rows.append(row);
            if (part.rows.size() >= k_part_bytes) {
                transfer.moved(part.rows.size());
                sender.put(std::exchange(part, {}), transfer.go_on);
                part.rows.reserve(k_part_bytes);
            }
        });
    }
    transfer.moved(part.rows.size());
    part.last = true;
    sender.put(std::move(part), transfer.go_on);
    const std::uint64_t counted = sender.finish(transfer.go_on);
    if (counted != rows) {
        // which of the two is wrong cannot be told from here, and no other table is the worse for
        // it
        throw Error(ErrorKind::replica, "the copy of " + model::to_string(table.relation) +
                                            " has " + std::to_string(rows) +
                                            " rows at the source, " + std::to_string(counted) +
                                            " at the environment");
    }
    return rows;
}

}  // namespace ardent::agent
