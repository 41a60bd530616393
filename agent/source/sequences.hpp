// SPDX-License-Identifier: PostgreSQL
// What the sequences of the source stand at. No output plugin tells it: nextval and setval are no
// rows, and of 32 calls of nextval only one writes WAL, so that neither the stream nor a WAL
// position that moved says that a value changed.
#pragma once

#include "common/model/lsn.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::agent {

struct SequenceLook {
    std::vector<protocol::SequenceValue> values;
    std::vector<model::RelationName>
        busy;  // locked by somebody, or changed under the look: next time
    std::vector<model::RelationName> unreadable;
    model::Lsn lsn;  // flushed after all was read
};

/// The sequences of the schemas without those of extensions, temporary ones, those in `excluded`
/// and those of a table in it. Waits for nobody: what is locked is `busy`. Holds locks that stop no
/// nextval, on at most 100 sequences at a time and for as long as it takes to read them. `go_on` is
/// asked between. Sets the session's lock_timeout. Throws as Connection::exec, and base::Error
/// (transient) when `go_on` says no.
SequenceLook read_sequences(pq::Connection& connection, const std::vector<std::string>& schemas,
                            const std::vector<model::RelationName>& excluded,
                            const std::function<bool()>& go_on);

/// A position that the stream comes to, and that has everything committed by `flushed`, but for
/// what was committed with synchronous_commit off a moment ago. Pure.
model::Lsn reachable(model::Lsn flushed) noexcept;

}  // namespace ardent::agent
