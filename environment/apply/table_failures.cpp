// SPDX-License-Identifier: PostgreSQL
// What went wrong, told so that somebody can mend it: LSN, table, key. The key goes beside the
// message, not into it.
#include "environment/apply/failed.hpp"
#include "environment/apply/table_writer.hpp"

namespace ardent::apply {

namespace {

constexpr const char* k_miss_hint =
    "The replica is not what the source was: somebody wrote to it, or a trigger did. Compare this "
    "row at both "
    "ends and mend it in the replica, then retry; or make a new copy.";

// ERRCODE_NO_DATA_FOUND: what the replica's writer says of a row, or of the progress row, that is
// not where it has to be.
constexpr std::string_view k_no_data = "P0002";

}  // namespace

std::size_t TableWriter::keep(Ticket ticket) {
    m_tickets.push_back(std::move(ticket));
    return m_tickets.size() - 1;
}

void TableWriter::fail_missing(char letter, const TargetTable& table, const std::string& row,
                               model::Lsn lsn) {
    const std::string verb = letter == 'u' ? "UPDATE of " : "DELETE from ";
    throw Failed(
        "LSN " + model::to_string(lsn) + ": " + verb + table.shown_name + " did not find its row",
        k_miss_hint, lsn, table.shown_name, {}, row);
}

void TableWriter::fail(const StatementError& error) {
    if (is_lost(error)) {
        throw base::Error(error.kind(), error.what(), error.hint(), error.sqlstate());
    }
    if (error.ticket() >= m_tickets.size()) {
        throw Failed(error.sqlstate() == k_no_data
                         ? "the progress row does not stand where this session left it"
                         : shown(error.what(), 2000),
                     "Something else writes ardent.progress. Find it and end it, then retry.", {},
                     {}, error.sqlstate());
    }
    const Ticket& ticket = m_tickets[error.ticket()];
    const TargetTable& table = *ticket.table;
    Operation operation;
    operation.lsn = ticket.lsn;
    if (error.row() && !ticket.bytes.empty()) {
        operation = operation_at(table, ticket.bytes, *error.row()).value_or(operation);
        if (!operation.row.empty() && error.sqlstate() == k_no_data) {
            fail_missing(operation.letter, table, operation.row, operation.lsn);
        }
    }
    throw Failed("LSN " + model::to_string(operation.lsn) +
                     ": the replica refuses a change of table " + table.shown_name + ": " +
                     shown(error.what(), 2000),
                 error.hint().empty()
                     ? "Mend what the replica's server says, then retry; or make a new copy."
                     : error.hint(),
                 operation.lsn, table.shown_name, error.sqlstate(), operation.row);
}

void TableWriter::fail_handed_over(const StatementError& error) {
    std::swap(m_tickets, m_sent_tickets);
    fail(error);
}

}  // namespace ardent::apply
