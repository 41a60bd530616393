// SPDX-License-Identifier: PostgreSQL
// The settings of ardent-environment as one value, read once at start. Immutable afterwards; any
// thread.
#pragma once

#include "common/config/config.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/control_group.hpp"
#include "environment/volume/volume.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

struct TlsFiles {
    std::string certificate;  // PEM, the whole chain
    std::string key;          // PEM, readable by nobody else
};

struct ReplicaSettings {
    std::string binaries;   // folder with one folder a major: <binaries>/<major>/bin
    std::string libraries;  // <libraries>/<major>/ardent_replica.so
    std::string shared_buffers;
    std::string max_wal_size;
    std::string maintenance_work_mem;
    std::vector<std::string> extensions;  // environment/replica/extensions.hpp
};

/// branch.tls_authority: clients find the authority among those of their system.
inline constexpr const char* k_system_authority = "system";

struct BranchSettings {
    std::string listen;       // address of the front door, of all branches
    std::string public_host;  // what URLs name
    std::optional<TlsFiles>
        tls;                    // the customer's certificate; nullopt: one of the branch authority
    std::string tls_authority;  // a file, k_system_authority; empty: clients do not verify `tls`
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 0;
    std::string shared_buffers;
    std::chrono::milliseconds suspend_after{};  // without a client; 0: never
    unsigned most = 0;                          // branches of this environment
    std::uint64_t reserve = 0;                  // free bytes below which none is made
    std::uint64_t disk_limit = 0;               // bytes that one may own by itself; 0: no limit
    std::chrono::seconds default_ttl{};         // 0: never
    std::chrono::seconds largest_ttl{};         // 0: no limit
    std::uint64_t server_memory = 0;            // of one's server, where there are control groups
    unsigned server_processes = 0;
    std::chrono::milliseconds hook_timeout{};  // of each script of branch_sql
    std::string opener;                        // the program (opener/)
    ProvenMethod clone;                        // how trees are cloned; serve proves it at start
};

struct Settings {
    std::string data_dir;
    std::string run_dir;
    std::string listen_host;
    std::uint16_t listen_port = 0;  // 0: any free one
    std::optional<TlsFiles> tls;
    std::string public_url;  // what agents dial; shown in hints
    std::string log_level;
    unsigned http_threads = 0;
    std::uint64_t call_memory = 0;  // what calls in progress may take together
    std::uint64_t segment_bytes = 0;
    unsigned in_flight = 0;
    std::uint64_t queue_bytes = 0;    // raw bytes that wait for apply, for each connector
    std::uint64_t message_bytes = 0;  // the largest single message that is accepted
    std::chrono::milliseconds agent_timeout{};
    std::chrono::milliseconds stop_timeout{};
    ContainmentNeed containment_need = ContainmentNeed::required;
    Containment containment;  // before `proven`: what the file says alone
    InstanceLimits limits;    // before `proven`: without a group
    ReplicaSettings replica;
    BranchSettings branch;
    bool delivered_only = false;  // benchmark: commit progress only
};

/// The same with what this host can do, and this program in a control group of its own where groups
/// were delegated. Throws base::Error (config) when servers cannot be contained and must be, or
/// when no server is installed.
Settings proven(Settings settings);

/// The options of the configuration file.
const std::vector<config::Option>& options();

/// Throws base::Error (config): a listen address that cannot be read, one half of a TLS pair, plain
/// HTTP on an address that is not loopback, a run_dir whose socket paths would be too long.
Settings read_settings(const config::Values& values);

}  // namespace ardent::environment
