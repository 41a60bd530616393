// SPDX-License-Identifier: PostgreSQL
#include "environment/config/settings.hpp"

#include "common/base/address.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/process/program.hpp"
#include "environment/instance/instance.hpp"
#include "environment/server/memory.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <unistd.h>

namespace ardent::environment {

namespace {

constexpr std::uint64_t k_call_overhead = 1048576;

base::Error problem(const std::string& message, const std::string& hint = {}) {
    return {base::ErrorKind::config, message, hint};
}

std::string without_end_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

std::string absolute(const std::string& key, const std::string& path) {
    if (path.empty() || path.front() != '/') {
        throw problem(key + " is \"" + path + "\": it must be an absolute path");
    }
    return without_end_slash(path);
}

// "127.0.0.1:8765", "[::1]:8765"
void read_listen(const std::string& text, Settings& settings) {
    const auto colon = text.rfind(':');
    const std::string hint = "Write it as address:port, for example 127.0.0.1:8765 or [::1]:8765.";
    if (colon == std::string::npos || colon == 0) {
        throw problem("environment.listen is \"" + text + "\": no address and port", hint);
    }
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    const char* const first = text.data() + colon + 1;
    const char* const last = text.data() + text.size();
    const auto [end, code] = std::from_chars(first, last, settings.listen_port);
    if (code != std::errc() || end != last) {
        throw problem("environment.listen is \"" + text + "\": the port is no number up to 65535",
                      hint);
    }
    settings.listen_host = host;
}

std::optional<TlsFiles> tls_files(const config::Values& values, const std::string& section) {
    const std::string certificate = values.text(section + ".tls_certificate");
    const std::string key = values.text(section + ".tls_key");
    if (certificate.empty() != key.empty()) {
        throw problem(section + ".tls_certificate and " + section +
                      ".tls_key go together: only one is set");
    }
    return certificate.empty() ? std::nullopt : std::optional(TlsFiles{certificate, key});
}

void read_tls(const config::Values& values, Settings& settings) {
    settings.tls = tls_files(values, "environment");
    if (!settings.tls && !base::is_loopback(settings.listen_host)) {
        throw problem(
            "environment.listen is " + settings.listen_host +
                ", which others can reach, and there is no TLS certificate",
            "Set environment.tls_certificate and environment.tls_key, or listen on 127.0.0.1.");
    }
}

// A call has its body, and what is decompressed from it.
void check_call_memory(const Settings& settings) {
    const std::uint64_t largest = std::max(settings.message_bytes, settings.segment_bytes);
    const std::uint64_t needed = 2 * (largest + k_call_overhead);
    if (MemoryBudget::share_of_one(settings.call_memory) < needed) {
        throw problem(
            "environment.call_memory holds no message of environment.message_bytes: a "
            "connector's three quarters of it are " +
                base::human_bytes(MemoryBudget::share_of_one(settings.call_memory)) + ", and " +
                base::human_bytes(needed) + " are needed",
            "Raise environment.call_memory or lower environment.message_bytes.");
    }
}

std::string default_url(const Settings& settings) {
    const bool six = settings.listen_host.find(':') != std::string::npos;
    return std::string(settings.tls ? "https://" : "http://") +
           (six ? "[" + settings.listen_host + "]" : settings.listen_host) + ":" +
           std::to_string(settings.listen_port);
}

std::uint64_t host_memory() {
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
}

}  // namespace

const std::vector<config::Option>& options() {
    using config::Type;
    static const std::vector<config::Option> list = {
        {.key = "environment.data_dir",
         .help = "Where the replicas and the environment's own state live.",
         .default_value = "/var/lib/ardent-environment"},
        {.key = "environment.run_dir",
         .help = "Folder of the Unix sockets; the folder run in data_dir when not set. It must be "
                 "short, because a "
                 "socket's path has at most 107 bytes."},
        {.key = "environment.listen",
         .help =
             "Address and port of the HTTP API; without TLS only a loopback address is accepted.",
         .default_value = "127.0.0.1:8765"},
        {.key = "environment.public_url",
         .help = "The URL under which agents reach this environment; printed when a connector is "
                 "created."},
        {.key = "environment.tls_certificate",
         .type = Type::file,
         .help = "PEM file with the certificate and its chain."},
        {.key = "environment.tls_key",
         .type = Type::secret_file,
         .help = "PEM file with the certificate's key, mode 0600."},
        {.key = "environment.log_level",
         .help = "How much is logged.",
         .default_value = "info",
         .choices = {"debug", "info", "warning", "error"}},
        {.key = "environment.http_threads",
         .type = Type::integer,
         .help = "How many calls of agents are worked on at once; an agent makes about six.",
         .default_value = "256",
         .minimum = 8,
         .maximum = 4096},
        {.key = "environment.call_memory",
         .type = Type::bytes,
         .help = "How much memory calls in progress may take together, one connector's at most "
                 "three quarters of it. It must hold the largest message twice.",
         .default_value = "3GB",
         .minimum = 67108864},
        {.key = "environment.segment_bytes",
         .type = Type::bytes,
         .help = "How large a segment an agent may make.",
         .default_value = "4MB",
         .minimum = 65536,
         .maximum = 268435456},
        {.key = "environment.segments_in_flight",
         .type = Type::integer,
         .help = "How many segments an agent may have under way.",
         .default_value = "3",
         .minimum = 1,
         .maximum = 16},
        {.key = "environment.queue_bytes",
         .type = Type::bytes,
         .help = "How much may wait to be applied, for each connector.",
         .default_value = "16MB",
         .minimum = 1048576,
         .maximum = 1073741824},
        {.key = "environment.message_bytes",
         .type = Type::bytes,
         .help = "The largest single change that is accepted; PostgreSQL's own limit is 1 GB.",
         .default_value = "1GB",
         .minimum = 16777216,
         .maximum = 2147483648},
        {.key = "environment.agent_timeout",
         .type = Type::duration,
         .help =
             "How long an agent may be silent before it counts as gone: the half transaction that "
             "it "
             "left in the replica is then rolled back. A living agent is heard every 10 seconds.",
         .default_value = "60s",
         .minimum = 1000},
        {.key = "environment.stop_timeout",
         .type = Type::duration,
         .help = "How long stopping may take before the servers are stopped the hard way.",
         .default_value = "60s"},
        {.key = "environment.containment",
         .help = "Whether servers of replicas must run contained (bubblewrap, "
                 "docs/environment.md); with \"optional\" "
                 "they run without it where the host does not allow it.",
         .default_value = "required",
         .choices = {"required", "optional"}},
        {.key = "environment.readable",
         .type = Type::text_list,
         .help = "More folders of this host that contained servers may read, for extensions whose "
                 "data lies elsewhere."},
        {.key = "environment.server_memory",
         .type = Type::bytes,
         .help = "The most memory that one server may use, where systemd has delegated control "
                 "groups; 0: three quarters "
                 "of the host's.",
         .default_value = "0"},
        {.key = "environment.server_processes",
         .type = Type::integer,
         .help = "The most processes that one server may have, where systemd has delegated control "
                 "groups.",
         .default_value = "300",
         .minimum = 60},
        {.key = "replica.binaries",
         .help =
             "Folder of the PostgreSQL server packages, with one folder for each major version.",
         .default_value = "/usr/lib/postgresql"},
        {.key = "replica.libraries",
         .help = "Folder of the library that writes rows in a replica's server, with one folder "
                 "for each major version. Default: ../lib/ardent from this program's own folder."},
        {.key = "replica.shared_buffers",
         .help = "shared_buffers of each replica.",
         .default_value = "256MB"},
        {.key = "replica.max_wal_size",
         .help = "max_wal_size of each replica.",
         .default_value = "4GB"},
        {.key = "replica.maintenance_work_mem",
         .help = "maintenance_work_mem of each replica; indexes are built with it.",
         .default_value = "256MB"},
        {.key = "replica.extensions",
         .type = Type::text_list,
         .help =
             "Extensions of sources that are installed in replicas, by name. \"trusted\" stands "
             "for those that their packages call so, \"known\" for some that can do no harm "
             "(docs/environment.md), \"*\" for all: then an extension of a source may call out "
             "and read this host's files.",
         .default_value = "trusted,known"},
        {.key = "branch.listen",
         .help = "Address on which branches are reached, each at a port of its own.",
         .default_value = "127.0.0.1"},
        {.key = "branch.public_host",
         .help = "Name of this host in the URLs of branches, which their certificates are for. "
                 "Default: branch.listen."},
        {.key = "branch.tls_certificate",
         .help = "PEM, the whole chain, which every branch shows to its clients. Its key then lies "
                 "in every branch. Default: each branch has its own, of an authority that this "
                 "environment makes and that ardent login pins."},
        {.key = "branch.tls_key",
         .help = "PEM, the key of branch.tls_certificate, not encrypted. Only this program's user "
                 "may read it."},
        {.key = "branch.tls_authority",
         .help = "The authority that signed branch.tls_certificate: a PEM file, which ardent login "
                 "pins, or \"system\" where the clients' systems know it (PostgreSQL 16 and "
                 "newer). Default: clients do not verify it (sslmode=require)."},
        {.key = "branch.ports",
         .help = "Ports of branches, from and to.",
         .default_value = "6500-6999"},
        {.key = "branch.suspend_after",
         .type = Type::duration,
         .help = "A branch's server is stopped after this time without a client, and started "
                 "again for the next one; 0: never.",
         .default_value = "5min"},
        {.key = "branch.limit",
         .type = Type::integer,
         .help = "The most branches of this environment.",
         .default_value = "200",
         .minimum = 0},
        {.key = "branch.reserve",
         .type = Type::bytes,
         .help = "No branch is made while the file system of environment.data_dir has less free.",
         .default_value = "1GB"},
        {.key = "branch.disk_limit",
         .type = Type::bytes,
         .help = "How much of the disk one branch may own, beside what it shares with the replica; "
                 "one that owns more is suspended. 0: no limit.",
         .default_value = "0"},
        {.key = "branch.default_ttl",
         .type = Type::duration,
         .help = "After what time a branch is deleted whose creator says nothing of it; 0: never.",
         .default_value = "0"},
        {.key = "branch.largest_ttl",
         .type = Type::duration,
         .help = "The longest time that may be asked for; 0: any, and never.",
         .default_value = "0"},
        {.key = "branch.server_memory",
         .type = Type::bytes,
         .help = "The most memory that a branch's server may use, where systemd has delegated "
                 "control groups; 0: a quarter of the host's.",
         .default_value = "0"},
        {.key = "branch.server_processes",
         .type = Type::integer,
         .help = "The most processes that a branch's server may have, where systemd has delegated "
                 "control groups; it takes 100 clients.",
         .default_value = "150",
         .minimum = 60},
        {.key = "branch.shared_buffers",
         .help = "shared_buffers of each branch.",
         .default_value = "32MB"},
        {.key = "branch.hook_timeout",
         .type = Type::duration,
         .help = "How long each script of the setting branch_sql may take in a new branch.",
         .default_value = "10min",
         .minimum = 1000},
        {.key = "branch.opener",
         .help = "The program ardent-opener. Default: ../lib/ardent/ardent-opener from this "
                 "program's own folder."},
    };
    return list;
}

namespace {

// "6500-6999"
void read_ports(const std::string& text, BranchSettings& branch) {
    const std::size_t place = text.find('-');
    const auto port = [&](std::string_view digits) {
        std::uint16_t number = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return error == std::errc() && end == digits.data() + digits.size() ? number
                                                                            : std::uint16_t{0};
    };
    if (place != std::string::npos) {
        branch.first_port = port(std::string_view(text).substr(0, place));
        branch.last_port = port(std::string_view(text).substr(place + 1));
    }
    if (branch.first_port == 0 || branch.last_port < branch.first_port) {
        throw problem("branch.ports is " + text, "Write two ports such as 6500-6999.");
    }
}

// Who says nothing gets the longest time where there is one, for "never" is beyond it.
void read_ttl(const config::Values& values, BranchSettings& branch) {
    const auto seconds = [&](const char* key) {
        return std::chrono::ceil<std::chrono::seconds>(values.duration(key));
    };
    branch.default_ttl = seconds("branch.default_ttl");
    branch.largest_ttl = seconds("branch.largest_ttl");
    if (branch.largest_ttl.count() == 0) {
        return;
    }
    if (branch.default_ttl > branch.largest_ttl) {
        throw problem("branch.default_ttl is longer than branch.largest_ttl",
                      "Lower the first or raise the second.");
    }
    if (branch.default_ttl.count() == 0) {
        branch.default_ttl = branch.largest_ttl;
    }
}

BranchSettings read_branch(const config::Values& values) {
    BranchSettings branch;
    branch.listen = values.text("branch.listen");
    branch.public_host =
        values.has("branch.public_host") ? values.text("branch.public_host") : branch.listen;
    branch.tls = tls_files(values, "branch");
    branch.tls_authority = values.text("branch.tls_authority");
    if (!branch.tls && !branch.tls_authority.empty()) {
        throw problem("branch.tls_authority is set, and there is no branch.tls_certificate");
    }
    read_ports(values.text("branch.ports"), branch);
    branch.suspend_after = values.duration("branch.suspend_after");
    branch.most = static_cast<unsigned>(values.integer("branch.limit"));
    branch.reserve = values.bytes("branch.reserve");
    branch.disk_limit = values.bytes("branch.disk_limit");
    read_ttl(values, branch);
    const std::uint64_t memory = values.bytes("branch.server_memory");
    branch.server_memory = memory != 0 ? memory : host_memory() / 4;
    branch.server_processes = static_cast<unsigned>(values.integer("branch.server_processes"));
    branch.shared_buffers = values.text("branch.shared_buffers");
    branch.hook_timeout = values.duration("branch.hook_timeout");
    branch.opener = values.has("branch.opener")
                        ? absolute("branch.opener", values.text("branch.opener"))
                        : std::filesystem::weakly_canonical(process::program_folder() +
                                                            "/../lib/ardent/ardent-opener")
                              .string();
    return branch;
}

}  // namespace

Settings read_settings(const config::Values& values) {
    Settings settings;
    settings.data_dir = absolute("environment.data_dir", values.text("environment.data_dir"));
    settings.run_dir = values.has("environment.run_dir")
                           ? absolute("environment.run_dir", values.text("environment.run_dir"))
                           : settings.data_dir + "/run";
    check_socket_directory(settings.run_dir);
    read_listen(values.text("environment.listen"), settings);
    read_tls(values, settings);
    settings.public_url = values.has("environment.public_url")
                              ? without_end_slash(values.text("environment.public_url"))
                              : default_url(settings);
    settings.log_level = values.text("environment.log_level");
    settings.http_threads = static_cast<unsigned>(values.integer("environment.http_threads"));
    settings.segment_bytes = values.bytes("environment.segment_bytes");
    settings.in_flight = static_cast<unsigned>(values.integer("environment.segments_in_flight"));
    settings.queue_bytes = values.bytes("environment.queue_bytes");
    settings.message_bytes = values.bytes("environment.message_bytes");
    settings.call_memory = values.bytes("environment.call_memory");
    check_call_memory(settings);
    settings.agent_timeout = values.duration("environment.agent_timeout");
    settings.stop_timeout = values.duration("environment.stop_timeout");
    settings.containment_need = values.text("environment.containment") == "optional"
                                    ? ContainmentNeed::optional
                                    : ContainmentNeed::required;
    for (const std::string& folder : values.list("environment.readable")) {
        settings.containment.readable.push_back(absolute("environment.readable", folder));
    }
    const std::uint64_t memory = values.bytes("environment.server_memory");
    settings.limits.memory = memory != 0 ? memory : host_memory() / 4 * 3;
    settings.limits.processes =
        static_cast<unsigned>(values.integer("environment.server_processes"));
    settings.replica.binaries = absolute("replica.binaries", values.text("replica.binaries"));
    settings.replica.libraries =
        values.has("replica.libraries")
            ? absolute("replica.libraries", values.text("replica.libraries"))
            : std::filesystem::weakly_canonical(process::program_folder() + "/../lib/ardent")
                  .string();
    settings.replica.shared_buffers = values.text("replica.shared_buffers");
    settings.replica.max_wal_size = values.text("replica.max_wal_size");
    settings.replica.maintenance_work_mem = values.text("replica.maintenance_work_mem");
    settings.replica.extensions = values.list("replica.extensions");
    settings.branch = read_branch(values);
    return settings;
}

Settings proven(Settings settings) {
    const std::vector<int> majors = installed_majors(settings.replica.binaries);
    if (majors.empty()) {
        throw problem("no PostgreSQL server is installed below " + settings.replica.binaries,
                      "Install one, for example apt-get install postgresql-15.");
    }
    settings.containment = prove_containment(
        settings.containment_need, find_binaries(settings.replica.binaries, majors.back()),
        std::move(settings.containment.readable));
    settings.limits.groups = take_control_groups();
    return settings;
}

}  // namespace ardent::environment
