// SPDX-License-Identifier: PostgreSQL
// ardent-opener SOCKET PORT -- SERVER ARGUMENTS...
//
// Runs inside an instance's containment, beside its server. PostgreSQL speaks no TLS over a Unix
// socket, and nobody outside may enter the room's network namespace; so this program makes
// connections to 127.0.0.1:PORT in there and hands their descriptors out over SOCKET (request.hpp
// has the protocol), which is made anew, whatever was there.
//
// The program itself becomes SERVER, with its pid, its parent, its signals and its descriptors: the
// first process of the room stays the server. What answers is a child of it. When SOCKET cannot be
// made no server starts: exit status 1, the reason on stderr; 2: the arguments are wrong; 127:
// SERVER cannot be run.
#include "opener/serve.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

constexpr int k_server_argument = 4;
constexpr long k_last_port = 65535;
constexpr int k_decimal = 10;
constexpr int k_wrong_arguments = 2;
constexpr int k_cannot_run = 127;
constexpr mode_t k_for_the_user_alone = 0177;

int fail(const char* what, const char* name, int status) {
    std::fprintf(stderr, "ardent-opener: cannot %s %s: %s\n", what, name, std::strerror(errno));
    return status;
}

// -1, with errno.
int listen_at(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    std::strcpy(address.sun_path, path);
    if (::unlink(path) != 0 && errno != ENOENT) {
        return -1;
    }
    // closed at exec: the server does not get it
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const mode_t mask = ::umask(k_for_the_user_alone);
    const bool bound =
        listener >= 0 &&
        ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(listener, SOMAXCONN) == 0;
    ::umask(mask);
    return bound ? listener : -1;
}

}  // namespace

int main(int count, char** arguments) {
    char* end = nullptr;
    const long port = count > 2 ? std::strtol(arguments[2], &end, k_decimal) : 0;
    if (count <= k_server_argument || std::string_view(arguments[3]) != "--" || *end != '\0' ||
        port < 1 || port > k_last_port) {
        std::fputs("usage: ardent-opener SOCKET PORT -- SERVER ARGUMENTS...\n", stderr);
        return k_wrong_arguments;
    }
    const int listener = listen_at(arguments[1]);
    if (listener < 0) {
        return fail("listen at", arguments[1], EXIT_FAILURE);
    }
    const pid_t server = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        return fail("fork beside", arguments[k_server_argument], EXIT_FAILURE);
    }
    if (child == 0) {
        ardent::opener::settle(listener, server);
        ardent::opener::serve(listener, static_cast<std::uint16_t>(port));
    }
    ::execv(arguments[k_server_argument], arguments + k_server_argument);
    return fail("run", arguments[k_server_argument], k_cannot_run);
}
