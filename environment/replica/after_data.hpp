// SPDX-License-Identifier: PostgreSQL
// What pg_dump puts behind the rows, as the statements of a script that pg_restore wrote: cut apart
// and told apart, so that each can be run in its own way. Pure; any thread. Every server encoding
// leaves ASCII bytes ASCII.
#pragma once

#include "common/model/table_definition.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

enum class AfterDataKind {
    index,        // CREATE INDEX
    constraint,   // ADD CONSTRAINT … PRIMARY KEY, UNIQUE, EXCLUDE: makes an index, too
    check,        // ADD CONSTRAINT … CHECK, NOT NULL, of a table or a domain
    foreign_key,  // ADD CONSTRAINT … FOREIGN KEY
    setting,      // SET, and SELECT set_config: of the script's session
    other         // what follows an index or a constraint: CLUSTER ON, REPLICA IDENTITY, COMMENT
};

struct AfterDataStatement {
    AfterDataKind kind = AfterDataKind::other;
    std::string sql;  // without the semicolon
    model::RelationName
        table;         // of all kinds but `setting` and `other`; a domain's name for its check
    std::string name;  // of the index or the constraint
    std::size_t definition = 0;  // of a constraint: where it stands in `sql`, behind the name
    bool unchecked = false;      // NOT VALID or NOT ENFORCED: rows may break it
};

/// Without psql's own lines (\restrict).
std::vector<AfterDataStatement> read_after_data(std::string_view script);

}  // namespace ardent::environment
