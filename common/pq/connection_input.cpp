// SPDX-License-Identifier: PostgreSQL
// What a server answers, within ConnectOptions::answer_bytes. libpq itself keeps any answer whole.
#include "common/pq/connection.hpp"

namespace ardent::pq {

// libpq hands over row by row what it has not begun to read. In a pipeline the mode has to be
// chosen anew for each statement, before the first byte of its answer is looked at; otherwise the
// call does nothing.
void Connection::choose_rows() noexcept {
    if (m_answer_bytes != 0) {
        PQsetSingleRowMode(m_connection.get());
    }
}

bool Connection::has_result() noexcept {
    choose_rows();
    return PQisBusy(m_connection.get()) == 0;
}

Result Connection::next_result() {
    choose_rows();
    Result next(PQgetResult(m_connection.get()));
    if (next.status() != PGRES_SINGLE_TUPLE) {
        return next;
    }
    Result rows(PQcopyResult(next.handle(), PG_COPYRES_ATTRS));
    while (next.status() == PGRES_SINGLE_TUPLE) {
        append_row(rows, next);
        next = Result(PQgetResult(m_connection.get()));
    }
    return next.status() == PGRES_TUPLES_OK ? std::move(rows) : std::move(next);
}

void Connection::append_row(Result& rows, const Result& row) {
    const int number = rows.rows();
    if (row.columns() == 0) {
        ++rows.m_rows_without_columns;
    }
    for (int column = 0; column < row.columns(); ++column) {
        char* const value = row.is_null(0, column) ? nullptr : PQgetvalue(row.handle(), 0, column);
        const int length = value == nullptr ? -1 : PQgetlength(row.handle(), 0, column);
        if (PQsetvalue(rows.handle(), number, column, value, length) == 0) {
            throw base::Error(base::ErrorKind::transient, m_name + ": out of memory");
        }
    }
    if (PQresultMemorySize(rows.handle()) <= m_answer_bytes) {
        return;
    }
    m_connection.reset();  // and nothing more is read of the answer
    throw base::Error(m_kind,
                      m_name + ": the server answers with more than " +
                          std::to_string(m_answer_bytes >> 20U) + " MB",
                      "No question that this program asks has so long an answer: somebody may have "
                      "changed the server's catalogs or functions.");
}

// As PQexec: up to the last result, or to a COPY, which has to be read first.
Result Connection::last_result() {
    Result last(nullptr);
    for (;;) {
        Result next = next_result();
        if (next.handle() == nullptr) {
            return last;
        }
        last = std::move(next);
        const ExecStatusType status = last.status();
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH ||
            !ok()) {
            return last;
        }
    }
}

}  // namespace ardent::pq
