// SPDX-License-Identifier: PostgreSQL
#include "environment/door/relay.hpp"

#include "common/process/log.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

namespace ardent::environment {

namespace {

// In a row; then the others' turn.
constexpr int k_pieces = 8;

bool later(int error) {
    return error == EAGAIN || error == EINTR;
}

// A relay must not gather what was sent to be sent: both ends do without Nagle's algorithm
// themselves.
void do_not_delay(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Relay::Relay(const RelayMeans& means, Watch client, Watch server)
    : m_means(means),
      m_client(std::move(client)),
      m_server(std::move(server)),
      m_up{m_client, m_server, m_means.traffic.from_clients, {}},
      m_down{m_server, m_client, m_means.traffic.to_clients, {}},
      m_leaving(means.loop) {
    do_not_delay(m_client.get());
    do_not_delay(m_server.get());
}

void Relay::start(std::string first, std::function<void()> ended) {
    m_ended = std::move(ended);
    m_up.waiting = std::move(first);
    m_means.loop.post(guarded(&Relay::flush, m_up));
    m_means.loop.post(guarded(&Relay::pull, m_down));
}

void Relay::end() noexcept {
    m_ended = nullptr;
    m_leaving.cancel();
    m_client.close();
    m_server.close();
}

void Relay::finish() {
    const std::function<void()> ended = std::exchange(m_ended, nullptr);
    end();
    if (ended) {
        ended();
    }
}

// Memory that cannot be had ends the relay, not the door.
Loop::Act Relay::guarded(void (Relay::*act)(Way& way), Way& way) {
    return [self = shared_from_this(), act, &way] {
        try {
            (*self.*act)(way);
        } catch (const std::exception& error) {
            process::log_warning("a session through the door is given up",
                                 {{"error", error.what()}});
            self->finish();
        }
    };
}

void Relay::pull(Way& way) {
    for (int piece = 0; piece < k_pieces; ++piece) {
        if (!m_ended || !pull_piece(way)) {
            return;
        }
    }
    m_means.loop.post(guarded(&Relay::pull, way));
}

// True when there may be more at once.
bool Relay::pull_piece(Way& way) {
    RelayBuffer& buffer = m_means.buffer;
    const ssize_t size = ::recv(way.from.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) {
        m_came += &way == &m_up ? static_cast<std::uint64_t>(size) : 0;
        return push(way, buffer.data(), static_cast<std::size_t>(size));
    }
    if (size == 0) {
        pass_end(way);
    } else if (later(errno)) {
        way.from.readable(guarded(&Relay::pull, way));
    } else {
        finish();
    }
    return false;
}

// True when the other side took all of it; otherwise it goes on by itself when it did.
bool Relay::push(Way& way, const char* bytes, std::size_t size) {
    const ssize_t sent = ::send(way.to.get(), bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && !later(errno)) {
        finish();
        return false;
    }
    const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    way.count += taken;
    if (taken == size) {
        return true;
    }
    way.waiting = std::string(bytes + taken, size - taken);
    way.to.writable(guarded(&Relay::flush, way));
    return false;
}

void Relay::flush(Way& way) {
    if (!m_ended) {
        return;
    }
    const std::string bytes = std::exchange(way.waiting, {});
    if (bytes.empty() || push(way, bytes.data(), bytes.size())) {
        pull(way);
    }
}

void Relay::pass_end(Way& way) {
    way.over = true;
    if (m_up.over && m_down.over) {
        finish();
        return;
    }
    ::shutdown(way.to.get(), SHUT_WR);
    if (m_down.over) {
        look_at_leaving();
    }
}

// A server that has ended says nothing more. A client whose machine is gone would never notice, and
// keep its branch awake.
void Relay::look_at_leaving() {
    m_came_before = m_came;
    m_leaving.set(m_means.leaving, [self = shared_from_this()] {
        if (self->m_came == self->m_came_before) {
            self->finish();
        } else {
            self->look_at_leaving();
        }
    });
}

}  // namespace ardent::environment
