// SPDX-License-Identifier: PostgreSQL
#include "common/process/notify.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ardent::process {

namespace {

constexpr std::chrono::seconds k_extension_interval{10};
constexpr std::chrono::seconds k_extension{180};

std::optional<std::int64_t> number_of(const char* text) {
    if (text == nullptr) {
        return std::nullopt;
    }
    std::int64_t value = 0;
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, value);
    return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace

Notifier::Notifier() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || (path[0] != '/' && path[0] != '@') ||
        std::strlen(path) >= sizeof(sockaddr_un{}.sun_path)) {
        return;
    }
    m_address = path;
    if (m_address[0] == '@') {
        m_address[0] = '\0';  // the abstract namespace
    }
    m_socket = base::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto watchdog = number_of(std::getenv("WATCHDOG_USEC"));
    const auto pid = number_of(std::getenv("WATCHDOG_PID"));
    if (watchdog && *watchdog > 0 && (!pid || *pid == getpid())) {
        m_watchdog = std::chrono::microseconds(*watchdog);
    }
}

void Notifier::ready() {
    if (!m_ready) {
        m_ready = true;
        send("READY=1");
    }
}

void Notifier::status(std::string_view line) {
    // a line feed would begin another variable of the protocol
    std::string said = base::printable(line);
    std::replace(said.begin(), said.end(), '\n', ' ');
    if (said != m_last_status) {
        m_last_status = std::move(said);
        send("STATUS=" + m_last_status);
    }
}

void Notifier::stopping() {
    send("STOPPING=1");
}

void Notifier::extend_start(std::chrono::seconds more) {
    if (!m_ready) {
        send("EXTEND_TIMEOUT_USEC=" +
             std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(more).count()));
    }
}

void Notifier::alive() {
    const auto now = std::chrono::steady_clock::now();
    if (m_watchdog && now - m_last_alive >= *m_watchdog / 3) {
        m_last_alive = now;
        send("WATCHDOG=1");
    }
    if (!m_ready && (!m_last_extended || now - *m_last_extended >= k_extension_interval)) {
        m_last_extended = now;
        extend_start(k_extension);
    }
}

void Notifier::send(const std::string& text) {
    if (!m_socket.valid()) {
        return;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(m_address.begin(), m_address.end(), address.sun_path);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + m_address.size());
    // The service manager may be gone; there is nobody to tell then.
    static_cast<void>(::sendto(m_socket.get(), text.data(), text.size(),
                               MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), length));
}

}  // namespace ardent::process
