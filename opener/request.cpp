// SPDX-License-Identifier: PostgreSQL
#include "opener/request.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ardent::opener {

namespace {

void close_both(Request& request) noexcept {
    ::close(request.asker);
    if (request.server >= 0) {
        ::close(request.server);
    }
    request = Request{};
}

// A fresh connection has room for a byte: what cannot be sent is not waited for.
void answer(Request& request, char byte) noexcept {
    iovec bytes = {&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (byte == k_connected) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &request.server, sizeof(int));
    }
    static_cast<void>(::sendmsg(request.asker, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
    close_both(request);
}

void answer_error(Request& request, int error) noexcept {
    answer(request, error == ECONNREFUSED ? k_refused
                    : error == ETIMEDOUT  ? k_timed_out
                                          : k_failed);
}

// Never waits: while the server's queue is full the kernel drops what is sent to begin a connection
// and sends it again after a second, so the connection stays in the making.
void begin_connection(Request& request, std::uint16_t port) noexcept {
    request.server = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (request.server < 0) {
        answer_error(request, errno);
        return;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(request.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
        0) {
        answer(request, k_connected);
    } else if (errno != EINPROGRESS) {
        answer_error(request, errno);
    }
}

void end_connection(Request& request) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(request.server, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error == 0) {
        answer(request, k_connected);
    } else {
        answer_error(request, error);
    }
}

void take_byte(Request& request, std::uint16_t port) noexcept {
    char byte = 0;
    const ssize_t size = ::recv(request.asker, &byte, 1, MSG_DONTWAIT);
    if (size == 1) {
        begin_connection(request, port);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_both(request);
    }
}

}  // namespace

pollfd wanted(const Request& request) noexcept {
    return request.server >= 0 ? pollfd{request.server, POLLOUT, 0}
                               : pollfd{request.asker, POLLIN, 0};
}

void go_on(Request& request, bool ready, std::uint16_t port, std::time_t now) noexcept {
    if (ready && request.server >= 0) {
        end_connection(request);
    } else if (ready) {
        take_byte(request, port);
    } else if (now >= request.deadline) {
        answer(request, k_timed_out);
    }
}

}  // namespace ardent::opener
