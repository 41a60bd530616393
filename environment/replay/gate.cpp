// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/gate.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/decode/ddl_message.hpp"

namespace ardent::replay {

namespace {

// Transaction ids in one stream lie within 2^31 of each other.
std::uint64_t with_epoch(std::uint32_t xid, std::uint64_t near) noexcept {
    const auto ahead = static_cast<std::int32_t>(xid - static_cast<std::uint32_t>(near));
    return near + static_cast<std::uint64_t>(static_cast<std::int64_t>(ahead));
}

}  // namespace

Gate::Gate(Origin origin) : m_origin(std::move(origin)), m_near(m_origin.next_xid) {
    for (const auto& [id, hex] : m_origin.keys) {
        if (auto bytes = decode::key_bytes(hex)) {
            std::string prefix = decode::prefix_of(*bytes);
            m_keys.emplace(std::move(prefix), Key{id, *std::move(bytes)});
        }
    }
    m_origin.keys.clear();
}

void Gate::begin(std::uint32_t xid) noexcept {
    m_xid = with_epoch(xid, m_near);
    m_near = m_xid;
    m_ordinal = 0;
}

std::optional<std::string> Gate::misplaced(const model::DdlStatement& statement,
                                           const model::Change& message) const {
    if (statement.database != m_origin.database ||
        statement.database_oid != m_origin.database_oid) {
        return "it was written in database " + statement.database + " with the oid " +
               std::to_string(statement.database_oid);
    }
    if (statement.xid != m_xid || message.xid != static_cast<std::uint32_t>(m_xid)) {
        return "it belongs to transaction " + std::to_string(statement.xid) +
               " and stands in transaction " + std::to_string(m_xid);
    }
    if (statement.ordinal <= m_ordinal) {
        return "its ordinal " + std::to_string(statement.ordinal) +
               " came before in the same transaction";
    }
    return std::nullopt;
}

bool Gate::knows(std::string_view prefix) const {
    return m_keys.find(prefix) != m_keys.end();
}

Judgement Gate::judge(const model::Change& message) {
    if (!message.transactional) {
        return Refused{"it is not transactional"};
    }
    const auto envelope = ddl::parse_envelope(message.content);
    if (!envelope) {
        return Refused{"it has not the form of a DDL message"};
    }
    const auto key = m_keys.find(message.prefix);
    if (key == m_keys.end() || key->second.id != envelope->key_id) {
        return Refused{"its key " + std::string(envelope->key_id) +
                       " is not the one of its prefix"};
    }
    if (!decode::is_signed(*envelope, key->second.bytes)) {
        return Refused{"its code is wrong"};
    }
    const std::string version = std::to_string(ddl::k_version);
    if (envelope->version != version) {
        throw base::Error(base::ErrorKind::replica,
                          "the DDL message is of version " + std::string(envelope->version) +
                              ", this environment reads version " + version,
                          "Upgrade the environment, then run retry-setup.");
    }
    model::DdlStatement statement = decode::parse_ddl(envelope->body, m_origin.encoding);
    if (auto why = misplaced(statement, message)) {
        return Refused{*std::move(why)};
    }
    m_ordinal = statement.ordinal;
    return statement;
}

}  // namespace ardent::replay
