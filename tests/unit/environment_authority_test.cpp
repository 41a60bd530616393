// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/process/subprocess.hpp"
#include "environment/branch/authority.hpp"

#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace ardent;
using environment::BranchAuthority;
using environment::Certificate;

namespace {

struct Folder {
    Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path + "/" + name) << text;
        return path + "/" + name;
    }

    std::string path = "/tmp/ardent-authority-XXXXXX";
};

process::Outcome openssl(std::vector<std::string> arguments) {
    process::Command command;
    command.argv = {"openssl"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = process::plain_environment();
    return process::run(command);
}

}  // namespace

TEST_CASE("a branch's certificate is good for its hosts and its purpose alone", "[branch]") {
    const Folder folder;
    const BranchAuthority authority = BranchAuthority::open(folder.path + "/authority.pem");
    const Certificate leaf = authority.issue({"db.example.com", "127.0.0.1", "::1"});
    const std::string root = folder.write("root.pem", authority.certificate());
    const std::string file = folder.write("leaf.pem", leaf.certificate);
    const std::string key = folder.write("leaf.key", leaf.key);
    const auto verify = [&](std::vector<std::string> more) {
        std::vector<std::string> all{"verify", "-x509_strict", "-CAfile", root};
        all.insert(all.end(), more.begin(), more.end());
        all.push_back(file);
        return openssl(std::move(all)).exit_code == 0;
    };
    CHECK(verify({"-purpose", "sslserver", "-verify_hostname", "db.example.com"}));
    CHECK(verify({"-purpose", "sslserver", "-verify_ip", "127.0.0.1"}));
    CHECK(verify({"-purpose", "sslserver", "-verify_hostname", "127.0.0.1"}));
    CHECK(verify({"-purpose", "sslserver", "-verify_ip", "::1"}));
    CHECK_FALSE(verify({"-verify_hostname", "other.example.com"}));
    CHECK_FALSE(verify({"-verify_ip", "127.0.0.2"}));
    CHECK_FALSE(verify({"-purpose", "sslclient"}));
    CHECK_FALSE(verify({"-purpose", "crlsign"}));

    const std::string text = openssl({"x509", "-in", file, "-noout", "-text"}).output;
    CHECK(text.find("ecdsa-with-SHA256") != std::string::npos);
    CHECK(text.find("CA:FALSE") != std::string::npos);
    const std::string of_key = openssl({"pkey", "-in", key, "-pubout"}).output;
    CHECK(of_key == openssl({"x509", "-in", file, "-noout", "-pubkey"}).output);

    const BranchAuthority again = BranchAuthority::open(folder.path + "/authority.pem");
    CHECK(again.certificate() == authority.certificate());
    CHECK(again.issue({"a"}).certificate != again.issue({"a"}).certificate);
}

TEST_CASE("the authority's key is its owner's, and is never made anew over what is there",
          "[branch]") {
    const Folder folder;
    const std::string file = folder.path + "/authority.pem";
    BranchAuthority::open(file);
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    std::ifstream stream(file);
    const std::string whole{std::istreambuf_iterator<char>(stream), {}};
    BranchAuthority::open(folder.path + "/other.pem");
    std::ifstream other_stream(folder.path + "/other.pem");
    const std::string other{std::istreambuf_iterator<char>(other_stream), {}};
    const std::size_t key = whole.find("-----BEGIN PRIVATE");
    REQUIRE(key != std::string::npos);

    const std::string broken =
        GENERATE_COPY(std::string(), whole.substr(0, key), whole.substr(key), whole.substr(0, 100),
                      whole.substr(0, key) + other.substr(other.find("-----BEGIN PRIVATE")));
    folder.write("authority.pem", broken);
    try {
        BranchAuthority::open(file);
        FAIL("it was opened");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::config);
        CHECK(std::string(error.what()).find(file) != std::string::npos);
        CHECK(error.hint().find("ardent login") != std::string::npos);
    }
    std::ifstream after(file);
    CHECK(std::string{std::istreambuf_iterator<char>(after), {}} == broken);
}

TEST_CASE("a host that is none is refused, and begins no other entry", "[branch]") {
    const Folder folder;
    const BranchAuthority authority = BranchAuthority::open(folder.path + "/authority.pem");
    const std::string host = GENERATE("", "a,DNS:evil.example.com", "a\nb", "a b", "x;y", "*");
    CHECK_THROWS_AS(authority.issue({host}), base::Error);
}
