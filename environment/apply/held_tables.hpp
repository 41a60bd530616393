// SPDX-License-Identifier: PostgreSQL
// The tables that wait for a copy, as the thread that applies sees them: their changes are held
// instead of written, and what DDL does to them is noted, all in the open target transaction. Owned
// by the Applier; its thread only.
#pragma once

#include "common/model/ddl.hpp"
#include "environment/apply/copy_records.hpp"
#include "environment/apply/incoming_copies.hpp"
#include "environment/apply/replica_session.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

class HeldTables {
public:
    HeldTables(ReplicaSession& session, IncomingCopies& incoming, replay::Scope scope,
               std::string encoding)
        : m_session(session),
          m_incoming(incoming),
          m_scope(std::move(scope)),
          m_encoding(std::move(encoding)) {}

    /// Reads them anew and tells the agent's side: at the start.
    void start();

    bool any() const noexcept { return !m_records.empty(); }
    const CopyRecord* find(std::string_view schema, std::string_view name) const noexcept;
    const CopyRecord* find(std::uint32_t relation) const noexcept;
    std::vector<model::RelationName> names() const;

    /// Keeps a change until `write`.
    void hold(const CopyRecord& record, std::uint64_t xid, model::Lsn lsn,
              std::string_view message);
    std::size_t bytes() const noexcept { return m_bytes; }
    /// Sends what is kept into the open target transaction; answers may still be on their way.
    void write();

    /// After a statement ran, in its transaction: what it made wanted, and which copies have to
    /// show it.
    void after_ddl(const model::DdlStatement& statement,
                   const std::vector<replay::CopyWanted>& wanted, model::Lsn commit_end);
    /// The target transaction is committed: the agent's side is told.
    void committed();

    /// Why the copy cannot be put into its table; empty when it can. Between transactions.
    std::string misfit(const ReadyCopy& copy);
    /// Its rows are in the table, in the open target transaction.
    void taken(std::uint32_t relation);

private:
    struct Kept {
        std::uint32_t relation;
        std::uint64_t xid;
        model::Lsn lsn;
        std::string message;
    };

    void read();
    void read_definitions();
    bool touches(const model::DdlStatement& statement, const CopyRecord& record) const;

    ReplicaSession& m_session;
    IncomingCopies& m_incoming;
    const replay::Scope m_scope;
    const std::string m_encoding;
    std::vector<CopyRecord> m_records;
    std::vector<CopyRecord> m_shown;  // the same, with names in UTF-8
    std::map<std::uint32_t, model::Definitions> m_definitions;
    std::vector<Kept> m_kept;
    std::size_t m_bytes = 0;
    bool m_news = false;       // not told yet
    bool m_held_more = false;  // since it was told
};

/// While it lives the connection speaks UTF-8, as names in messages do; `end` goes back to the
/// encoding of the rows.
class InUtf8 {
public:
    InUtf8(pq::Connection& connection, const std::string& encoding);
    void end();

private:
    pq::Connection& m_connection;
    const std::string& m_encoding;
};

}  // namespace ardent::apply
