// SPDX-License-Identifier: PostgreSQL
#include "common/model/ddl.hpp"

#include <algorithm>

namespace ardent::model {

const DdlTable* table_of(const DdlStatement& statement, const RelationName& name) {
    const auto found = std::find_if(statement.tables.begin(), statement.tables.end(),
                                    [&](const DdlTable& one) { return one.relation == name; });
    return found == statement.tables.end() ? nullptr : &*found;
}

const DdlRewrite* rewrite_of(const DdlStatement& statement, const RelationName& name) {
    const auto found =
        std::find_if(statement.rewritten.begin(), statement.rewritten.end(),
                     [&](const DdlRewrite& one) { return parse_relation(one.identity) == name; });
    return found == statement.rewritten.end() ? nullptr : &*found;
}

bool has_reason(const DdlRewrite& rewrite, std::string_view reason) {
    return std::find(rewrite.reasons.begin(), rewrite.reasons.end(), reason) !=
           rewrite.reasons.end();
}

}  // namespace ardent::model
