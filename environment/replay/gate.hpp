// SPDX-License-Identifier: PostgreSQL
// Which messages of the stream are DDL of the source's own (docs/ddl.md, acceptance rules 1 to 5;
// invariant 13). Whoever knows a prefix may write messages with it; what is not signed for this
// place of this transaction is never read further, and costs a counter. A prefix belongs to one
// key, so a message with another key id, or an unknown one, is forged: nobody is asked for keys
// because of a message. Pure but for what it remembers of the stream; one thread.
#pragma once

#include "common/model/change.hpp"
#include "common/model/ddl.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ardent::replay {

/// What hello said about the source, and all keys that were ever handed over.
struct Origin {
    std::string database;
    std::uint32_t database_oid = 0;
    std::string encoding = "UTF8";
    std::uint64_t next_xid = 0;               // with its epoch, when hello was said
    std::map<std::string, std::string> keys;  // id to 64 hex digits
};

struct Refused {
    std::string why;
};
using Judgement = std::variant<model::DdlStatement, Refused>;

class Gate {
public:
    explicit Gate(Origin origin);

    /// At each begin: its xid tells the epoch.
    void begin(std::uint32_t xid) noexcept;
    /// Of the open transaction, with its epoch.
    std::uint64_t xid() const noexcept { return m_xid; }

    /// Whether DDL is told at all.
    bool has_keys() const noexcept { return !m_keys.empty(); }
    /// Is this the prefix of a key's messages?
    bool knows(std::string_view prefix) const;
    /// A message with such a prefix. Throws base::Error (replica) when a signed message is of
    /// another version or cannot be read.
    Judgement judge(const model::Change& message);

private:
    std::optional<std::string> misplaced(const model::DdlStatement& statement,
                                         const model::Change& message) const;

    Origin m_origin;
    struct Key {
        std::string id;
        std::string bytes;
    };
    std::map<std::string, Key, std::less<>> m_keys;  // by the prefix of their messages
    std::uint64_t m_near;                            // an xid of about now
    std::uint64_t m_xid = 0;                         // of the open transaction
    std::uint64_t m_ordinal = 0;
};

}  // namespace ardent::replay
