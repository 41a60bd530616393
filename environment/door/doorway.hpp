// SPDX-License-Identifier: PostgreSQL
// One branch at the door: its listener, whether its server runs, its clients. The loop's thread.
//
//   sleeping ──a client wants──▶ starting (the host was asked) ──started──▶ running
//      ▲ ▲                          │ failed: those who wait are told          │
//      │ └──────────────────────────┘                                          │
//      └── closed for suspend, sessions ended; a client whose opener is lost ◀─┘
#pragma once

#include "environment/door/client.hpp"
#include "environment/door/door.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace ardent::environment {

/// What all doorways of a door share. Outlives them.
struct DoorMeans {
    Loop& loop;
    DoorHost& host;
    const DoorLimits& limits;
    Crowd& crowd;
    RelayBuffer& buffer;
    Crowd::Id& last_id;
    std::function<void(Crowd::Id id)> end_client;  // of whatever doorway
};

class Doorway : public ClientHost, public std::enable_shared_from_this<Doorway> {
public:
    Doorway(const DoorMeans& means, std::string branch, Watch listener);

    void accept();
    void started(OpenerPlace place);
    void failed(const std::string& text, const std::string& sqlstate);
    bool try_close_for_suspend();
    void end_sessions();
    void close();
    DoorActivity activity() const;
    /// False: it is not one of here.
    bool end_client(Crowd::Id id);

    void wants(Client& client) override;
    void called(Client& client, bool connects) override;
    void lost(Client& client, const std::string& why) override;
    void cheated(const std::string& how) override;
    void dismissed(Client& client) override;
    void gone(Client& client) override;
    const std::string& branch() const override { return m_branch; }

private:
    using Clock = std::chrono::steady_clock;

    bool accept_one();
    void welcome(base::Fd socket);
    void pause(int error);
    void enter(DoorState state);
    void ask(StartReason reason);
    void queue(Client& client);
    void next();
    void take_back();
    void uncount(Crowd::Id id, void (Crowd::*how)(Crowd::Id id));
    std::vector<std::shared_ptr<Client>> clients() const;
    std::shared_ptr<Client> find(Crowd::Id id) const;

    const DoorMeans m_means;
    const std::string m_branch;
    Watch m_listener;
    Timer m_pause;
    DoorState m_state = DoorState::sleeping;
    std::chrono::system_clock::time_point m_since = std::chrono::system_clock::now();
    std::optional<std::chrono::system_clock::time_point> m_last_client;
    OpenerPlace m_place;
    Clock::time_point m_asked{};
    Clock::time_point m_quiet_since = Clock::now();
    Clock::time_point m_warned{};
    Traffic m_traffic;
    std::uint64_t m_cheats = 0;
    std::unordered_map<Crowd::Id, std::shared_ptr<Client>> m_clients;
    std::deque<Crowd::Id> m_queue;  // held, in the order they came
    std::set<Crowd::Id> m_calling;  // the opener
};

}  // namespace ardent::environment
