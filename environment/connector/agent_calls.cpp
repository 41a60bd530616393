// SPDX-License-Identifier: PostgreSQL
// The agent's side of a connector: hello, copy, segments, position, schema, status.
#include "environment/connector/connector.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/decode/ddl_message.hpp"
#include "common/process/log.hpp"
#include "common/protocol/json_fields.hpp"
#include "environment/apply/copy_records.hpp"
#include "environment/apply/progress.hpp"
#include "environment/replica/replica.hpp"
#include "environment/replica/writer_functions.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using protocol::ConnectorState;
using protocol::Failure;
using Clock = std::chrono::steady_clock;

constexpr int k_oldest_server = 130000;
constexpr std::size_t k_session_bytes = 16;
// So that a client gets an answer in time while apply is busy with something long.
constexpr auto k_admission_patience = std::chrono::seconds(20);
constexpr std::uint64_t k_window_factor = 4;

HttpError session_unknown() {
    return {409, "session_unknown", "the session is not the newest one: say hello again"};
}

bool passes(const std::string& preflight) {
    const protocol::json report = protocol::try_json(preflight);
    const auto found = report.is_object() ? report.find("preflight_pass") : report.end();
    return report.is_object() && found != report.end() && found->is_boolean() && found->get<bool>();
}

std::vector<model::RelationName> sorted(std::vector<model::RelationName> tables) {
    std::sort(tables.begin(), tables.end());
    return tables;
}

std::string listed(const std::vector<model::RelationName>& tables) {
    std::vector<std::string> names;
    names.reserve(tables.size());
    for (const model::RelationName& table : tables) {
        names.push_back(model::to_string(table));
    }
    return names.empty() ? "no table" : base::join(names, ", ");
}

Failure simple_failure(const std::string& message, const std::string& hint) {
    return {message, hint, std::nullopt, {}};
}

}  // namespace

std::shared_ptr<Connector::Session> Connector::streaming_session() const {
    const std::lock_guard lock(m_mutex);
    if (!m_session || !m_session->worker || m_closing) {
        throw session_unknown();
    }
    return m_session;
}

std::shared_ptr<Connector::Session> Connector::session(const std::string& hex) const {
    return session(protocol::parse_session(hex));
}

std::shared_ptr<Connector::Session> Connector::session(const protocol::SessionId& id) const {
    const std::lock_guard lock(m_mutex);
    if (!m_session || m_session->id != id || m_closing) {
        throw session_unknown();
    }
    return m_session;
}

// What stands in the way of streaming or copying at this hello, and is looked at anew at the next
// one.
std::optional<Failure> Connector::obstacle(const protocol::Hello& hello) const {
    if (m_record.failure) {
        return m_record.failure;
    }
    const protocol::SourceIdentity& source = hello.source;
    if (hello.slot.plugin != "wal2json") {
        return simple_failure(
            "the slot's plugin is " + hello.slot.plugin + "; this environment decodes wal2json",
            "Set slot.plugin to wal2json in the agent's configuration.");
    }
    if (m_record.phase != Phase::streaming) {
        if (source.server_version_num < k_oldest_server) {
            return simple_failure("the source is older than PostgreSQL 13", "Upgrade the source.");
        }
        try {
            find_binaries(m_settings.replica.binaries, source.server_version_num / 10000);
        } catch (const Error& error) {
            return simple_failure(error.what(), error.hint());
        }
        return std::nullopt;
    }
    if (m_record.captures && hello.ddl && !hello.ddl->not_capturing.empty()) {
        return simple_failure(
            "DDL of the source is not captured any more: " + hello.ddl->not_capturing,
            "What is changed there now is not in the stream. Mend it (SELECT "
            "ardent_ddl_capture(true) at the source), then run retry-setup; with "
            "resync when something was changed meanwhile, or when the replica is "
            "to go on without capture.");
    }
    const protocol::SourceIdentity& known = *m_record.source;
    const std::string resync = "If that is meant, make the replica anew: engine-setup with resync.";
    if (source.system_identifier != known.system_identifier) {
        return simple_failure("the replica is of the system " + known.system_identifier +
                                  ", this source is the system " + source.system_identifier,
                              "The agent speaks to another server than before. " + resync);
    }
    if (source.database != known.database) {
        return simple_failure(
            "the replica is of database " + known.database + ", this source is " + source.database,
            resync);
    }
    if (hello.schemas != m_record.schemas) {
        return simple_failure(
            "the replica has the schemas " + base::join(m_record.schemas, ", ") +
                ", the agent carries " + base::join(hello.schemas, ", "),
            "Set source.schemas in the agent's configuration as before, or: " + resync);
    }
    if (sorted(hello.excluded) != m_record.excluded) {
        return simple_failure("the replica leaves out " + listed(m_record.excluded) +
                                  ", the agent leaves out " + listed(sorted(hello.excluded)),
                              "Set source.exclude in the agent's configuration as before: what a "
                              "table missed meanwhile would be "
                              "gone. Or: " +
                                  resync);
    }
    return std::nullopt;
}

void Connector::note_hello(const protocol::Hello& hello) {
    const std::lock_guard lock(m_mutex);
    if (m_record.phase == Phase::deleting) {
        throw HttpError(404, "not_found", "The connector is being deleted");
    }
    if (m_record.phase != Phase::streaming) {
        note_keys(hello, std::nullopt);
    }
    m_record.agent_version = hello.agent_version;
    note_preflight(hello.preflight);
    m_record.agent_seen_at = m_store.now();
    m_agent_seen = Clock::now();
    if (hello.ddl) {
        m_superusers = hello.ddl->superusers;
    }
    m_hello_warnings.clear();
    if (m_record.phase != Phase::streaming) {
        if (hello.schemas != m_record.schemas) {
            m_hello_warnings.push_back("the connector was created for the schemas " +
                                       base::join(m_record.schemas, ", ") + ", the agent carries " +
                                       base::join(hello.schemas, ", "));
        }
        m_record.source = m_record.phase == Phase::pending && m_record.consistent_point
                              ? m_record.source  // of the replica that is still readable
                              : std::optional(hello.source);
        m_record.slot = hello.slot.name;
    }
    save();
}

// Under the field lock.
void Connector::note_preflight(const std::string& report) {
    m_record.preflight = report;
    m_record.preflight_pass = passes(report);
    m_record.preflight_at = m_store.now();
}

protocol::Welcome Connector::hello(const protocol::Hello& hello) {
    if (hello.protocol != protocol::k_protocol_version) {
        throw HttpError(409, "protocol_version",
                        "the agent speaks protocol " + std::to_string(hello.protocol) +
                            ", this environment " + std::to_string(protocol::k_protocol_version));
    }
    const std::lock_guard lifecycle(m_lifecycle);
    {
        const std::lock_guard lock(m_mutex);
        if (m_copy && m_copy->finishing()) {
            throw HttpError(503, "unavailable",
                            "the copy has all its rows and is being completed without the agent");
        }
    }
    end_session();
    note_hello(hello);
    protocol::Welcome welcome;
    welcome.environment_version = base::version();
    welcome.session = random_hex(k_session_bytes);
    welcome.limits = {m_settings.segment_bytes, m_settings.in_flight};
    auto session = std::make_shared<Session>(m_settings.in_flight * k_window_factor);
    session->id = protocol::parse_session(welcome.session);
    Phase phase{};
    {
        const std::lock_guard lock(m_mutex);
        phase = m_record.phase;
        if (phase != Phase::streaming && !m_record.preflight_pass) {
            throw PreflightRefused("the preflight report of the source has failures",
                                   m_record.preflight);
        }
        welcome.failure = obstacle(hello);
    }
    m_hello = hello;
    if (phase == Phase::streaming) {
        session->worker = make_worker(hello, welcome);
    }
    {
        const std::lock_guard lock(m_mutex);
        m_obstacle = phase == Phase::streaming ? welcome.failure : std::nullopt;
    }
    welcome.state = welcome.failure ? ConnectorState::failed
                                    : (phase == Phase::streaming ? ConnectorState::streaming
                                                                 : ConnectorState::copy);
    const std::lock_guard lock(m_mutex);
    if (m_closing) {
        throw HttpError(503, "unavailable", "the environment stops");
    }
    m_session = session;
    const std::set<std::string> prefixes = decode::prefixes_of(m_record.ddl_keys);
    welcome.ddl_prefixes.assign(prefixes.begin(), prefixes.end());
    process::log_info("hello",
                      {{"connector", m_record.id},
                       {"state", protocol::to_string(welcome.state)},
                       {"durable", welcome.durable ? model::to_string(*welcome.durable) : ""}});
    return welcome;
}

// Also when the connector has failed the position is told: the agent goes on reporting it to the
// source.
std::unique_ptr<apply::Worker> Connector::make_worker(const protocol::Hello& hello,
                                                      protocol::Welcome& welcome) {
    try {
        ensure_instance();
        const std::string database = m_record.source->database;
        Superuser admin(*m_instance, database, ErrorKind::replica);
        const auto progress = apply::read_progress(*admin);
        if (!progress) {
            throw Error(ErrorKind::replica, "the replica has no progress row",
                        "Make the replica anew: engine-setup with resync.");
        }
        welcome.durable = progress->durable;
        welcome.system_identifier = progress->system_identifier;
        welcome.timeline = progress->timeline;
        if (welcome.failure) {
            return nullptr;
        }
        {
            const std::lock_guard lock(m_mutex);
            note_keys(hello, progress->durable);
            save();
        }
        apply::WorkerOptions options;
        options.replica = m_instance->connect_options(k_apply_role, database, ErrorKind::replica);
        options.system_identifier = hello.source.system_identifier;
        options.timeline = hello.source.timeline;
        options.server_encoding = m_record.source->server_encoding;
        options.schemas = hello.schemas;
        options.excluded = m_record.excluded;
        options.search_paths = hello.search_paths;
        take_back_admin(admin);
        // a replica of before lacks some of it, or has the functions of another release
        apply::create_progress(admin, k_apply_role);
        options.secret = renew_writer_secret(admin);
        options.copies_directory = m_instance->spec().directory + "/copies_again";
        options.ddl =
            ddl_options(hello, Superuser::options(*m_instance, database, ErrorKind::replica));
        options.ddl_xids = std::exchange(m_ddl_xids, {});
        options.queue_bytes = m_settings.queue_bytes;
        options.delivered_only = m_settings.delivered_only;
        auto worker = std::make_unique<apply::Worker>(std::move(options));
        welcome.durable = worker->durable();
        return worker;
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::transient) {
            throw;
        }
        welcome.failure = simple_failure(error.what(), error.hint());
        return nullptr;
    }
}

std::string Connector::begin_copy(const protocol::CopyBegin& begin) {
    const std::lock_guard lifecycle(m_lifecycle);
    const auto current = session(begin.session);
    std::shared_ptr<CopyJob> before;
    CopyJob::Plan plan;
    {
        const std::lock_guard lock(m_mutex);
        if (m_copy && m_copy->is_for(begin)) {
            return m_copy->id();
        }
        if (m_record.failure) {
            throw HttpError(409, "session_unknown", "the connector has failed: say hello again");
        }
        change_phase(Event::copy_begun);
        before.swap(m_copy);
        m_record.source = m_hello->source;
        m_record.schemas = m_hello->schemas;
        m_record.excluded = sorted(m_hello->excluded);
        m_record.slot = begin.slot;
        m_record.captures = m_hello->ddl && m_hello->ddl->not_capturing.empty();
        m_record.consistent_point.reset();
        m_record.not_carried = begin.not_carried;
        for (const protocol::OutsideObject& object : begin.outside) {
            if (!object.named.because.empty()) {  // else a part of one that is named
                m_record.not_carried.objects.push_back(object.named);
            }
        }
        m_record.copy_warnings.clear();
        m_record.disabled_triggers.clear();
        m_last_durable.reset();
        save();
        plan.begin = begin;
        plan.source = *m_record.source;
        plan.durable = replica_spec(m_settings, m_record.id, m_record.name,
                                    plan.source.server_version_num / 10000);
        plan.extensions = {m_settings.replica.extensions, m_record.drop_extensions};
    }
    if (before) {
        before->give_up();
    }
    auto instance = std::make_shared<Instance>(plan.durable);
    const auto job = std::make_shared<CopyJob>(
        std::move(plan),
        CopyJob::Reports{[this, begin](const CopyOutcome& outcome) { finish_copy(begin, outcome); },
                         [this](const Failure& failure, ErrorKind kind) {
                             if (kind != ErrorKind::transient) {
                                 record_failure(failure);
                             }
                         }});
    const std::lock_guard lock(m_mutex);
    m_instance = std::move(instance);
    m_copy = job;
    return job->id();
}

void Connector::finish_copy(const protocol::CopyBegin& begin, const CopyOutcome& outcome) {
    const std::lock_guard lock(m_mutex);
    change_phase(Event::copy_done);
    m_record.consistent_point = begin.consistent_point;
    m_record.copy_warnings = outcome.warnings;
    m_record.disabled_triggers = outcome.disabled_triggers;
    m_last_durable = begin.consistent_point;
    m_copies_before.clear();
    save();
}

std::shared_ptr<CopyJob> Connector::copy(const std::string& copy_id) const {
    const std::lock_guard lock(m_mutex);
    if (!m_copy || m_copy->id() != copy_id) {
        throw session_unknown();
    }
    return m_copy;
}

void Connector::look_after_worker(const std::shared_ptr<Session>& session) {
    if (!session->worker) {
        return;
    }
    const auto failure = session->worker->failure();
    const bool over =
        failure ? !record_failure(*session, *failure) : session->worker->session_lost();
    if (over) {
        throw session_unknown();
    }
}

protocol::Progress Connector::progress_of(const std::shared_ptr<Session>& session) {
    look_after_worker(session);
    protocol::Progress progress;
    progress.next_sequence = session->sequencer.next();
    const std::lock_guard lock(m_mutex);
    progress.durable = session->worker ? session->worker->durable() : m_last_durable;
    if (session->worker && !m_record.failure) {
        progress.copy_again = session->worker->copies().wanted();
    }
    progress.failure = m_record.failure;
    progress.state = m_record.failure  ? ConnectorState::failed
                     : session->worker ? ConnectorState::streaming
                                       : ConnectorState::copy;
    return progress;
}

// When a call comes, and not when it is answered: an agent that ended while its last call waited is
// not there any more.
void Connector::note_agent() {
    const std::lock_guard lock(m_mutex);
    m_agent_seen = Clock::now();
}

protocol::Progress Connector::segment(const protocol::SegmentHeader& header, std::string payload) {
    const auto current = session(header.session);
    note_agent();
    if (!current->worker) {
        throw session_unknown();
    }
    const auto deadline = Clock::now() + k_admission_patience;
    switch (current->sequencer.enter(header.sequence, deadline)) {
    case Sequencer::Turn::closed:
        throw session_unknown();
    case Sequencer::Turn::too_far:
        throw HttpError(409, "out_of_order",
                        "segment " + std::to_string(header.sequence) + " is too far ahead of " +
                            std::to_string(current->sequencer.next()));
    case Sequencer::Turn::late:
        throw HttpError(503, "unavailable", "the segments before this one did not arrive yet");
    case Sequencer::Turn::repeated:
        return progress_of(current);
    case Sequencer::Turn::mine:
        break;
    }
    try {
        current->worker->submit(header, std::move(payload), deadline);
        current->sequencer.leave(true);
    } catch (const Error& error) {
        current->sequencer.leave(false);
        look_after_worker(current);
        if (!current->worker->failure()) {
            throw;
        }
    }
    return progress_of(current);
}

protocol::Progress Connector::position(const std::string& hex, std::optional<model::Lsn> after,
                                       std::chrono::milliseconds wait) {
    const auto current = session(hex);
    note_agent();
    if (current->worker) {
        current->worker->wait_durable(after.value_or(model::Lsn{}), Clock::now() + wait);
        session(hex);
    } else {
        std::unique_lock lock(m_mutex);
        m_wake.wait_for(lock, wait, [&] {
            return m_closing || m_session != current || m_record.failure.has_value();
        });
    }
    return progress_of(current);
}

protocol::Progress Connector::schema(const protocol::SchemaReport& report) {
    const auto current = session(report.session);
    note_agent();
    if (current->worker && awaits_ddl(report)) {
        keep_report(current, report);
    } else if (current->worker) {
        if (const auto failure = current->worker->check_tables(report)) {
            current->worker->stop();
            record_failure(*current, *failure);
        }
    }
    return progress_of(current);
}

void Connector::status(const protocol::AgentStatus& status) {
    const auto current = session(status.session);
    const std::lock_guard lock(m_mutex);
    m_agent_seen = Clock::now();
    if (status.preflight) {
        note_preflight(*status.preflight);
    }
    m_record.agent_status = status;
    m_record.agent_status->preflight.reset();
    m_record.agent_seen_at = m_store.now();
    save();
}

}  // namespace ardent::environment
