// SPDX-License-Identifier: PostgreSQL
#include "environment/server/socket_channel.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace ardent::environment {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class SocketChannel : public Channel, public std::enable_shared_from_this<SocketChannel> {
    auto completion(Done done) {
        return [self = shared_from_this(), done = std::move(done)](
                   error_code error, std::size_t bytes) { done(!error, bytes); };
    }

public:
    SocketChannel(tcp::socket socket, asio::ssl::context* tls)
        : m_socket(std::move(socket)), m_timer(m_socket.get_executor()), m_context(tls) {}

    // What TLS needs for a connection, some 100 kB, is taken when the first byte is there: a silent
    // one costs a socket.
    void begin(Done done) override {
        m_socket.async_wait(tcp::socket::wait_read,
                            [self = shared_from_this(), done = std::move(done)](error_code error) {
                                if (error || self->m_context == nullptr) {
                                    done(!error, 0);
                                } else {
                                    self->shake_hands(done);
                                }
                            });
    }

    void read(char* into, std::size_t size, Done done) override {
        const auto buffer = asio::buffer(into, size);
        if (m_tls) {
            m_tls->async_read_some(buffer, completion(std::move(done)));
        } else {
            m_socket.async_read_some(buffer, completion(std::move(done)));
        }
    }

    void write(std::string_view bytes, Done done) override {
        const auto buffer = asio::buffer(bytes.data(), bytes.size());
        if (m_tls) {
            asio::async_write(*m_tls, buffer, completion(std::move(done)));
        } else {
            asio::async_write(m_socket, buffer, completion(std::move(done)));
        }
    }

    // The timer is set anew only for an earlier deadline; when it goes off too early it looks
    // again. So a deadline that moves with every piece of a body costs nothing.
    void set_deadline(Clock::time_point deadline) override {
        m_deadline = deadline;
        if (deadline < m_armed) {
            arm();
        }
    }

    void end_writing() noexcept override {
        error_code ignored;
        m_socket.shutdown(tcp::socket::shutdown_send, ignored);
    }

    void close() noexcept override {
        error_code ignored;
        m_socket.close(ignored);
        m_deadline = Clock::time_point::max();
        m_armed = Clock::time_point::max();
        try {
            m_timer.cancel();
        } catch (const std::exception&) {
            // it goes off, finds no deadline, and is forgotten
        }
    }

private:
    void shake_hands(const Done& done) {
        m_tls.emplace(m_socket, *m_context);
        m_tls->async_handshake(
            asio::ssl::stream_base::server,
            [self = shared_from_this(), done](error_code error) { done(!error, 0); });
    }

    void arm() {
        m_armed = m_deadline;
        m_timer.expires_at(m_armed);
        m_timer.async_wait([weak = weak_from_this()](error_code error) {
            const auto self = weak.lock();
            if (!error && self) {
                self->look();
            }
        });
    }

    void look() {
        m_armed = Clock::time_point::max();
        if (m_deadline <= Clock::now()) {
            close();
        } else if (m_deadline != Clock::time_point::max()) {
            arm();
        }
    }

    tcp::socket m_socket;
    asio::steady_timer m_timer;
    asio::ssl::context* m_context;
    std::optional<asio::ssl::stream<tcp::socket&>> m_tls;
    Clock::time_point m_deadline = Clock::time_point::max();
    Clock::time_point m_armed = Clock::time_point::max();
};

}  // namespace

std::shared_ptr<Channel> make_channel(tcp::socket socket, asio::ssl::context* tls) {
    return std::make_shared<SocketChannel>(std::move(socket), tls);
}

std::string address_of(const tcp::endpoint& endpoint) {
    const asio::ip::address address = endpoint.address();
    if (address.is_v4()) {
        return address.to_string();
    }
    const asio::ip::address_v6 six = address.to_v6();
    if (six.is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, six).to_string();
    }
    asio::ip::address_v6::bytes_type bytes = six.to_bytes();
    std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), 0);
    return asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace ardent::environment
