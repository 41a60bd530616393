// SPDX-License-Identifier: PostgreSQL
// One client of a branch, from its first bytes to its end: silent, held until the branch runs,
// calling the opener, joined with the server, or told why not. Nothing of what it sends is looked
// at but the kind of its start packet; that packet's bytes are kept and go to the server first. The
// loop's thread.
#pragma once

#include "environment/door/crowd.hpp"
#include "environment/door/loop.hpp"
#include "environment/door/opener_call.hpp"
#include "environment/door/relay.hpp"
#include "environment/door/start_packet.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ardent::environment {

/// The deadlines of a client.
struct DoorPatience {
    std::chrono::milliseconds first_bytes{10000};
    std::chrono::milliseconds start{60000};    // held, until it is connected
    std::chrono::milliseconds opener{10000};   // one request to the opener
    std::chrono::milliseconds leaving{30000};  // a silent client whose server has ended
};

class Client;

/// What a client asks of its branch's doorway, which outlives it until `end`.
class ClientHost {
public:
    virtual ~ClientHost() = default;

    /// It said what it wants: `hold`, `refuse` or `end` it.
    virtual void wants(Client& client) = 0;
    /// Its call of the opener is over. `connects`: with a connection.
    virtual void called(Client& client, bool connects) = 0;
    /// The branch's opener gave no connection: `hold` it again or `refuse` it.
    virtual void lost(Client& client, const std::string& why) = 0;
    /// The opener passed something else.
    virtual void cheated(const std::string& how) = 0;
    /// It is told why it is not served, and counts no more.
    virtual void dismissed(Client& client) = 0;
    virtual void gone(Client& client) = 0;
    /// For log and errors.
    virtual const std::string& branch() const = 0;
};

class Client : public std::enable_shared_from_this<Client> {
public:
    Client(ClientHost& host, const RelayMeans& means, const DoorPatience& patience, Crowd::Id id,
           Watch socket);

    void start();
    /// Waits for `serve`, at most `DoorPatience::start` from the first time on.
    void hold();
    /// Calls the opener; the answer decides.
    void serve(const OpenerPlace& place);
    /// Gives up the call of the opener that is under way, for the branch that it belongs to is no
    /// more.
    void stop_serving() noexcept;
    /// Tells it, when its start was one that an answer to is shown, and ends it.
    void refuse(std::string_view sqlstate, const std::string& text);
    /// Closes what there is. Idempotent.
    void end();

    Crowd::Id id() const noexcept { return m_id; }
    StartKind kind() const noexcept { return m_kind; }
    bool connected() const noexcept { return m_relay != nullptr; }
    bool calls() const noexcept { return m_call != nullptr; }
    /// How often an opener has failed it.
    int losses() const noexcept { return m_losses; }

private:
    enum class Phase { silent, held, calling, connected, leaving };

    void guard(const Loop::Act& act);
    Loop::Act guarded(void (Client::*act)());
    void watch();
    void look();
    bool read();
    void take(OpenerAnswer answer);
    void connect(base::Fd server);
    void drain();
    void late();

    ClientHost& m_host;
    const RelayMeans m_means;
    const DoorPatience& m_patience;
    const Crowd::Id m_id;
    Watch m_socket;
    Timer m_deadline;
    Phase m_phase = Phase::silent;
    StartKind m_kind = StartKind::incomplete;
    bool m_watches = false;
    bool m_ended = false;
    int m_losses = 0;
    std::string m_start;
    std::shared_ptr<OpenerCall> m_call;
    std::shared_ptr<Relay> m_relay;
};

}  // namespace ardent::environment
