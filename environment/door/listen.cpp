// SPDX-License-Identifier: PostgreSQL
#include "environment/door/listen.hpp"

#include "common/base/error.hpp"

#include <array>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

using Found = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

std::string port_text(const DoorAddress& address) {
    return std::to_string(address.port);
}

Error cannot_listen(const DoorAddress& address, int error) {
    const std::string where = "port " + port_text(address) + " of " + address.host;
    if (error == EADDRINUSE) {
        return {ErrorKind::config, where + " is taken: another program listens there",
                "`ss -ltnp 'sport = :" + port_text(address) +
                    "'` names it. End it, or give the branches another range of ports."};
    }
    if (error == EADDRNOTAVAIL) {
        return {ErrorKind::config, where + " cannot be opened: this host has no such address",
                "Give the branches an address of this host; `ip address` lists them."};
    }
    return {ErrorKind::config, where + " cannot be opened: " + std::strerror(error),
            "Ports below 1024 need CAP_NET_BIND_SERVICE."};
}

Found look_up(const DoorAddress& address) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error =
        ::getaddrinfo(address.host.c_str(), port_text(address).c_str(), &hints, &found);
    if (error != 0) {
        throw Error(ErrorKind::config,
                    "the address " + address.host + " is not known: " + ::gai_strerror(error),
                    "Give the branches an address of this host; `ip address` lists them.");
    }
    return {found, &::freeaddrinfo};
}

// An IPv6 address stands for its network of 64 bits, which one host has.
std::string text_of(const in6_addr& address) {
    constexpr std::size_t k_host_begins = 8;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        return ::inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    }
    in6_addr network = address;
    std::memset(&network.s6_addr[k_host_begins], 0, sizeof network - k_host_begins);
    return std::string(::inet_ntop(AF_INET6, &network, text.data(), text.size())) + "/64";
}

}  // namespace

base::Fd listen_at(const DoorAddress& address) {
    const Found found = look_up(address);
    base::Fd listener(
        ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    const int on = 1;
    // For sessions of before that still are in TIME_WAIT; two that listen it does not allow.
    if (!listener.valid() ||
        ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(listener.get(), found->ai_addr, found->ai_addrlen) != 0 ||
        ::listen(listener.get(), SOMAXCONN) != 0) {
        throw cannot_listen(address, errno);
    }
    return listener;
}

std::uint16_t bound_port(int listener) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size);
    return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

std::string peer_address(int connection) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
        return {};
    }
    if (peer.ss_family == AF_INET6) {
        return text_of(reinterpret_cast<sockaddr_in6&>(peer).sin6_addr);
    }
    std::array<char, INET_ADDRSTRLEN> text{};
    return ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(peer).sin_addr, text.data(),
                       text.size());
}

}  // namespace ardent::environment
