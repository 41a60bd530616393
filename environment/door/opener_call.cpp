// SPDX-License-Identifier: PostgreSQL
#include "environment/door/opener_call.hpp"

#include "common/base/error.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

namespace ardent::environment {

namespace {

// Nothing tells when an opener's queue has room again.
constexpr std::chrono::milliseconds k_queue_is_full{20};
constexpr char k_request = 'c';

OpenerAnswer lost(std::string text) {
    return {OpenerAnswer::Kind::lost, {}, std::move(text)};
}

}  // namespace

OpenerCall::OpenerCall(Loop& loop, OpenerPlace place, std::chrono::milliseconds patience)
    : m_loop(loop),
      m_place(std::move(place)),
      m_patience(patience),
      m_deadline(loop),
      m_again(loop) {}

void OpenerCall::start(Done done) {
    m_done = std::move(done);
    m_deadline.set(m_patience, [self = shared_from_this()] {
        self->end(lost("the opener did not answer within " +
                       std::to_string(self->m_patience.count()) + " ms"));
    });
    // Later, so that whoever asks is never answered within its own call.
    m_again.set(std::chrono::milliseconds(0), [self = shared_from_this()] { self->connect(); });
}

void OpenerCall::cancel() noexcept {
    m_done = nullptr;
    m_deadline.cancel();
    m_again.cancel();
    m_connection.close();
}

void OpenerCall::connect() {
    try {
        base::Fd connection = connect_to_opener(m_place.socket);
        if (connection.valid()) {
            m_connection = Watch(m_loop, std::move(connection));
            ask();
        } else {
            m_again.set(k_queue_is_full, [self = shared_from_this()] { self->connect(); });
        }
    } catch (const std::exception& error) {
        end(lost(error.what()));
    }
}

void OpenerCall::ask() {
    // A connection that was just made has room for a byte.
    if (::send(m_connection.get(), &k_request, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
        wait();
    } else {
        end(lost(std::string("the opener cannot be asked: ") + std::strerror(errno)));
    }
}

void OpenerCall::wait() {
    m_connection.readable([self = shared_from_this()] { self->take(); });
}

void OpenerCall::take() {
    OpenerAnswer answer = take_opener_answer(m_connection.get(), m_place.port);
    if (answer.kind == OpenerAnswer::Kind::not_yet) {
        wait();
    } else {
        end(std::move(answer));
    }
}

void OpenerCall::end(OpenerAnswer answer) {
    const Done done = std::exchange(m_done, nullptr);
    cancel();
    if (done) {
        done(std::move(answer));
    }
}

}  // namespace ardent::environment
