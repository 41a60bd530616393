// SPDX-License-Identifier: PostgreSQL
// What the threads of a session tell the main thread: the durable position, and why the session
// cannot go on. Any thread writes; the main thread reads, woken through a descriptor.
#pragma once

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/protocol/messages.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ardent::agent {

class Link {
public:
    struct State {
        model::Lsn durable;
        bool session_lost = false;                 // say hello again
        std::optional<protocol::Failure> failure;  // the connector stopped
        std::optional<base::Error> error;          // config, source or bug: the program ends
        std::optional<std::string> give_up_slot;  // limits.max_retained_wal: the remark to end with
        model::Lsn wanted;         // a report waits at the environment for this position
        bool source_away = false;  // no ordinary connection to the source any more
        std::string trouble;       // what the network says just now; empty: nothing
        std::vector<protocol::CopyAgain> copy_again;  // as the last answer said
    };

    /// Throws base::Error (bug) when the system has no descriptor left.
    explicit Link(model::Lsn durable);

    /// A durable position beyond what was sent is none: it is not taken over, and stops the
    /// session.
    void progress(const protocol::Progress& progress);
    /// Before anything is sent that could make this position durable.
    void sends(model::Lsn position);
    void lose_session();
    /// The environment refused to go on, as state `failed` does.
    void stop_connector(const protocol::Failure& failure);
    void fail(const base::Error& error);
    void give_up_slot(const std::string& remark);
    void source_away(bool away);
    void trouble(const std::string& text);
    /// The durable position should come to this soon, though no transaction may carry it there.
    void want(model::Lsn position);
    /// Something else changed that the main thread looks at.
    void wake() noexcept;

    State state() const;
    model::Lsn durable() const;
    /// There is an error, or the slot is to be given up.
    bool stopping() const;

    /// Readable after a change; `calm` empties it.
    int fd() const noexcept { return m_event.get(); }
    void calm() noexcept;

private:
    void refuse_position(model::Lsn position);

    mutable std::mutex m_mutex;
    State m_state;
    model::Lsn m_sent;  // nothing beyond can be durable
    base::Fd m_event;
};

}  // namespace ardent::agent
