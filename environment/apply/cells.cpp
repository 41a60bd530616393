// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/cells.hpp"

#include "environment/apply/failed.hpp"

#include <cstring>

namespace ardent::apply {

namespace {

/// What stands in front of each part of a key.
struct PartHeader {
    std::uint32_t size = 0;
};

[[noreturn]] void fail_unknown_column(const TargetTable& table, model::Lsn lsn,
                                      std::string_view column) {
    throw Failed(
        "LSN " + model::to_string(lsn) + ": table " + table.shown_name + " has no column " +
            shown(column) + " in the replica",
        "The source's table was changed. Make the same change in the replica, then retry; or make "
        "a new copy.",
        lsn, table.shown_name);
}

[[noreturn]] void fail_nan(const TargetTable& table, model::Lsn lsn, const TargetColumn& column) {
    throw Failed(
        "LSN " + model::to_string(lsn) + ": column " + shown(column.name) + " of table " +
            table.shown_name +
            " is NOT NULL and came as null: wal2json 2.5 cannot say NaN or "
            "Infinity",
        "Change the value at the source and make a new copy, exclude the table, or use a plugin "
        "that carries such numbers as text (wal2json 2.6).",
        lsn, table.shown_name);
}

void fill(const TargetColumn& column, const model::ColumnValue& value, Cell& cell) {
    cell.text = value.text.data();
    cell.size = static_cast<std::uint32_t>(value.text.size());
    cell.state = value.kind == model::ValueKind::null ? CellState::null : CellState::value;
    cell.bytea = column.bytea && cell.state == CellState::value;
}

}  // namespace

void fill_cells(const TargetTable& table, model::Lsn lsn,
                const std::vector<model::ColumnValue>& values, std::vector<Cell>& cells) {
    cells.assign(table.columns.size(), Cell{});
    std::size_t hint = 0;
    for (const model::ColumnValue& value : values) {
        const int place = table.find(value.name, hint);
        if (place < 0) {
            fail_unknown_column(table, lsn, value.name);
        }
        const TargetColumn& column = table.columns[static_cast<std::size_t>(place)];
        hint = static_cast<std::size_t>(place) + 1;
        if (column.is_virtual) {
            continue;
        }
        if (value.kind == model::ValueKind::null && column.not_null && column.may_be_nan) {
            fail_nan(table, lsn, column);
        }
        fill(column, value, cells[static_cast<std::size_t>(place)]);
    }
}

Cell stored(const Cell& cell, Arena& arena) {
    Cell copy = cell;
    if (cell.state != CellState::value) {
        return copy;
    }
    const std::uint32_t prefix = cell.bytea ? 2 : 0;
    char* const place = arena.take(cell.size + prefix + 1);
    std::memcpy(place, "\\x", prefix);
    std::memcpy(place + prefix, cell.text, cell.size);
    copy.size = cell.size + prefix;
    place[copy.size] = '\0';
    copy.text = place;
    copy.bytea = false;
    return copy;
}

Cell* stored(Cells cells, Arena& arena) {
    Cell* const copies = arena.take_array<Cell>(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        new (copies + i) Cell(stored(cells[i], arena));
    }
    return copies;
}

void Key::cells(std::vector<Cell>& parts) const {
    parts.clear();
    std::string_view rest = m_bytes;
    while (!rest.empty()) {
        PartHeader header;
        std::memcpy(&header, rest.data(), sizeof header);
        rest.remove_prefix(sizeof header);
        Cell cell;
        cell.text = rest.data();
        cell.size = header.size;
        cell.state = CellState::value;
        parts.push_back(cell);
        rest.remove_prefix(header.size + 1);
    }
}

bool make_key(const TargetTable& table, const Cell* cells, std::string& bytes) {
    bytes.clear();
    for (const int place : table.key) {
        const Cell& cell = cells[place];
        if (cell.state != CellState::value) {
            return false;
        }
        PartHeader header;
        header.size = cell.size + (cell.bytea ? 2 : 0);
        bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
        bytes.append(cell.bytea ? "\\x" : "");
        bytes.append(cell.text, cell.size);
        bytes += '\0';
    }
    return !table.key.empty();
}

std::string describe_row(const TargetTable& table, const std::vector<int>& places, Cells cells) {
    constexpr std::size_t k_most = 300;
    std::string names;
    std::string values;
    for (std::size_t i = 0; i < places.size() && i < cells.size() && values.size() < k_most; ++i) {
        if (cells[i].state == CellState::absent) {
            continue;
        }
        const TargetColumn& column = table.columns[static_cast<std::size_t>(places[i])];
        names += (names.empty() ? "" : ", ") + column.name;
        values += values.empty() ? "" : ", ";
        values += cells[i].state == CellState::null ? "NULL" : shown(cells[i].view(), 100);
    }
    return "(" + shown(names) + ") = (" + values + ")";
}

std::string describe_key(const TargetTable& table, Key key) {
    std::vector<Cell> parts;
    key.cells(parts);
    return describe_row(table, table.key, parts);
}

}  // namespace ardent::apply
