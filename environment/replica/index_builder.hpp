// SPDX-License-Identifier: PostgreSQL
// Builds the copy's indexes, and the constraints that are made of them, over the rows: several at a
// time, each with the search_path of the role that owns its table, so that the functions in it find
// what they find at the source.
#pragma once

#include "common/model/search_paths.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/replica/after_data.hpp"
#include "environment/replica/at_once.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

/// Which search_path the functions of a table run with: its owner's, with the owner's name for
/// "$user". Knows tables by their oids, so that it does not matter in which encoding they are
/// named.
class WriterPaths {
public:
    /// `connection` speaks UTF-8.
    WriterPaths(pq::Connection& connection, const std::vector<protocol::ObjectOwner>& owners,
                const model::SearchPaths& paths);

    /// The server's own catalog comes first, whatever the path says: names in a statement of
    /// pg_dump leave it out.
    std::string of(const std::string& oid) const;
    /// `table` as the connection's client_encoding has it; nullopt when it is not there.
    std::optional<std::string> of(pq::Connection& connection,
                                  const model::RelationName& table) const;

private:
    std::map<std::string, std::string> m_paths;  // oid -> search_path
    std::string m_usual;
};

class IndexBuilder {
public:
    struct Parts {
        const Connect& connect;  // ardent_apply
        const WriterPaths& paths;
        const std::vector<std::string>& settings;  // statements that every connection begins with
        const std::function<bool()>& go_on;
        unsigned jobs;
    };

    explicit IndexBuilder(Parts parts) : m_parts(parts) {}

    struct Failed {
        AfterDataStatement statement;
        base::Error error;
    };
    struct Outcome {
        std::vector<AfterDataStatement> without_table;  // it is not there yet
        std::vector<Failed> failed;
    };

    /// In no order. From 17 on a server builds indexes with a search_path of its own, and a
    /// function that needs another one is lent it for as long as its index is built. Throws
    /// base::Error (transient).
    Outcome build(std::vector<AfterDataStatement> statements) const;

private:
    void build_lent(const AfterDataStatement& statement) const;
    std::shared_ptr<pq::Connection> connect() const;

    Parts m_parts;
};

}  // namespace ardent::environment
