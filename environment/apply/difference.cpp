// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/difference.hpp"

#include <map>
#include <string>

namespace ardent::apply {

namespace {

// Equal tables are made of types of equal names; one that is on one side only is inside another
// that differs.
std::string type_difference(const model::Definitions& source, const model::Definitions& replica) {
    std::map<model::RelationName, const model::TypeDefinition*> known;
    for (const model::TypeDefinition& type : replica.types) {
        known[type.name] = &type;
    }
    for (const model::TypeDefinition& type : source.types) {
        const auto found = known.find(type.name);
        std::string text =
            found == known.end() ? "" : model::describe_difference(type, *found->second);
        if (!text.empty()) {
            return text;
        }
    }
    return {};
}

}  // namespace

std::optional<protocol::Failure> difference(const model::Definitions& source,
                                            const model::Definitions& replica) {
    constexpr const char* k_hint =
        "Without DDL capture nothing carries a change of the schema (docs/ddl.md). Make the same "
        "change "
        "at the other end, then retry; or make a new copy.";
    std::map<model::RelationName, const model::TableDefinition*> left;
    for (const model::TableDefinition& table : replica.tables) {
        left[table.relation] = &table;
    }
    for (const model::TableDefinition& table : source.tables) {
        const auto found = left.find(table.relation);
        const std::string name = model::to_string(table.relation);
        if (found == left.end()) {
            return protocol::Failure{"table " + name + " of the source is missing in the replica",
                                     k_hint, std::nullopt, name};
        }
        const std::string text = model::describe_difference(table, *found->second);
        if (!text.empty()) {
            return protocol::Failure{text, k_hint, std::nullopt, name};
        }
        left.erase(found);
    }
    if (!left.empty()) {
        const std::string name = model::to_string(left.begin()->first);
        return protocol::Failure{"table " + name + " of the replica is gone at the source", k_hint,
                                 std::nullopt, name};
    }
    const std::string text = type_difference(source, replica);
    if (!text.empty()) {
        return protocol::Failure{text, k_hint, std::nullopt, {}};
    }
    return std::nullopt;
}

}  // namespace ardent::apply
