// SPDX-License-Identifier: PostgreSQL
// One PostgreSQL server that the environment owns: a data directory, a Unix socket, no network
// port. Any thread; create, start, stop and destroy exclude one another.
//
// A server may outlive the program that started it (kill -9 of the environment): `start` adopts it.
// Whose server runs is told by a lock and a record beside the data directory. Nothing is believed
// that stands in the data directory: it is the server's own to write, and a superuser of the
// replica may have written it.
#pragma once

#include "common/base/fd.hpp"
#include "common/pq/connection.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/control_group.hpp"
#include "environment/instance/server_process.hpp"
#include "environment/volume/volume.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

inline constexpr const char* k_admin_role = "ardent_admin";  // the instance's superuser
inline constexpr const char* k_apply_role =
    "ardent_apply";  // sees text from the source, has no special rights
inline constexpr const char* k_reader_role = "ardent_reader";  // people look around with it

/// Owns what its owner at the source cannot own here; without any right of its own.
inline constexpr const char* k_nobody_role = "ardent_nobody";

struct InstanceSpec {
    std::string name;              // "state", "replica shop": for messages
    std::string directory;         // holds data/, whose log/ is the server's log
    std::string socket_directory;  // of this instance alone
    std::string binaries;          // /usr/lib/postgresql/15/bin
    std::string library;           // folder of ardent_replica.so; empty: none
    Containment containment;
    CloneMethod clone = CloneMethod::copy;  // what its data directory is made for
    InstanceLimits limits;
    std::map<std::string, std::string> settings;  // over the built-in ones
    /// Roles beside the superuser that the user of this program may be over the socket; nobody else
    /// comes that way.
    std::vector<std::string> peers = {k_apply_role, k_reader_role};
    /// What else stands in pg_hba.conf: who comes from the room's loopback, where the opener's
    /// connections are from.
    std::string hba;
    std::string opener;  // the program (opener/); empty: none
    std::map<std::string, std::string>
        files;  // more files in the configuration's folder, mode 0600
};

class Instance {
public:
    explicit Instance(InstanceSpec spec);

    /// True once initdb has finished.
    bool exists() const;
    enum class Sync { now, later };

    /// initdb into an empty directory: UTF8, C locale, data checksums. What a broken attempt left
    /// is removed. With `later` nothing is flushed: `flush` has to follow.
    void create(Sync sync);
    /// Everything that was written goes to disk (syncfs). Throws base::Error (transient).
    void flush() const;
    /// Running and accepting connections when it returns. Throws base::Error (transient) with the
    /// end of the server's log when it does not start.
    void start();
    /// Fast shutdown, and immediate after `patience`. Does nothing when it is not running.
    void stop(std::chrono::milliseconds patience);
    /// Stops it and removes everything.
    void destroy();
    /// True while the server's process lives.
    bool alive() const;
    /// Another configuration of settings that need no restart, of roles and of files, for the
    /// running server and later ones. Throws base::Error (transient).
    void reconfigure(InstanceSpec spec);
    /// Where the opener listens, as this host has it.
    std::string opener_socket() const { return m_spec.socket_directory + "/opener"; }
    /// The data directory, which its server writes: hostile.
    std::string data() const { return m_spec.directory + "/data"; }

    /// For connections to this very server: whoever else listens at its socket is refused.
    pq::ConnectOptions connect_options(std::string_view role, const std::string& database,
                                       base::ErrorKind kind) const;
    /// Valid until reconfigure.
    const InstanceSpec& spec() const noexcept { return m_spec; }

private:
    /// "state", "c6b2f1b1b3065556ba55d71926fd6bb2"
    std::string group() const;
    ServerFiles files() const;
    /// Not a link to another one. True once a server has begun to listen.
    bool has_socket() const;
    void write_configuration() const;
    /// Waits for what a killed server left. Not valid: meanwhile a server came up that is ours.
    /// Throws base::Error (transient) when the directory stays in use.
    base::Fd take_lock() const;
    ServerProcess launch(base::Fd lock) const;
    void wait_until_ready(const ServerProcess& server) const;
    /// The running one, also when another program started it.
    std::optional<ServerProcess> server() const;
    std::string log_tail() const;

    // Shared with the options of connections, which may outlive the instance.
    struct Running {
        std::mutex mutex;
        std::optional<ServerProcess> server;
    };

    InstanceSpec m_spec;
    std::mutex m_mutex;
    std::shared_ptr<Running> m_running;
};

/// Throws base::Error (config) when the sockets of instances below `run_dir` had too long a path.
void check_socket_directory(const std::string& run_dir);

/// Settings that only some majors know: a crash is recovered from with one syncfs instead of a
/// flush of every file.
std::map<std::string, std::string> settings_of_major(int major);

/// The folder of an instance's socket, short and its own.
std::string socket_directory(const std::string& run_dir, std::string_view id);

/// /usr/lib/postgresql/15/bin; throws base::Error (config) that names the Debian package when it is
/// not there.
std::string find_binaries(const std::string& folder, int major);

/// The majors that are installed there, ascending.
std::vector<int> installed_majors(const std::string& folder);

}  // namespace ardent::environment
