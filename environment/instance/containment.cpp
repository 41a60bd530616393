// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/containment.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"
#include "common/process/subprocess.hpp"
#include "environment/instance/configuration.hpp"
#include "environment/instance/system_calls.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace ardent::environment {

namespace {

namespace fs = std::filesystem;

constexpr const char* k_program = "bwrap";

// Read only, where they exist. Folders of libraries and of data alone: no shell and no other
// program is below them that could do more than a loaded library can.
constexpr const char* k_readable[] = {
    "/usr/lib/locale",       // collations of the C library
    "/usr/lib/ssl",          // OpenSSL's configuration (a link to /etc/ssl) and modules: pgcrypto
    "/etc/ssl/openssl.cnf",  //
    "/etc/crypto-policies",  // the same on RHEL
    "/usr/share/crypto-policies",    //
    "/etc/alternatives",             // links to one of several libraries: PostGIS to BLAS
    "/etc/ld.so.cache",              // where the libraries are
    "/usr/share/zoneinfo",           // time zones: Debian's server reads the system's
    "/usr/share/postgresql-common",  //
    "/var/cache/postgresql/dicts",   // dictionaries that tsearch_data links to
    "/usr/share/hunspell",           //
    "/usr/share/myspell",            //
    "/usr/share/proj",               // PostGIS
    "/usr/share/gdal",               //
    "/usr/share/perl",               // PL/Perl
    "/usr/share/perl5",              //
    "/etc/perl",                     //
    "/usr/share/tcltk",              // PL/Tcl
};

// Of memory, each: what queries of one instance share, and what extensions write to /tmp.
constexpr const char* k_shared_memory = "1073741824";
constexpr const char* k_temporary = "67108864";

void add(std::vector<std::string>& argv, std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
}

void add_readable(std::vector<std::string>& argv, const std::string& path) {
    add(argv, {"--ro-bind-try", path, path});
}

// The loader and the C library where each distribution has them: /lib is a link to usr/lib since
// all have merged them.
void add_libraries(std::vector<std::string>& argv) {
    utsname system{};
    ::uname(&system);
    add_readable(argv, std::string("/usr/lib/") + system.machine + "-linux-gnu");
    for (const char* const name : {"lib", "lib64"}) {
        const std::string root = std::string("/") + name;
        std::error_code error;
        if (fs::is_symlink(root, error)) {
            add(argv, {"--symlink", std::string("usr/") + name, root});
        } else {
            add_readable(argv, root);
        }
    }
    add_readable(argv, "/usr/lib64");
}

// PL/Python: one folder a version, whose name distributions choose.
void add_python(std::vector<std::string>& argv) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/usr/lib", error)) {
        if (entry.path().filename().string().starts_with("python3")) {
            add_readable(argv, entry.path());
        }
    }
}

void add_temporary(std::vector<std::string>& argv, const Containment& containment, const char* size,
                   const char* path) {
    if (containment.sized) {
        add(argv, {"--size", size});
    }
    add(argv, {"--tmpfs", path});
}

// Of <prefix>/bin the one program alone; its libraries lie in <prefix>/lib and in the shared folder
// of the same major.
void add_program(std::vector<std::string>& argv, const std::string& binaries,
                 const std::string& program) {
    const fs::path prefix = fs::path(binaries).parent_path();
    add_readable(argv, prefix / "lib");
    add_readable(argv, prefix / "share");
    add_readable(argv, "/usr/share/postgresql/" + prefix.filename().string());
    const std::string path = binaries + "/" + program;
    add(argv, {"--ro-bind", path, path});
}

// The room with libraries and one program in it.
std::vector<std::string> room(const Containment& containment, const std::string& binaries,
                              const std::string& program,
                              const ContainmentDescriptors& descriptors) {
    // --as-pid-1: the program itself is the first process of its namespace, so that its host's pid
    // is the one that bwrap tells, a signal from here is its own, and the kernel ends all of its
    // children when it dies.
    std::vector<std::string> argv = {k_program,       "--unshare-user", "--unshare-pid",
                                     "--unshare-net", "--unshare-ipc",  "--unshare-uts",
                                     "--hostname",    "ardent",         "--as-pid-1",
                                     "--new-session", "--cap-drop",     "ALL"};
    if (containment.seals_users) {
        add(argv, {"--disable-userns"});
    }
    if (descriptors.information >= 0) {
        add(argv, {"--info-fd", std::to_string(descriptors.information)});
    }
    if (descriptors.status >= 0) {
        add(argv, {"--json-status-fd", std::to_string(descriptors.status)});
    }
    add(argv, {"--seccomp", std::to_string(descriptors.filter)});
    // Before what may lie below /tmp, which it would hide.
    add(argv, {"--dev", "/dev"});
    add_temporary(argv, containment, k_shared_memory, "/dev/shm");
    add_temporary(argv, containment, k_temporary, "/tmp");
    add_libraries(argv);
    for (const char* const path : k_readable) {
        add_readable(argv, path);
    }
    add_python(argv);
    for (const std::string& path : containment.readable) {
        add_readable(argv, path);
    }
    add_program(argv, binaries, program);
    // Peer authentication looks the user's name up, and libpq its own.
    add(argv, {"--ro-bind-data", std::to_string(descriptors.users), "/etc/passwd"});
    return argv;
}

// The tree of mounts itself is memory, too, without a limit.
void close_room(std::vector<std::string>& argv) {
    add(argv, {"--remount-ro", "/", "--"});
}

std::string advice() {
    return "Install the package bubblewrap. Unprivileged user namespaces must be allowed: on "
           "Debian "
           "sysctl kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0; on "
           "Ubuntu 24.04 an AppArmor profile for /usr/bin/bwrap that grants userns "
           "(docs/environment.md has it); in a container the rights to make them. With "
           "environment.containment = \"optional\" servers run without containment, which leaves "
           "this host to whoever becomes superuser in a replica.";
}

struct Trial {
    bool works;
    std::string error;
};

Trial try_containment(const Containment& containment, const std::string& binaries) {
    const base::Fd filter = system_call_filter();
    const base::Fd users = users_file();
    ServerFiles files;
    files.binaries = binaries;
    process::Command command;
    command.argv =
        containment_argv(containment, files, {.filter = filter.get(), .users = users.get()});
    add(command.argv, {binaries + "/postgres", "--version"});
    command.environment = process::plain_environment();
    command.kept = {filter.get(), users.get()};
    try {
        const process::Outcome outcome = process::run(command);
        return {outcome.exit_code == 0, std::string(base::trim(outcome.error))};
    } catch (const base::Error& error) {
        return {false, error.what()};
    }
}

}  // namespace

ServerPaths paths_inside() {
    return {"/data", "/socket", "/configuration"};
}

base::Fd users_file() {
    base::Fd file(::memfd_create("ardent-users", MFD_CLOEXEC));
    const std::string text = user_name() + ":x:" + std::to_string(::geteuid()) + ":" +
                             std::to_string(::getegid()) + ":::\n";
    if (!file.valid() ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::lseek(file.get(), 0, SEEK_SET) != 0) {
        throw base::Error(base::ErrorKind::transient,
                          std::string("cannot make a file in memory: ") + std::strerror(errno));
    }
    return file;
}

std::string_view containment_name(const Containment& containment) {
    return containment.works ? "bubblewrap" : "none";
}

std::vector<std::string> containment_argv(const Containment& containment, const ServerFiles& files,
                                          const ContainmentDescriptors& descriptors) {
    std::vector<std::string> argv = room(containment, files.binaries, "postgres", descriptors);
    if (!files.library.empty()) {
        add_readable(argv, files.library);
    }
    if (!files.opener.empty()) {
        add(argv, {"--ro-bind", files.opener, files.opener});
    }
    if (!files.paths.data.empty()) {
        const ServerPaths inside = paths_inside();
        add(argv,
            {"--bind", files.paths.data, inside.data, "--bind", files.paths.socket, inside.socket,
             "--ro-bind", files.paths.configuration, inside.configuration, "--chdir", inside.data});
    }
    close_room(argv);
    return argv;
}

std::vector<std::string> client_containment_argv(const Containment& containment,
                                                 const ClientFiles& files,
                                                 const ContainmentDescriptors& descriptors) {
    std::vector<std::string> argv = room(containment, files.binaries, files.program, descriptors);
    add(argv, {"--die-with-parent", "--ro-bind", files.socket, files.socket, "--ro-bind",
               files.folder, files.folder});
    close_room(argv);
    return argv;
}

Containment prove_containment(ContainmentNeed need, const std::string& binaries,
                              std::vector<std::string> readable) {
    Containment containment;
    containment.readable = std::move(readable);
    process::Command help;
    help.argv = {k_program, "--help"};
    help.environment = process::plain_environment();
    Trial trial{};
    try {
        const std::string options = process::run(help).output;
        containment.sized = options.find("--size ") != std::string::npos;
        containment.seals_users = options.find("--disable-userns") != std::string::npos;
        trial = try_containment(containment, binaries);
        // It writes below /proc/sys, which a hardened unit has read-only. The filter refuses new
        // namespaces anyway.
        if (!trial.works && containment.seals_users) {
            containment.seals_users = false;
            trial = try_containment(containment, binaries);
        }
    } catch (const base::Error& error) {
        trial = {false, error.what()};
    }
    containment.works = trial.works;
    containment.why_not = trial.error;
    if (!trial.works && need == ContainmentNeed::required) {
        throw base::Error(base::ErrorKind::config,
                          "PostgreSQL servers cannot be contained on this host: " + trial.error,
                          advice());
    }
    if (!trial.works) {
        process::log_warning("servers run without containment", {{"reason", trial.error}});
    }
    return containment;
}

}  // namespace ardent::environment
