// SPDX-License-Identifier: PostgreSQL
#include "common/process/subprocess.hpp"

#include "common/base/error.hpp"
#include "common/process/signals.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ardent::process {

namespace {

constexpr std::size_t k_error_tail = 8192;
constexpr int k_most_descriptors = 65536;  // where the kernel has no close_range
constexpr auto k_poll = std::chrono::milliseconds(200);
constexpr auto k_patience = std::chrono::seconds(5);

base::Fd open_input(const Command& command) {
    const std::string file = command.input_file.empty() ? "/dev/null" : command.input_file;
    base::Fd input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!input.valid()) {
        throw base::Error(base::ErrorKind::config,
                          "cannot read " + file + ": " + std::strerror(errno));
    }
    return input;
}

std::vector<std::string> variables_of(const Command& command) {
    std::vector<std::string> variables;
    for (const auto& [name, value] : command.environment) {
        variables.push_back(name + "=" + value);
    }
    return variables;
}

[[noreturn]] void raise_cannot_fork() {
    throw base::Error(base::ErrorKind::transient,
                      std::string("cannot fork: ") + std::strerror(errno));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

/// What a child tells through its report pipe, which exec closes.
struct Report {
    enum Kind : int { begun, failed } kind;
    int value;  // the pid, or errno
};

/// Reads to the pipe's end.
std::vector<Report> read_reports(const base::Fd& pipe) {
    std::vector<Report> reports;
    Report report{};
    ssize_t size = 0;
    // Each was written by one write of a few bytes: a pipe does not tear them.
    while ((size = ::read(pipe.get(), &report, sizeof report)) != 0) {
        if (size == static_cast<ssize_t>(sizeof report)) {
            reports.push_back(report);
        } else if (errno != EINTR) {
            break;
        }
    }
    return reports;
}

void raise_failed(const std::vector<Report>& reports, const std::string& program) {
    for (const Report& report : reports) {
        if (report.kind == Report::failed) {
            throw base::Error(base::ErrorKind::config,
                              "cannot run " + program + ": " + std::strerror(report.value),
                              "Is its package installed and in PATH?");
        }
    }
}

// Between fork and exec only async-signal-safe calls: everything is prepared before.
struct Child {
    std::vector<char*> argv;
    std::vector<char*> envp;
    int input = -1;
    int output = -1;
    int error = -1;
    int report = -1;
    pid_t parent = 0;  // 0: the child lives on without it
    const std::vector<int>* kept = nullptr;

    // Libraries open descriptors without O_CLOEXEC (the HTTP server's sockets): a child that lives
    // on would keep a dead program's connections open.
    static void close_rest_at_exec() noexcept {
        if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
            return;
        }
        for (int fd = STDERR_FILENO + 1; fd < k_most_descriptors; ++fd) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }

    [[noreturn]] void exec() const noexcept {
        restore_default_signals();
        if (parent != 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            if (getppid() != parent) {
                _exit(127);
            }
        }
        dup2(input, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(error, STDERR_FILENO);
        close_rest_at_exec();
        for (const int fd : *kept) {
            fcntl(fd, F_SETFD, 0);
        }
        execvpe(argv.front(), argv.data(), envp.data());
        const Report failed{Report::failed, errno};
        [[maybe_unused]] const ssize_t said = write(report, &failed, sizeof failed);
        _exit(127);
    }
};

void append_tail(std::string& tail, std::string_view more) {
    tail.append(more);
    if (tail.size() > k_error_tail) {
        tail.erase(0, tail.size() - k_error_tail);
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

class Reader {
public:
    Reader(pid_t child, base::Pipe& output, base::Pipe& error)
        : m_child(child), m_output(output), m_error(error) {}

    Outcome read_all(const std::function<bool(std::string_view)>& sink,
                     const std::function<bool()>& go_on) {
        while (m_output.read.valid() || m_error.read.valid()) {
            std::array<pollfd, 2> fds = {pollfd{m_output.read.get(), POLLIN, 0},
                                         pollfd{m_error.read.get(), POLLIN, 0}};
            poll(fds.data(), fds.size(), static_cast<int>(k_poll.count()));
            if (fds[0].revents != 0) {
                take(m_output.read, [&](std::string_view bytes) {
                    if (!sink) {
                        m_outcome.output.append(bytes);
                    } else if (!m_ending && !sink(bytes)) {
                        end();
                    }
                });
            }
            if (fds[1].revents != 0) {
                take(m_error.read,
                     [&](std::string_view bytes) { append_tail(m_outcome.error, bytes); });
            }
            if (!m_ending && go_on && !go_on()) {
                end();
            }
            if (m_ending && std::chrono::steady_clock::now() > m_kill_at) {
                kill(m_child, SIGKILL);
            }
        }
        m_outcome.exit_code = wait_for(m_child);
        return std::move(m_outcome);
    }

    void end() noexcept {
        m_ending = true;
        m_kill_at = std::chrono::steady_clock::now() + k_patience;
        kill(m_child, SIGTERM);
    }

private:
    template <class Take>
    void take(base::Fd& fd, Take&& use) {
        std::array<char, 65536> buffer{};
        const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
        if (size > 0) {
            use(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
        } else if (size == 0 || errno != EINTR) {
            fd.close();
        }
    }

    pid_t m_child;
    base::Pipe& m_output;
    base::Pipe& m_error;
    Outcome m_outcome;
    bool m_ending = false;
    std::chrono::steady_clock::time_point m_kill_at{};
};

}  // namespace

std::map<std::string, std::string> plain_environment() {
    std::map<std::string, std::string> result = {{"LANG", "C.UTF-8"}, {"LC_MESSAGES", "C"}};
    for (const char* const name : {"PATH", "HOME", "TMPDIR", "TZ"}) {
        if (const char* const value = std::getenv(name); value != nullptr) {
            result[name] = value;
        }
    }
    result.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
    return result;
}

Outcome run(const Command& command, const std::function<bool(std::string_view)>& sink,
            const std::function<bool()>& go_on) {
    std::vector<std::string> argv = command.argv;
    std::vector<std::string> variables = variables_of(command);
    const base::Fd input = open_input(command);
    base::Pipe output = base::make_pipe();
    base::Pipe error = base::make_pipe();
    base::Pipe report = base::make_pipe();
    const Child child{pointers(argv),    pointers(variables), input.get(), output.write.get(),
                      error.write.get(), report.write.get(),  getpid(),    &command.kept};
    const pid_t pid = fork();
    if (pid == 0) {
        child.exec();
    }
    if (pid < 0) {
        raise_cannot_fork();
    }
    output.write.close();
    error.write.close();
    report.write.close();
    if (const std::vector<Report> reports = read_reports(report.read); !reports.empty()) {
        wait_for(pid);
        raise_failed(reports, argv.front());
    }
    Reader reader(pid, output, error);
    try {
        return reader.read_all(sink, go_on);
    } catch (...) {
        kill(pid, SIGKILL);
        wait_for(pid);
        throw;
    }
}

pid_t start(const Command& command, const std::string& output_file) {
    std::vector<std::string> argv = command.argv;
    std::vector<std::string> variables = variables_of(command);
    const base::Fd input = open_input(command);
    const base::Fd output(::open(output_file.c_str(),
                                 O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                                 S_IRUSR | S_IWUSR));
    if (!output.valid()) {
        throw base::Error(base::ErrorKind::transient,
                          "cannot write " + output_file + ": " + std::strerror(errno));
    }
    base::Pipe report = base::make_pipe();
    const Child child{pointers(argv), pointers(variables), input.get(), output.get(),
                      output.get(),   report.write.get(),  0,           &command.kept};
    const pid_t between = fork();
    if (between == 0) {
        setsid();
        const pid_t pid = fork();
        if (pid == 0) {
            child.exec();
        }
        const Report begun{Report::begun, pid};
        [[maybe_unused]] const ssize_t said = write(child.report, &begun, sizeof begun);
        _exit(0);
    }
    if (between < 0) {
        raise_cannot_fork();
    }
    report.write.close();
    wait_for(between);
    const std::vector<Report> reports = read_reports(report.read);
    raise_failed(reports, argv.front());
    if (reports.empty() || reports.front().value < 0) {
        throw base::Error(base::ErrorKind::transient, "cannot fork to run " + argv.front());
    }
    return reports.front().value;
}

}  // namespace ardent::process
