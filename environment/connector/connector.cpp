// SPDX-License-Identifier: PostgreSQL
#include "environment/connector/connector.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "environment/apply/incoming_copies.hpp"
#include "environment/apply/progress.hpp"
#include "environment/instance/configuration.hpp"
#include "environment/replica/replica.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr auto k_keeper_interval = std::chrono::seconds(1);

int major_of(const protocol::SourceIdentity& source) {
    return source.server_version_num / 10000;
}

// A value of a conninfo string that stands between double quotes in a shell.
std::string conninfo_word(const std::string& text) {
    const bool plain = !text.empty() && text.find_first_of(" '\"\\$`!=") == std::string::npos;
    if (plain) {
        return text;
    }
    std::string word = "'";
    for (const char c : text) {
        if (c == '\'') {
            word += "\\\\";
        } else if (c == '\\') {
            word += "\\\\\\";
        } else if (c == '"' || c == '$' || c == '`') {
            word += '\\';
        }
        word += c;
    }
    return word + "'";
}

void add(RowCounts& counts, const apply::Counters& more) {
    counts.transactions += more.transactions;
    counts.rows += more.inserted + more.updated + more.deleted;
    counts.ddl_applied += more.ddl_applied;
    counts.ddl_left_out += more.ddl_left_out;
    counts.ddl_refused += more.ddl_refused;
    if (!more.ddl_last_refused.empty()) {
        counts.ddl_last_refused = more.ddl_last_refused;
    }
}

}  // namespace

Connector::Connector(const Settings& settings, Store& store, ConnectorRecord record)
    : m_settings(settings),
      m_store(store),
      m_token_hash(record.token_hash),
      m_record(std::move(record)),
      m_keeper([this] { keep(); }) {}

Connector::~Connector() {
    close();
}

std::string Connector::id() const {
    const std::lock_guard lock(m_mutex);
    return m_record.id;
}

bool Connector::authorizes(std::string_view token) const {
    const std::lock_guard lock(m_token_mutex);
    return token_matches(token, m_token_hash);
}

void Connector::set_token_hash(const std::string& hash) {
    const std::lock_guard lock(m_mutex);
    ConnectorRecord changed = m_record;
    changed.token_hash = hash;
    save(std::move(changed));
    const std::lock_guard token_lock(m_token_mutex);
    m_token_hash = hash;
}

void Connector::update(const std::optional<std::string>& name,
                       const std::optional<std::vector<std::string>>& drop_extensions) {
    const std::lock_guard lock(m_mutex);
    ConnectorRecord changed = m_record;
    changed.name = name.value_or(changed.name);
    changed.drop_extensions = drop_extensions.value_or(changed.drop_extensions);
    save(std::move(changed));
}

ConnectorView Connector::view() const {
    std::shared_ptr<CopyJob> copy;
    std::shared_ptr<Session> session;
    ConnectorView view;
    {
        const std::lock_guard lock(m_mutex);
        view.record = m_record;
        if (!view.record.failure) {
            view.record.failure = m_obstacle;
        }
        view.warnings = m_record.copy_warnings;
        view.warnings.insert(view.warnings.end(), m_hello_warnings.begin(), m_hello_warnings.end());
        if (m_record.phase == Phase::streaming && !m_record.preflight_pass) {
            view.warnings.emplace_back("the preflight report of the source has failures");
        }
        view.agent_connected =
            m_session && std::chrono::steady_clock::now() - m_agent_seen < m_settings.agent_timeout;
        view.durable = m_last_durable;
        view.applied = m_counts_before;
        if (m_record.phase == Phase::streaming) {
            view.copy_again = m_copies_before;
        }
        copy = m_copy;
        if (m_session) {
            view.sequences = m_session->sequences.state(std::chrono::steady_clock::now());
        }
        session = m_ending ? m_ending : m_session;  // there is no other while one ends
        if (m_instance && m_record.source) {
            view.replica_running = m_instance->alive();
            view.containment = containment_name(m_settings.containment);
            view.volume = to_string(m_settings.branch.clone.method);
            view.psql = "runuser -u " + user_name() +
                        " -- psql \"host=" + conninfo_word(m_instance->spec().socket_directory) +
                        " user=" + k_reader_role +
                        " dbname=" + conninfo_word(m_record.source->database) + "\"";
        }
    }
    if (session && session->worker) {
        view.durable = session->worker->durable();
        add(view.applied, session->worker->counters());
        if (auto copies = session->worker->copies().views()) {
            view.copy_again = *std::move(copies);
        }
    }
    if (view.sequences) {
        const std::vector<std::string> more = sequence_warnings(*view.sequences);
        view.warnings.insert(view.warnings.end(), more.begin(), more.end());
    }
    if (copy) {
        view.copy = copy->state("", std::chrono::milliseconds(0));
    }
    view.status = status_word(view.record.phase, view.record.failure.has_value(),
                              view.record.phase == Phase::streaming && !view.record.preflight_pass);
    return view;
}

void Connector::save() {
    m_unsaved = true;
    m_store.save(m_record);
    m_unsaved = false;
}

// What the caller is told has failed must not come true later.
void Connector::save(ConnectorRecord changed) {
    m_store.save(changed);
    m_record = std::move(changed);
    m_unsaved = false;
}

void Connector::change_phase(Event event) {
    const auto next = next_phase(m_record.phase, event);
    if (!next) {
        throw HttpError(409, "out_of_order",
                        std::string("the connector is ") + to_string(m_record.phase) +
                            ", which does not allow that");
    }
    if (*next != m_record.phase) {
        process::log_info("connector", {{"connector", m_record.id}, {"phase", to_string(*next)}});
    }
    m_record.phase = *next;
}

void Connector::record_failure(const protocol::Failure& failure) {
    const std::lock_guard lock(m_mutex);
    note_failure(failure);
}

bool Connector::record_failure(const Session& session, const protocol::Failure& failure) {
    const std::lock_guard lock(m_mutex);
    if (m_session.get() != &session) {
        return false;
    }
    note_failure(failure);
    return true;
}

void Connector::note_failure(const protocol::Failure& failure) {
    if (m_record.failure) {
        return;
    }
    m_record.failure = failure;
    process::log_error("connector failed",
                       {{"connector", m_record.id},
                        {"error", failure.message},
                        {"hint", failure.hint},
                        {"lsn", failure.lsn ? model::to_string(*failure.lsn) : ""},
                        {"table", failure.table}});
    m_wake.notify_all();
    save();
}

void Connector::start() {
    try {
        const std::lock_guard lifecycle(m_lifecycle);
        ensure_instance();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::transient) {
            record_failure({error.what(), error.hint(), std::nullopt, {}});
            return;
        }
        process::log_warning("the replica does not start yet; it is tried again",
                             {{"connector", id()}, {"error", error.what()}});
    }
}

// Only for a replica that was completed once: an unfinished one is made anew by the next copy.
void Connector::ensure_instance() {
    std::optional<InstanceSpec> spec;
    std::string database;
    {
        const std::lock_guard lock(m_mutex);
        if (m_record.phase == Phase::deleting || m_record.phase == Phase::copying ||
            !m_record.consistent_point || !m_record.source) {
            return;
        }
        database = m_record.source->database;
        if (!m_instance) {
            spec = replica_spec(m_settings, m_record.id, m_record.name, major_of(*m_record.source));
        }
    }
    if (spec) {
        auto instance = std::make_shared<Instance>(std::move(*spec));
        const std::lock_guard lock(m_mutex);
        m_instance = std::move(instance);
    }
    if (!m_instance->exists()) {
        throw Error(ErrorKind::replica, "the replica's data directory is gone",
                    "Make the replica anew: engine-setup with resync.");
    }
    if (!m_instance->alive() || !m_started) {
        m_instance->start();
        m_started = true;
        pq::ConnectOptions options = Superuser::options(*m_instance, database, ErrorKind::replica);
        options.parameters.emplace_back("client_encoding", "UTF8");
        const Superuser admin(options);
        if (const auto progress = apply::read_progress(*admin)) {
            auto copies = apply::views_of_records(*admin);
            const std::lock_guard lock(m_mutex);
            m_last_durable = progress->durable;
            m_copies_before = std::move(copies);
        }
    }
}

void Connector::end_session() {
    std::shared_ptr<Session> session;
    std::shared_ptr<CopyJob> copy;
    {
        const std::lock_guard lock(m_mutex);
        session.swap(m_session);
        m_ending = session;
        copy.swap(m_copy);
        m_wake.notify_all();
    }
    if (session) {
        session->sequencer.close();
        if (session->worker) {
            session->worker->stop();
        }
        const std::lock_guard lock(m_mutex);
        m_ending.reset();
        if (session->worker) {
            m_last_durable = session->worker->durable();
            add(m_counts_before, session->worker->counters());
            m_ddl_xids = session->worker->ddl_xids();
            if (auto copies = session->worker->copies().views()) {
                m_copies_before = *std::move(copies);
            }
        }
    }
    if (copy) {
        copy->give_up();
    }
}

void Connector::retry_setup(bool resync, std::optional<model::Lsn> skip_ddl) {
    const std::lock_guard lifecycle(m_lifecycle);
    end_session();
    const std::lock_guard lock(m_mutex);
    if (resync) {
        change_phase(Event::resync);
        m_obstacle.reset();
    }
    m_record.failure.reset();
    m_record.skip_ddl = skip_ddl;
    // what is left out may be the end of capture: then the replica goes on without
    m_record.captures = m_record.captures && !skip_ddl;
    save();
    process::log_info("retry of the setup",
                      {{"connector", m_record.id},
                       {"resync", resync ? "yes" : "no"},
                       {"skip_ddl", skip_ddl ? model::to_string(*skip_ddl) : ""}});
}

void Connector::begin_removal() {
    const std::lock_guard lifecycle(m_lifecycle);
    end_session();
    const std::lock_guard lock(m_mutex);
    change_phase(Event::removal);
    save();
}

void Connector::remove() {
    const std::lock_guard lifecycle(m_lifecycle);
    end_session();
    const std::string directory = m_settings.data_dir + "/replicas/" + id();
    if (!m_instance) {
        InstanceSpec spec;
        spec.name = "replica " + m_record.name;
        spec.directory = directory;
        spec.limits = m_settings.limits;
        spec.socket_directory = socket_directory(m_settings.run_dir, id());
        const auto majors = installed_majors(m_settings.replica.binaries);
        if (majors.empty()) {
            throw Error(ErrorKind::config,
                        "no PostgreSQL server is installed below " + m_settings.replica.binaries);
        }
        spec.binaries = find_binaries(m_settings.replica.binaries,
                                      m_record.source ? major_of(*m_record.source) : majors.back());
        const std::lock_guard lock(m_mutex);
        m_instance = std::make_shared<Instance>(std::move(spec));
    }
    m_instance->destroy();
}

void Connector::close() {
    {
        const std::lock_guard lock(m_mutex);
        m_closing = true;
        m_wake.notify_all();
    }
    if (m_keeper.joinable()) {
        m_keeper.join();
    }
    const std::lock_guard lifecycle(m_lifecycle);
    end_session();
}

void Connector::stop_instance(std::chrono::milliseconds patience) {
    const std::lock_guard lifecycle(m_lifecycle);
    if (m_instance) {
        m_instance->stop(patience);
    }
}

void Connector::keep() {
    std::unique_lock lock(m_mutex);
    while (!m_wake.wait_for(lock, k_keeper_interval, [this] { return m_closing; })) {
        lock.unlock();
        try {
            look_after_everything();
        } catch (const std::exception& error) {
            process::log_warning("not all is well with a connector",
                                 {{"connector", id()}, {"error", error.what()}});
        }
        lock.lock();
    }
}

void Connector::look_after_everything() {
    std::shared_ptr<Session> session;
    bool wanted = false;
    std::chrono::steady_clock::duration silent{};
    {
        const std::lock_guard lock(m_mutex);
        silent = std::chrono::steady_clock::now() - m_agent_seen;
        if (m_unsaved) {
            save();
        }
        session = m_session;
        wanted = m_record.phase == Phase::streaming && m_instance != nullptr;
    }
    if (session && session->worker) {
        if (const auto failure = session->worker->failure()) {
            record_failure(*session, *failure);
        }
        if (silent >= m_settings.agent_timeout && session->worker->waits_inside()) {
            process::log_warning("the agent is silent in the middle of a transaction: rolled back",
                                 {{"connector", id()}});
            session->worker->abandon();
        }
    }
    const std::unique_lock lifecycle(m_lifecycle, std::try_to_lock);
    if (wanted && lifecycle.owns_lock()) {
        ensure_instance();
        judge_report();
        set_due_sequences();
    }
}

}  // namespace ardent::environment
