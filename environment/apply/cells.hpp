// SPDX-License-Identifier: PostgreSQL
// One row on its way from a message to the replica. Pure.
#pragma once

#include "common/model/change.hpp"
#include "environment/apply/arena.hpp"
#include "environment/apply/target_table.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

enum class CellState : std::uint8_t { absent, null, value };

struct Cell {
    const char* text = nullptr;  // not owned: the decoder's, or with a NUL behind it in an Arena
    std::uint32_t size = 0;
    CellState state = CellState::absent;
    bool bytea = false;  // the \x in front of the text is still missing

    std::string_view view() const noexcept { return {text, size}; }
};

/// Cells of one table in its column order.
using Cells = std::span<Cell>;

/// Puts the values into their columns' places; the others become absent, and so does what a virtual
/// generated column is told to have, which stores nothing. Throws Failed for a column that the
/// table does not have, and for a null that may stand for NaN in a column that cannot be null.
void fill_cells(const TargetTable& table, model::Lsn lsn,
                const std::vector<model::ColumnValue>& values, std::vector<Cell>& cells);

/// A copy that lives in the arena and is ready to be a parameter (NUL behind it, \x in front of
/// it).
Cell stored(const Cell& cell, Arena& arena);
Cell* stored(Cells cells, Arena& arena);

/// The values of the key columns in one piece of bytes: equal bytes, equal keys.
class Key {
public:
    Key() = default;
    explicit Key(std::string_view bytes) noexcept : m_bytes(bytes) {}

    std::string_view bytes() const noexcept { return m_bytes; }
    /// The parts as cells that point into the key, each with a NUL behind it.
    void cells(std::vector<Cell>& parts) const;

private:
    std::string_view m_bytes;
};

/// Writes the key of `cells` over `bytes`; false when a key column is absent or null.
bool make_key(const TargetTable& table, const Cell* cells, std::string& bytes);

/// "(a, b) = (1, x)" for messages, clipped: a cell for each of these places of table.columns.
std::string describe_row(const TargetTable& table, const std::vector<int>& places, Cells cells);
/// The same of a key.
std::string describe_key(const TargetTable& table, Key key);

}  // namespace ardent::apply
