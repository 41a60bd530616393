// SPDX-License-Identifier: PostgreSQL
// What tests of the door play: clients, a server on 127.0.0.1, an opener that does what a test
// says, a host.
#pragma once

#include "common/base/fd.hpp"
#include "environment/door/door.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ardent::tests {

using base::Fd;
using environment::Door;
using environment::DoorAddress;
using environment::DoorLimits;
using environment::OpenerPlace;
using environment::StartReason;
using std::chrono::milliseconds;

inline constexpr milliseconds k_wait{20000};

inline bool ready(int fd, short events, milliseconds patience = k_wait) {
    pollfd wait{fd, events, 0};
    return ::poll(&wait, 1, static_cast<int>(patience.count())) == 1;
}

/// Until it is true; false when it never was.
inline bool eventually(const std::function<bool()>& is_so, milliseconds patience = k_wait) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!is_so()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
}

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

inline void connect_socket(const Fd& socket, std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
    }
}

inline Fd connect_to(std::uint16_t port) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    connect_socket(socket, port);
    return socket;
}

inline void say(const Fd& socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            throw std::runtime_error(std::string("send: ") + std::strerror(errno));
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// At most that many bytes; fewer at the end of the stream, "…reset" behind a reset, "…nothing"
/// when none came.
inline std::string hear(const Fd& socket, std::size_t size) {
    std::string text;
    std::array<char, 65536> piece{};
    while (text.size() < size) {
        if (!ready(socket.get(), POLLIN)) {
            return text + "…nothing";
        }
        const ssize_t got =
            ::recv(socket.get(), piece.data(), std::min(piece.size(), size - text.size()), 0);
        if (got < 0) {
            return text + "…reset";
        }
        if (got == 0) {
            return text;
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
}

inline std::string hear_all(const Fd& socket) {
    return hear(socket, 1U << 30U);
}

inline const std::string k_start("\0\0\0\x12\0\3\0\0user\0me\0\0\0", 19 - 1);
inline const std::string k_ssl_request("\0\0\0\x8\x4\xd2\x16\x2f", 8);
inline const std::string k_gss_request("\0\0\0\x8\x4\xd2\x16\x30", 8);
inline const std::string k_cancel_request("\0\0\0\x10\x4\xd2\x16\x2e\0\0\0\1\0\0\0\2", 16);

/// The branch's server: gives a test each connection, or plays the echo.
class Server {
public:
    explicit Server(bool echoes = false)
        : m_listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        ::bind(m_listener.get(), reinterpret_cast<const sockaddr*>(&address), size);
        ::listen(m_listener.get(), SOMAXCONN);
        ::getsockname(m_listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
        m_port = ntohs(address.sin_port);
        if (echoes) {
            m_thread = std::thread([this] { echo(); });
        }
    }
    ~Server() {
        m_stop = true;
        if (m_thread.joinable()) {
            m_thread.join();
        }
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const { return m_port; }
    Fd accept() const {
        return ready(m_listener.get(), POLLIN)
                   ? Fd(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC))
                   : Fd();
    }
    int sessions() const { return m_sessions; }

private:
    void echo() {
        std::vector<Fd> sessions;
        std::array<char, 4096> piece{};
        while (!m_stop) {
            std::vector<pollfd> waits{{m_listener.get(), POLLIN, 0}};
            for (const Fd& session : sessions) {
                waits.push_back({session.get(), POLLIN, 0});
            }
            ::poll(waits.data(), waits.size(), 10);
            for (std::size_t i = 0; i < sessions.size(); ++i) {
                if (waits[i + 1].revents != 0) {
                    const ssize_t size = ::recv(sessions[i].get(), piece.data(), piece.size(), 0);
                    if (size <= 0) {
                        sessions[i].close();
                    } else {
                        ::send(sessions[i].get(), piece.data(), static_cast<std::size_t>(size),
                               MSG_NOSIGNAL);
                    }
                }
            }
            std::erase_if(sessions, [](const Fd& session) { return !session.valid(); });
            if (waits[0].revents != 0) {
                sessions.emplace_back(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            }
            m_sessions = static_cast<int>(sessions.size());
        }
    }

    Fd m_listener;
    std::uint16_t m_port = 0;
    std::atomic<bool> m_stop{false};
    std::atomic<int> m_sessions{0};
    std::thread m_thread;
};

/// The byte and the descriptors, in one message.
inline void pass(int connection, char byte, const std::vector<int>& descriptors) {
    iovec bytes{&byte, 1};
    alignas(cmsghdr) std::array<char, 256> control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
    }
    ::sendmsg(connection, &message, MSG_NOSIGNAL);
}

inline void pass_connection(int connection, std::uint16_t port) {
    const Fd server = connect_to(port);
    pass(connection, 'c', {server.get()});
}

/// Answers each request by what the test says, on a thread of its own, one after the other.
class Opener {
public:
    using Script = std::function<void(int connection)>;

    explicit Opener(Script script) : m_script(std::move(script)) {
        std::string folder = "/tmp/ardent-door-XXXXXX";
        m_folder = ::mkdtemp(folder.data());
        m_listener = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        ::bind(m_listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
        ::listen(m_listener.get(), SOMAXCONN);
        m_thread = std::thread([this] { serve(); });
    }
    explicit Opener(const Server& server)
        : Opener([port = server.port()](int connection) { pass_connection(connection, port); }) {}
    ~Opener() {
        m_stop = true;
        m_thread.join();
        std::filesystem::remove_all(m_folder);
    }
    Opener(const Opener&) = delete;
    Opener& operator=(const Opener&) = delete;

    std::string path() const { return m_folder + "/opener"; }
    int requests() const { return m_requests; }

private:
    void serve() {
        while (!m_stop) {
            if (!ready(m_listener.get(), POLLIN, milliseconds(10))) {
                continue;
            }
            const Fd connection(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char byte = 0;
            if (::recv(connection.get(), &byte, 1, 0) == 1) {
                ++m_requests;
                m_script(connection.get());
            }
        }
    }

    Script m_script;
    std::string m_folder;
    Fd m_listener;
    std::atomic<bool> m_stop{false};
    std::atomic<int> m_requests{0};
    std::thread m_thread;
};

/// Counts what it is asked for; `on_request` is called on the door's loop.
struct Host : environment::DoorHost {
    std::function<void(const std::string& branch, StartReason reason)> on_request;
    std::atomic<int> asleep{0};
    std::atomic<int> lost{0};

    void request_start(const std::string& branch, StartReason reason) override {
        ++(reason == StartReason::sleeping ? asleep : lost);
        if (on_request) {
            on_request(branch, reason);
        }
    }
    int asked() const { return asleep + lost; }
};

/// A branch "b" behind a door of its own, and a second one, "other".
struct House {
    explicit House(DoorLimits limits = {}) : door(host, limits) {
        port = door.open("b", {"127.0.0.1", 0});
        other_port = door.open("other", {"127.0.0.1", 0});
    }

    void start(const Opener& opener, const Server& server) {
        door.started("b", {opener.path(), server.port()});
    }
    environment::DoorActivity activity() { return *door.activity("b"); }
    bool held(std::size_t count) {
        return eventually([&] { return activity().held == count; });
    }
    bool connected(std::size_t count) {
        return eventually([&] { return activity().connected == count; });
    }

    Host host;
    Door door;
    std::uint16_t port = 0;
    std::uint16_t other_port = 0;
};

inline Fd client(std::uint16_t port, const std::string& first = k_start) {
    Fd socket = connect_to(port);
    say(socket, first);
    return socket;
}

inline std::size_t open_files() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
        ++count;
    }
    return count;
}

}  // namespace ardent::tests
