// SPDX-License-Identifier: PostgreSQL
#include "environment/door/doorway.hpp"

#include "common/process/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

namespace ardent::environment {

namespace {

// In a row; then other descriptors' turn.
constexpr int k_accepts = 16;
constexpr std::chrono::milliseconds k_pause{50};
constexpr std::chrono::minutes k_between_warnings{1};
// At a time. More would fill the queue of a server that has just begun to accept (twice
// max_connections), and a full queue costs a second, because the kernel drops the beginning of a
// connection and sends it again.
constexpr std::size_t k_calls = 32;

}  // namespace

Doorway::Doorway(const DoorMeans& means, std::string branch, Watch listener)
    : m_means(means),
      m_branch(std::move(branch)),
      m_listener(std::move(listener)),
      m_pause(means.loop) {}

void Doorway::accept() {
    m_listener.readable([self = shared_from_this()] {
        int accepted = 0;
        while (accepted < k_accepts && self->accept_one()) {
            ++accepted;
        }
        if (accepted == k_accepts) {
            self->accept();
        }
    });
}

// True when there may be more at once. Errors of the connection that ended in the queue are
// accept's, too (accept(2)).
bool Doorway::accept_one() {
    base::Fd socket(::accept4(m_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.valid()) {
        try {
            welcome(std::move(socket));
        } catch (const std::exception& error) {
            process::log_warning("a client of a branch is given up",
                                 {{"branch", m_branch}, {"error", error.what()}});
        }
        return true;
    }
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        pause(errno);
        return false;
    case EAGAIN:
        accept();
        return false;
    default:
        return true;
    }
}

// Trying again at once would take the processor too; those who wait stay in the listener's queue.
void Doorway::pause(int error) {
    if (const auto now = Clock::now(); now - m_warned >= k_between_warnings) {
        m_warned = now;
        process::log_warning("clients of a branch cannot be accepted",
                             {{"branch", m_branch}, {"error", std::strerror(error)}});
    }
    m_pause.set(k_pause, [self = shared_from_this()] { self->accept(); });
}

void Doorway::welcome(base::Fd socket) {
    const std::string address = peer_address(socket.get());
    if (address.empty()) {
        return;  // gone already
    }
    const Crowd::Id id = ++m_means.last_id;
    const auto client = std::make_shared<Client>(
        *this, RelayMeans{m_means.loop, m_means.buffer, m_traffic, m_means.limits.patience.leaving},
        m_means.limits.patience, id, Watch(m_means.loop, std::move(socket)));
    m_clients.emplace(id, client);
    const std::vector<Crowd::Id> go = m_means.crowd.arrive(id, m_branch, address);
    client->start();
    for (const Crowd::Id each : go) {
        m_means.end_client(each);
    }
}

void Doorway::wants(Client& client) {
    // A branch that has no session has nothing to cancel.
    if (client.kind() == StartKind::cancel && m_state != DoorState::running) {
        client.end();
        return;
    }
    if (const std::string refusal = m_means.crowd.hold(client.id()); !refusal.empty()) {
        client.refuse("53300", refusal);
        return;
    }
    m_last_client = std::chrono::system_clock::now();
    client.hold();
    queue(client);
}

void Doorway::queue(Client& client) {
    m_queue.push_back(client.id());
    const bool forgotten =
        m_state == DoorState::starting && Clock::now() - m_asked >= m_means.limits.patience.start;
    if (m_state == DoorState::sleeping || forgotten) {
        ask(StartReason::sleeping);
    } else {
        next();
    }
}

void Doorway::enter(DoorState state) {
    if (m_state != state) {
        m_state = state;
        m_since = std::chrono::system_clock::now();
    }
}

// Later: the host may answer at once, and whoever asks is in the middle of something.
void Doorway::ask(StartReason reason) {
    enter(DoorState::starting);
    m_asked = Clock::now();
    m_means.loop.post(
        [&host = m_means.host, branch = m_branch, reason] { host.request_start(branch, reason); });
}

void Doorway::next() {
    while (m_state == DoorState::running && !m_queue.empty() && m_calling.size() < k_calls) {
        const Crowd::Id id = m_queue.front();
        m_queue.pop_front();
        m_calling.insert(id);
        m_clients.at(id)->serve(m_place);
    }
}

void Doorway::started(OpenerPlace place) {
    take_back();
    m_place = std::move(place);
    enter(DoorState::running);
    m_quiet_since = Clock::now();
    next();
}

void Doorway::failed(const std::string& text, const std::string& sqlstate) {
    enter(DoorState::sleeping);
    for (const Crowd::Id id : std::exchange(m_queue, {})) {
        if (const auto client = find(id)) {
            client->refuse(sqlstate, text);
        }
    }
}

// Calls of an opener that is no more: its clients came first.
void Doorway::take_back() {
    const std::set<Crowd::Id> calling = std::exchange(m_calling, {});
    m_queue.insert(m_queue.begin(), calling.begin(), calling.end());
    for (const Crowd::Id id : calling) {
        const auto client = find(id);
        client->stop_serving();
        client->hold();
    }
}

bool Doorway::try_close_for_suspend() {
    const Crowd::Count count = m_means.crowd.of_branch(m_branch);
    if (count.held + count.connected > 0 || m_state == DoorState::starting) {
        return false;
    }
    enter(DoorState::sleeping);
    return true;
}

void Doorway::end_sessions() {
    enter(DoorState::sleeping);
    for (const auto& client : clients()) {
        if (client->connected()) {
            client->end();
        }
    }
    take_back();
    if (!m_queue.empty()) {
        ask(StartReason::sleeping);
    }
}

void Doorway::close() {
    m_listener.close();
    m_pause.cancel();
    for (const auto& client : clients()) {
        client->end();
    }
}

void Doorway::called(Client& client, bool connects) {
    m_calling.erase(client.id());
    if (connects) {
        m_means.crowd.connect(client.id());
    }
    next();
}

// Once for each client the host is asked to look after a branch that it said was started.
void Doorway::lost(Client& client, const std::string& why) {
    if (client.losses() > 1) {
        client.refuse("57P03", "branch \"" + m_branch + "\" gave no connection to its server");
        return;
    }
    client.hold();
    m_queue.push_back(client.id());
    if (m_state != DoorState::starting) {
        process::log_warning("the opener of a branch is lost",
                             {{"branch", m_branch}, {"reason", why}});
        ask(StartReason::opener_lost);
    }
}

void Doorway::cheated(const std::string& how) {
    ++m_cheats;
    if (const auto now = Clock::now(); now - m_warned >= k_between_warnings) {
        m_warned = now;
        process::log_warning("the opener of a branch passes what it should not",
                             {{"branch", m_branch}, {"passed", how}});
    }
}

// Silent clients are no activity.
void Doorway::uncount(Crowd::Id id, void (Crowd::*how)(Crowd::Id id)) {
    const Crowd::Count before = m_means.crowd.of_branch(m_branch);
    (m_means.crowd.*how)(id);
    const Crowd::Count after = m_means.crowd.of_branch(m_branch);
    if (before.held + before.connected > after.held + after.connected) {
        m_quiet_since = Clock::now();
        m_last_client = std::chrono::system_clock::now();
    }
    m_calling.erase(id);
    std::erase(m_queue, id);
    next();
}

void Doorway::dismissed(Client& client) {
    uncount(client.id(), &Crowd::dismiss);
}

void Doorway::gone(Client& client) {
    const Crowd::Id id = client.id();
    // Before the next one's turn, and while whoever calls holds it.
    m_clients.erase(id);
    uncount(id, &Crowd::leave);
}

DoorActivity Doorway::activity() const {
    const Crowd::Count count = m_means.crowd.of_branch(m_branch);
    DoorActivity activity;
    activity.state = m_state;
    activity.since = m_since;
    activity.last_client = m_last_client;
    activity.silent = count.silent;
    activity.held = count.held;
    activity.connected = count.connected;
    if (count.held + count.connected > 0) {
        activity.last_client = std::chrono::system_clock::now();
    } else {
        activity.idle =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - m_quiet_since);
    }
    activity.bytes_from_clients = m_traffic.from_clients;
    activity.bytes_to_clients = m_traffic.to_clients;
    activity.wrong_descriptors = m_cheats;
    return activity;
}

bool Doorway::end_client(Crowd::Id id) {
    const auto client = find(id);
    if (client) {
        client->end();
    }
    return client != nullptr;
}

std::vector<std::shared_ptr<Client>> Doorway::clients() const {
    std::vector<std::shared_ptr<Client>> all;
    all.reserve(m_clients.size());
    for (const auto& [id, client] : m_clients) {
        all.push_back(client);
    }
    return all;
}

std::shared_ptr<Client> Doorway::find(Crowd::Id id) const {
    const auto found = m_clients.find(id);
    return found == m_clients.end() ? nullptr : found->second;
}

}  // namespace ardent::environment
