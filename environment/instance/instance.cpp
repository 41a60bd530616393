// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/instance.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"
#include "common/process/subprocess.hpp"
#include "environment/instance/configuration.hpp"
#include "environment/instance/hostile_directory.hpp"
#include "environment/instance/launcher.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace ardent::environment {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

constexpr std::size_t k_socket_path_limit = 107;  // sun_path holds 108 bytes with its end
constexpr std::string_view k_socket_file = "/.s.PGSQL.5432.lock";
constexpr std::size_t k_short_id = 12;
constexpr std::size_t k_log_tail = 8192;
// The longest list that is asked for has a line for each column of each table: a million of them.
constexpr std::size_t k_answer_bytes = std::size_t{256} << 20U;
constexpr auto k_start_patience = std::chrono::seconds(120);
constexpr auto k_destroy_patience = std::chrono::seconds(20);
constexpr auto k_orphan_patience = std::chrono::seconds(10);
constexpr auto k_poll = std::chrono::milliseconds(50);

void make_private_directory(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error || ::chmod(path.c_str(), S_IRWXU) != 0) {
        throw Error(ErrorKind::config, "cannot make the directory " + path + " with mode 0700: " +
                                           (error ? error.message() : "chmod failed"));
    }
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
        throw Error(ErrorKind::transient, "cannot write " + path,
                    "Is the file system full or read-only?");
    }
}

process::Outcome run(std::vector<std::string> argv) {
    process::Command command;
    command.argv = std::move(argv);
    command.environment = process::plain_environment();
    return process::run(command);
}

// Of what a server said since it was started last, the line in which it gave up, or the last one.
// That it could not serve a client yet, or not any more, is no reason.
std::string reason_of(const std::string& said) {
    const std::size_t begun = said.rfind(" LOG:  starting PostgreSQL ");
    std::string reason;
    std::string last;
    for (const std::string& line :
         base::split(begun == std::string::npos ? said : said.substr(begun), '\n')) {
        const bool gave_up = line.find(" FATAL: ") != std::string::npos ||
                             line.find(" PANIC: ") != std::string::npos;
        if (gave_up && line.find(":  the database system is ") == std::string::npos) {
            reason = line;
        }
        last = line.empty() ? last : line;
    }
    return reason.empty() ? last : reason;
}

}  // namespace

Instance::Instance(InstanceSpec spec)
    : m_spec(std::move(spec)), m_running(std::make_shared<Running>()) {}

bool Instance::exists() const {
    return fs::exists(m_spec.directory + "/initialised") && fs::exists(data() + "/PG_VERSION");
}

void Instance::create(Sync sync) {
    const std::lock_guard lock(m_mutex);
    if (server()) {
        throw Error(ErrorKind::bug, m_spec.name + ": its server runs while it is to be created");
    }
    remove_planted(m_spec.directory);
    make_private_directory(m_spec.directory);
    make_tree(m_spec.clone, data());
    std::vector<std::string> argv = {m_spec.binaries + "/initdb",
                                     "--pgdata=" + data(),
                                     "--username=" + std::string(k_admin_role),
                                     "--encoding=UTF8",
                                     "--locale=C",
                                     "--data-checksums",
                                     "--auth=reject"};
    if (sync == Sync::later) {
        argv.emplace_back("--no-sync");
    }
    const process::Outcome outcome = run(argv);
    if (outcome.exit_code != 0) {
        throw Error(ErrorKind::transient,
                    m_spec.name + ": initdb failed: " + std::string(base::trim(outcome.error)));
    }
    write_file(m_spec.directory + "/initialised", "");
    process::log_info("instance created",
                      {{"instance", m_spec.name}, {"directory", m_spec.directory}});
}

void Instance::flush() const {
    const base::Fd directory(::open(data().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid() || ::syncfs(directory.get()) != 0) {
        throw Error(ErrorKind::transient,
                    m_spec.name + ": cannot flush " + data() + " to disk: " + std::strerror(errno));
    }
}

std::string Instance::group() const {
    return fs::path(m_spec.directory).filename();
}

bool Instance::has_socket() const {
    return fs::is_socket(fs::symlink_status(m_spec.socket_directory + "/.s.PGSQL.5432"));
}

ServerFiles Instance::files() const {
    return {m_spec.binaries,
            m_spec.library,
            {data(), m_spec.socket_directory, m_spec.directory + "/configuration"},
            m_spec.opener};
}

void Instance::write_configuration() const {
    const ServerPaths paths = files().paths;
    const ServerPaths seen = m_spec.containment.works ? paths_inside() : paths;
    make_private_directory(paths.configuration);
    write_file(paths.configuration + "/postgresql.conf", configuration_text(m_spec, seen));
    write_file(paths.configuration + "/pg_hba.conf", hba_text(m_spec.peers) + m_spec.hba);
    write_file(paths.configuration + "/pg_ident.conf", ident_text(m_spec.peers));
    for (const auto& [name, text] : m_spec.files) {
        const std::string path = paths.configuration + "/" + name;
        write_file(path, text);
        ::chmod(path.c_str(), S_IRUSR | S_IWUSR);  // a server refuses a key that others may read
    }
}

void Instance::reconfigure(InstanceSpec spec) {
    const std::lock_guard lock(m_mutex);
    m_spec = std::move(spec);
    write_configuration();
    if (const std::optional<ServerProcess> running = server()) {
        running->signal(SIGHUP);
    }
}

base::Fd Instance::take_lock() const {
    const std::string file = m_spec.directory + "/server.lock";
    const auto deadline = std::chrono::steady_clock::now() + k_orphan_patience;
    base::Fd lock = try_lock(file);
    // The children of a killed server without containment end one by one. And a killed environment
    // may have been starting one, which bwrap tells of in a moment.
    while (!lock.valid() && !server() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(k_poll);
        lock = try_lock(file);
    }
    if (!lock.valid() && !server()) {
        throw Error(ErrorKind::transient,
                    m_spec.name + ": a server that nobody knows works in " + data(),
                    "Find the processes that hold " + file + " (fuser) and end them.");
    }
    return lock;
}

ServerProcess Instance::launch(base::Fd lock) const {
    remove_planted(m_spec.socket_directory);
    make_private_directory(m_spec.socket_directory);
    // The lock says that no server runs, whatever this file claims. ALTER SYSTEM is nobody's way to
    // configure an instance; left from a superuser inside it could keep the server from starting.
    remove_planted(data() + "/postmaster.pid");
    remove_planted(data() + "/postgresql.auto.conf");
    if (!fs::is_directory(fs::symlink_status(data() + "/log"))) {
        remove_planted(data() + "/log");
    }
    write_configuration();
    remove_planted(m_spec.directory + "/start.log");
    ServerProcess server =
        launch_server(m_spec.containment, {m_spec.name, files(), m_spec.directory + "/start.log",
                                           m_spec.directory + "/server.info", lock.get()});
    server.save(m_spec.directory + "/server");
    limit_server(m_spec.limits, group(), server.pid());
    return server;
}

void Instance::wait_until_ready(const ServerProcess& server) const {
    const auto deadline = std::chrono::steady_clock::now() + k_start_patience;
    for (;;) {
        try {
            const pq::Connection probe(
                connect_options(k_admin_role, "template1", ErrorKind::transient));
            return;
        } catch (const Error&) {
            if (!server.alive()) {
                throw Error(ErrorKind::transient,
                            m_spec.name + ": its server does not start: " + log_tail(),
                            "Its log is in " + data() + "/log.");
            }
            if (std::chrono::steady_clock::now() > deadline) {
                throw;
            }
        }
        std::this_thread::sleep_for(k_poll);
    }
}

void Instance::start() {
    const std::lock_guard lock(m_mutex);
    std::optional<ServerProcess> running = server();
    if (running && !has_socket()) {
        process::log_warning("a server whose socket was replaced is started again",
                             {{"instance", m_spec.name}});
        running->signal(SIGQUIT);
        running->wait(k_destroy_patience);
        running = server();
    }
    base::Fd lock_of_server;
    if (!running) {
        lock_of_server = take_lock();
        running = server();
    }
    const bool adopted = running.has_value();
    if (adopted) {
        running->save(m_spec.directory + "/server");
    } else {
        running = launch(std::move(lock_of_server));
        const std::lock_guard running_lock(m_running->mutex);
        m_running->server = running;
    }
    wait_until_ready(*running);
    process::log_info(adopted ? "instance adopted" : "instance started",
                      {{"instance", m_spec.name},
                       {"socket", m_spec.socket_directory},
                       {"containment", std::string(containment_name(m_spec.containment))}});
}

void Instance::stop(std::chrono::milliseconds patience) {
    const std::lock_guard lock(m_mutex);
    const std::optional<ServerProcess> running = server();
    if (!running) {
        return;
    }
    for (const auto& [mode, number] :
         {std::pair("fast", SIGINT), std::pair("immediate", SIGQUIT), std::pair("kill", SIGKILL)}) {
        running->signal(number);
        if (running->wait(patience)) {
            process::log_info("instance stopped", {{"instance", m_spec.name}, {"mode", mode}});
            return;
        }
    }
    process::log_error("instance does not stop", {{"instance", m_spec.name}});
}

void Instance::destroy() {
    const std::lock_guard lock(m_mutex);
    if (const std::optional<ServerProcess> running = server(); running) {
        running->signal(SIGQUIT);  // nothing of it is wanted any more
        if (!running->wait(k_destroy_patience)) {
            running->signal(SIGKILL);
            running->wait(k_destroy_patience);
        }
    }
    remove_control_group(m_spec.limits, group());
    remove_planted(m_spec.directory);
    remove_planted(m_spec.socket_directory);
}

bool Instance::alive() const {
    return server().has_value();
}

std::optional<ServerProcess> Instance::server() const {
    const std::lock_guard lock(m_running->mutex);
    if (!m_running->server || !m_running->server->alive()) {
        m_running->server = ServerProcess::find(m_spec.directory + "/server");
        if (!m_running->server) {
            m_running->server = ServerProcess::recover(m_spec.directory + "/server.info");
        }
    }
    return m_running->server;
}

// Before its log begins a server speaks to start.log, which is of this start alone; its log may be
// full of what it said in others.
std::string Instance::log_tail() const {
    std::ifstream file(m_spec.directory + "/start.log");
    const std::string first(std::istreambuf_iterator<char>(file), {});
    const bool has_log = first.find("logging collector") != std::string::npos;
    return reason_of(has_log ? read_latest(data(), "log", k_log_tail) : first);
}

pq::ConnectOptions Instance::connect_options(std::string_view role, const std::string& database,
                                             base::ErrorKind kind) const {
    pq::ConnectOptions options;
    options.parameters = {{"dbname", conninfo(*this, role, database)}};
    options.kind = kind;
    options.name = m_spec.name;
    options.settings = pq::exact_text_settings();
    // The socket lies in a folder that the server writes: it may be a link to the socket of another
    // instance.
    options.is_server = [running = m_running](pid_t pid) {
        const std::lock_guard lock(running->mutex);
        return running->server && running->server->pid() == pid;
    };
    options.answer_bytes = k_answer_bytes;
    // over what ALTER DATABASE … SET role says, which code of the source may have said
    options.settings["role"] = "none";
    return options;
}

void check_socket_directory(const std::string& run_dir) {
    const std::size_t need = run_dir.size() + 1 + k_short_id + k_socket_file.size();
    if (need > k_socket_path_limit) {
        throw Error(
            ErrorKind::config,
            "environment.run_dir is " + run_dir + ": the sockets in it would have paths of " +
                std::to_string(need) + " bytes, and " + std::to_string(k_socket_path_limit) +
                " is the most a Unix socket may have",
            "Set environment.run_dir to a shorter path, for example /run/ardent-environment.");
    }
}

std::string socket_directory(const std::string& run_dir, std::string_view id) {
    return run_dir + "/" + std::string(id.substr(0, k_short_id));
}

std::string find_binaries(const std::string& folder, int major) {
    std::string path = folder + "/" + std::to_string(major) + "/bin";
    if (!fs::exists(path + "/postgres")) {
        const std::string package = "postgresql-" + std::to_string(major);
        throw Error(ErrorKind::config,
                    "PostgreSQL " + std::to_string(major) + " is not installed here (no " + path +
                        "/postgres): a replica has its source's major version",
                    "Install the package " + package +
                        " on the environment's host: apt-get install " + package + ".");
    }
    return path;
}

std::vector<int> installed_majors(const std::string& folder) {
    std::vector<int> majors;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename();
        int major = 0;
        const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), major);
        if (code == std::errc() && end == name.data() + name.size() &&
            fs::exists(entry.path() / "bin/postgres")) {
            majors.push_back(major);
        }
    }
    std::sort(majors.begin(), majors.end());
    return majors;
}

}  // namespace ardent::environment
