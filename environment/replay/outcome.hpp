// SPDX-License-Identifier: PostgreSQL
// What became of a statement. A value.
#pragma once

#include <string>

namespace ardent::replay {

struct Outcome {
    bool ran = false;
    std::string note;  // why it did not, or what was done another way
};

}  // namespace ardent::replay
