// SPDX-License-Identifier: PostgreSQL
#include "cli/api.hpp"
#include "cli/preflight.hpp"
#include "cli/path.hpp"
#include "cli/refusal.hpp"
#include "cli/source_url.hpp"
#include "cli/tls.hpp"
#include "common/base/error.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <fstream>
#include <map>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace ardent::cli;
using ardent::base::Error;

namespace {

class TemporaryHome {
public:
    TemporaryHome()
        : m_path(std::filesystem::temp_directory_path() /
                 ("ardent-cli-" + std::to_string(getpid()))) {
        std::filesystem::create_directory(m_path);
    }
    ~TemporaryHome() { std::filesystem::remove_all(m_path); }
    TemporaryHome(const TemporaryHome&) = delete;
    TemporaryHome& operator=(const TemporaryHome&) = delete;
    std::string path() const { return m_path.string(); }

private:
    std::filesystem::path m_path;
};

/// Variables of the environment for one test; an empty value takes one out.
class ProcessVariables {
public:
    explicit ProcessVariables(const std::map<std::string, std::string>& wanted) {
        for (const auto& [name, value] : wanted) {
            const char* const before = std::getenv(name.c_str());
            m_before[name] = before == nullptr ? "" : before;
            set(name, value);
        }
    }
    ~ProcessVariables() {
        for (const auto& [name, value] : m_before) {
            set(name, value);
        }
    }
    ProcessVariables(const ProcessVariables&) = delete;
    ProcessVariables& operator=(const ProcessVariables&) = delete;

private:
    static void set(const std::string& name, const std::string& value) {
        if (value.empty()) {
            unsetenv(name.c_str());
        } else {
            setenv(name.c_str(), value.c_str(), 1);
        }
    }
    std::map<std::string, std::string> m_before;
};

SourceUrl some_url() {
    return read_source_url("postgresql://ardent_replication:hunter2@db.example.com/shop");
}

Remedy remedy_of(const std::string& verbose) {
    return find_remedy(some_url(), "", parse_verbose(verbose));
}

std::string message_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& e) {
        return std::string(e.what()) + " " + e.hint();
    }
    return {};
}

}  // namespace

TEST_CASE("a source URL is read as libpq reads it", "[cli]") {
    const ProcessVariables without(
        {{"PGHOST", ""}, {"PGPORT", ""}, {"PGUSER", ""}, {"PGDATABASE", ""}});
    CHECK(read_source_url("postgresql://u:p%40@db.example.com:6543/shop").target ==
          "db.example.com:6543");
    CHECK(read_source_url("postgres://u@[::1]/shop").target == "[::1]:5432");
    CHECK(read_source_url("postgresql:///shop?host=/tmp").target == "/tmp:5432");
    CHECK(read_source_url("postgresql://u@h/shop").user == "u");
    CHECK(read_source_url("postgresql://u@h/shop").database == "shop");
}

TEST_CASE("where the URL is silent, libpq's variables speak", "[cli]") {
    const ProcessVariables with({{"PGHOST", "db.example.com"},
                                 {"PGPORT", "6000"},
                                 {"PGUSER", "me"},
                                 {"PGDATABASE", ""},
                                 {"PGSSLROOTCERT", "/etc/root.crt"}});
    const SourceUrl url = read_source_url("postgresql:///");
    CHECK(url.target == "db.example.com:6000");
    CHECK(url.user == "me");
    CHECK(url.database == "me");
    CHECK(url.authority_file == "/etc/root.crt");
}

TEST_CASE("what is a socket", "[cli]") {
    for (const char* host : {"", "/tmp", "@abstract"}) {
        CHECK(is_socket(host));
    }
    for (const char* host : {"localhost", "10.0.0.1", "::1"}) {
        CHECK_FALSE(is_socket(host));
    }
}

TEST_CASE("a refusal is read with its SQLSTATE, in any language", "[cli]") {
    const auto words = parse_verbose(
        "connection to server at \"::1\", port 5432 failed: SCHWERWIEGEND:  28000: Rolle »zz« "
        "existiert nicht\nLOCATION:  InitializeSessionUserId, miscinit.c:768\n"
        "connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n"
        "\tIs the server running on that host and accepting TCP/IP connections?\n");
    REQUIRE(words.size() == 1);
    CHECK(words[0].sqlstate == "28000");
    CHECK(words[0].text == "Rolle »zz« existiert nicht");
    CHECK(words[0].routine == "InitializeSessionUserId");
    CHECK(parse_verbose("could not translate host name \"h\" to address").empty());
}

TEST_CASE("each refusal has its remedy", "[cli]") {
    const std::string head = "connection to server at \"db\", port 5432 failed: FATAL:  ";
    const auto fix = [&](const std::string& words, const std::string& routine) {
        return remedy_of(head + words + "\nLOCATION:  " + routine + ", x.c:1\n").fix;
    };
    CHECK(fix("42501: permission denied for database \"shop\"", "CheckMyDatabase") ==
          R"(GRANT CONNECT ON DATABASE "shop" TO "ardent_replication";)");
    CHECK_THAT(fix("53300: too many connections for role", "InitializeSessionUserId"),
               Catch::Contains("'ALTER ROLE %I CONNECTION LIMIT %s', o.rolname, u.used + 5") &&
                   Catch::Contains("o.rolconnlimit < u.used + 5 \\gexec"));
    CHECK_THAT(fix("53300: too many connections for database", "CheckMyDatabase"),
               Catch::Contains("'ALTER DATABASE %I CONNECTION LIMIT %s', o.datname, u.used + 5") &&
                   Catch::Contains("WHERE o.datname = 'shop' AND o.datconnlimit >= 0"));
    CHECK(fix("53300: sorry, too many clients already", "InitProcess").empty());
    CHECK(fix("28000: role \"x\" is not permitted to log in", "InitializeSessionUserId") ==
          R"(ALTER ROLE "ardent_replication" LOGIN;)");
    CHECK_THAT(
        fix("28000: kein Eintrag für Host »10.0.0.7«, Benutzer »x«, SSL-Verschlüsselung",
            "ClientAuthentication"),
        Catch::Contains("\nhostssl \"shop\" \"ardent_replication\" 10.0.0.7/32 scram-sha-256\n"));
    CHECK_THAT(fix("28000: no pg_hba.conf entry for host \"fd00::7\", user \"x\", no encryption",
                   "ClientAuthentication"),
               Catch::Contains("\nhostssl \"shop\" \"ardent_replication\" fd00::7/128 "));
}

TEST_CASE("a word that no server says is a pooler's", "[cli]") {
    const std::string said =
        "connection to server at \"db\", port 6432 failed: FATAL:  08P01: no such database: shop\n";
    CHECK(remedy_of(said).stage == Stage::direct);
    CHECK(remedy_of(said + "LOCATION:  ProcessStartupPacket, postmaster.c:1\n").stage ==
          Stage::auth);
}

TEST_CASE("libpq's own words tell how far a connection came", "[cli]") {
    const auto stage = [](const char* message) {
        return find_remedy(some_url(), message, {}).stage;
    };
    CHECK(stage("could not translate host name \"h\" to address: …") == Stage::reach);
    CHECK(stage("connection to server failed: Connection refused") == Stage::reach);
    CHECK(stage("connection to server failed: Network is unreachable") == Stage::reach);
    CHECK(stage("connection to server failed: timeout expired") == Stage::reach);
    CHECK(stage("server does not support SSL, but SSL was required") == Stage::tls);
    CHECK(stage("server certificate for \"a\" does not match host name \"b\"") == Stage::tls);
    CHECK(stage("SSL error: certificate verify failed") == Stage::tls);
    CHECK(stage("fe_sendauth: no password supplied") == Stage::auth);
    CHECK(stage("something else") == Stage::unknown);
}

TEST_CASE("tls: what fails, what warns, what passes", "[cli]") {
    using ardent::preflight::Status;
    TlsFacts facts{.host = "db.example.com",
                   .address = "10.0.0.7",
                   .sslmode = "verify-full",
                   .encrypted = true,
                   .protocol = "TLSv1.3",
                   .cipher = "TLS_AES_256_GCM_SHA384"};
    CHECK(judge_tls(facts).status == Status::pass);
    CHECK(judge_tls(facts).shown ==
          "TLSv1.3, TLS_AES_256_GCM_SHA384, certificate and host name verified");
    for (const char* mode : {"disable", "allow", "prefer", ""}) {
        facts.sslmode = mode;
        CHECK(judge_tls(facts).status == Status::fail);
    }
    facts.sslmode = "require";
    CHECK(judge_tls(facts).status == Status::pass);
    CHECK_THAT(judge_tls(facts).hint, Catch::Contains("verify-full"));
    for (const char* old : {"TLSv1", "TLSv1.1", "SSLv3"}) {
        facts.protocol = old;
        CHECK(judge_tls(facts).status == Status::warn);
        CHECK_THAT(judge_tls(facts).fix, Catch::Contains("ALTER SYSTEM") &&
                                             Catch::Contains("NOT IN ('TLSv1.2', 'TLSv1.3')"));
        const ardent::preflight::Provider& azure = ardent::preflight::find_provider("azure");
        CHECK_THAT(judge_tls(facts, azure).fix,
                   !Catch::Contains("ALTER SYSTEM") && Catch::Contains("server parameters"));
    }
    facts.encrypted = false;
    facts.protocol.clear();
    facts.sslmode = "prefer";
    facts.address = "127.0.0.1";
    CHECK(judge_tls(facts).status == Status::info);
    facts.address = "10.0.0.7";
    facts.by_gss = true;
    CHECK(judge_tls(facts).status == Status::pass);
}

TEST_CASE("poolers that providers put under a name of their own", "[cli]") {
    CHECK_THAT(instead_of_pooler("aws-0-eu-central-1.pooler.supabase.com"),
               Catch::Contains("db.<project>.supabase.co"));
    CHECK_THAT(instead_of_pooler("ep-a-b-123-pooler.eu-central-1.aws.neon.tech"),
               Catch::Contains("-pooler"));
    CHECK_THAT(instead_of_pooler("shop.proxy-abc.eu-central-1.rds.amazonaws.com"),
               Catch::Contains("RDS Proxy"));
    for (const char* host : {"db.abc.supabase.co", "ep-a-b-123.eu-central-1.aws.neon.tech",
                             "shop.abc.eu-central-1.rds.amazonaws.com", "my-pooler.example.com"}) {
        CHECK(instead_of_pooler(host).empty());
    }
}

TEST_CASE("a bad source URL is an error that does not repeat the password", "[cli]") {
    for (const char* url :
         {"mysql://u:hunter2@h/db", "postgresql://u:hunter2%zz@h/db",
          "postgresql://u:hunter2@h:port/db?nonsense=1", "host=h password=hunter2"}) {
        INFO(url);
        const std::string message = message_of([&] { read_source_url(url); });
        CHECK_FALSE(message.empty());
        CHECK_THAT(message, !Catch::Contains("hunter2"));
    }
}

TEST_CASE("a source that is out of reach ends with 1 and names the check", "[cli]") {
    PreflightOptions options;
    options.url = "postgresql://u:hunter2@127.0.0.1:1/db";
    std::ostringstream out;
    CHECK(preflight(options, out) == 1);
    CHECK_THAT(out.str(), Catch::Contains("✗ tcp reachable"));
    CHECK_THAT(out.str(), !Catch::Contains("hunter2"));
}

TEST_CASE("arguments are read before anything is asked", "[cli]") {
    PreflightOptions options;
    options.url = "postgresql://u@127.0.0.1:1/db";
    std::ostringstream out;
    const auto complaint = [&] { return message_of([&] { preflight(options, out); }); };
    options.schemas = "";
    CHECK_FALSE(complaint().empty());
    options.schemas = "public";
    options.accept = "{";
    CHECK_THAT(complaint(), Catch::Contains("--accept"));
    options.accept = R"({"everything": true})";
    CHECK_THAT(complaint(), Catch::Contains("everything"));
    options.accept = R"({"decisions": {"public.t": "maybe"}})";
    CHECK_THAT(complaint(), Catch::Contains("maybe"));
    options.accept = "@/no/such/file";
    CHECK_THAT(complaint(), Catch::Contains("/no/such/file"));
    CHECK(out.str().empty());
}

TEST_CASE("flags win over variables, variables over what was stored", "[cli]") {
    const TemporaryHome home;
    std::map<std::string, std::string> environment = {{"HOME", home.path()}};
    CHECK_THROWS_AS(find_login({}, environment), Error);
    change_config(environment, [](Config& config) {
        config.api_url = "http://127.0.0.1:1/";
        config.token = "stored";
    });
    struct stat info {};
    REQUIRE(stat((home.path() + "/.ardent/config.json").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600);
    CHECK(find_login({}, environment).token == "stored");
    CHECK(find_login({}, environment).url == "http://127.0.0.1:1");
    environment["ARDENT_TOKEN"] = "variable";
    environment["ARDENT_API_URL"] = "http://127.0.0.1:2";
    CHECK(find_login({}, environment).token == "variable");
    const std::string file = home.path() + "/token";
    std::ofstream(file) << "flag\n";
    REQUIRE(chmod(file.c_str(), 0600) == 0);
    const Login login = find_login({"http://127.0.0.1:3", "", file, ""}, environment);
    CHECK(login.token == "flag");
    CHECK(login.url == "http://127.0.0.1:3");
}

TEST_CASE("a damaged login file is an error that says so", "[cli]") {
    const TemporaryHome home;
    std::filesystem::create_directory(home.path() + "/.ardent");
    const std::string path = home.path() + "/.ardent/config.json";
    std::ofstream(path) << "nonsense";
    REQUIRE(chmod(path.c_str(), 0600) == 0);
    CHECK_THAT(message_of([&] {
                   find_login({}, {{"HOME", home.path()}});
               }),
               Catch::Contains("config.json"));
}
