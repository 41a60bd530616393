// SPDX-License-Identifier: PostgreSQL
// The room in which an instance's server runs (bubblewrap): namespaces of its own for users,
// processes, network, ipc, mounts and the host's name; no program but `postgres`; nothing of the
// host's files but libraries and data that are read; a filter of system calls. A superuser inside
// reaches nothing outside. Values and pure functions, beside `prove`.
#pragma once

#include "common/base/fd.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

/// environment.containment
enum class ContainmentNeed { required, optional };

/// What this host can do, proven once at start. Immutable afterwards; any thread.
struct Containment {
    bool works = false;
    std::string why_not;                // when it does not work: what bwrap said
    bool sized = false;                 // bwrap 0.6 and later: tmpfs of a limited size
    bool seals_users = false;           // --disable-userns works here (bwrap 0.8 and later)
    std::vector<std::string> readable;  // environment.readable: more folders that servers may read
};

/// The paths of an instance as its server sees them: inside its containment, or the host's without
/// one.
struct ServerPaths {
    std::string data;
    std::string socket;
    std::string configuration;
};

/// Of the host: what a server is made of.
struct ServerFiles {
    std::string binaries;  // /usr/lib/postgresql/15/bin
    std::string library;   // folder of ardent_replica.so for this major; empty: none
    ServerPaths paths;
    std::string opener;  // the program that becomes the server (opener/); empty: none
};

/// Of the host: what a client program of a server is made of. It sees the folders at their own
/// paths and writes nothing.
struct ClientFiles {
    std::string binaries;
    std::string program;  // pg_restore
    std::string socket;   // folder of the server's socket
    std::string folder;   // what it reads
};

/// Where the folders of ServerFiles::paths are inside.
ServerPaths paths_inside();

/// "bubblewrap" or "none": for status, API and metrics.
std::string_view containment_name(const Containment& containment);

/// Descriptors that bwrap reads or writes; the caller keeps them open until it has begun.
struct ContainmentDescriptors {
    int filter = -1;       // system_call_filter()
    int users = -1;        // users_file()
    int information = -1;  // gets {"child-pid": …} once, for who comes after us; -1: not wanted
    int status = -1;  // gets {"child-pid": …} and, at the end, {"exit-code": …}; -1: not wanted
};

/// A passwd file with the user that runs the environment alone, without a name in the file system.
base::Fd users_file();

/// bwrap's argument vector up to the program to run, whose own has to follow.
std::vector<std::string> containment_argv(const Containment& containment, const ServerFiles& files,
                                          const ContainmentDescriptors& descriptors);

/// The same for a client program, which dies with the process that starts it.
std::vector<std::string> client_containment_argv(const Containment& containment,
                                                 const ClientFiles& files,
                                                 const ContainmentDescriptors& descriptors);

/// Tries it with the newest server below `binaries`. Throws base::Error (config) when it is
/// required and does not work, with what to do about it.
Containment prove_containment(ContainmentNeed need, const std::string& binaries,
                              std::vector<std::string> readable);

}  // namespace ardent::environment
