// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/branch.hpp"

#include "common/base/error.hpp"
#include "common/http/client.hpp"
#include "common/process/log.hpp"
#include "environment/branch/apply_settings.hpp"
#include "environment/branch/prepare.hpp"
#include "environment/branch/stopwatch.hpp"
#include "environment/instance/superuser.hpp"

#include <filesystem>
#include <fstream>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned k_clone_threads = 4;
constexpr unsigned k_branch_cpu_weight = 10;  // where all are busy, a tenth of a replica's share

// Instance::exists asks for it.
void mark_initialised(const std::string& directory) {
    const std::ofstream file(directory + "/initialised");
    if (!file) {
        throw Error(ErrorKind::transient, "cannot write below " + directory);
    }
}

}  // namespace

std::string branch_url(const std::string& host, const BranchRecord& record,
                       const std::string& parameters) {
    const bool is_v6 = host.find(':') != std::string::npos;
    return "postgresql://" + http::encode_component(record.role) + ":" +
           http::encode_component(record.password) + "@" + (is_v6 ? "[" + host + "]" : host) + ":" +
           std::to_string(record.port) + "/" + http::encode_component(record.database) + "?" +
           parameters;
}

Branch::Branch(const BranchGround& ground, BranchRecord record)
    : m_ground(ground), m_record(std::move(record)) {
    if (m_record.phase != BranchPhase::active) {
        return;
    }
    try {
        m_instance = std::make_shared<Instance>(spec(true));
    } catch (const Error& error) {
        m_trouble =
            error.what();  // its major is no longer installed: that concerns this branch alone
    }
}

BranchRecord Branch::record() const {
    const std::lock_guard lock(m_mutex);
    return m_record;
}

std::shared_ptr<Instance> Branch::instance() const {
    const std::lock_guard lock(m_mutex);
    return m_instance;
}

bool Branch::running() const {
    const auto server = instance();
    return server && server->alive();
}

std::string Branch::opener_socket() const {
    const auto server = instance();
    return server ? server->opener_socket() : std::string();
}

BranchView Branch::view() const {
    BranchView view{record(), running(), {}};
    if (view.record.phase == BranchPhase::active) {
        view.url = branch_url(m_ground.settings.branch.public_host, view.record,
                              m_ground.tls.url_parameters());
        const std::lock_guard lock(m_mutex);
        view.record.failure =
            m_record.disk_stop.empty() ? m_trouble : "suspended: " + m_record.disk_stop;
    }
    return view;
}

std::optional<std::uint64_t> Branch::bytes() const {
    const auto own = measure({}, {});
    return own ? std::optional(own->all) : std::nullopt;
}

std::optional<OwnBytes> Branch::lasting_bytes(std::chrono::system_clock::time_point since) const {
    return measure(
        since, [](std::string_view path, bool is_folder) { return is_folder && path == "pg_wal"; });
}

std::optional<OwnBytes> Branch::measure(std::chrono::system_clock::time_point since,
                                        const LeaveOut& leave_out) const {
    try {
        return own_bytes_since(directory() + "/data", m_ground.settings.branch.clone.method, since,
                               leave_out);
    } catch (const Error& error) {
        process::log_warning("a branch cannot be measured",
                             {{"branch", record().id}, {"error", error.what()}});
        return std::nullopt;
    }
}

// Before it is prepared nobody comes by way of the opener; the certificate of its server is made
// with it.
InstanceSpec Branch::spec(bool prepared) const {
    const Settings& settings = m_ground.settings;
    InstanceSpec spec;
    spec.name = "branch " + m_record.name;
    spec.directory = directory();
    spec.socket_directory = socket_directory(settings.run_dir, m_record.id);
    spec.binaries = find_binaries(settings.replica.binaries, m_record.major);
    spec.library = settings.replica.libraries + "/" + std::to_string(m_record.major);
    spec.containment = settings.containment;
    spec.limits = {settings.limits.groups, settings.branch.server_memory,
                   settings.branch.server_processes, k_branch_cpu_weight};
    spec.opener = settings.branch.opener;
    spec.peers = {m_record.role};
    spec.settings = settings_of_major(m_record.major);
    for (const auto& [name, value] : settings_of_branch()) {
        spec.settings.insert_or_assign(name, value);
    }
    const std::string files = settings.containment.works ? paths_inside().configuration
                                                         : spec.directory + "/configuration";
    spec.settings.insert_or_assign("shared_buffers", settings.branch.shared_buffers);
    spec.settings.insert_or_assign("listen_addresses", "127.0.0.1");
    spec.settings.insert_or_assign("password_encryption", "scram-sha-256");
    spec.settings.insert_or_assign("ssl", "on");
    spec.settings.insert_or_assign("ssl_cert_file", files + "/server.crt");
    spec.settings.insert_or_assign("ssl_key_file", files + "/server.key");
    spec.settings.insert_or_assign("fsync", m_record.durable ? "on" : "off");
    const Certificate own = m_ground.tls.issue();
    spec.files = {{"server.crt", own.certificate}, {"server.key", own.key}};
    if (prepared) {
        spec.hba = "hostssl all all 127.0.0.1/32 scram-sha-256\n";
    }
    return spec;
}

// Starts a cut that nobody can connect to, makes a branch of it, and lets clients in. The record as
// it is then.
BranchRecord Branch::prepare(Instance& server, const CutSource& source,
                             std::vector<BranchStep> steps, const std::function<bool()>& go_on) {
    Stopwatch watch(steps);
    server.start();
    watch.lap("recovery");
    BranchRecord changed = record();
    PreparedBranch prepared = prepare_branch(server, {source.database,
                                                      {changed.role, changed.password},
                                                      source.triggers,
                                                      source.allow_stale,
                                                      source.superusers});
    watch.lap("prepare");
    const ConnectorSettings settings = m_ground.store.settings(changed.connector_id);
    // The URL of a branch that is reset stays what it is.
    if (changed.phase == BranchPhase::creating && !settings.default_db.empty()) {
        changed.database = settings.default_db;
    }
    changed.hooks = apply_settings(server, {settings,
                                            changed.database,
                                            {source.database, changed.role, source.superusers,
                                             m_ground.settings.branch.hook_timeout, go_on}});
    changed.masked_at = changed.hooks.empty() ? "" : m_ground.store.now();
    if (!changed.hooks.empty()) {
        watch.lap("hooks");
    }
    prepared.notes.insert(prepared.notes.begin(), source.missing.begin(), source.missing.end());
    changed.lsn = prepared.origin.lsn;
    changed.commit_time = prepared.origin.commit_time.value_or("");
    changed.steps = std::move(steps);
    changed.missing = std::move(prepared.notes);
    changed.warning = source.warning.empty() ? prepared.warning : source.warning;
    changed.ready_at = m_ground.store.now();
    changed.durable = false;
    return changed;
}

std::string Branch::directory() const {
    return m_ground.settings.data_dir + "/branches/" + record().id;
}

std::vector<BranchStep> Branch::clone_replica(const CutSource& source, const std::string& target,
                                              const std::function<bool()>& go_on) const {
    const CloneMethod method = method_for(*source.replica, m_ground.settings.branch.clone.method);
    return m_ground.cuts.cut(*source.replica, {method, k_clone_threads, target, go_on, {}});
}

void Branch::note_trouble(const std::string& trouble) {
    const std::lock_guard lock(m_mutex);
    m_trouble = trouble;
}

void Branch::make(const CutSource& source, const std::function<bool()>& go_on) {
    const std::lock_guard life(m_life);
    try {
        const InstanceSpec first = spec(false);
        std::filesystem::create_directories(first.directory);
        std::vector<BranchStep> steps = clone_replica(source, first.directory + "/data", go_on);
        const auto server = std::make_shared<Instance>(first);
        {
            const std::lock_guard lock(m_mutex);
            m_instance = server;
        }
        const BranchRecord made = prepare(*server, source, std::move(steps), go_on);
        server->reconfigure(spec(true));
        mark_initialised(first.directory);
        change([&](BranchRecord& record) {
            record = made;
            record.phase = BranchPhase::active;
        });
    } catch (const std::exception& error) {
        const std::string reason = m_ground.room.explain(base::text_with_hint(error));
        remove_files();
        change_anyway([&](BranchRecord& record) {
            record.phase = BranchPhase::failed;
            record.failure = reason;
        });
        throw Error(ErrorKind::transient, reason);
    }
}

void Branch::start(const std::function<void()>& serve) {
    const std::lock_guard life(m_life);
    const auto server = instance();
    if (record().phase != BranchPhase::active) {
        throw Error(ErrorKind::replica, "the branch is " + std::string(to_string(record().phase)));
    }
    if (!server) {
        throw Error(ErrorKind::replica, view().record.failure);
    }
    if (!record().disk_stop.empty()) {
        throw Error(ErrorKind::replica, view().record.failure, {}, k_disk_full);
    }
    try {
        server->start();
    } catch (const Error& error) {
        note_trouble(error.what());
        throw;
    }
    note_trouble({});
    // stop_for_disk may have come before there was something to stop.
    if (!record().disk_stop.empty()) {
        server->stop(k_branch_patience);
        throw Error(ErrorKind::replica, view().record.failure, {}, k_disk_full);
    }
    serve();
}

void Branch::ensure_durable() {
    const std::lock_guard life(m_life);
    if (record().phase == BranchPhase::active && !record().durable && running()) {
        make_durable();
    }
}

// The branch was made with fsync off: recovery would have opened every file to flush it. One flush
// of the file system makes all of it durable, once the server has written what it held.
void Branch::make_durable() {
    const auto server = instance();
    Superuser admin(*server, "template1", ErrorKind::transient);
    admin->exec("CHECKPOINT");
    server->flush();
    change([](BranchRecord& record) { record.durable = true; });
    server->reconfigure(spec(true));
}

void Branch::stop(std::chrono::milliseconds patience) {
    stop_if(patience, [] { return true; });
}

void Branch::stop_if(std::chrono::milliseconds patience, const std::function<bool()>& may) {
    const std::lock_guard life(m_life);
    if (const auto server = instance(); server && may()) {
        server->stop(patience);
    }
}

// Not after the operation that may be under way: a reset waits for the disk while the server that
// it will replace fills it.
void Branch::stop_for_disk(const std::string& reason, std::chrono::milliseconds patience) {
    change_anyway([&](BranchRecord& record) { record.disk_stop = reason; });
    if (const auto server = instance()) {
        server->stop(patience);
    }
}

void Branch::end_disk_stop() {
    if (!record().disk_stop.empty()) {
        change_anyway([](BranchRecord& record) { record.disk_stop.clear(); });
    }
}

}  // namespace ardent::environment
