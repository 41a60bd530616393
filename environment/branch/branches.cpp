// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/branches.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"
#include "environment/branch/unknown_folders.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

#include <algorithm>
#include <ctime>
#include <set>

namespace ardent::environment {

namespace {

using base::Error;

constexpr unsigned k_threads = 8;
constexpr std::size_t k_id_bytes = 16;
constexpr std::size_t k_role_bytes = 4;
constexpr std::size_t k_password_bytes = 24;
constexpr std::size_t k_name_limit = 63;
constexpr auto k_source_patience = std::chrono::seconds(10);
constexpr auto k_look_again = std::chrono::milliseconds(100);

std::optional<IdempotencyRecord> request_record(const BranchRequest& request) {
    return request.key.empty()
               ? std::nullopt
               : std::optional(IdempotencyRecord{.key = request.key, .request_hash = request.hash});
}

std::string told_ttl(std::int64_t ttl) {
    return ttl == 0 ? "never" : std::to_string(ttl) + " seconds";
}

// How a branch is otherwise than a create asks for; empty: it is not.
std::string differences(const BranchRecord& record, const BranchRequest& request) {
    std::string told;
    if (record.is_protected != request.is_protected) {
        told = record.is_protected ? "it is protected" : "it is not protected";
    }
    if (request.ttl && record.ttl && *request.ttl != *record.ttl) {
        told += std::string(told.empty() ? "" : ", and ") + "its ttl is " + told_ttl(*record.ttl) +
                ", not " + told_ttl(*request.ttl);
    }
    return told;
}

void log_method(const ProvenMethod& proven) {
    process::log_info("branches", {{"method", to_string(proven.method)}});
    if (proven.method == CloneMethod::copy) {
        process::log_warning(
            "branches are made by copying the whole replica: this file system shares no blocks",
            {{"reason", base::join(proven.refused, "; ")},
             {"faster", "environment.data_dir on XFS with reflink=1, or on Btrfs"}});
    }
}

}  // namespace

bool is_branch_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= k_name_limit &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
               std::string_view::npos;
}

Branches::Branches(const Settings& settings, Store& store, Registry& registry)
    : m_settings(settings),
      m_store(store),
      m_registry(registry),
      m_tls(settings),
      m_room(settings.data_dir, settings.branch.reserve),
      m_ground{settings, store, m_tls, m_cuts, m_room},
      m_journal(store),
      m_door(*this, {}),
      m_makers(k_threads),
      m_tasks(k_threads),
      m_watch(*this, m_room, settings.branch.disk_limit) {}

Branches::~Branches() {
    close();
    end_work();
}

void Branches::load() {
    log_method(m_settings.branch.clone);
    std::set<std::string> known;
    for (const BranchRecord& record : m_store.branches()) {
        if (record.phase == BranchPhase::failed && !m_registry.knows(record.connector_id)) {
            m_store.remove_branch(record.id);  // of an environment that did not do it
            continue;
        }
        const auto branch = std::make_shared<Branch>(m_ground, record);
        {
            const std::lock_guard lock(m_mutex);
            m_branches.emplace(record.id, branch);
        }
        known.insert(record.id);
        // What keeps one from being taken up keeps neither the others nor the replicas away.
        try {
            take_up(branch);
        } catch (const std::exception& error) {
            branch->note_trouble(error.what());
            process::log_error("a branch cannot be taken up",
                               {{"branch", record.id}, {"error", error.what()}});
        }
    }
    const std::string folder = m_settings.data_dir + "/branches";
    for (const std::string& name : unknown_folders(folder, known)) {
        process::log_warning("not a branch of this environment, and left alone",
                             {{"path", folder + "/" + name}});
    }
    m_sleeper = std::thread([this] { look_for_idle(); });
    m_watch.start();
}

void Branches::take_up(const BranchPointer& branch) {
    const BranchRecord record = branch->record();
    if (record.phase == BranchPhase::creating) {
        branch->give_up("the environment ended while the branch was made");
    } else if (branch->removal_begun()) {
        const OperationRecord operation = new_operation("branch_delete", record.id);
        branch->begin_removal();  // the state may not know it
        m_journal.keep(operation);
        begin(branch, operation);
        m_tasks.post([this, branch, operation] { run_remove(branch, operation); });
    } else if (record.phase == BranchPhase::active) {
        branch->settle_reset();
        m_door.open(record.id, {m_settings.branch.listen, record.port});
        if (branch->running()) {  // it has outlived the environment
            request_start(record.id, StartReason::sleeping);
        }
    }
}

void Branches::check_room() const {
    std::size_t there = 0;
    {
        const std::lock_guard lock(m_mutex);
        there = static_cast<std::size_t>(std::count_if(
            m_branches.begin(), m_branches.end(),
            [](const auto& item) { return item.second->record().phase != BranchPhase::failed; }));
    }
    if (there >= m_settings.branch.most) {
        throw HttpError(422, "limit",
                        "There are " + std::to_string(there) +
                            " branches, which is the limit (branch.limit): delete one");
    }
    if (const std::uint64_t free = m_room.free(); free < m_room.reserve()) {
        throw HttpError(422, "disk",
                        "The disk of the environment has " + told_room(free, m_room.reserve()) +
                            ": delete a branch, or make room");
    }
    if (!m_settings.containment.works) {
        throw HttpError(422, "no_containment",
                        "Branches need containment, which does not work on this host: " +
                            m_settings.containment.why_not);
    }
}

BranchRecord Branches::new_record(const BranchRequest& request, const CutSource& source) {
    BranchRecord record;
    record.id = random_hex(k_id_bytes);
    record.connector_id = request.connector_id;
    record.name = request.name;
    record.requested_name = request.requested_name;
    record.major = source.major;
    record.database = source.database;
    record.role = "branch_" + random_hex(k_role_bytes);
    record.password = random_hex(k_password_bytes);
    record.method = to_string(method_for(*source.replica, m_settings.branch.clone.method));
    record.warning = source.warning;
    record.is_protected = request.is_protected;
    record.ttl = ttl_within(request.ttl);
    record.expires = expiry_after(*record.ttl);
    return record;
}

// A port that another program has is passed over.
void Branches::listen(BranchRecord& record) {
    std::vector<std::uint16_t> taken;
    {
        const std::lock_guard lock(m_mutex);
        for (const auto& [id, branch] : m_branches) {
            const BranchRecord other = branch->record();
            if (other.phase != BranchPhase::failed) {
                taken.push_back(other.port);
            }
        }
    }
    for (int port = m_settings.branch.first_port; port <= m_settings.branch.last_port; ++port) {
        record.port = static_cast<std::uint16_t>(port);
        if (std::find(taken.begin(), taken.end(), record.port) != taken.end()) {
            continue;
        }
        try {
            m_door.open(record.id, {m_settings.branch.listen, record.port});
            return;
        } catch (const Error& error) {
            process::log_warning("a port of branches cannot be used", {{"error", error.what()}});
        }
    }
    throw HttpError(422, "limit", "Every port of branch.ports is in use: delete a branch");
}

// The same request once more: what is under way, or what is there.
std::optional<Branches::Begun> Branches::join(const BranchRequest& request) const {
    const BranchPointer there = by_name(request.connector_id, request.name);
    if (!there) {
        return std::nullopt;
    }
    const BranchRecord record = there->record();
    if (record.requested_name != request.requested_name) {
        throw HttpError(409, "name_taken",
                        "There is a branch " + record.name + ", which was asked for as " +
                            record.requested_name);
    }
    if (const std::string told = differences(record, request); !told.empty()) {
        throw HttpError(409, "branch_differs",
                        "There is a branch " + record.name + ", and it differs: " + told);
    }
    if (const auto operation = under_way(record.id)) {
        return Begun{*operation};
    }
    OperationRecord done = new_operation("branch_create", record.id);
    done.status = "completed";
    return Begun{.operation = done, .created = false};
}

// An agent that has just lost its environment comes back within seconds, and a table may be all but
// copied.
CutSource Branches::await_source(const BranchRequest& request) const {
    const auto connector = m_registry.find(request.connector_id);
    const auto deadline = std::chrono::steady_clock::now() + k_source_patience;
    for (;;) {
        try {
            return connector->cut_source(request.allow_stale);
        } catch (const HttpError&) {
            if (std::chrono::steady_clock::now() >= deadline || m_closing) {
                throw;
            }
        }
        std::this_thread::sleep_for(k_look_again);
    }
}

Branches::Begun Branches::create(const BranchRequest& request) {
    if (!is_branch_name(request.name)) {
        throw HttpError(400, "invalid_name",
                        "The name of a branch has 1 to 63 lower-case letters, digits, hyphens");
    }
    ttl_within(request.ttl);
    if (const auto joined = join(request)) {
        return *joined;
    }
    const CutSource source = await_source(request);
    const std::lock_guard one(m_beginning);
    if (const auto joined = join(request)) {
        return *joined;
    }
    forget_failed(request);
    check_room();
    BranchRecord record = new_record(request, source);
    listen(record);
    const OperationRecord operation = new_operation("branch_create", record.id);
    try {
        m_store.begin(record, operation, request_record(request));
    } catch (const Error&) {
        m_door.close(record.id);
        throw;
    }
    const auto branch = std::make_shared<Branch>(m_ground, record);
    begin(branch, operation);
    m_makers.post([this, branch, operation, source] { run_create(branch, operation, source); });
    return {operation, true, false, true};
}

void Branches::begin(const BranchPointer& branch, const OperationRecord& operation) {
    const std::lock_guard lock(m_mutex);
    m_branches.emplace(operation.resource_id, branch);
    m_under_way.insert_or_assign(operation.resource_id, operation);
}

std::int64_t Branches::ttl_within(std::optional<std::int64_t> asked) const {
    const std::int64_t largest = m_settings.branch.largest_ttl.count();
    const std::int64_t ttl = asked.value_or(m_settings.branch.default_ttl.count());
    if (largest != 0 && (ttl == 0 || ttl > largest)) {
        throw HttpError(422, "ttl",
                        "Branches of this environment live at most " + std::to_string(largest) +
                            " seconds (branch.largest_ttl), and " +
                            (ttl == 0 ? "this one would never expire"
                                      : std::to_string(ttl) + " were asked for"));
    }
    return ttl;
}

// Of a cut. The replicas need what is below the low-water mark.
bool Branches::may_go_on() const {
    m_room.check();
    return !m_closing;
}

void Branches::run_create(const BranchPointer& branch, OperationRecord operation,
                          const CutSource& source) {
    const std::string id = operation.resource_id;
    try {
        operation.status = "running";
        m_journal.keep(operation);
        branch->make(source, [this] { return may_go_on(); });
        m_door.started(id, {branch->opener_socket()});
        process::log_info("branch created", {{"branch", id}, {"name", branch->record().name}});
        finish(operation, "");
        make_durable(branch);
    } catch (const std::exception& error) {
        m_door.close(id);
        process::log_error("branch cannot be created", {{"branch", id}, {"error", error.what()}});
        finish(operation, error.what());
    }
}

void Branches::finish(OperationRecord operation, const std::string& error) {
    operation.status = error.empty() ? "completed" : "failed";
    operation.error = error;
    m_journal.keep(operation);
    {
        const std::lock_guard lock(m_mutex);
        m_under_way.erase(operation.resource_id);
    }
    m_registry.notify_operations();
}

void Branches::request_start(const std::string& id, StartReason reason) {
    m_tasks.post([this, id, reason] {
        const BranchPointer branch = by_id(id);
        // While it is made its clients wait for run_create.
        if (branch && branch->record().phase == BranchPhase::active) {
            run_start(branch, reason);
        }
    });
}

void Branches::start(const BranchPointer& branch) {
    // Told before a suspend can come: clients that the door let in afterwards would meet a server
    // that shuts down.
    branch->start([&] { m_door.started(branch->record().id, {branch->opener_socket()}); });
}

void Branches::run_start(const BranchPointer& branch, StartReason reason) {
    const std::string id = branch->record().id;
    try {
        if (reason == StartReason::opener_lost) {
            branch->stop(k_branch_patience);
        }
        start(branch);
        make_durable(branch);
    } catch (const std::exception& error) {
        const auto* const known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->sqlstate() == k_disk_full) {
            m_door.failed(id,
                          "the branch is suspended, because it uses too much of the disk; ardent "
                          "branch info tells more",
                          k_disk_full);
            return;
        }
        process::log_error("branch does not start", {{"branch", id}, {"error", error.what()}});
        m_door.failed(id, "the branch does not start; ardent branch info tells why");
    }
}

// Behind everything that somebody waits for.
void Branches::make_durable(const BranchPointer& branch) {
    m_tasks.post([branch] {
        try {
            branch->ensure_durable();
        } catch (const std::exception& error) {
            process::log_warning("a branch cannot be made durable",
                                 {{"branch", branch->record().id}, {"error", error.what()}});
        }
    });
}

void Branches::close() {
    m_closing = true;
    m_changed.notify_all();
}

// In this order: the watch, tasks and the sleeper call the door, which takes no call once it has
// stopped.
void Branches::end_work() {
    m_watch.stop();
    m_makers.stop();
    m_tasks.stop();
    if (m_sleeper.joinable()) {
        m_sleeper.join();
    }
    m_door.stop();
}

void Branches::stop_servers(std::chrono::milliseconds patience) {
    for (const BranchPointer& branch : all()) {
        note_activity(branch, {});
    }
    end_work();
    std::vector<std::thread> threads;
    for (const auto& [id, branch] : m_branches) {
        threads.emplace_back([branch = branch, patience] { branch->stop(patience); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace ardent::environment
