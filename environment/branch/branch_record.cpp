// SPDX-License-Identifier: PostgreSQL
// What is kept of a branch, and how it goes.
#include "environment/branch/branch.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <unistd.h>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

// The state's server is started again each second.
constexpr auto k_state_patience = std::chrono::seconds(60);
constexpr auto k_state_again = std::chrono::milliseconds(200);

}  // namespace

// Under a lock of its own, because a protection or a deletion is noted while the branch is made
// durable.
void Branch::change(const std::function<void(BranchRecord&)>& act) {
    const std::lock_guard one(m_changing);
    BranchRecord changed = record();
    act(changed);
    m_ground.store.save(changed);
    const std::lock_guard lock(m_mutex);
    m_record = std::move(changed);
    m_unsaved = false;
}

// For what is so whether the state takes it or not.
void Branch::change_anyway(const std::function<void(BranchRecord&)>& act) {
    const std::lock_guard one(m_changing);
    BranchRecord changed = record();
    act(changed);
    bool unsaved = false;
    try {
        m_ground.store.save(changed);
    } catch (const Error& error) {
        unsaved = error.kind() == ErrorKind::transient;
        process::log_warning("a branch's record cannot be kept yet",
                             {{"branch", changed.id}, {"error", error.what()}});
    }
    const std::lock_guard lock(m_mutex);
    m_record = std::move(changed);
    m_unsaved = unsaved;
}

void Branch::save_again() {
    {
        const std::lock_guard lock(m_mutex);
        if (!m_unsaved) {
            return;
        }
    }
    change([](BranchRecord&) {});
}

std::int64_t expiry_after(std::int64_t ttl) noexcept {
    return ttl == 0 ? 0 : static_cast<std::int64_t>(std::time(nullptr)) + ttl;
}

void Branch::update(const BranchChange& wanted) {
    change([&](BranchRecord& record) {
        if (wanted.ttl) {
            record.ttl = wanted.ttl;
            record.expires = expiry_after(*wanted.ttl);
        }
        record.is_protected = wanted.is_protected.value_or(record.is_protected);
        record.suspend_after = wanted.suspend_after.value_or(record.suspend_after);
    });
}

void Branch::note_activity(std::int64_t last) {
    change_anyway([&](BranchRecord& record) { record.last_activity = last; });
}

void Branch::begin_removal() {
    const std::string mark = directory() + "/initialised";
    if (::unlink(mark.c_str()) != 0 && errno != ENOENT) {
        throw Error(ErrorKind::transient, "cannot remove " + mark + ": " + std::strerror(errno));
    }
    change_anyway([](BranchRecord& record) { record.phase = BranchPhase::deleting; });
}

bool Branch::removal_begun() const {
    const BranchRecord now = record();
    return now.phase == BranchPhase::deleting ||
           (now.phase == BranchPhase::active &&
            !std::filesystem::exists(directory() + "/initialised"));
}

void Branch::remove(const std::function<bool()>& go_on) {
    const std::lock_guard life(m_life);
    remove_files();
    const auto deadline = std::chrono::steady_clock::now() + k_state_patience;
    for (;;) {
        try {
            m_ground.store.remove_branch(record().id);
            return;
        } catch (const Error&) {
            if (!go_on() || std::chrono::steady_clock::now() >= deadline) {
                throw;
            }
        }
        std::this_thread::sleep_for(k_state_again);
    }
}

void Branch::give_up(const std::string& reason) {
    const std::lock_guard life(m_life);
    remove_files();
    change_anyway([&](BranchRecord& record) {
        record.phase = BranchPhase::failed;
        record.failure = reason;
    });
}

// The server before its files, also one that a killed environment left behind; the tree of files as
// a tree, because it may be a subvolume.
void Branch::remove_files() {
    const BranchRecord now = record();
    InstanceSpec rest;
    rest.name = "branch " + now.name;
    rest.directory = directory();
    rest.socket_directory = socket_directory(m_ground.settings.run_dir, now.id);
    rest.limits = m_ground.settings.limits;
    Instance instance(rest);
    instance.stop(k_branch_patience);
    if (std::filesystem::exists(rest.directory)) {
        for (const char* const tree : {"/data", "/data.next", "/data.old"}) {
            remove_tree(rest.directory + tree);
        }
    }
    instance.destroy();
    const std::lock_guard lock(m_mutex);
    m_instance.reset();
}

}  // namespace ardent::environment
