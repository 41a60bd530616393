// SPDX-License-Identifier: PostgreSQL
// The Applier's part in copying a table again: its rows, then the changes that were held, in one
// target transaction.
#include "common/process/log.hpp"
#include "environment/apply/applier.hpp"
#include "environment/apply/failed.hpp"
#include "environment/apply/snapshot.hpp"
#include "environment/replica/row_copy.hpp"

namespace ardent::apply {

namespace {

void require_going_on(const std::atomic<bool>& stopping) {
    if (stopping) {
        throw Stopped{};
    }
}

}  // namespace

void Applier::take_copies(const std::atomic<bool>& stopping) {
    if (m_end < m_incoming.ready_at()) {
        return;
    }
    if (m_end > m_flight.end) {
        start_commit();
    }
    finish_commit();
    while (const auto copy = m_incoming.ready(m_durable)) {
        read_table(copy->begin.table.relation);
        if (const std::string why = m_held.misfit(*copy); !why.empty()) {
            process::log_warning(
                "the copy of a table does not fit, and is asked for again",
                {{"table", model::to_string(copy->begin.table.relation)}, {"why", why}});
            m_incoming.discard(copy->id, why);
            continue;
        }
        load(*copy, stopping);
    }
}

// Readers keep the old rows until the commit, which TRUNCATE would not let them.
void Applier::load(const ReadyCopy& copy, const std::atomic<bool>& stopping) {
    const std::string name = model::to_string(copy.begin.table.relation);
    const CopyRecord* const record = m_held.find(copy.relation);
    const std::uint64_t held = record == nullptr ? 0 : record->held;
    try {
        m_session.begin();
        load_rows(copy, stopping);
        catch_up(copy, stopping);
        m_held.taken(copy.relation);
        start_commit();
        finish_commit();
    } catch (const Failed& error) {
        throw Failed("while the changes of a table that was copied again are applied: " +
                         std::string(error.what()),
                     error.hint(), error.lsn(), error.table(), error.sqlstate(), error.row());
    } catch (const base::Error& error) {
        if (is_lost(error) || stopping) {
            throw;
        }
        throw Failed("the replica does not take table " + shown(name) +
                         " when it is copied again: " + shown(error.what(), 2000),
                     "Mend what the replica's server says, then run retry-setup: the table is "
                     "copied again once more. Or make a new copy of all.",
                     copy.begin.lsn, shown(name), error.sqlstate());
    }
    process::log_info("a table was copied again",
                      {{"table", name}, {"rows", copy.rows}, {"held_changes", held}});
}

void Applier::load_rows(const ReadyCopy& copy, const std::atomic<bool>& stopping) {
    pq::Connection& connection = m_session.plain();
    const model::TableDefinition& table = copy.begin.table;
    InUtf8 utf8(connection, m_encoding);
    connection.exec("DELETE FROM ONLY " +
                    pq::quote_qualified(table.relation.schema, table.relation.name));
    std::uint64_t rows = 0;
    {
        environment::RowCopy in(connection,
                                {table, m_session.secret(), m_writer.search_paths(), false});
        read_parts(copy.path, [&](std::string_view piece) {
            require_going_on(stopping);
            in.write(piece);
        });
        rows = in.finish();
    }
    utf8.end();
    if (rows != copy.rows) {
        throw base::Error(base::ErrorKind::replica, std::to_string(rows) + " rows were written, " +
                                                        std::to_string(copy.rows) + " came");
    }
}

// Exactly what the rows do not show yet. A change of a transaction that the snapshot shows is in
// them.
void Applier::catch_up(const ReadyCopy& copy, const std::atomic<bool>& stopping) {
    const CopyRecord* const record = m_held.find(copy.relation);
    for (std::uint64_t place = 0;;) {
        const auto changes = read_held(m_session.plain(), copy.relation, place);
        if (changes.empty()) {
            return;
        }
        for (const HeldChange& held : changes) {
            require_going_on(stopping);
            place = held.place;
            if (sees(copy.begin.snapshot, held.xid)) {
                continue;
            }
            model::Change change = m_decoder.decode(held.lsn, held.message);
            change.schema = record->name.schema;  // as it is called now
            change.table = record->name.name;
            if (change.action == model::Action::truncate) {
                m_writer.flush();
                m_writer.settle();
                m_session.plain().exec(delete_all_sql(m_writer.table(change)));
                ++m_counters.truncated;
            } else {
                write_row(change);
            }
        }
        m_writer.flush();
        m_writer.settle();
    }
}

}  // namespace ardent::apply
