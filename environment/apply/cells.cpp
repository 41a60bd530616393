// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/cells.hpp"

#include "environment/apply/failed.hpp"

#include <cstring>

namespace ardent::apply {

namespace {

constexpr std::uint32_t k_plain = 1;
constexpr std::uint32_t k_bare = 2;

/// What stands in front of each part of a key.
struct PartHeader {
    std::uint32_t size = 0;
    std::uint32_t flags = 0;
};

/// The letter behind the backslash in COPY text format; 0 for a character that stands for itself.
constexpr char copy_escape(char c) noexcept {
    switch (c) {
    case '\\':
        return '\\';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/// In the text of an array, inside of quotes.
constexpr char element_escape(char c) noexcept {
    return c == '"' || c == '\\' ? c : '\0';
}

template <class Escape>
void append_escaped(std::string_view text, Escape escape, std::string& out) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char letter = escape(text[i]);
        if (letter != 0) {
            out += text.substr(begin, i - begin);
            out += '\\';
            out += letter;
            begin = i + 1;
        }
    }
    out += text.substr(begin);
}

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
    cell.plain = value.plain;
    cell.bare = value.kind == model::ValueKind::number || value.kind == model::ValueKind::boolean;
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
        if (value.kind == model::ValueKind::null && column.not_null && column.may_be_nan) {
            fail_nan(table, lsn, column);
        }
        fill(column, value, cells[static_cast<std::size_t>(place)]);
        hint = static_cast<std::size_t>(place) + 1;
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
    copy.plain = cell.plain && !cell.bytea;
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

void append_copy_line(const TargetTable& table, const Cell* cells, std::string& out) {
    bool first = true;
    for (const int place : table.writable) {
        if (!first) {
            out += '\t';
        }
        first = false;
        const Cell& cell = cells[place];
        if (cell.state != CellState::value) {
            out += "\\N";
            continue;
        }
        if (cell.bytea) {
            out += "\\\\x";
        }
        if (cell.plain) {
            out.append(cell.text, cell.size);
        } else {
            append_escaped(cell.view(), copy_escape, out);
        }
    }
    out += '\n';
}

void append_element(const Cell& cell, std::string& out) {
    if (cell.state != CellState::value) {
        out += "NULL";
        return;
    }
    if (cell.bare) {
        out.append(cell.text, cell.size);
        return;
    }
    out += '"';
    if (cell.bytea) {
        out += "\\\\x";
    }
    if (cell.plain) {
        out.append(cell.text, cell.size);
    } else {
        append_escaped(cell.view(), element_escape, out);
    }
    out += '"';
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
        cell.plain = (header.flags & k_plain) != 0;
        cell.bare = (header.flags & k_bare) != 0;
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
        header.flags = (cell.plain && !cell.bytea ? k_plain : 0U) | (cell.bare ? k_bare : 0U);
        bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
        bytes.append(cell.bytea ? "\\x" : "");
        bytes.append(cell.text, cell.size);
        bytes += '\0';
    }
    return !table.key.empty();
}

std::string describe_key(const TargetTable& table, Key key) {
    std::vector<Cell> parts;
    key.cells(parts);
    std::string names;
    std::string values;
    for (std::size_t i = 0; i < parts.size() && i < table.key.size(); ++i) {
        names += (i > 0 ? ", " : "") + table.columns[static_cast<std::size_t>(table.key[i])].name;
        values += (i > 0 ? ", " : "") + shown(parts[i].view(), 100);
    }
    return "(" + shown(names) + ") = (" + values + ")";
}

std::string describe_row(const TargetTable& table, const Cell* cells) {
    std::string names;
    std::string values;
    for (std::size_t i = 0; i < table.columns.size() && values.size() < 300; ++i) {
        if (cells[i].state != CellState::absent) {
            names += (names.empty() ? "" : ", ") + table.columns[i].name;
            values += values.empty() ? "" : ", ";
            values += cells[i].state == CellState::null ? "NULL" : shown(cells[i].view(), 50);
        }
    }
    return "(" + shown(names) + ") = (" + values + ")";
}

}  // namespace ardent::apply
