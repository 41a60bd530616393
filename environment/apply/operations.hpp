// SPDX-License-Identifier: PostgreSQL
// Changes of one table's rows as the bytes that ardent.write_rows takes (replica/src/operations.hpp
// has the format). The server makes them one after the other, so their order is kept. Pure; one
// thread.
#pragma once

#include "common/model/lsn.hpp"
#include "environment/apply/cells.hpp"
#include "environment/apply/target_table.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ardent::apply {

class Operations {
public:
    /// `row`: all columns of the table; the stored ones go.
    void insert(const TargetTable& table, const Cell* row, model::Lsn lsn);
    /// `identity`: one cell a place of table.identity. An absent cell of `row` stays as it is.
    void update(const TargetTable& table, std::span<const Cell> identity, const Cell* row,
                model::Lsn lsn);
    void remove(std::span<const Cell> identity, model::Lsn lsn);

    bool empty() const noexcept { return m_bytes.empty(); }
    std::size_t size() const noexcept { return m_bytes.size(); }
    /// The bytes; nothing is left here.
    std::string take() noexcept;

private:
    void begin(char letter, model::Lsn lsn);
    void add(const Cell& cell);

    std::string m_bytes;
};

/// One of the changes in `bytes`, for messages.
struct Operation {
    char letter = ' ';  // 'i', 'u', 'd'
    model::Lsn lsn;
    std::string row;  // "(a, b) = (1, x)": its identity, of an inserted row the key; clipped
};

/// The change with this number, from 0; nullopt when there are not so many.
std::optional<Operation> operation_at(const TargetTable& table, std::string_view bytes,
                                      std::size_t number);

}  // namespace ardent::apply
