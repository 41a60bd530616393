// SPDX-License-Identifier: PostgreSQL
// Parts of a record as JSON text and back: for the store and for the API. Throws base::Error (bug)
// on text that is none of ours. Pure.
#pragma once

#include "environment/state/records.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

std::string texts_to_json(const std::vector<std::string>& texts);
std::vector<std::string> parse_texts(std::string_view text);

std::string relations_to_json(const std::vector<model::RelationName>& relations);
std::vector<model::RelationName> parse_relations(std::string_view text);

std::string text_map_to_json(const std::map<std::string, std::string>& texts);
std::map<std::string, std::string> parse_text_map(std::string_view text);

std::string triggers_to_json(const std::vector<DisabledTrigger>& triggers);
std::vector<DisabledTrigger> parse_triggers(std::string_view text);

/// What has no column of its own. `body_into` leaves the others as they are.
std::string body_to_json(const BranchRecord& record);
void body_into(BranchRecord& record, std::string_view text);

}  // namespace ardent::environment
