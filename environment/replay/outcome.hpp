// SPDX-License-Identifier: PostgreSQL
// What became of a statement. A value.
#pragma once

#include "environment/replay/rewrites.hpp"

#include <string>
#include <vector>

namespace ardent::replay {

struct Outcome {
    bool ran = false;
    std::string note;  // why it did not, or what was done another way
    std::vector<CopyWanted> again{};
};

}  // namespace ardent::replay
