// SPDX-License-Identifier: PostgreSQL
#include "environment/door/client.hpp"

#include "common/process/log.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

namespace ardent::environment {

namespace {

constexpr std::chrono::seconds k_drain{2};
constexpr std::size_t k_piece = 2048;
// Seconds until a silent client is asked for a sign of life, and between the times; and how often.
// A client whose machine is gone would keep its branch awake for ever: the server's own keepalive
// sees only the door.
constexpr int k_alive_after = 60;
constexpr int k_alive_again = 10;
constexpr int k_alive_times = 6;

void keep_alive(int socket) {
    const auto set = [socket](int level, int name, int value) {
        ::setsockopt(socket, level, name, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, k_alive_after);
    set(IPPROTO_TCP, TCP_KEEPINTVL, k_alive_again);
    set(IPPROTO_TCP, TCP_KEEPCNT, k_alive_times);
}

}  // namespace

Client::Client(ClientHost& host, const RelayMeans& means, const DoorPatience& patience,
               Crowd::Id id, Watch socket)
    : m_host(host),
      m_means(means),
      m_patience(patience),
      m_id(id),
      m_socket(std::move(socket)),
      m_deadline(means.loop) {}

// Memory that cannot be had ends the client, not the door.
void Client::guard(const Loop::Act& act) {
    if (m_ended) {
        return;
    }
    try {
        act();
    } catch (const std::exception& error) {
        process::log_warning("a client of a branch is given up",
                             {{"branch", m_host.branch()}, {"error", error.what()}});
        end();
    }
}

Loop::Act Client::guarded(void (Client::*act)()) {
    return [self = shared_from_this(), act] { self->guard([&] { (*self.*act)(); }); };
}

void Client::start() {
    keep_alive(m_socket.get());
    m_deadline.set(m_patience.first_bytes, guarded(&Client::end));
    watch();
}

void Client::watch() {
    if (!m_watches && m_start.size() < k_start_packet_bytes) {
        m_watches = true;
        m_socket.readable(guarded(&Client::look));
    }
}

void Client::look() {
    m_watches = false;
    if (m_phase == Phase::leaving) {
        drain();
        return;
    }
    // Once the opener is called what comes is left to the relay.
    if ((m_phase != Phase::silent && m_phase != Phase::held) || !read()) {
        return;
    }
    if (m_phase == Phase::silent) {
        m_kind = start_kind(m_start);
        if (m_kind == StartKind::malformed) {
            end();
            return;
        }
        if (m_kind != StartKind::incomplete) {
            m_host.wants(*this);
            return;
        }
    }
    watch();
}

// A held client is read on, so that one that leaves is noticed. False when it left.
bool Client::read() {
    const std::size_t had = m_start.size();
    m_start.resize(std::min(had + k_piece, k_start_packet_bytes));
    const ssize_t size =
        ::recv(m_socket.get(), m_start.data() + had, m_start.size() - had, MSG_DONTWAIT);
    const int error = errno;
    m_start.resize(had + static_cast<std::size_t>(std::max<ssize_t>(0, size)));
    if (size == 0 || (size < 0 && error != EAGAIN && error != EINTR)) {
        end();
        return false;
    }
    return true;
}

void Client::hold() {
    if (m_phase == Phase::silent) {
        m_deadline.set(m_patience.start, guarded(&Client::late));
    }
    m_phase = Phase::held;
    watch();
}

void Client::late() {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(m_patience.start);
    refuse("57P03", "branch \"" + m_host.branch() + "\" did not start within " +
                        std::to_string(seconds.count()) + " s");
}

void Client::serve(const OpenerPlace& place) {
    m_phase = Phase::calling;
    m_call = std::make_shared<OpenerCall>(m_means.loop, place, m_patience.opener);
    m_call->start([self = shared_from_this()](OpenerAnswer answer) {
        self->guard([&] { self->take(std::move(answer)); });
    });
}

void Client::stop_serving() noexcept {
    if (m_call) {
        m_call->cancel();
        m_call.reset();
    }
}

void Client::take(OpenerAnswer answer) {
    m_call.reset();
    m_host.called(*this, answer.kind == OpenerAnswer::Kind::socket);
    if (answer.kind == OpenerAnswer::Kind::socket) {
        connect(std::move(answer.socket));
    } else if (answer.kind == OpenerAnswer::Kind::hostile) {
        m_host.cheated(answer.text);
        refuse("57P03", "branch \"" + m_host.branch() + "\" gave no connection to its server");
    } else {
        ++m_losses;
        m_host.lost(*this, answer.text);
    }
}

void Client::connect(base::Fd server) {
    m_phase = Phase::connected;
    m_deadline.cancel();
    m_relay = std::make_shared<Relay>(m_means, std::move(m_socket),
                                      Watch(m_means.loop, std::move(server)));
    m_relay->start(std::exchange(m_start, {}), guarded(&Client::end));
}

// libpq does not show an error that comes before TLS, for anybody on the way could have said it
// (CVE-2024-10977), and answering 'N' first would invite a client that only prefers TLS to go on
// without. So such a client is closed to.
void Client::refuse(std::string_view sqlstate, const std::string& text) {
    if (m_kind != StartKind::plain || m_phase == Phase::connected) {
        end();
        return;
    }
    stop_serving();
    m_phase = Phase::leaving;
    m_host.dismissed(*this);
    const std::string answer = error_response(sqlstate, text);
    // Nothing was written before: there is room for it.
    ::send(m_socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(m_socket.get(), SHUT_WR);
    m_start.clear();
    m_deadline.set(k_drain, guarded(&Client::end));
    watch();
}

// Closing while there is something to read would reset the connection, and take the answer from the
// client.
void Client::drain() {
    const ssize_t size =
        ::recv(m_socket.get(), m_means.buffer.data(), m_means.buffer.size(), MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        end();
    } else {
        watch();
    }
}

void Client::end() {
    if (m_ended) {
        return;
    }
    m_ended = true;
    m_deadline.cancel();
    stop_serving();
    if (m_relay) {
        m_relay->end();
    }
    m_socket.close();
    m_host.gone(*this);
}

}  // namespace ardent::environment
