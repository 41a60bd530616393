// SPDX-License-Identifier: PostgreSQL
// Which messages of the stream are DDL of the source's own (docs/ddl.md, acceptance rules 1 to 5; invariant 13). Anybody
// may write a message with our prefix; what is not signed for this place of this transaction is never read further.
// Pure but for what it remembers of the stream; one thread.
#pragma once

#include "common/model/change.hpp"
#include "common/model/ddl.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ardent::replay {

/// What hello said about the source, and all keys that were ever handed over.
struct Origin {
    std::string database;
    std::uint32_t database_oid = 0;
    std::string encoding = "UTF8";
    std::uint64_t next_xid = 0;               // with its epoch, when hello was said
    model::Lsn keys_as_of;                    // no key was made before it that is not here
    std::map<std::string, std::string> keys;  // id to 64 hex digits
};

struct Refused {
    std::string why;
};
struct UnknownKey {
    std::string id;
};
using Judgement = std::variant<model::DdlStatement, Refused, UnknownKey>;

class Gate {
public:
    explicit Gate(Origin origin);

    /// At each begin: its xid tells the epoch, its commit end which keys there were.
    void begin(std::uint32_t xid, model::Lsn commit_end) noexcept;
    /// Of the open transaction, with its epoch.
    std::uint64_t xid() const noexcept { return m_xid; }

    /// A message with our prefix. UnknownKey: the key may have been made since hello, ask again; never said of a
    /// transaction that ended before the keys were read. Throws base::Error (replica) when a signed message is of
    /// another version or cannot be read.
    Judgement judge(const model::Change& message);

private:
    std::optional<std::string> misplaced(const model::DdlStatement& statement,
                                         const model::Change& message) const;

    Origin m_origin;
    std::map<std::string, std::string, std::less<>> m_keys;  // id to bytes
    std::uint64_t m_near;                                    // an xid of about now
    std::uint64_t m_xid = 0;                                 // of the open transaction
    model::Lsn m_commit_end;
    std::uint64_t m_ordinal = 0;
};

}  // namespace ardent::replay
