// SPDX-License-Identifier: PostgreSQL
// What is to be done with a statement of the source: most run as they stand; some are left out,
// made another way, or stop the connector (docs/ddl.md, "Replay"). Pure; any thread.
#pragma once

#include "common/model/ddl.hpp"

#include <string>
#include <vector>

namespace ardent::replay {

/// What the connector carries.
struct Scope {
    std::vector<std::string> schemas;
    std::vector<model::RelationName> excluded;
};

enum class What {
    run,             // `text`
    leave_out,       // `why`
    stop,            // `why`, `hint`
    relations,       // make the relations of `tables` empty: their rows follow in the stream
    derive,          // from `tables`, `objects` and `dropped`: the text is not known
    extension,       // create, update or drop by name
    server,          // create a foreign server that calls nobody
    foreign_tables,  // those of `tables`
    rename_schema,   // `from` to `to`: one of the two is carried
};

struct Plan {
    What what = What::run;
    std::string text;
    std::string why;
    std::string hint;
    bool as_apply = false;  // not under the statement's role
    bool may_miss = false;  // left out when a relation that it names is not here
    std::string from{};
    std::string to{};
};

Plan make_plan(const model::DdlStatement& statement, const Scope& scope);

/// A DROP … IF EXISTS … CASCADE for each object that the message says was dropped by itself and
/// that is carried.
std::vector<std::string> drop_texts(const model::DdlStatement& statement, const Scope& scope);

/// Is this relation one that the connector carries?
bool carries(const Scope& scope, const model::RelationName& relation);

}  // namespace ardent::replay
