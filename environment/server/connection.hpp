// SPDX-License-Identifier: PostgreSQL
// One connection's life: TLS handshake, then request after request: head, authorization, body,
// handler, answer. Everything but the handler happens on the event loop's thread; nothing there
// waits.
//
// Deadlines. Until a call is authorized: handshake and head together k_head_patience, however their
// bytes come. A body is read for authorized calls only; it may pause for k_pause and must come at
// k_slowest at least. An answer must be taken likewise. What has no deadline is the handler.
#pragma once

#include "environment/server/channel.hpp"
#include "environment/server/guests.hpp"
#include "environment/server/http.hpp"
#include "environment/server/http_server.hpp"
#include "environment/server/memory.hpp"
#include "environment/server/message.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ardent::environment {

inline constexpr std::chrono::seconds k_head_patience{10};
inline constexpr std::chrono::seconds k_idle{
    30};  // between the requests of a caller who showed a key
inline constexpr std::chrono::seconds k_pause{30};
inline constexpr std::uint64_t k_slowest = 8192;  // bytes a second, after the first k_pause

/// What all connections of a server share. Outlives them.
struct Reception {
    const Router& router;
    const Authorizer& authorizer;
    Guests& guests;
    MemoryBudget& memory;  // of calls
    MemoryBudget& pages;   // of answers to strangers
    std::string server;    // the header
    std::function<Owner(const Route& route, const HttpRequest& request)> owner_of;
    /// To the threads of this kind of caller; false when too many wait there.
    std::function<bool(Access access, std::function<void()> job)> submit;
    /// From any thread: runs it on the event loop's.
    std::function<void(std::function<void()> act)> post;
    std::function<void(Guests::Id id)> gone;
    bool draining = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Reception& reception, Guests::Id id, std::shared_ptr<Channel> channel);

    void start();
    /// Closes it, whatever goes on; the answer of a running handler is thrown away.
    void end();
    /// Ends it now, or after the answer of the call that is in progress.
    void drain();
    /// Ends it when it waits for nobody but a reader of its answer.
    void end_slow_reader();

private:
    enum class Phase { head, body, running, writing, leaving };

    template <class Then>
    Channel::Done then(Then act);
    void read_head();
    void take_head(std::size_t size);
    std::optional<HttpResponse> admit();
    void check_body() const;
    void begin_body();
    void read_body();
    void handle();
    void answer(const HttpResponse& response);
    void refuse(const HttpResponse& response);
    void write(const HttpResponse& response, bool keep_alive);
    void next_request();
    void leave_slowly();

    Reception& m_reception;
    const Guests::Id m_id;
    std::shared_ptr<Channel> m_channel;
    Phase m_phase = Phase::head;
    bool m_ended = false;
    bool m_known = false;  // a call was authorized

    std::string m_in;          // came and is not looked at
    std::size_t m_looked = 0;  // of it, without finding the head's end
    RequestHead m_head;
    const Route* m_route = nullptr;
    std::optional<Guests::Call> m_call;
    MemoryBudget::Share m_share;
    std::string m_body;
    std::size_t m_filled = 0;
    Channel::Clock::time_point m_body_deadline;
    std::string m_out;
    MemoryBudget::Share m_page;
};

}  // namespace ardent::environment
