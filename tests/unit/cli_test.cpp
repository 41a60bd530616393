// SPDX-License-Identifier: PostgreSQL
#include "cli/api.hpp"
#include "cli/preflight.hpp"
#include "cli/probe.hpp"
#include "common/base/error.hpp"

#include "tests/support/catch.hpp"

#include <filesystem>
#include <functional>
#include <fstream>
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
    CHECK(read_source_url("postgresql://u:p%40@db.example.com:6543/shop").target ==
          "db.example.com:6543");
    CHECK(read_source_url("postgres://u@[::1]/shop").target == "[::1]:5432");
    CHECK(read_source_url("postgresql:///shop?host=/tmp").target == "/tmp:5432");
    CHECK(read_source_url("postgresql://u@h/shop").user == "u");
    CHECK(read_source_url("postgresql://u@h/shop").database == "shop");
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
    store_login({"http://127.0.0.1:1", "stored", ""}, environment);
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
    const Login login = find_login({"http://127.0.0.1:3", file, ""}, environment);
    CHECK(login.token == "flag");
    CHECK(login.url == "http://127.0.0.1:3");
}

TEST_CASE("a damaged login file is an error that says so", "[cli]") {
    const TemporaryHome home;
    std::filesystem::create_directory(home.path() + "/.ardent");
    std::ofstream(home.path() + "/.ardent/config.json") << "nonsense";
    CHECK_THAT(message_of([&] {
                   find_login({}, {{"HOME", home.path()}});
               }),
               Catch::Contains("config.json"));
}
