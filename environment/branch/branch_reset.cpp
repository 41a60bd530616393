// SPDX-License-Identifier: PostgreSQL
// A branch is cut anew under its id. The files tell how far it got, so that an interrupted reset
// can be settled:
//
//   data.next          the new data are being cut; the old ones serve
//   data.old, data     the new data are in place, and being prepared: back to the old ones
//   reset_body stored  the new data are prepared: on to them; the old ones become data.next, which
//                      is removed
#include "environment/branch/branch.hpp"

#include "common/base/error.hpp"
#include "environment/state/record_json.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace ardent::environment {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

void move(const std::string& from, const std::string& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) {
        throw Error(ErrorKind::transient,
                    "cannot move " + from + " to " + to + ": " + std::strerror(errno));
    }
}

bool exists(const std::string& path) {
    return fs::exists(fs::symlink_status(path));
}

}  // namespace

void Branch::reset(const CutSource& source, const std::function<bool()>& go_on,
                   const std::function<void()>& hold_clients) {
    const std::lock_guard life(m_life);
    const auto server = instance();
    if (!server || record().phase != BranchPhase::active) {
        throw Error(ErrorKind::replica, "the branch is " + std::string(to_string(record().phase)));
    }
    const std::string data = directory() + "/data";
    try {
        std::vector<BranchStep> steps = clone_replica(source, data + ".next", go_on);
        hold_clients();
        server->stop(k_branch_patience);
        move(data, data + ".old");
        move(data + ".next", data);
        InstanceSpec fresh = spec(false);
        fresh.settings.insert_or_assign("fsync", "off");
        server->reconfigure(std::move(fresh));
        const BranchRecord made = prepare(*server, source, std::move(steps), go_on);
        change([&](BranchRecord& record) { record.reset_body = body_to_json(made); });
    } catch (const std::exception&) {
        settle();
        throw;
    }
    settle();
}

void Branch::settle_reset() {
    const std::lock_guard life(m_life);
    settle();
    // The environment may have ended between the record of the new data and their server's
    // settings, which let nobody in.
    if (const auto server = instance(); server && server->alive()) {
        server->reconfigure(spec(true));
    }
}

void Branch::settle() {
    const std::string data = directory() + "/data";
    const auto server = instance();
    const bool prepared = !record().reset_body.empty();
    const bool moved = exists(data + ".old");
    if (!prepared && moved) {
        if (server) {
            server->stop(k_branch_patience);
        }
        remove_tree(data);
        move(data + ".old", data);
    }
    if (prepared && moved) {
        // First, so that old data never stand beside a record of the new ones: they would be taken
        // back.
        move(data + ".old", data + ".next");
    }
    if (prepared) {
        change([](BranchRecord& record) {
            const std::string body = record.reset_body;
            const BranchRecord before = record;
            body_into(record, body);
            record.reset_body.clear();
            record.is_protected = before.is_protected;
            record.expires = before.expires;
            record.ttl = before.ttl;
            record.suspend_after = before.suspend_after;
            record.disk_stop = before.disk_stop;
            record.last_activity = before.last_activity;
        });
    }
    if (server && (prepared || moved)) {
        server->reconfigure(spec(true));
    }
    remove_tree(data + ".next");
}

}  // namespace ardent::environment
