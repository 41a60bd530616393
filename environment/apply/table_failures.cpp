// SPDX-License-Identifier: PostgreSQL
// What went wrong, told so that somebody can mend it: LSN, table, key.
#include "environment/apply/failed.hpp"
#include "environment/apply/table_writer.hpp"

#include <charconv>

namespace ardent::apply {

namespace {

constexpr const char* k_miss_hint =
    "The replica is not what the source was: somebody wrote to it, or a trigger did. Compare this "
    "row at both "
    "ends and mend it in the replica, then retry; or make a new copy.";

}  // namespace

std::size_t TableWriter::keep(Ticket ticket) {
    m_tickets.push_back(std::move(ticket));
    return m_tickets.size() - 1;
}

void TableWriter::fail_missing(Work work, const TargetTable& table, const std::string& row,
                               model::Lsn lsn) {
    const std::string verb = work == Work::update ? "UPDATE of " : "DELETE from ";
    throw Failed("LSN " + model::to_string(lsn) + ": " + verb + table.shown_name +
                     " did not find the row " + row,
                 k_miss_hint, lsn, table.shown_name);
}

void TableWriter::fail(const StatementError& error) {
    if (is_lost(error)) {
        throw base::Error(error.kind(), error.what(), error.hint(), error.sqlstate());
    }
    if (error.ticket() >= m_tickets.size()) {
        throw Failed(error.mismatch() ? "the progress row does not stand where this session left it"
                                      : shown(error.what(), 2000),
                     "Something else writes ardent.progress. Find it and end it, then retry.", {},
                     {}, error.sqlstate());
    }
    const Ticket& ticket = m_tickets[error.ticket()];
    const TargetTable& table = *ticket.table;
    if (!error.mismatch()) {
        const std::string up_to =
            ticket.many.empty() && ticket.key.bytes().empty() ? "up to LSN " : "LSN ";
        throw Failed(
            up_to + model::to_string(ticket.lsn) + ": the replica refuses a change of table " +
                table.shown_name + ": " + shown(error.what(), 2000),
            error.hint().empty() ? "Mend what the replica's server says, then retry; or make a new "
                                   "copy."
                                 : error.hint(),
            ticket.lsn, table.shown_name, error.sqlstate());
    }
    if (!ticket.many.empty()) {
        fail_many(ticket, error);
    }
    if (ticket.work == Work::insert) {
        throw Failed("up to LSN " + model::to_string(ticket.lsn) + ": INSERT into " +
                         table.shown_name + " wrote another number of rows: " + error.what(),
                     "A rule or trigger of the replica interferes; remove it and make a new copy.",
                     ticket.lsn, table.shown_name);
    }
    fail_missing(ticket.work, table,
                 ticket.row.empty() ? describe_key(table, ticket.key) : ticket.row, ticket.lsn);
}

void TableWriter::fail_handed_over(const StatementError& error) {
    std::swap(m_tickets, m_sent_tickets);
    fail(error);
}

/// Finds the key that is not there. The connection is in order, the transaction still open.
void TableWriter::fail_many(const Ticket& ticket, const StatementError& error) {
    const TargetTable& table = *ticket.table;
    pq::Connection& connection = m_session.plain();
    if (!ticket.savepoint.empty()) {
        connection.exec("ROLLBACK TO SAVEPOINT " + ticket.savepoint);
    }
    std::vector<KeyEntry> entries(ticket.many.size());
    std::vector<const KeyEntry*> places;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        entries[i].key = ticket.many[i].key;
        places.push_back(&entries[i]);
    }
    m_arrays.assign(table.key.size(), {});
    add_key_arrays(table, 0, places);
    std::vector<pq::Value> parameters;
    for (const std::string& array : m_arrays) {
        parameters.emplace_back(array + "}");
    }
    const pq::Result result = connection.exec(sql::missing_key(table), parameters);
    if (result.rows() > 0) {
        const std::string_view text = result.text(0, 0);
        std::size_t place = 0;
        std::from_chars(text.data(), text.data() + text.size(), place);
        const KeyPlace& missing = ticket.many.at(place);
        fail_missing(ticket.work, table, describe_key(table, missing.key), missing.lsn);
    }
    throw Failed(
        "up to LSN " + model::to_string(ticket.lsn) + ": a change of " +
            std::to_string(ticket.many.size()) + " rows of " + table.shown_name + ": " +
            error.what() +
            (table.fixed.empty() ? "; a key stands there twice"
                                 : "; a column GENERATED ALWAYS AS IDENTITY got a new value, which "
                                   "no UPDATE can carry"),
        k_miss_hint, ticket.lsn, table.shown_name);
}

}  // namespace ardent::apply
