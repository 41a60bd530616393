// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/instance.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"
#include "common/process/subprocess.hpp"
#include "environment/instance/configuration.hpp"
#include "environment/instance/server_process.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
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
constexpr std::streamoff k_log_tail = 8192;
constexpr auto k_start_patience = std::chrono::seconds(120);
constexpr auto k_destroy_patience = std::chrono::seconds(20);
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

std::string read_end(const std::string& path, std::streamoff most) {
    std::ifstream file(path, std::ios::ate);
    if (!file) {
        return {};
    }
    const std::streamoff size = file.tellg();
    file.seekg(std::max<std::streamoff>(0, size - most));
    return {std::istreambuf_iterator<char>(file), {}};
}

process::Outcome run(std::vector<std::string> argv) {
    process::Command command;
    command.argv = std::move(argv);
    command.environment = process::plain_environment();
    return process::run(command);
}

}  // namespace

bool Instance::exists() const {
    return fs::exists(m_spec.directory + "/initialised") && fs::exists(data() + "/PG_VERSION");
}

void Instance::create(Sync sync) {
    const std::lock_guard lock(m_mutex);
    if (running_postmaster(data())) {
        throw Error(ErrorKind::bug, m_spec.name + ": its server runs while it is to be created");
    }
    clean_up_after_crash(data(), m_spec.socket_directory);
    fs::remove_all(m_spec.directory);
    make_private_directory(m_spec.directory);
    make_private_directory(m_spec.directory + "/log");
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

void Instance::write_configuration() const {
    write_file(data() + "/postgresql.conf", configuration_text(m_spec));
    write_file(data() + "/pg_hba.conf", hba_text());
    write_file(data() + "/pg_ident.conf", ident_text());
}

void Instance::launch() {
    const process::Outcome outcome =
        run({m_spec.binaries + "/pg_ctl", "start", "--pgdata=" + data(), "--silent", "--wait",
             "--timeout=" + std::to_string(k_start_patience.count()),
             "--log=" + m_spec.directory + "/log/start.log"});
    if (outcome.exit_code != 0) {
        throw Error(ErrorKind::transient,
                    m_spec.name + ": its server does not start: " + log_tail(),
                    "Its log is in " + m_spec.directory + "/log.");
    }
}

void Instance::start() {
    const std::lock_guard lock(m_mutex);
    make_private_directory(m_spec.socket_directory);
    const bool adopted = running_postmaster(data()).has_value();
    if (!adopted) {
        clean_up_after_crash(data(), m_spec.socket_directory);
        write_configuration();
        launch();
    }
    const auto deadline = std::chrono::steady_clock::now() + k_start_patience;
    for (;;) {
        try {
            const pq::Connection probe(
                connect_options(k_admin_role, "template1", ErrorKind::transient));
            break;
        } catch (const Error&) {
            if (std::chrono::steady_clock::now() > deadline || !running_postmaster(data())) {
                throw;
            }
        }
        std::this_thread::sleep_for(k_poll);
    }
    process::log_info(adopted ? "instance adopted" : "instance started",
                      {{"instance", m_spec.name}, {"socket", m_spec.socket_directory}});
}

void Instance::stop(std::chrono::milliseconds patience) {
    const std::lock_guard lock(m_mutex);
    if (!stop_as("fast", patience) && !stop_as("immediate", patience)) {
        process::log_error("instance does not stop", {{"instance", m_spec.name}});
    }
}

bool Instance::stop_as(const std::string& mode, std::chrono::milliseconds patience) {
    if (!running_postmaster(data())) {
        return true;
    }
    const auto seconds = std::max<std::int64_t>(1, patience.count() / 1000);
    run({m_spec.binaries + "/pg_ctl", "stop", "--pgdata=" + data(), "--silent", "--wait",
         "--timeout=" + std::to_string(seconds), "--mode=" + mode});
    if (running_postmaster(data())) {
        return false;
    }
    process::log_info("instance stopped", {{"instance", m_spec.name}, {"mode", mode}});
    return true;
}

void Instance::destroy() {
    const std::lock_guard lock(m_mutex);
    stop_as("immediate", k_destroy_patience);  // nothing of it is wanted any more
    clean_up_after_crash(data(), m_spec.socket_directory);
    fs::remove_all(m_spec.directory);
    fs::remove_all(m_spec.socket_directory);
}

bool Instance::alive() const {
    return running_postmaster(data()).has_value();
}

// Of the newest log file, the last line that tells why a server gave up, or its last line.
std::string Instance::log_tail() const {
    std::string latest;
    fs::file_time_type at = fs::file_time_type::min();
    std::error_code error;
    for (const fs::directory_entry& entry :
         fs::directory_iterator(m_spec.directory + "/log", error)) {
        if (entry.last_write_time(error) > at) {
            at = entry.last_write_time(error);
            latest = entry.path();
        }
    }
    std::string reason;
    std::string last;
    for (const std::string& line : base::split(read_end(latest, k_log_tail), '\n')) {
        if (line.find(" FATAL: ") != std::string::npos ||
            line.find(" PANIC: ") != std::string::npos) {
            reason = line;
        }
        last = line.empty() ? last : line;
    }
    return reason.empty() ? last : reason;
}

pq::ConnectOptions Instance::connect_options(std::string_view role, const std::string& database,
                                             base::ErrorKind kind) const {
    pq::ConnectOptions options;
    options.parameters = {{"dbname", conninfo(*this, role, database)}};
    options.kind = kind;
    options.name = m_spec.name;
    options.settings = pq::exact_text_settings();
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
