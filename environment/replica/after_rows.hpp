// SPDX-License-Identifier: PostgreSQL
// What is made in a replica once the copy's rows are there, from the source's archive: indexes,
// constraints, triggers, rules, policies, comments. Rows were valid at the source, so nothing here
// looks at whether they are.
#pragma once

#include "environment/instance/superuser.hpp"
#include "environment/replica/archive.hpp"
#include "environment/replica/index_builder.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::environment {

struct AfterRows {
    const Archive& archive;  // open
    Superuser& admin;        // sees no text of the source
    const Connect& connect;  // ardent_apply
    const WriterPaths& paths;
    const std::function<bool()>& go_on;
    unsigned jobs;
};

/// What could not be made and is not needed to carry rows becomes a warning. Throws base::Error
/// (replica) with what to do.
void restore_after_rows(const AfterRows& with, std::vector<std::string>& warnings);

}  // namespace ardent::environment
