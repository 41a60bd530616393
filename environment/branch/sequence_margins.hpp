// SPDX-License-Identifier: PostgreSQL
// Sequences of a branch stand behind the rows that are in it. The source reports its sequences
// every few seconds, and rows come with their transactions, so a replica's sequence may be behind
// its own column.
#pragma once

#include "common/pq/connection.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

/// Connects, several times at once where there are many sequences, as the branch's role, who may
/// read every table and set every sequence. A sequence that feeds a column goes on behind the
/// column's greatest value where an index leads with the column (for a sequence that counts down:
/// the least), and otherwise, or when it feeds none, k_sequence_margin steps further than it was
/// reported. Returns the sequences of the second kind, as text. Throws base::Error.
std::vector<std::string> move_sequences(const pq::ConnectOptions& options);

inline constexpr int k_sequence_margin = 10000;

}  // namespace ardent::environment
