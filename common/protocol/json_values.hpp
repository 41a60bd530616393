// SPDX-License-Identifier: PostgreSQL
// The values that several messages carry, as JSON and back. `decode_…` throws base::Error (bug)
// that names the field that does not fit.
#pragma once

#include "common/protocol/messages.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <vector>

namespace ardent::protocol {

using json = nlohmann::json;
class Fields;  // json_fields.hpp

json encode(const SourceIdentity& value);
SourceIdentity decode_source(const Fields& in);

json encode(const Failure& value);
Failure decode_failure(const Fields& in);
json encode(const std::optional<Failure>& value);
/// The field "failure", which may be null.
std::optional<Failure> decode_maybe_failure(const Fields& in);

json encode(const std::vector<model::RelationName>& names);
std::vector<model::RelationName> decode_names(const std::vector<Fields>& list);

json encode(const std::vector<model::TableDefinition>& tables);
std::vector<model::TableDefinition> decode_tables(const std::vector<Fields>& list);

json encode(const std::vector<model::TypeDefinition>& types);
std::vector<model::TypeDefinition> decode_types(const std::vector<Fields>& list);

json encode(const std::vector<GeneratedColumn>& columns);
/// The field "generated"; empty where it is missing.
std::vector<GeneratedColumn> decode_generated_columns(const Fields& in);

json encode(const model::SearchPaths& value);
/// The field "search_paths"; what every server begins with where it is missing.
model::SearchPaths decode_search_paths(const Fields& in);

}  // namespace ardent::protocol
