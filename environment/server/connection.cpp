// SPDX-License-Identifier: PostgreSQL
#include "environment/server/connection.hpp"

#include "common/process/log.hpp"

#include <algorithm>
#include <utility>

namespace ardent::environment {

namespace {

using Clock = Channel::Clock;
using std::chrono::seconds;

constexpr std::size_t k_head_piece = 2048;
constexpr std::size_t k_body_piece = 1048576;
constexpr std::size_t k_small_answer = 16384;
// A refused caller may still be sending its body: closing at once would take the answer from it.
constexpr seconds k_leave_patience{2};
constexpr std::size_t k_leave_bytes = 4194304;
constexpr seconds k_drain_patience{5};

seconds patience_for(std::uint64_t bytes) {
    return k_pause + seconds(bytes / k_slowest);
}

HttpResponse call_handler(const Route& route, const HttpRequest& request) noexcept {
    try {
        return route.handler(request);
    } catch (...) {
        return response_for_exception();
    }
}

}  // namespace

Connection::Connection(Reception& reception, Guests::Id id, std::shared_ptr<Channel> channel)
    : m_reception(reception), m_id(id), m_channel(std::move(channel)) {}

// Memory that cannot be had ends the connection, not the program.
template <class Then>
Channel::Done Connection::then(Then act) {
    return [self = shared_from_this(), act = std::move(act)](bool ok, std::size_t bytes) {
        if (self->m_ended) {
            return;
        }
        try {
            if (ok) {
                act(*self, bytes);
                return;
            }
        } catch (const std::exception& error) {
            process::log_warning("a connection is given up", {{"error", error.what()}});
        }
        self->end();
    };
}

void Connection::start() {
    m_channel->set_deadline(Clock::now() + k_head_patience);
    m_channel->begin(then([](Connection& self, std::size_t) { self.read_head(); }));
}

void Connection::end() {
    if (!m_ended) {
        m_ended = true;
        m_channel->close();
        m_reception.guests.leave(m_id);
        m_reception.gone(m_id);
    }
}

void Connection::drain() {
    if (m_phase != Phase::running && m_phase != Phase::writing) {
        end();
    }
}

void Connection::end_slow_reader() {
    if (m_phase == Phase::writing) {
        end();
    }
}

void Connection::read_head() {
    m_phase = Phase::head;
    if (const std::size_t size = find_head_end(m_in, m_looked); size != std::string::npos) {
        take_head(size);
        return;
    }
    m_looked = m_in.size();
    if (m_in.size() >= k_head_bytes) {
        refuse(error_response(
            431, "too_large",
            "The request's headers are longer than " + std::to_string(k_head_bytes) + " bytes"));
        return;
    }
    const std::size_t had = m_in.size();
    m_in.resize(std::min(k_head_bytes, had + k_head_piece));
    m_channel->read(m_in.data() + had, m_in.size() - had,
                    then([had](Connection& self, std::size_t bytes) {
                        self.m_in.resize(had + bytes);
                        if (had == 0 && self.m_known) {
                            self.m_channel->set_deadline(Clock::now() + k_head_patience);
                        }
                        self.read_head();
                    }));
}

void Connection::take_head(std::size_t size) {
    std::optional<HttpResponse> refusal;
    try {
        m_head = parse_head(std::string_view(m_in).substr(0, size));
        refusal = admit();
    } catch (...) {
        refusal = response_for_exception();
    }
    m_in.erase(0, size);
    if (refusal) {
        refuse(*refusal);
    } else {
        begin_body();
    }
}

// Before a body is read a request has passed its route, its authorization and its length, and there
// is memory for it.
std::optional<HttpResponse> Connection::admit() {
    HttpRequest& request = m_head.request;
    m_route = &m_reception.router.find(request);
    if (auto refusal = m_reception.authorizer(*m_route, request)) {
        return refusal;
    }
    check_body();
    if (m_route->access == Access::open || m_route->access == Access::health) {
        return std::nullopt;
    }
    const Owner owner = m_reception.owner_of(*m_route, request);
    m_known = m_reception.guests.recognise(m_id, owner, Clock::now());
    m_call = m_reception.guests.begin_call(owner);
    if (!m_call) {
        throw HttpError(429, "too_many_calls",
                        "This caller has " + std::to_string(owner.calls) +
                            " calls in progress; no more are taken before one has ended");
    }
    m_share = MemoryBudget::Share(m_reception.memory, owner.name);
    take_memory(m_share, request.content_length * m_route->memory_factor);
    return std::nullopt;
}

void Connection::check_body() const {
    if (m_head.transfer_encoding) {
        throw HttpError(411, "", "A body needs a Content-Length");
    }
    if (m_head.content_encoding) {
        throw HttpError(415, "", "Content-Encoding is not accepted");
    }
    const std::uint64_t length = m_head.request.content_length;
    if (length > m_route->body_limit) {
        throw HttpError(413, "too_large",
                        "The body has " + std::to_string(length) + " bytes; at most " +
                            std::to_string(m_route->body_limit) + " are accepted here");
    }
}

void Connection::begin_body() {
    const std::size_t length = m_head.request.content_length;
    m_body.reserve(length);  // addresses; the system gives memory for what comes
    m_filled = std::min(length, m_in.size());
    m_body.assign(m_in, 0, m_filled);
    m_in.erase(0, m_filled);
    if (m_filled == length) {
        handle();
        return;
    }
    m_phase = Phase::body;
    m_body_deadline = Clock::now() + patience_for(length);
    if (m_head.expects_continue) {
        m_out = "HTTP/1.1 100 Continue\r\n\r\n";
        m_channel->write(m_out, then([](Connection& self, std::size_t) { self.read_body(); }));
    } else {
        read_body();
    }
}

void Connection::read_body() {
    const std::size_t length = m_head.request.content_length;
    if (m_filled == m_body.size()) {
        m_body.resize(std::min(length, m_filled + k_body_piece));
    }
    m_channel->set_deadline(std::min(m_body_deadline, Clock::now() + k_pause));
    m_channel->read(m_body.data() + m_filled, m_body.size() - m_filled,
                    then([length](Connection& self, std::size_t bytes) {
                        self.m_filled += bytes;
                        if (self.m_filled == length) {
                            self.handle();
                        } else {
                            self.read_body();
                        }
                    }));
}

void Connection::handle() {
    m_phase = Phase::running;
    m_channel->set_deadline(Clock::time_point::max());
    m_head.request.body = m_body;
    m_head.request.memory = &m_share;
    if (m_route->access == Access::health) {
        answer(call_handler(*m_route, m_head.request));
        return;
    }
    auto job = [self = shared_from_this()]() mutable {
        auto response = call_handler(*self->m_route, self->m_head.request);
        Channel::Done done =
            self->then([response = std::move(response)](Connection& connection, std::size_t) {
                connection.answer(response);
            });
        const auto& post = self->m_reception.post;
        self.reset();  // the last owner of a connection must be on the event loop's thread
        post([done = std::move(done)] { done(true, 0); });
    };
    if (!m_reception.submit(m_route->access, std::move(job))) {
        answer(error_response(503, "unavailable", "Too many calls wait to be worked on"));
    }
}

void Connection::answer(const HttpResponse& response) {
    m_call.reset();
    m_share.release();
    m_head.request.body = {};
    m_body = {};
    // Who showed no key may take its answer as slowly as it likes to, so all of them together have
    // bounded memory.
    m_page = MemoryBudget::Share(m_reception.pages, "strangers");
    const bool fits =
        m_known || response.body.size() <= k_small_answer || m_page.grow(response.body.size());
    write(fits ? response
               : error_response(503, "unavailable", "Too many callers without a key are answered"),
          m_head.keep_alive);
}

void Connection::refuse(const HttpResponse& response) {
    m_call.reset();
    m_share.release();
    write(response, false);
}

void Connection::write(const HttpResponse& response, bool keep_alive) {
    const bool stays = keep_alive && !m_reception.draining;
    const bool all_read = m_phase == Phase::running;
    m_phase = Phase::writing;
    m_out = to_bytes(response, m_reception.server, stays, m_head.without_body);
    const seconds patience = m_reception.draining ? k_drain_patience
                             : m_known            ? patience_for(m_out.size())
                                                  : k_head_patience;
    m_channel->set_deadline(Clock::now() + patience);
    m_channel->write(m_out, then([stays, all_read](Connection& self, std::size_t) {
                         self.m_out = {};
                         self.m_page.release();
                         if (stays && !self.m_reception.draining) {
                             self.next_request();
                         } else if (all_read) {
                             self.end();
                         } else {
                             self.leave_slowly();
                         }
                     }));
}

void Connection::next_request() {
    m_looked = 0;
    m_head = {};
    m_channel->set_deadline(Clock::now() + (m_known ? k_idle : k_head_patience));
    read_head();
}

void Connection::leave_slowly() {
    if (m_phase != Phase::leaving) {
        m_phase = Phase::leaving;
        m_filled = 0;
        m_in.assign(k_head_bytes, '\0');
        m_channel->end_writing();
        m_channel->set_deadline(Clock::now() + k_leave_patience);
    }
    m_channel->read(m_in.data(), m_in.size(), then([](Connection& self, std::size_t bytes) {
                        self.m_filled += bytes;
                        if (!self.m_known && self.m_filled > k_leave_bytes) {
                            self.end();
                        } else {
                            self.leave_slowly();
                        }
                    }));
}

}  // namespace ardent::environment
