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

}  // namespace

TEST_CASE("a connection that broke while it was written to is transient", "[pq]") {
    std::string folder = "/tmp/ardent-pq-XXXXXX";
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/.s.PGSQL.5432";
    const base::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    auto server = std::async(std::launch::async, [&] { greet_and_leave(listener.get()); });
    pq::ConnectOptions options;
    options.name = "replica";
    options.kind = base::ErrorKind::replica;
    options.parameters = {{"host", folder},
                          {"port", "5432"},
                          {"user", "x"},
                          {"sslmode", "disable"},
                          {"gssencmode", "disable"}};
    pq::Connection connection(options);
    server.get();
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());

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
