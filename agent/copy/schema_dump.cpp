// SPDX-License-Identifier: PostgreSQL
#include "agent/copy/schema_dump.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/base/text.hpp"
#include "common/pq/connection.hpp"
#include "common/pq/pgpass.hpp"
#include "common/process/subprocess.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::agent {

namespace {

using base::Error;
using base::ErrorKind;

Error cannot(const std::string& what) {
    return {ErrorKind::config, what + ": " + std::strerror(errno), "Look at TMPDIR."};
}

/// A folder of mode 0700 with the password file in it; the destructor removes both.
class PasswordFile {
public:
    explicit PasswordFile(const std::string& password) {
        const char* const base = std::getenv("TMPDIR");
        m_folder =
            std::string(base == nullptr || *base == '\0' ? "/tmp" : base) + "/ardent-agent-XXXXXX";
        if (::mkdtemp(m_folder.data()) == nullptr) {
            throw cannot("cannot make a private folder in " + m_folder);
        }
        try {
            write("*:*:*:*:" + pq::pgpass_field(password) + "\n");
        } catch (...) {
            remove();
            throw;
        }
    }
    ~PasswordFile() { remove(); }
    PasswordFile(const PasswordFile&) = delete;
    PasswordFile& operator=(const PasswordFile&) = delete;

    std::string path() const { return m_folder + "/pgpass"; }

private:
    void write(const std::string& line) const {
        const base::Fd file(
            ::open(path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
        if (!file.valid() ||
            ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
            throw cannot("cannot write " + path());
        }
    }

    void remove() const noexcept {
        ::unlink((m_folder + "/pgpass").c_str());
        ::rmdir(m_folder.c_str());
    }

    std::string m_folder;
};

std::string version_line(const std::string& program) {
    process::Command command;
    command.argv = {program, "--version"};
    command.environment = process::plain_environment();
    try {
        return process::run(command).output;
    } catch (const Error&) {
        return "";
    }
}

/// A pattern that matches exactly this name: psql's rules, where double quotes take everything
/// literally.
std::string exact_pattern(const std::string& name) {
    return pq::quote_identifier(name);
}

std::map<std::string, std::string> dump_environment(const SourceSettings& source) {
    std::map<std::string, std::string> environment = process::plain_environment();
    environment["PGHOST"] = source.host;
    environment["PGPORT"] = source.port;
    environment["PGDATABASE"] = source.database;
    environment["PGUSER"] = source.user;
    environment["PGSSLMODE"] = source.sslmode;
    if (!source.sslrootcert.empty()) {
        environment["PGSSLROOTCERT"] = source.sslrootcert;
    }
    environment["PGAPPNAME"] = "ardent-agent schema";
    environment["PGCONNECT_TIMEOUT"] = "10";
    return environment;
}

bool server_went_away(const std::string& text) {
    for (const char* const sign : {"connection to server", "server closed the connection",
                                   "shutting down", "terminating connection", "lock timeout"}) {
        if (text.find(sign) != std::string::npos) {
            return true;
        }
    }
    return false;
}

}  // namespace

int pg_dump_major(const std::string& line) {
    constexpr std::string_view k_before = "(PostgreSQL) ";
    const std::size_t at = line.find(k_before);
    if (at == std::string::npos) {
        return 0;
    }
    int major = 0;
    std::from_chars(line.data() + at + k_before.size(), line.data() + line.size(), major);
    return major;
}

std::string find_pg_dump(const std::string& configured, int server_version) {
    const int wanted = server_version / 10000;
    std::vector<std::string> candidates = {configured};
    if (configured.empty()) {
        candidates.clear();
        for (int major = wanted; major < wanted + 5; ++major) {
            candidates.push_back("/usr/lib/postgresql/" + std::to_string(major) + "/bin/pg_dump");
        }
        candidates.emplace_back("/usr/pgsql-" + std::to_string(wanted) + "/bin/pg_dump");
        candidates.emplace_back("pg_dump");
    }
    std::vector<std::string> found;
    for (const std::string& candidate : candidates) {
        if (candidate.find('/') != std::string::npos && ::access(candidate.c_str(), X_OK) != 0) {
            continue;
        }
        const int major = pg_dump_major(version_line(candidate));
        if (major >= wanted) {
            return candidate;
        }
        if (major > 0) {
            found.push_back(candidate + " is version " + std::to_string(major));
        }
    }
    throw Error(ErrorKind::config,
                "no pg_dump of version " + std::to_string(wanted) + " or newer" +
                    (found.empty() ? "" : ": " + base::join(found, ", ")),
                "Install postgresql-client-" + std::to_string(wanted) + ", or set source.pg_dump.");
}

std::vector<std::string> dump_arguments(const SourceSettings& source, const std::string& snapshot,
                                        const std::string& encoding) {
    std::vector<std::string> arguments = {"--format=custom",       "--schema-only",
                                          "--no-publications",     "--no-subscriptions",
                                          "--no-security-labels",  "--no-tablespaces",
                                          "--no-password",         "--lock-wait-timeout=10000",
                                          "--strict-names",        "--snapshot=" + snapshot,
                                          "--encoding=" + encoding};
    for (const std::string& schema : source.schemas) {
        arguments.push_back("--schema=" + exact_pattern(schema));
    }
    for (const model::RelationName& relation : source.excluded) {
        arguments.push_back("--exclude-table=" + exact_pattern(relation.schema) + "." +
                            exact_pattern(relation.name));
    }
    return arguments;
}

std::string dump_schema(const SourceSettings& source, const std::string& program,
                        const std::string& snapshot, const std::string& encoding,
                        const std::function<bool()>& go_on) {
    process::Command command;
    command.argv = dump_arguments(source, snapshot, encoding);
    command.argv.insert(command.argv.begin(), program);
    command.environment = dump_environment(source);
    std::optional<PasswordFile> password;
    if (!source.password_file.empty()) {
        password.emplace(current_secret(source.password_file));
        command.environment["PGPASSFILE"] = password->path();
    }
    const process::Outcome outcome = process::run(command, {}, go_on);
    if (outcome.exit_code == 0) {
        return outcome.output;
    }
    const std::string said(base::trim(outcome.error));
    const bool transient = !go_on() || outcome.exit_code > 128 || server_went_away(said);
    throw Error(
        transient ? ErrorKind::transient : ErrorKind::source,
        "pg_dump of the schema ended with " + std::to_string(outcome.exit_code) + ": " + said);
}

}  // namespace ardent::agent
