// SPDX-License-Identifier: PostgreSQL
#include "agent/copy/copier.hpp"

#include "agent/copy/inventory.hpp"
#include "agent/copy/schema_dump.hpp"
#include "agent/copy/table_stream.hpp"
#include "agent/source/connect.hpp"
#include "agent/source/failover.hpp"
#include "agent/source/generated.hpp"
#include "agent/source/plugin.hpp"
#include "agent/source/search_paths.hpp"
#include "common/base/text.hpp"
#include "common/pq/table_catalog.hpp"
#include "common/process/log.hpp"

#include <poll.h>

namespace ardent::agent {

namespace {

using base::Error;
using base::ErrorKind;
using std::chrono::seconds;

constexpr seconds k_phase_wait{1};
constexpr std::chrono::milliseconds k_between_questions{50};
constexpr seconds k_line_interval{5};

/// What an unknown session or a copy that was given up means: begin again with hello.
[[noreturn]] void start_over() {
    throw Error(ErrorKind::replica, "the environment gave this copy up");
}

}  // namespace

Copier::Copier(Parts parts, const protocol::SourceIdentity& identity, std::string session)
    : m_parts(parts), m_identity(identity), m_session(std::move(session)) {}

void Copier::run() {
    std::optional<pq::Connection> replication(
        connect_replication(m_parts.settings.source, application_name(m_parts.name)));
    m_source = at_server_of(m_parts.settings.source, *replication);
    pq::Connection maintenance = connect_sql(m_source, "slot");
    try {
        copy(*replication, maintenance);
    } catch (...) {
        replication.reset();
        if (!m_all_sent) {
            drop_slot_quietly(maintenance);
        }
        throw;
    }
}

void Copier::copy(pq::Connection& replication, pq::Connection& maintenance) {
    const Settings& settings = m_parts.settings;
    const auto go_on = [this] { return going_on(); };
    const std::string pg_dump =
        find_pg_dump(settings.source.pg_dump, m_identity.server_version_num);
    say("creating the replication slot");
    const int walsender = replication.backend_pid();
    const NewSlot wanted{settings.slot.name, settings.slot.plugin, wants_failover(maintenance)};
    const CreatedSlot slot = create_slot(replication, wanted, go_on,
                                         [&] { tell_who_is_in_the_way(maintenance, walsender); });
    process::log_info("created the replication slot",
                      {{"slot", wanted.name},
                       {"at", model::to_string(slot.consistent_point)},
                       {"failover", wanted.failover ? "yes" : "no"}});
    const bool exact_numbers = knows_exact_numbers(maintenance, settings.slot.name, go_on);

    pq::Connection connection = connect_sql(m_source, "copy");
    open_snapshot(connection, slot.snapshot);
    const protocol::CopyBegin begin = inventory(connection, slot, exact_numbers);
    const auto copy_id = m_parts.api.begin_copy(begin);
    if (!copy_id) {
        start_over();
    }
    m_copy_id = *copy_id;
    say("reading the schema");
    const std::string archive =
        dump_schema(m_source, pg_dump, slot.snapshot, m_identity.server_encoding, go_on);
    await_phase("schema");
    if (!m_parts.api.put_schema(m_copy_id, archive)) {
        start_over();
    }
    await_phase("data");
    protocol::CopyFinish finish{m_session, transfer(connection, begin)};
    connection.exec("COMMIT");
    m_all_sent = true;
    if (!m_parts.api.finish_copy(m_copy_id, finish)) {
        start_over();
    }
    await_phase("done");
    process::log_info("the copy is complete", {{"tables", begin.tables.size()},
                                               {"bytes", m_bytes},
                                               {"at", model::to_string(slot.consistent_point)}});
}

void Copier::open_snapshot(pq::Connection& connection, const std::string& snapshot) const {
    connection.exec("SET lock_timeout = '10s'");
    connection.exec(
        "SET jit = off");  // compiling the inventory's queries takes longer than they do
    connection.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    connection.exec("SET TRANSACTION SNAPSHOT " + connection.quote_literal(snapshot));
}

void Copier::lock_tables(pq::Connection& connection,
                         const std::vector<model::TableDefinition>& tables) const {
    constexpr std::size_t k_at_once = 200;
    for (std::size_t first = 0; first < tables.size(); first += k_at_once) {
        std::vector<std::string> names;
        for (std::size_t i = first; i < std::min(tables.size(), first + k_at_once); ++i) {
            names.push_back(
                "ONLY " + pq::quote_qualified(tables[i].relation.schema, tables[i].relation.name));
        }
        try {
            connection.exec("LOCK TABLE " + base::join(names, ", ") + " IN ACCESS SHARE MODE");
        } catch (const Error& e) {
            if (e.sqlstate() != "55P03") {
                throw;
            }
            throw Error(ErrorKind::transient,
                        std::string("a table is locked by somebody else, the copy begins again: ") +
                            e.what());
        }
    }
}

// Once the tables are locked: one that was rewritten after the snapshot would be read as empty,
// because a rewrite (ALTER TABLE, TRUNCATE) is not MVCC-safe. The query sees pg_class as the
// snapshot does, the function as it is now.
void Copier::refuse_rewritten(pq::Connection& connection) const {
    for (const std::string& schema : m_parts.settings.source.schemas) {
        const pq::Result rewritten = connection.exec(R"sql(
SELECT c.relname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relpersistence = 'p'
   AND pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode
 LIMIT 1
)sql",
                                                     {schema});
        if (rewritten.rows() > 0) {
            throw Error(ErrorKind::transient,
                        "table " + model::to_string({schema, std::string(rewritten.text(0, 0))}) +
                            " was rewritten while the copy began, the copy begins again");
        }
    }
}

protocol::CopyBegin Copier::inventory(pq::Connection& connection, const CreatedSlot& slot,
                                      bool exact_numbers) const {
    const SourceSettings& source = m_parts.settings.source;
    protocol::CopyBegin begin;
    begin.session = m_session;
    begin.slot = m_parts.settings.slot.name;
    begin.consistent_point = slot.consistent_point;
    begin.server_encoding = m_identity.server_encoding;
    begin.tables = pq::read_definitions(connection, source.schemas, source.excluded).tables;
    lock_tables(connection, begin.tables);
    refuse_rewritten(connection);
    begin.extensions = read_extensions(connection, source.schemas);
    begin.roles = read_roles(connection, source.schemas);
    begin.schemas = source.schemas;
    begin.owners = read_owners(connection, source.schemas, source.excluded);
    begin.search_paths = read_search_paths(m_source);
    begin.outside_functions = read_outside_functions(connection, source.schemas);
    begin.generated = read_generated(connection, source.schemas);
    begin.enums = read_enums(connection, source.schemas);
    begin.outside = read_outside_objects(connection, source.schemas, source.excluded);
    begin.casts = read_casts(connection, source.schemas, begin.outside);
    begin.default_privileges = read_default_privileges(connection);
    begin.not_carried = read_not_carried(connection, source.schemas, exact_numbers);
    return begin;
}

void Copier::await_phase(const std::string& wanted) {
    while (m_phase != wanted) {
        if (!going_on()) {
            throw Error(ErrorKind::transient, "stopped while copying");
        }
        const auto state = m_parts.api.copy_state(m_copy_id, m_phase, k_phase_wait);
        if (!state) {
            start_over();
        }
        if (state->phase == "failed") {
            const protocol::Failure failure = state->failure.value_or(protocol::Failure{});
            throw Error(ErrorKind::replica,
                        "the environment cannot take the copy: " + failure.message, failure.hint);
        }
        if (state->phase == m_phase) {
            pause();
        }
        m_phase = state->phase;
        say("environment: " + m_phase + (state->detail.empty() ? "" : ", " + state->detail));
    }
}

std::vector<std::uint64_t> Copier::transfer(pq::Connection& connection,
                                            const protocol::CopyBegin& begin) {
    const std::vector<model::TableDefinition>& tables = begin.tables;
    std::vector<std::uint64_t> rows;
    const std::function<bool()> go_on = [this] { return going_on(); };
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const std::string name = model::to_string(tables[i].relation);
        const std::function<void(std::uint64_t)> moved = [&](std::uint64_t bytes) {
            m_bytes += bytes;
            const auto now = std::chrono::steady_clock::now();
            if (now >= m_next_line) {
                m_next_line = now + k_line_interval;
                say("copying " + name + " (" + std::to_string(i + 1) + " of " +
                    std::to_string(tables.size()) + "), " + base::human_bytes(m_bytes) + " in all");
            }
            m_parts.notifier.alive();
        };
        const std::function<std::optional<PartAnswer>(std::uint64_t, bool, std::string_view)> put =
            [&](std::uint64_t part, bool last, std::string_view frame) {
                return m_parts.api.put_part(m_copy_id, i, part, last, frame);
            };
        rows.push_back(transfer_table(
            {connection, m_identity.server_encoding, begin.search_paths, put, go_on, moved},
            tables[i]));
        process::log_debug("copied a table", {{"table", name}, {"rows", rows.back()}});
    }
    return rows;
}

void Copier::drop_slot_quietly(pq::Connection& maintenance) noexcept {
    const Settings& settings = m_parts.settings;
    try {
        if (!maintenance.ok()) {
            maintenance = connect_sql(m_source, "slot");
        }
        drop_slot(maintenance, settings.slot.name, settings.slot.plugin, settings.source.database,
                  m_parts.name);
        process::log_info("dropped the slot of the interrupted copy",
                          {{"slot", settings.slot.name}});
    } catch (const std::exception& e) {
        process::log_warning(
            "the slot of the interrupted copy is still there; the next attempt drops it",
            {{"slot", settings.slot.name}, {"why", e.what()}});
    }
}

void Copier::tell_who_is_in_the_way(pq::Connection& maintenance, int walsender) {
    try {
        if (!maintenance.ok()) {
            maintenance = connect_sql(m_source, "slot");
        }
        const std::vector<std::string> found = old_transactions(maintenance, walsender);
        const std::string who =
            found.empty() ? "none is visible to this role" : base::join(found, "; ");
        say("waiting for older transactions before the slot is there: " + who);
        process::log_warning(
            "the replication slot cannot be created while older transactions run: " + who,
            {{"slot", m_parts.settings.slot.name},
             {"hint", "It goes on by itself when they end."}});
    } catch (const Error& e) {
        process::log_warning("the replication slot cannot be created while older transactions run",
                             {{"slot", m_parts.settings.slot.name}, {"not seen", e.what()}});
    }
}

// An environment that does not wait by itself would be asked as fast as it answers.
void Copier::pause() const {
    pollfd signal{m_parts.signals.fd(), POLLIN, 0};
    ::poll(&signal, 1, static_cast<int>(k_between_questions.count()));
}

void Copier::say(const std::string& phase) {
    m_parts.notifier.status("initial copy: " + phase);
}

bool Copier::going_on() {
    m_parts.notifier.alive();
    return !m_parts.signals.requested() && !m_parts.link.stopping();
}

}  // namespace ardent::agent
