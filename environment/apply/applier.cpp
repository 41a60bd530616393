// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/applier.hpp"

#include "common/process/log.hpp"
#include "environment/apply/failed.hpp"
#include "environment/apply/progress.hpp"

#include <utility>

namespace ardent::apply {

namespace {

constexpr std::uint64_t k_commit_bytes = std::uint64_t{8} << 20U;
constexpr std::uint64_t k_commit_transactions = 10000;
constexpr std::size_t k_flush_bytes = std::size_t{32} << 20U;
constexpr unsigned k_poll_messages = 64;  // between looks at the commit under way

enum class Ahead { unknown, commits, alone };

Ahead look_ahead(protocol::MessageReader rest) {
    while (!rest.done()) {
        switch (decode::action_letter(rest.next().text)) {
        case 'T':
        case 'M':
            return Ahead::alone;
        case 'C':
            return Ahead::commits;
        default:
            break;
        }
    }
    return Ahead::unknown;
}

}  // namespace

Applier::Applier(ReplicaSession& session, TargetTables& tables, IncomingCopies& incoming,
                 const ApplierOptions& options, model::Lsn durable, Committed committed,
                 NextPayload next_payload)
    : m_session(session),
      m_tables(tables),
      m_writer(session, tables, options.search_paths, [this] { finish_commit(); }),
      m_incoming(incoming),
      m_held(session, incoming, options.ddl.replayer.scope, options.server_encoding),
      m_encoding(options.server_encoding),
      m_timeline(options.timeline == 0 ? "" : std::to_string(options.timeline)),
      m_gate(options.ddl.origin),
      m_replayer(options.ddl.replayer),
      m_skip_ddl(options.ddl.skip),
      m_decoder(options.server_encoding),
      m_committed(std::move(committed)),
      m_next_payload(std::move(next_payload)),
      m_durable(durable),
      m_flight{durable, 0, {}},
      m_end(durable),
      m_ddl_end(durable) {
    m_held.start();
}

void Applier::apply(const protocol::SegmentHeader& header, std::string_view payload,
                    const std::atomic<bool>& stopping) {
    m_counters.bytes += payload.size();
    protocol::MessageReader reader(payload);
    while (!reader.done()) {
        if (stopping) {
            throw Stopped{};
        }
        const protocol::MessageView message = reader.next();
        if (!m_open && m_end >= m_incoming.ready_at()) {
            take_copies(stopping);
        }
        read(message, reader);
        if (committing() && ++m_messages >= k_poll_messages) {
            continue_commit(std::chrono::milliseconds(0));
        }
    }
    advance(header.advance_to);
}

void Applier::deliver(const protocol::SegmentHeader& header, std::size_t bytes) {
    m_counters.bytes += bytes;
    advance(header.last_commit_end);
    advance(header.advance_to);
}

void Applier::read(const protocol::MessageView& message, const protocol::MessageReader& rest) {
    if (m_skip && decode::action_letter(message.text) != 'C') {
        return;
    }
    const model::Change* const decoded = read_change(message);
    if (decoded == nullptr) {
        return;
    }
    const model::Change& change = *decoded;
    m_message = message.text;
    m_pending_bytes += message.text.size();
    const bool more_of_truncate =
        change.action == model::Action::truncate && message.lsn == m_truncate_lsn;
    if (!m_truncated.empty() && !more_of_truncate) {
        finish_truncate();
    }
    switch (change.action) {
    case model::Action::begin:
        begin(change, rest);
        break;
    case model::Action::commit:
        end(change);
        break;
    case model::Action::truncate:
        truncate(change);
        break;
    case model::Action::message:
        read_message(change);
        break;
    default:
        change_row(change);
    }
}

// Whoever knows a prefix may write bytes that are no text in the server's encoding, which the
// extension never does.
const model::Change* Applier::read_change(const protocol::MessageView& message) {
    try {
        return &m_decoder.decode(message.lsn, message.text);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::replica ||
            decode::action_letter(message.text) != 'M') {
            throw;
        }
        refused("it is no text in the encoding of the source", message.lsn);
        return nullptr;
    }
}

void Applier::require_open(const model::Change& change, bool open) const {
    if (m_open != open) {
        throw Failed("LSN " + model::to_string(change.lsn) + ": a message of kind " +
                         static_cast<char>(change.action) +
                         (open ? " outside of a transaction" : " inside of a transaction"),
                     "The stream is out of order: a bug, please report it.", change.lsn, {});
    }
}

void Applier::begin(const model::Change& change, const protocol::MessageReader& rest) {
    require_open(change, false);
    m_open = true;
    m_open_end = change.commit_end;
    m_alone = false;
    m_gate.begin(change.xid);
    m_skip = change.commit_end <= m_end;
    if (m_skip) {
        return;
    }
    if (m_end <= m_flight.end) {
        return;
    }
    Ahead ahead = look_ahead(rest);
    if (ahead == Ahead::unknown) {
        ahead = look_ahead(protocol::MessageReader(m_next_payload()));
    }
    if (ahead != Ahead::commits) {
        start_commit();
    }
}

void Applier::end(const model::Change& change) {
    require_open(change, true);
    if (change.commit_end != m_open_end) {
        throw Failed("LSN " + model::to_string(change.lsn) + ": a commit ends at " +
                         model::to_string(change.commit_end) + ", its begin said " +
                         model::to_string(m_open_end),
                     "The stream is out of order: a bug, please report it.", change.lsn, {});
    }
    m_open = false;
    m_early.require_none();
    if (m_skip) {
        m_skip = false;
        ++m_counters.skipped_transactions;
        return;
    }
    m_end = change.commit_end;
    m_ddl_end = m_alone ? m_end : m_ddl_end;
    m_timestamp = change.commit_timestamp;
    ++m_pending_transactions;
    if (m_alone || m_pending_transactions >= k_commit_transactions ||
        m_pending_bytes >= k_commit_bytes) {
        start_commit();
    }
}

void Applier::change_row(const model::Change& change) {
    require_open(change, true);
    read_table(change);
    if (hold(change) || is_early(change)) {
        return;
    }
    write_row(change);
    if (m_writer.bytes() >= k_flush_bytes) {
        m_writer.flush();
        m_writer.settle();
    }
}

void Applier::write_row(const model::Change& change) {
    if (!m_writer.follows(change)) {
        return;
    }
    switch (change.action) {
    case model::Action::insert:
        m_writer.insert(change);
        ++m_counters.inserted;
        break;
    case model::Action::update:
        m_writer.update(change);
        ++m_counters.updated;
        break;
    default:
        m_writer.remove(change);
        ++m_counters.deleted;
    }
}

bool Applier::is_early(const model::Change& change) {
    if (m_writer.has(change) || !m_gate.has_keys()) {
        return false;
    }
    m_early.note(change);
    return true;
}

bool Applier::hold(const model::Change& change) {
    const CopyRecord* const record =
        m_held.any() ? m_held.find(change.schema, change.table) : nullptr;
    if (record == nullptr) {
        return false;
    }
    m_held.hold(*record, m_gate.xid(), change.lsn, m_message);
    if (m_held.bytes() >= k_flush_bytes) {
        m_writer.flush();
        write_held();
        m_writer.settle();
    }
    return true;
}

void Applier::write_held() {
    if (m_held.bytes() > 0) {
        finish_commit();
        m_session.begin();
        m_held.write();
    }
}

void Applier::truncate(const model::Change& change) {
    require_open(change, true);
    read_table(change);
    m_alone = true;
    if (hold(change)) {
        m_truncate_held = change.lsn;
        return;
    }
    if (is_early(change) || !m_writer.follows(change)) {
        return;
    }
    m_truncate_lsn = change.lsn;
    m_truncated.push_back(&m_writer.table(change));
    ++m_counters.truncated;
}

void Applier::finish_truncate() {
    if (m_truncate_held == m_truncate_lsn) {
        m_writer.flush();
        m_writer.settle();
        finish_commit();
        m_session.begin();
        for (const TargetTable* const table : m_truncated) {
            m_session.plain().exec(delete_all_sql(*table));
        }
    } else {
        m_writer.truncate(m_truncated, m_truncate_lsn);
    }
    m_truncated.clear();
}

void Applier::read_message(const model::Change& change) {
    if (!m_gate.knows(change.prefix)) {
        m_counters.ignored_messages += change.prefix == model::k_heartbeat_prefix ? 0 : 1;
        return;
    }
    try {
        const replay::Judgement judgement = m_gate.judge(change);
        if (const auto* const other = std::get_if<replay::Refused>(&judgement)) {
            refused(other->why, change.lsn);
        } else {
            ddl(std::get<model::DdlStatement>(judgement), change);
        }
    } catch (const Failed&) {
        throw;
    } catch (const base::Error& error) {
        if (is_lost(error)) {
            throw;
        }
        throw Failed("LSN " + model::to_string(change.lsn) + ": " + shown(error.what(), 3500),
                     error.hint(), change.lsn, {}, error.sqlstate());
    }
}

void Applier::refused(const std::string& why, model::Lsn lsn) {
    const std::uint64_t count = ++m_counters.ddl_refused;
    m_counters.ddl_last_refused = model::to_string(lsn) + ": " + shown(why);
    if ((count & (count - 1)) == 0) {  // anybody may write them by the million
        process::log_warning("a DDL message is not the source's own, and was not executed",
                             {{"lsn", model::to_string(lsn)}, {"why", why}, {"count", count}});
    }
}

void Applier::ddl(const model::DdlStatement& statement, const model::Change& change) {
    require_open(change, true);
    m_alone = true;
    m_writer.flush();
    m_writer.settle();
    finish_commit();
    if (m_skip_ddl == change.lsn) {
        ++m_counters.ddl_left_out;
        process::log_warning("a DDL statement is left out, as the operator said",
                             {{"lsn", model::to_string(change.lsn)}, {"tag", statement.tag}});
        return;
    }
    m_session.begin();
    write_held();
    const replay::Outcome outcome =
        m_replayer.replay(m_session.plain(), statement, m_held.names(), change.lsn < m_ddl_end);
    if (outcome.ran) {
        m_held.after_ddl(statement, outcome.again, m_open_end);
    }
    ++(outcome.ran ? m_counters.ddl_applied : m_counters.ddl_left_out);
    process::log_info(
        outcome.ran ? "DDL replayed" : "DDL left out",
        {{"lsn", model::to_string(change.lsn)}, {"tag", statement.tag}, {"note", outcome.note}});
    m_tables_old = m_tables_old || outcome.ran;
    m_early.settle([&](const model::RelationName& name) {
        read_table(name);
        return m_tables.find(name.schema, name.name);
    });
    m_ddl_open.push_back(statement.xid);
}

void Applier::read_table(const model::Change& change) {
    if (m_tables_old || m_tables.is_forgotten(change.schema, change.table)) {
        read_table(model::RelationName{std::string(change.schema), std::string(change.table)});
    }
}

void Applier::read_table(const model::RelationName& relation) {
    if (m_tables_old) {
        m_writer.forget();
        m_tables.forget();
        m_tables_old = false;
    }
    if (m_tables.is_forgotten(relation.schema, relation.name)) {
        finish_commit();
        m_tables.read(m_session.plain(), relation);
    }
}

void Applier::advance(model::Lsn position) {
    if (position <= m_end) {
        return;
    }
    if (m_open) {
        throw Failed(
            "an idle position, " + model::to_string(position) + ", came inside of a transaction",
            "The stream is out of order: a bug, please report it.", position, {});
    }
    m_end = position;
}

void Applier::start_commit() {
    finish_commit();
    m_writer.flush();
    m_session.begin();
    write_held();
    m_session.queue_progress(model::to_string(m_end), m_timestamp, model::to_string(m_durable),
                             m_timeline);
    m_writer.hand_over();
    m_flight = {m_end, m_pending_transactions, std::exchange(m_timestamp, {})};
    m_pending_transactions = 0;
    m_pending_bytes = 0;
    step_commit([this] { m_session.start_commit(); });
}

void Applier::continue_commit(std::chrono::milliseconds most) {
    m_messages = 0;
    step_commit([&] { m_session.poll_for(most); });
}

void Applier::finish_commit() {
    if (committing()) {
        step_commit([this] { m_session.finish_commit(); });
    }
}

template <class Step>
void Applier::step_commit(Step step) {
    try {
        step();
    } catch (const StatementError& error) {
        m_writer.fail_handed_over(error);
    }
    if (!committing()) {
        committed();
    }
}

void Applier::committed() {
    m_writer.released();
    m_durable = m_flight.end;
    m_held.committed();
    m_ddl_done.insert(m_ddl_done.end(), m_ddl_open.begin(), m_ddl_open.end());
    m_ddl_open.clear();
    m_counters.transactions += m_flight.transactions;
    ++m_counters.target_transactions;
    if (!m_flight.timestamp.empty()) {
        m_counters.last_commit_timestamp = m_flight.timestamp;
    }
    m_counters.last_applied = std::chrono::system_clock::now();
    m_committed(m_durable, m_counters);
}

}  // namespace ardent::apply
