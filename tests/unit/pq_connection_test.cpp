// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/pq/connection.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ardent;

namespace {

std::string message(char type, const std::string& body) {
    const auto length = static_cast<unsigned>(body.size() + 4);
    std::string out(1, type);
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out += static_cast<char>((length >> shift) & 0xffU);
    }
    return out + body;
}

// A server that greets, says more than libpq reads at once, and is gone.
void greet_and_leave(int listener) {
    const base::Fd peer(::accept(listener, nullptr, nullptr));
    std::array<char, 4096> startup{};
    REQUIRE(::recv(peer.get(), startup.data(), startup.size(), 0) > 0);
    std::string said = message('R', std::string(4, '\0')) + message('Z', "I");
    const std::string setting = message('S', std::string("application_name\0\0", 18));
    while (said.size() < 65536) {
        said += setting;
    }
    REQUIRE(::send(peer.get(), said.data(), said.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(said.size()));
}

// A socket for one server of the test's own.
class Listener {
public:
    Listener() : m_socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        REQUIRE(::mkdtemp(m_folder.data()) != nullptr);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size() + 1);
        REQUIRE(::bind(m_socket.get(), reinterpret_cast<const sockaddr*>(&address),
                       sizeof address) == 0);
        REQUIRE(::listen(m_socket.get(), 1) == 0);
    }
    ~Listener() {
        ::unlink(path().c_str());
        ::rmdir(m_folder.c_str());
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int socket() const { return m_socket.get(); }
    pq::ConnectOptions options() const {
        pq::ConnectOptions options;
        options.name = "replica";
        options.kind = base::ErrorKind::replica;
        options.parameters = {{"host", m_folder},
                              {"port", "5432"},
                              {"user", "x"},
                              {"sslmode", "disable"},
                              {"gssencmode", "disable"}};
        return options;
    }

private:
    std::string path() const { return m_folder + "/.s.PGSQL.5432"; }

    std::string m_folder = "/tmp/ardent-pq-XXXXXX";
    base::Fd m_socket;
};

const std::string k_ready = message('Z', "I");
const std::string k_greeting = message('R', std::string(4, '\0')) + k_ready;

void hear(const base::Fd& peer) {
    std::array<char, 4096> heard{};
    REQUIRE(::recv(peer.get(), heard.data(), heard.size(), 0) > 0);
}

void send_all(const base::Fd& peer, std::string_view said) {
    while (!said.empty()) {
        const ssize_t sent = ::send(peer.get(), said.data(), said.size(), MSG_NOSIGNAL);
        REQUIRE(sent > 0);
        said.remove_prefix(static_cast<std::size_t>(sent));
    }
}

// Greets, and has heard the first statement.
base::Fd greet(int listener) {
    base::Fd peer(::accept(listener, nullptr, nullptr));
    hear(peer);
    send_all(peer, k_greeting);
    hear(peer);
    return peer;
}

// Says `once` and then `again` without an end; how many bytes it got rid of before the client had
// enough.
std::size_t say_without_end(int listener, const std::string& once, const std::string& again) {
    const base::Fd peer = greet(listener);
    send_all(peer, once);
    constexpr std::size_t k_enough = std::size_t{1} << 30U;
    std::size_t said = 0;
    ssize_t sent = 0;
    while (sent >= 0 && said < k_enough) {
        sent = ::send(peer.get(), again.data(), again.size(), MSG_NOSIGNAL);
        said += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    return said;
}

}  // namespace

TEST_CASE("a connection that broke while it was written to is transient", "[pq]") {
    const Listener listener;
    auto server = std::async(std::launch::async, [&] { greet_and_leave(listener.socket()); });
    pq::Connection connection(listener.options());
    server.get();

    REQUIRE(PQenterPipelineMode(connection.handle()) == 1);
    REQUIRE(PQsendQueryParams(connection.handle(), "SELECT 1", 0, nullptr, nullptr, nullptr,
                              nullptr, 0) == 1);
    PQpipelineSync(connection.handle());
    const pq::Result result(PQgetResult(connection.handle()));
    REQUIRE(result.status() == PGRES_FATAL_ERROR);
    // libpq tells of the failed write before it has read to the end of what the server said
    REQUIRE(connection.ok());
    try {
        connection.check(result.handle(), "");
        FAIL("no error");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::transient);
        CHECK(error.sqlstate().empty());
    }
}

TEST_CASE("rows without an end are given up, in a pipeline too", "[pq]") {
    // one column, as a row description tells it, and rows of 100 kB
    const std::string column = message(
        'T', std::string("\0\1", 2) + std::string("c\0", 2) + std::string(6, '\0') +
                 std::string("\0\0\0\x19", 4) + std::string("\xff\xff\xff\xff\xff\xff\0\0", 8));
    const std::string row =
        message('D', std::string("\0\1\0\1\x86\xa0", 6) + std::string(100000, 'x'));
    const bool pipeline = GENERATE(false, true);
    CAPTURE(pipeline);
    const Listener listener;
    pq::ConnectOptions options = listener.options();
    options.answer_bytes = std::size_t{8} << 20U;
    const std::string begin = pipeline ? message('1', "") + message('2', "") : "";
    auto server = std::async(std::launch::async, [&] {
        return say_without_end(listener.socket(), begin + column, row);
    });
    std::string said;
    try {
        pq::Connection connection(options);
        if (pipeline) {
            REQUIRE(PQenterPipelineMode(connection.handle()) == 1);
            REQUIRE(PQsendQueryParams(connection.handle(), "SELECT 1", 0, nullptr, nullptr, nullptr,
                                      nullptr, 0) == 1);
            REQUIRE(PQpipelineSync(connection.handle()) == 1);
            while (!connection.has_result()) {
                REQUIRE(PQconsumeInput(connection.handle()) == 1);
            }
            connection.next_result();
        } else {
            connection.exec("SELECT 1");
        }
    } catch (const base::Error& error) {
        said = error.what();
        CHECK(error.kind() == base::ErrorKind::replica);
    }
    CHECK(said == "replica: the server answers with more than 8 MB");
    CHECK(server.get() < 4 * options.answer_bytes);
}

TEST_CASE("notices without an end are not kept", "[pq]") {
    const std::string notice = message('N', std::string("SNOTICE\0VNOTICE\0C00000\0M", 24) +
                                                std::string(100000, 'x') + std::string(2, '\0'));
    const Listener listener;
    pq::ConnectOptions options = listener.options();
    options.answer_bytes = std::size_t{1} << 20U;
    constexpr int k_notices = 3000;
    auto server = std::async(std::launch::async, [&] {
        const base::Fd peer = greet(listener.socket());
        for (int i = 0; i < k_notices; ++i) {
            send_all(peer, notice);
        }
        send_all(peer, message('C', std::string("SELECT 0\0", 9)) + k_ready);
    });
    pq::Connection connection(options);
    int notices = 0;
    connection.on_notice([&](const pq::Notice&) { ++notices; });
    const auto peak = [] {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;  // kB
    };
    const long before = peak();
    connection.exec("SELECT 1");
    server.get();
    CHECK(notices == k_notices);
    CHECK(peak() - before < 32 * 1024);  // of 300 MB
}

TEST_CASE("an answer within the bound is what it is without one", "[pq]") {
    const std::string columns = message(
        'T', std::string("\0\2", 2) + std::string("a\0", 2) + std::string(6, '\0') +
                 std::string("\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 12) + std::string("b\0", 2) +
                 std::string(6, '\0') + std::string("\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 12));
    const std::string row = message('D', std::string("\0\2\0\0\0\3one\xff\xff\xff\xff", 13));
    const std::string other = message('D', std::string("\0\2\0\0\0\0\0\0\0\1x", 11));
    const std::size_t bound = GENERATE(std::size_t{0}, std::size_t{1} << 20U);
    const Listener listener;
    pq::ConnectOptions options = listener.options();
    options.answer_bytes = bound;
    auto server = std::async(std::launch::async, [&] {
        const base::Fd peer = greet(listener.socket());
        send_all(peer, message('C', std::string("BEGIN\0", 6)) + columns + row + other +
                           message('C', std::string("SELECT 2\0", 9)) + k_ready);
        hear(peer);
        send_all(peer, columns + message('C', std::string("SELECT 0\0", 9)) + k_ready);
        hear(peer);
        const std::string nothing = message('D', std::string(2, '\0'));
        send_all(peer, message('T', std::string(2, '\0')) + nothing + nothing +
                           message('C', std::string("SELECT 2\0", 9)) + k_ready);
        hear(peer);
        send_all(peer, message('C', std::string("UPDATE 7\0", 9)) + k_ready);
        hear(peer);
        send_all(peer, columns + row + message('E', std::string("SERROR\0C22012\0Mno\0\0", 19)) +
                           k_ready);
    });
    pq::Connection connection(options);
    const pq::Result rows = connection.exec("BEGIN; SELECT");
    CHECK(rows.status() == PGRES_TUPLES_OK);
    REQUIRE(rows.rows() == 2);
    REQUIRE(rows.columns() == 2);
    CHECK(rows.value(0, 0) == "one");
    CHECK(rows.value(0, 1) == std::nullopt);
    CHECK(rows.value(1, 0) == "");
    CHECK(rows.value(1, 1) == "x");
    CHECK(std::string_view(PQfname(rows.handle(), 1)) == "b");
    const pq::Result none = connection.exec("SELECT");
    CHECK(none.status() == PGRES_TUPLES_OK);
    CHECK(none.rows() == 0);
    CHECK(none.columns() == 2);
    const pq::Result without_columns = connection.exec("SELECT FROM x");
    CHECK(without_columns.rows() == 2);
    CHECK(without_columns.columns() == 0);
    CHECK(connection.exec("UPDATE").affected() == 7);
    CHECK_THROWS_AS(connection.exec("SELECT"), pq::QueryError);
    server.get();
}
