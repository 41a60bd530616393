// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/cut.hpp"

#include "common/base/error.hpp"
#include "environment/branch/stopwatch.hpp"
#include "environment/instance/hostile_directory.hpp"
#include "environment/instance/superuser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string_view>
#include <sys/stat.h>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr int k_version_backup_start = 150000;  // pg_start_backup had this name before
constexpr std::size_t k_label_limit = 65536;    // of a server that may be hostile
constexpr int k_control_tries = 10;

bool begins_with_any(std::string_view path, std::initializer_list<std::string_view> starts) {
    return std::any_of(starts.begin(), starts.end(),
                       [&](std::string_view start) { return path.starts_with(start); });
}

// What a server makes anew (pg_basebackup's own list, basebackup.c), what is of this host or this
// run, and what would bring the replica's slots and settings along.
bool stays_behind(std::string_view path, bool is_folder) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (name.starts_with("pgsql_tmp") || name == "pg_internal.init") {
        return true;
    }
    if (begins_with_any(path, {"pg_replslot/", "pg_dynshmem/", "pg_notify/", "pg_serial/",
                               "pg_snapshots/", "pg_stat_tmp/", "pg_subtrans/", "pg_tblspc/"})) {
        return true;
    }
    static constexpr std::array<std::string_view, 10> k_files = {
        "postmaster.pid",   "postmaster.opts",         "postgresql.auto.conf", "backup_label",
        "backup_label.old", "tablespace_map",          "tablespace_map.old",   "backup_manifest",
        "current_logfiles", "postgresql.auto.conf.tmp"};
    if (std::find(k_files.begin(), k_files.end(), path) != k_files.end()) {
        return true;
    }
    return is_folder && path == "log";
}

bool is_segment(std::string_view name) {
    constexpr std::size_t k_length = 24;  // timeline, log and segment, eight digits each
    return name.size() == k_length &&
           name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

void write_file(const std::string& path, std::string_view text) {
    std::ofstream file(path, std::ios::trunc | std::ios::binary);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    file.close();
    if (!file) {
        throw Error(ErrorKind::transient, "cannot write " + path, "Is the file system full?");
    }
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// A branch's first queries read the catalogs of its database and of the cluster, page by page, and
// its users wait for them. Catalogs have filenodes below FirstNormalObjectId (16384, transam.h)
// until somebody rewrites them (VACUUM FULL), and the replica's database, which is no template, has
// an oid above.
bool is_catalog(std::string_view path) {
    constexpr std::uint32_t k_first_normal_oid = 16384;
    const auto take_oid = [&path] {
        std::uint32_t oid = 0;
        const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), oid);
        path.remove_prefix(static_cast<std::size_t>(end - path.data()));
        return error == std::errc() ? oid : 0;
    };
    if (path.starts_with("global/")) {
        return true;
    }
    if (!path.starts_with("base/")) {
        return false;
    }
    path.remove_prefix(5);
    if (take_oid() < k_first_normal_oid || !path.starts_with('/')) {
        return false;
    }
    path.remove_prefix(1);
    const std::uint32_t filenode = take_oid();
    return filenode > 0 && filenode < k_first_normal_oid && path.empty();
}

CloneOptions options_of(const CutPlan& plan, LeaveOut leave_out) {
    CloneOptions options;
    options.method = plan.method;
    options.threads = plan.threads;
    options.leave_out = std::move(leave_out);
    options.read_ahead = is_catalog;
    options.go_on = plan.go_on;
    return options;
}

struct Backup {
    std::string label;
    std::string first_segment;
    std::string last_segment;
};

// The temporary slot keeps the WAL from the checkpoint on: the checkpointer may end another one
// while files are cloned, and would remove it. It goes with the session, also when this process
// dies, and a moment after that: so each has a name of its own.
void begin_backup(Superuser& server) {
    server->exec(R"sql(
        SELECT pg_catalog.pg_create_physical_replication_slot(
                   pg_catalog.concat('ardent_cut_', pg_catalog.pg_backend_pid()), true, true)
    )sql");
    server->exec(server->server_version() >= k_version_backup_start
                     ? "SELECT pg_catalog.pg_backup_start('branch', true)"
                     : "SELECT pg_catalog.pg_start_backup('branch', true, false)");
}

Backup end_backup(Superuser& server) {
    const pq::Result ended =
        server->exec(server->server_version() >= k_version_backup_start
                         ? "SELECT lsn, labelfile FROM pg_catalog.pg_backup_stop(false)"
                         : "SELECT lsn, labelfile FROM pg_catalog.pg_stop_backup(false, false)");
    Backup backup;
    backup.label = ended.text(0, 1);
    // "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)"
    const std::size_t place = backup.label.find("(file ");
    if (place != std::string::npos) {
        backup.first_segment = backup.label.substr(place + 6, 24);
    }
    backup.last_segment = server
                              ->value("SELECT pg_catalog.pg_walfile_name($1::pg_catalog.pg_lsn)",
                                      {std::string(ended.text(0, 0))})
                              .value_or("");
    if (backup.label.size() > k_label_limit || !is_segment(backup.first_segment) ||
        !is_segment(backup.last_segment)) {
        throw Error(ErrorKind::replica, "the replica's server tells no end of a backup");
    }
    return backup;
}

// A copy of pg_control may be torn: the server writes it while it is read. Two copies that are
// equal are none of that kind; the label says where recovery begins, so any state of the file will
// do.
void copy_control_file(const Instance& replica, const CutPlan& plan) {
    const std::string scratch = plan.target + ".control";
    std::string before;
    for (int i = 0; i < k_control_tries; ++i) {
        remove_planted(scratch);
        clone_tree(
            replica.data() + "/global", scratch,
            options_of(plan, [](std::string_view path, bool) { return path != "pg_control"; }));
        const std::string now = read_file(scratch + "/pg_control");
        if (!now.empty() && now == before) {
            write_file(plan.target + "/global/pg_control", now);
            remove_planted(scratch);
            return;
        }
        before = now;
    }
    remove_planted(scratch);
    throw Error(ErrorKind::transient, "pg_control of the replica changed at each look");
}

std::vector<BranchStep> cut_by_files(const Instance& replica, const CutPlan& plan) {
    std::vector<BranchStep> steps;
    Stopwatch watch(steps);
    Superuser server(replica, "template1", ErrorKind::replica);
    begin_backup(server);
    watch.lap("checkpoint");
    CloneOptions options = options_of(plan, [](std::string_view path, bool is_folder) {
        return stays_behind(path, is_folder) || (is_folder && path == "pg_wal");
    });
    options.progress = plan.progress;
    clone_tree(replica.data(), plan.target, options);
    if (plan.method == CloneMethod::copy) {
        copy_control_file(replica, plan);
    }
    watch.lap("clone");
    const Backup backup = end_backup(server);
    clone_tree(replica.data() + "/pg_wal", plan.target + "/pg_wal",
               options_of(plan, [&](std::string_view path, bool) {
                   return !is_segment(path) || path < backup.first_segment ||
                          path > backup.last_segment;
               }));
    write_file(plan.target + "/backup_label", backup.label);
    write_file(plan.target + "/standby.signal", "");
    watch.lap("wal");
    return steps;
}

std::vector<BranchStep> cut_by_snapshot(const Instance& replica, const CutPlan& plan) {
    std::vector<BranchStep> steps;
    Stopwatch watch(steps);
    Superuser server(replica, "template1", ErrorKind::replica);
    // So that there is little to recover.
    server->exec("CHECKPOINT");
    watch.lap("checkpoint");
    clone_tree(replica.data(), plan.target, options_of(plan, {}));
    clean_clone(plan.target, stays_behind, {}, is_catalog);
    watch.lap("clone");
    return steps;
}

}  // namespace

CloneMethod method_for(const Instance& replica, CloneMethod proven) {
    constexpr ino_t k_root_of_subvolume = 256;  // BTRFS_FIRST_FREE_OBJECTID
    struct stat about {};
    const bool is_subvolume =
        ::lstat(replica.data().c_str(), &about) == 0 && about.st_ino == k_root_of_subvolume;
    return proven == CloneMethod::btrfs && !is_subvolume ? CloneMethod::reflink : proven;
}

std::vector<BranchStep> cut_branch(const Instance& replica, const CutPlan& plan) {
    try {
        return plan.method == CloneMethod::btrfs ? cut_by_snapshot(replica, plan)
                                                 : cut_by_files(replica, plan);
    } catch (const Error&) {
        remove_tree(plan.target);
        remove_planted(plan.target + ".control");
        throw;
    }
}

// A snapshot of a snapshot that was cleaned is as clean.
void clone_cut(const std::string& base, const CutPlan& plan) {
    CloneOptions options = options_of(plan, {});
    options.progress = plan.progress;
    clone_tree(base, plan.target, options);
}

std::map<std::string, std::string> settings_of_branch() {
    return {
        // Without a reader a standby asks for none of the source's limits
        // (CheckRequiredParameterValues), and nobody meets the branch before it has promoted
        // itself.
        {"hot_standby", "off"},
        {"recovery_target", "immediate"},
        {"recovery_target_action", "promote"},
        {"archive_mode", "off"},
        {"wal_level", "replica"},
        {"min_wal_size", "32MB"},
        {"max_wal_size", "256MB"},
        {"wal_recycle", "off"},
        {"wal_init_zero", "off"},
        // Recovery would open every file to flush it; the branch is flushed as a whole afterwards.
        {"fsync", "off"},
        {"max_wal_senders", "0"},
        {"max_connections", "100"},
        {"huge_pages", "off"},
        {"autovacuum_naptime", "5min"},
    };
}

}  // namespace ardent::environment
