// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/operations.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace ardent::apply {

namespace {

constexpr std::uint32_t k_null = 0xFFFFFFFF;
constexpr std::uint32_t k_unchanged = 0xFFFFFFFE;

template <class T>
void append_number(T number, std::string& out) {
    char bytes[sizeof number];
    for (std::size_t i = 0; i < sizeof number; ++i) {
        bytes[i] = static_cast<char>(number >> (8U * (sizeof number - 1 - i)));
    }
    out.append(bytes, sizeof number);
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : m_rest(bytes) {}

    template <class T>
    T number() {
        T value = 0;
        for (const char c : take(sizeof value)) {
            value = static_cast<T>(value << 8U | static_cast<unsigned char>(c));
        }
        return value;
    }

    bool done() const noexcept { return m_rest.empty(); }
    char letter() { return take(1).front(); }

    Cell cell() {
        Cell cell;
        const auto size = number<std::uint32_t>();
        if (size == k_null) {
            cell.state = CellState::null;
        } else if (size != k_unchanged) {
            const std::string_view text = take(std::size_t{size} + 1);
            cell.state = CellState::value;
            cell.text = text.data();
            cell.size = size;
        }
        return cell;
    }

    std::vector<Cell> cells(std::size_t count) {
        std::vector<Cell> found;
        for (std::size_t i = 0; i < count; ++i) {
            found.push_back(cell());
        }
        return found;
    }

private:
    std::string_view take(std::size_t bytes) {
        if (m_rest.size() < bytes) {
            throw base::Error(base::ErrorKind::bug, "the changes of a table end too early");
        }
        const std::string_view taken = m_rest.substr(0, bytes);
        m_rest.remove_prefix(bytes);
        return taken;
    }

    std::string_view m_rest;
};

}  // namespace

void Operations::begin(char letter, model::Lsn lsn) {
    m_bytes += letter;
    append_number(lsn.value, m_bytes);
}

void Operations::add(const Cell& cell) {
    if (cell.state != CellState::value) {
        append_number(cell.state == CellState::null ? k_null : k_unchanged, m_bytes);
        return;
    }
    append_number(cell.size + (cell.bytea ? 2U : 0U), m_bytes);
    m_bytes.append(cell.bytea ? "\\x" : "");
    m_bytes.append(cell.text, cell.size);
    m_bytes += '\0';
}

void Operations::insert(const TargetTable& table, const Cell* row, model::Lsn lsn) {
    begin('i', lsn);
    for (const int place : table.stored) {
        add(row[place]);
    }
}

void Operations::update(const TargetTable& table, std::span<const Cell> identity, const Cell* row,
                        model::Lsn lsn) {
    begin('u', lsn);
    for (const Cell& cell : identity) {
        add(cell);
    }
    for (const int place : table.stored) {
        add(row[place]);
    }
}

void Operations::remove(std::span<const Cell> identity, model::Lsn lsn) {
    begin('d', lsn);
    for (const Cell& cell : identity) {
        add(cell);
    }
}

std::string Operations::take() noexcept {
    return std::exchange(m_bytes, {});
}

namespace {

/// Its key; nothing of a row that has none, for the rest of it is nobody's business.
std::string describe_inserted(const TargetTable& table, const std::vector<Cell>& row) {
    std::vector<Cell> key;
    for (const int place : table.key) {
        const auto stored = std::find(table.stored.begin(), table.stored.end(), place);
        if (stored == table.stored.end()) {
            return {};
        }
        key.push_back(row[static_cast<std::size_t>(stored - table.stored.begin())]);
    }
    return key.empty() ? std::string() : describe_row(table, table.key, key);
}

}  // namespace

std::optional<Operation> operation_at(const TargetTable& table, std::string_view bytes,
                                      std::size_t number) {
    Reader reader(bytes);
    for (; !reader.done(); --number) {
        Operation operation;
        operation.letter = reader.letter();
        operation.lsn = model::Lsn{reader.number<std::uint64_t>()};
        std::vector<Cell> identity;
        std::vector<Cell> row;
        if (operation.letter != 'i') {
            identity = reader.cells(table.identity.size());
        }
        if (operation.letter != 'd') {
            row = reader.cells(table.stored.size());
        }
        if (number == 0) {
            operation.row = operation.letter == 'i' ? describe_inserted(table, row)
                                                    : describe_row(table, table.identity, identity);
            return operation;
        }
    }
    return std::nullopt;
}

}  // namespace ardent::apply
