// SPDX-License-Identifier: PostgreSQL
// The front door of branches: a TCP port each, behind which the branch's contained server is
// reached, asleep or awake. A client of a branch that sleeps is held while its host starts it.
// Bytes are passed on as they come: TLS ends in the server, so channel_binding=require,
// sslmode=verify-full and sslnegotiation=direct work, and so do cancel requests.
//
// A client is first silent; it counts as held once it said what it wants (eight bytes), so that
// whoever only connects wakes no branch; it is connected once it has the server's socket, which the
// opener of the branch passes and which is checked. When the branch does not start, who began with
// a StartupMessage gets FATAL 57P03 with the host's text, others are closed to (client.cpp says
// why). A cancel request wakes nobody.
//
// One event loop on a thread of its own. Every function may be called from any thread, but none
// during or after `stop`, and waits only for the loop's turn. Owned by the assembly in serve.
#pragma once

#include "environment/door/client.hpp"
#include "environment/door/crowd.hpp"
#include "environment/door/listen.hpp"
#include "environment/door/opener_call.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ardent::environment {

inline constexpr const char* k_cannot_connect_now = "57P03";

enum class StartReason {
    sleeping,    // a client came
    opener_lost  // of a branch that was started: no answer, or that the server takes no connection
};

/// Implemented by whoever owns the branches; outlives the door. Called on the loop's thread,
/// holding no lock: it must not wait, and may call the door.
class DoorHost {
public:
    virtual ~DoorHost() = default;
    /// Clients wait for the branch. `Door::started` or `Door::failed` is to follow, also when it
    /// runs already, is being suspended (start it when that is done) or reset. Asked again when
    /// neither came within DoorPatience::start.
    virtual void request_start(const std::string& branch, StartReason reason) = 0;
};

struct DoorLimits {
    Crowd::Limits clients;  // `all` is lowered to what the process may have of files
    DoorPatience patience;
};

enum class DoorState { sleeping, starting, running };

struct DoorActivity {
    DoorState state = DoorState::sleeping;
    std::size_t silent = 0;
    std::size_t held = 0;
    std::size_t connected = 0;
    /// Since the last one left or the branch was started; nothing while somebody is held or
    /// connected.
    std::optional<std::chrono::milliseconds> idle;
    std::chrono::system_clock::time_point since;  // in this state
    /// When the last one was held or connected; nothing while none was. Silent ones are no
    /// activity, nor is what the environment itself does with the server.
    std::optional<std::chrono::system_clock::time_point> last_client;
    std::uint64_t bytes_from_clients = 0;  // since open
    std::uint64_t bytes_to_clients = 0;
    std::uint64_t wrong_descriptors =
        0;  // what the opener passed and was refused: somebody in the room is hostile
};

class Door {
public:
    Door(DoorHost& host, const DoorLimits& limits);
    ~Door();
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

    /// Listens for a branch, asleep. Returns the port (the given one, unless that is 0). Throws
    /// base::Error (config): the port is taken, the address is not this host's; (bug): the branch
    /// is open already.
    std::uint16_t open(const std::string& branch, const DoorAddress& address);
    /// Its server accepts connections, and its opener listens at that path. Those who wait are
    /// served.
    void started(const std::string& branch, const OpenerPlace& opener);
    /// Those who wait are told the text, which strangers may read; the next one that comes asks for
    /// a start again.
    void failed(const std::string& branch, const std::string& text,
                const std::string& sqlstate = k_cannot_connect_now);
    /// True, atomically, when nobody is held or connected and no start was asked for: from then on
    /// whoever comes is held, and the host asked to start it. False too when the branch is not
    /// open.
    bool try_close_for_suspend(const std::string& branch);
    /// Ends who is connected; whoever waits or comes is held, and the host asked to start it (for
    /// reset).
    void end_sessions(const std::string& branch);
    /// Ends everything of the branch and frees its port. A branch that is not open: nothing.
    void close(const std::string& branch);
    /// Nothing when the branch is not open.
    std::optional<DoorActivity> activity(const std::string& branch) const;
    /// Closes all branches and ends the loop. Idempotent.
    void stop();

private:
    struct Inside;
    std::unique_ptr<Inside> m_inside;
};

}  // namespace ardent::environment
