// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "common/process/notify.hpp"
#include "common/process/output.hpp"
#include "common/process/subprocess.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ardent::process;
using ardent::base::Fd;

TEST_CASE("log fields are one line whatever is in them", "[process]") {
    CHECK(format_fields("hello", {}) == "msg=hello");
    CHECK(format_fields("two words", {{"lsn", "0/1"}, {"n", 3}}) ==
          R"(msg="two words" lsn=0/1 n=3)");
    CHECK(format_fields("x", {{"e", "a \"b\"\nc\\"}, {"empty", ""}}) ==
          R"(msg=x e="a \"b\"\nc\\" empty="")");
}

TEST_CASE("what is in log fields drives no terminal", "[process]") {
    CHECK(format_fields("\x1b[31m", {{"table", "x\x1b]0;owned\x07"}, {"cr", "a\rb"}}) ==
          R"(msg="\u001b[31m" table="x\u001b]0;owned\u0007" cr="a\rb")");
}

TEST_CASE("what a program prints passes one door", "[process]") {
    std::ostringstream out;
    std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
    {
        const PrintableOutput output;
        std::cout << "a\x1b[2J" << '\n' << "\xc2";
        std::cout << "\x9bZ\n{\"name\": \"\xe2\x80\xae\"}\nend" << std::flush << "\x07";
    }
    std::cout << "\x1b";
    std::cout.rdbuf(before);
    CHECK(out.str() == "a\\u001b[2J\n\\u009bZ\n{\"name\": \"\\u202e\"}\nend\\u0007\x1b");
}

TEST_CASE("a child inherits no descriptor but its three", "[process]") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);  // without O_CLOEXEC, as some libraries do
    const Fd one(ends[0]);
    const Fd other(ends[1]);
    Command command;
    command.argv = {"sh", "-c", "ls /proc/self/fd | wc -l"};
    command.environment = plain_environment();
    CHECK(run(command).output == "4\n");  // 0, 1, 2, and the one that ls reads the folder with
}

TEST_CASE("a child has exactly its own environment, arguments and exit code", "[process]") {
    ::setenv("ARDENT_TEST_SECRET", "hunter2", 1);
    Command command;
    command.argv = {"sh", "-c", "echo \"$1\"; env; echo oops >&2; exit 3", "sh", "a b"};
    command.environment = plain_environment();
    command.environment["OWN"] = "1";
    const Outcome outcome = run(command);
    ::unsetenv("ARDENT_TEST_SECRET");
    CHECK(outcome.exit_code == 3);
    CHECK(outcome.error == "oops\n");
    CHECK_THAT(outcome.output, Catch::StartsWith("a b\n") && Catch::Contains("OWN=1"));
    CHECK_THAT(outcome.output, !Catch::Contains("hunter2"));
}

TEST_CASE("a program that is not there is an error, not an exit code", "[process]") {
    Command command;
    command.argv = {"/no/such/program"};
    CHECK_THROWS_AS(run(command), ardent::base::Error);
}

TEST_CASE("a child ends when its reader has had enough", "[process]") {
    Command command;
    command.argv = {"sh", "-c", "while :; do echo x; done"};
    command.environment = plain_environment();
    std::size_t bytes = 0;
    const Outcome outcome = run(command, [&](std::string_view piece) {
        bytes += piece.size();
        return bytes < 1000;
    });
    CHECK(outcome.exit_code == 128 + 15);
    CHECK(bytes >= 1000);
}

TEST_CASE("a child that ignores SIGTERM is killed", "[process]") {
    Command command;
    command.argv = {"sh", "-c",
                    "trap '' TERM; echo up; while :; do read -r line < /dev/zero; done"};
    command.environment = plain_environment();
    bool up = false;
    const Outcome outcome = run(
        command,
        [&](std::string_view) {
            up = true;
            return true;
        },
        [&] { return !up; });
    CHECK(outcome.exit_code == 128 + 9);
}

namespace {

class NotifyReader {
public:
    NotifyReader() : m_fd(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        m_path = "/tmp/ardent-notify-" + std::to_string(::getpid());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, m_path.c_str());
        ::unlink(m_path.c_str());
        REQUIRE(::bind(m_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
        ::setenv("NOTIFY_SOCKET", m_path.c_str(), 1);
    }
    ~NotifyReader() {
        ::unsetenv("NOTIFY_SOCKET");
        ::unsetenv("WATCHDOG_USEC");
        ::unlink(m_path.c_str());
    }
    std::string next() {
        std::array<char, 512> text{};
        const ssize_t size = ::recv(m_fd.get(), text.data(), text.size(), MSG_DONTWAIT);
        return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
    }

private:
    Fd m_fd;
    std::string m_path;
};

}  // namespace

TEST_CASE("the service manager hears each thing once", "[process]") {
    NotifyReader reader;
    ::setenv("WATCHDOG_USEC", "60000000", 1);
    Notifier notifier;
    REQUIRE(notifier.enabled());
    notifier.extend_start(std::chrono::seconds(30));
    CHECK(reader.next() == "EXTEND_TIMEOUT_USEC=30000000");
    notifier.status("copying");
    notifier.status("copying");
    CHECK(reader.next() == "STATUS=copying");
    notifier.ready();
    notifier.ready();
    CHECK(reader.next() == "READY=1");
    notifier.extend_start(std::chrono::seconds(30));
    notifier.alive();
    notifier.alive();
    CHECK(reader.next() == "WATCHDOG=1");
    notifier.stopping();
    CHECK(reader.next() == "STOPPING=1");
    CHECK(reader.next().empty());
}

TEST_CASE("whatever moves before READY=1 asks for more time, now and then", "[process]") {
    NotifyReader reader;
    Notifier notifier;
    notifier.alive();
    CHECK(reader.next() == "EXTEND_TIMEOUT_USEC=180000000");
    notifier.alive();
    CHECK(reader.next().empty());
    notifier.ready();
    CHECK(reader.next() == "READY=1");
    notifier.alive();
    CHECK(reader.next().empty());
}

TEST_CASE("without NOTIFY_SOCKET nothing is sent", "[process]") {
    ::unsetenv("NOTIFY_SOCKET");
    Notifier notifier;
    CHECK_FALSE(notifier.enabled());
    notifier.ready();
}
