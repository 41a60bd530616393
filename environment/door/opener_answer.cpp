// SPDX-License-Identifier: PostgreSQL
#include "environment/door/opener_answer.hpp"

#include "common/base/error.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <vector>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using Kind = OpenerAnswer::Kind;

// One may come; room for a few, so that one too many is seen. What has no room the kernel closes
// (MSG_CTRUNC).
constexpr std::size_t k_descriptors = 4;

Error no_opener(const std::string& path, const std::string& why) {
    return {ErrorKind::transient, "the opener at " + path + " cannot be reached: " + why};
}

// The last close of a TCP socket waits for as long as its SO_LINGER says, which whoever passed it
// may have set.
void do_not_linger(int fd) {
    const linger never{};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &never, sizeof never);
}

std::vector<base::Fd> passed_descriptors(msghdr& message) {
    std::vector<base::Fd> passed;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            do_not_linger(fd);
            passed.emplace_back(fd);
        }
    }
    return passed;
}

// Not a socket: an error, and so nothing.
std::optional<int> option_of(int fd, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0 || size != sizeof value) {
        return std::nullopt;
    }
    return value;
}

// Empty when it is what was asked for.
std::string fault_of(int fd, std::uint16_t port) {
    if (!option_of(fd, SO_TYPE)) {
        return "a descriptor that is no socket";
    }
    if (option_of(fd, SO_DOMAIN) != AF_INET || option_of(fd, SO_TYPE) != SOCK_STREAM ||
        option_of(fd, SO_PROTOCOL) != IPPROTO_TCP) {
        return "a socket that is not one of TCP over IPv4";
    }
    if (option_of(fd, SO_ACCEPTCONN) != 0) {
        return "a socket that listens";
    }
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    // While a connection is in the making it has no peer, either (ENOTCONN).
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || size != sizeof peer) {
        return "a socket that is not connected";
    }
    if (peer.sin_family != AF_INET || peer.sin_addr.s_addr != htonl(INADDR_LOOPBACK) ||
        peer.sin_port != htons(port)) {
        return "a socket that is connected elsewhere";
    }
    return {};
}

OpenerAnswer judge(char byte, bool cut, std::vector<base::Fd> passed, std::uint16_t port) {
    if (cut || passed.size() > 1) {
        return {Kind::hostile, {}, "more than one descriptor, or none is left in this process"};
    }
    if (passed.empty()) {
        switch (byte) {
        case 'r':
            return {Kind::refused, {}, "the server does not accept connections"};
        case 't':
            return {Kind::refused, {}, "the server's queue of connections is full"};
        case 'f':
            return {Kind::refused, {}, "the opener got no socket"};
        default:
            return {Kind::hostile, {}, "no descriptor"};
        }
    }
    std::string fault = byte == 'c' ? fault_of(passed.front().get(), port) : "an unknown answer";
    if (!fault.empty()) {
        return {Kind::hostile, {}, std::move(fault)};
    }
    return {Kind::socket, std::move(passed.front()), {}};
}

}  // namespace

base::Fd connect_to_opener(const std::string& path) {
    const base::Fd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!file.valid() || ::fstat(file.get(), &status) != 0) {
        throw no_opener(path, std::strerror(errno));
    }
    if (!S_ISSOCK(status.st_mode)) {
        throw no_opener(path, "it is no socket");
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // The very file that was looked at, whatever has its name now.
    const std::string opened = "/proc/self/fd/" + std::to_string(file.get());
    opened.copy(address.sun_path, sizeof address.sun_path - 1);
    base::Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!connection.valid()) {
        throw no_opener(path, std::strerror(errno));
    }
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
        0) {
        return connection;
    }
    // A Unix socket's connection is made at once or not at all; a full queue is EAGAIN.
    if (errno != EAGAIN && errno != EINTR) {
        throw no_opener(path, std::strerror(errno));
    }
    return {};
}

OpenerAnswer take_opener_answer(int connection, std::uint16_t port) {
    char byte = 0;
    iovec bytes = {&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(k_descriptors * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return {};
    }
    if (size <= 0) {
        return {Kind::lost, {}, "the opener ended before it answered"};
    }
    std::vector<base::Fd> passed = passed_descriptors(message);
    // No descriptors left in this process look the same as too many passed: the kernel drops what
    // it cannot install.
    return judge(byte, (message.msg_flags & MSG_CTRUNC) != 0, std::move(passed), port);
}

}  // namespace ardent::environment
