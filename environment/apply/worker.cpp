// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/worker.hpp"

#include "common/base/bounded_queue.hpp"
#include "common/pq/table_catalog.hpp"
#include "common/process/log.hpp"
#include "environment/apply/difference.hpp"
#include "environment/apply/failed.hpp"
#include "environment/apply/generated_records.hpp"
#include "environment/apply/progress.hpp"
#include "environment/apply/replica_session.hpp"
#include "environment/apply/snapshot.hpp"
#include "environment/apply/target_table.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace ardent::apply {

namespace {

struct Item {
    protocol::SegmentHeader header;
    std::string payload;
};

constexpr std::chrono::milliseconds k_cancel_again{100};
constexpr std::chrono::milliseconds k_look_for_copies{200};
constexpr std::chrono::milliseconds k_look_again{1};  // for a segment while a commit is under way

base::Error ended(const std::string& why) {
    return {base::ErrorKind::transient, "applying has ended: " + why};
}

}  // namespace

class Worker::Impl {
public:
    explicit Impl(WorkerOptions options)
        : m_options(std::move(options)),
          m_queue(m_options.queue_bytes),
          m_incoming(m_options.copies_directory) {
        m_ddl_xids = m_options.ddl_xids;
        m_session.emplace(m_options.replica, m_options.server_encoding, m_options.secret);
        read_start();
        m_tables = TargetTables(m_session->plain());
        show_copies();
        m_thread = std::thread([this] { run(); });
    }

    ~Impl() { stop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void submit(const protocol::SegmentHeader& header, std::string payload,
                std::chrono::steady_clock::time_point deadline) {
        const std::size_t bytes = payload.size() + protocol::k_segment_header_bytes;
        Item item{header, std::move(payload)};
        if (!m_queue.push_until(item, bytes, deadline)) {
            const std::lock_guard lock(m_mutex);
            if (!m_ended && !m_stopping) {
                throw base::Error(base::ErrorKind::transient,
                                  "the replica is busy applying what came before");
            }
            throw ended(m_failure ? m_failure->message
                        : m_lost  ? "the replica's connection was lost"
                                  : "stopped");
        }
    }

    model::Lsn durable() const {
        const std::lock_guard lock(m_mutex);
        return m_durable;
    }

    std::optional<protocol::Failure> failure() const {
        const std::lock_guard lock(m_mutex);
        return m_failure;
    }

    bool session_lost() const {
        const std::lock_guard lock(m_mutex);
        return m_lost;
    }

    Counters counters() const {
        const std::lock_guard lock(m_mutex);
        return m_counters;
    }

    bool wait_durable(model::Lsn after, std::chrono::steady_clock::time_point deadline) const {
        std::unique_lock lock(m_mutex);
        return m_news.wait_until(lock, deadline, [&] { return m_durable > after || m_ended; });
    }

    std::optional<protocol::Failure> check_tables(const protocol::SchemaReport& source) const;

    std::vector<std::uint64_t> ddl_xids() const {
        const std::lock_guard lock(m_mutex);
        return m_ddl_xids;
    }

    IncomingCopies& copies() noexcept { return m_incoming; }

    bool waits_inside() const {
        const std::lock_guard lock(m_mutex);
        return m_waits_inside;
    }

    void abandon() {
        stop();
        const std::lock_guard lock(m_mutex);
        m_lost = m_lost || !m_failure;
    }

    void stop() {
        const std::lock_guard once(m_stop_mutex);
        if (!m_thread.joinable()) {
            return;
        }
        m_stopping = true;
        m_queue.close();
        m_queue.clear();
        {
            std::unique_lock lock(m_mutex);
            while (!m_news.wait_for(lock, k_cancel_again, [&] { return m_ended; })) {
                m_session->cancel();  // again, should the first have come between two statements
            }
        }
        m_thread.join();
    }

private:
    void read_start();
    void show_copies();
    void run() noexcept;
    void work();
    void tell(model::Lsn durable, const Counters& counters,
              const std::vector<std::uint64_t>& ddl_xids);
    std::optional<Item> await_item(bool inside);
    void end(std::optional<protocol::Failure> failure, bool lost) noexcept;

    const WorkerOptions m_options;
    base::BoundedQueue<Item> m_queue;
    IncomingCopies m_incoming;
    std::optional<ReplicaSession> m_session;  // the thread's; `end` takes it away under m_mutex
    TargetTables m_tables;
    std::atomic<bool> m_stopping{false};

    mutable std::mutex m_mutex;  // what follows
    mutable std::condition_variable m_news;
    model::Lsn m_durable;
    Counters m_counters;
    std::vector<std::uint64_t> m_ddl_xids;
    std::optional<protocol::Failure> m_failure;
    bool m_lost = false;
    bool m_ended = false;
    bool m_waits_inside = false;

    std::mutex m_stop_mutex;
    std::thread m_thread;
};

void Worker::Impl::read_start() {
    pq::Connection& connection = m_session->plain();
    const std::optional<ProgressRow> row = read_progress(connection);
    if (!row) {
        throw base::Error(base::ErrorKind::replica,
                          "the replica has no progress row: it is not complete",
                          "Make a new copy.");
    }
    if (row->system_identifier != m_options.system_identifier) {
        throw base::Error(base::ErrorKind::replica,
                          "the replica is of the source with system identifier " +
                              row->system_identifier + ", the agent's source has " +
                              m_options.system_identifier,
                          "Point the agent to the right source, or make a new copy.");
    }
    m_durable = row->durable;
    m_counters.last_commit_timestamp = row->commit_timestamp.value_or("");
}

// Before the thread does: whoever looks sees them from the first moment.
void Worker::Impl::show_copies() {
    pq::Connection& connection = m_session->plain();
    InUtf8 utf8(connection, m_options.server_encoding);
    m_incoming.want(read_copy_records(connection));
    utf8.end();
}

void Worker::Impl::run() noexcept {
    try {
        work();
        end(std::nullopt, false);
    } catch (const Stopped&) {
        end(std::nullopt, false);
    } catch (const base::Error& error) {
        if (m_stopping) {
            end(std::nullopt, false);
        } else if (is_lost(error)) {
            process::log_warning("the replica's connection was lost",
                                 {{"error", shown(error.what(), 1000)}});
            end(std::nullopt, true);
        } else {
            end(to_failure(error), false);
        }
    } catch (const std::exception& error) {
        end(protocol::Failure{std::string("applying failed: ") + error.what(),
                              "A bug, please report it.",
                              std::nullopt,
                              {}},
            false);
    }
}

void Worker::Impl::tell(model::Lsn durable, const Counters& counters,
                        const std::vector<std::uint64_t>& ddl_xids) {
    const std::lock_guard lock(m_mutex);
    m_ddl_xids.insert(m_ddl_xids.end(), ddl_xids.begin(), ddl_xids.end());
    m_durable = durable;
    std::string timestamp = m_counters.last_commit_timestamp;
    m_counters = counters;
    if (m_counters.last_commit_timestamp.empty()) {
        m_counters.last_commit_timestamp = std::move(timestamp);
    }
    m_news.notify_all();
}

void Worker::Impl::work() {
    std::optional<Item> next;
    const auto take_next = [&] {
        return next ? std::exchange(next, std::nullopt) : m_queue.try_pop();
    };
    Applier applier(
        *m_session, m_tables, m_incoming,
        {m_options.server_encoding, m_options.timeline, m_options.search_paths, m_options.ddl},
        m_durable,
        [&](model::Lsn durable, const Counters& counters) {
            tell(durable, counters, applier.take_ddl_xids());
        },
        [&] {
            next = take_next();
            return next ? std::string_view(next->payload) : std::string_view();
        });
    for (;;) {
        std::optional<Item> item = take_next();
        if (!item && applier.committing()) {
            applier.continue_commit(k_look_again);
            continue;
        }
        if (!item && applier.pending()) {
            applier.start_commit();
            continue;
        }
        if (!item && !applier.inside()) {
            applier.take_copies(m_stopping);
        }
        if (!item) {
            item = await_item(applier.inside());
        }
        if (!item && m_stopping) {
            return;
        }
        if (!item) {
            continue;  // to see whether a copy has come
        }
        if (m_options.delivered_only) {
            applier.deliver(item->header, item->payload.size());
        } else {
            applier.apply(item->header, item->payload, m_stopping);
        }
    }
}

std::optional<Item> Worker::Impl::await_item(bool inside) {
    const auto say = [this](bool waits) {
        const std::lock_guard lock(m_mutex);
        m_waits_inside = waits;
    };
    const auto pop = [this] {
        return m_incoming.any()
                   ? m_queue.pop_until(std::chrono::steady_clock::now() + k_look_for_copies)
                   : m_queue.pop();
    };
    if (!inside) {
        return pop();
    }
    say(true);
    std::optional<Item> item = pop();
    say(false);
    return item;
}

void Worker::Impl::end(std::optional<protocol::Failure> failure, bool lost) noexcept {
    if (failure) {
        process::log_error("applying stopped",
                           {{"error", failure->message}, {"hint", failure->hint}});
    }
    {
        const std::lock_guard lock(m_mutex);  // before a refused submit asks why
        m_failure = std::move(failure);
        m_lost = lost;
        m_ended = true;
        m_session.reset();  // with it an open target transaction and its locks
        m_news.notify_all();
    }
    m_queue.close();
    m_queue.clear();
}

std::optional<protocol::Failure> Worker::Impl::check_tables(
    const protocol::SchemaReport& source) const {
    pq::ConnectOptions options = m_options.replica;
    options.parameters.emplace_back("client_encoding", "UTF8");
    options.parameters.emplace_back("application_name", "ardent check");
    options.kind = base::ErrorKind::replica;
    pq::Connection connection(options);
    if (auto failure =
            difference(source.definitions,
                       pq::read_definitions(connection, m_options.schemas, m_options.excluded))) {
        return failure;
    }
    return check_generated(connection, source.generated, [&] {
        const std::vector<std::uint64_t> done = ddl_xids();
        return std::any_of(done.begin(), done.end(),
                           [&](std::uint64_t xid) { return !sees(source.snapshot, xid); });
    });
}

Worker::Worker(WorkerOptions options) : m_impl(std::make_unique<Impl>(std::move(options))) {}

Worker::~Worker() = default;

void Worker::submit(const protocol::SegmentHeader& header, std::string payload,
                    std::chrono::steady_clock::time_point deadline) {
    m_impl->submit(header, std::move(payload), deadline);
}

model::Lsn Worker::durable() const {
    return m_impl->durable();
}

std::optional<protocol::Failure> Worker::failure() const {
    return m_impl->failure();
}

bool Worker::session_lost() const {
    return m_impl->session_lost();
}

bool Worker::wait_durable(model::Lsn after, std::chrono::steady_clock::time_point deadline) const {
    return m_impl->wait_durable(after, deadline);
}

std::optional<protocol::Failure> Worker::check_tables(const protocol::SchemaReport& source) const {
    return m_impl->check_tables(source);
}

Counters Worker::counters() const {
    return m_impl->counters();
}

std::vector<std::uint64_t> Worker::ddl_xids() const {
    return m_impl->ddl_xids();
}

IncomingCopies& Worker::copies() const {
    return m_impl->copies();
}

bool Worker::waits_inside() const {
    return m_impl->waits_inside();
}

void Worker::abandon() {
    m_impl->abandon();
}

void Worker::stop() {
    m_impl->stop();
}

}  // namespace ardent::apply
