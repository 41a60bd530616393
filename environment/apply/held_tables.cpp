// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/held_tables.hpp"

#include "common/pq/table_catalog.hpp"
#include "common/process/log.hpp"
#include "environment/apply/difference.hpp"

#include <algorithm>
#include <array>

namespace ardent::apply {

namespace {

constexpr std::size_t k_most_waiting = 500;

bool equal(const model::Definitions& a, const model::Definitions& b) {
    return a.tables == b.tables && a.types == b.types;
}

}  // namespace

InUtf8::InUtf8(pq::Connection& connection, const std::string& encoding)
    : m_connection(connection), m_encoding(encoding) {
    if (m_encoding != "UTF8") {
        m_connection.exec("SET client_encoding TO 'UTF8'");
    }
}

void InUtf8::end() {
    if (m_encoding != "UTF8") {
        m_connection.exec("SET client_encoding TO " + m_connection.quote_literal(m_encoding));
    }
}

void HeldTables::start() {
    read();
    committed();
}

const CopyRecord* HeldTables::find(std::string_view schema, std::string_view name) const noexcept {
    const auto found =
        std::find_if(m_records.begin(), m_records.end(), [&](const CopyRecord& record) {
            return record.name.name == name && record.name.schema == schema;
        });
    return found == m_records.end() ? nullptr : &*found;
}

const CopyRecord* HeldTables::find(std::uint32_t relation) const noexcept {
    const auto found =
        std::find_if(m_records.begin(), m_records.end(),
                     [&](const CopyRecord& record) { return record.relation == relation; });
    return found == m_records.end() ? nullptr : &*found;
}

std::vector<model::RelationName> HeldTables::names() const {
    std::vector<model::RelationName> names;
    for (const CopyRecord& record : m_records) {
        names.push_back(record.name);
    }
    return names;
}

void HeldTables::hold(const CopyRecord& record, std::uint64_t xid, model::Lsn lsn,
                      std::string_view message) {
    m_kept.push_back({record.relation, xid, lsn, std::string(message)});
    m_bytes += message.size() + sizeof(Kept);
}

void HeldTables::write() {
    for (const Kept& kept : m_kept) {
        const std::string relation = std::to_string(kept.relation);
        const std::string xid = std::to_string(kept.xid);
        const std::string lsn = model::to_string(kept.lsn);
        const std::array<const char*, 4> parameters{relation.c_str(), xid.c_str(), lsn.c_str(),
                                                    kept.message.c_str()};
        m_session.queue(k_hold, parameters, ReplicaSession::k_no_ticket);
        if (m_session.waiting() >= k_most_waiting) {
            m_session.drain();
        }
        const auto record =
            std::find_if(m_records.begin(), m_records.end(),
                         [&](const CopyRecord& one) { return one.relation == kept.relation; });
        if (record != m_records.end()) {
            ++record->held;
            m_held_more = true;
        }
    }
    m_kept.clear();
    m_bytes = 0;
}

void HeldTables::read() {
    pq::Connection& connection = m_session.plain();
    m_records = read_copy_records(connection);
    read_definitions();
    m_news = true;
}

void HeldTables::read_definitions() {
    m_definitions.clear();
    m_shown.clear();
    if (m_records.empty()) {
        return;
    }
    pq::Connection& connection = m_session.plain();
    InUtf8 utf8(connection, m_encoding);
    m_shown = read_copy_records(connection);
    for (const CopyRecord& record : m_shown) {
        m_definitions.emplace(record.relation, pq::read_definition(connection, record.name));
    }
    utf8.end();
}

// By name, its own or that of a parent: of a large family a message does not name all.
bool HeldTables::touches(const model::DdlStatement& statement, const CopyRecord& record) const {
    const auto named = [&](const model::RelationName& name) {
        return model::table_of(statement, name) != nullptr;
    };
    const auto definition = m_definitions.find(record.relation);
    const bool parent_named = definition != m_definitions.end() &&
                              !definition->second.tables.empty() &&
                              std::any_of(definition->second.tables[0].parents.begin(),
                                          definition->second.tables[0].parents.end(), named);
    return parent_named || named(record.name) ||
           model::rewrite_of(statement, record.name) != nullptr;
}

// A statement touches a table when it names it or when the table or a type in it comes out another.
void HeldTables::after_ddl(const model::DdlStatement& statement,
                           const std::vector<replay::CopyWanted>& wanted, model::Lsn commit_end) {
    if (!any() && wanted.empty()) {
        return;
    }
    pq::Connection& connection = m_session.plain();
    for (const replay::CopyWanted& one : wanted) {
        want_copy(connection, one, commit_end, statement.xid);
        process::log_warning("a table has to be copied again",
                             {{"table", model::to_string(one.name)},
                              {"why", one.why},
                              {"tag", statement.tag},
                              {"lsn", model::to_string(commit_end)}});
    }
    forget_what_is_gone(connection, m_scope);
    const auto before = std::exchange(m_definitions, {});
    const std::vector<CopyRecord> known = std::exchange(m_records, {});
    read();
    bool more = false;
    for (const CopyRecord& record : known) {
        const auto old = before.find(record.relation);
        const auto now = m_definitions.find(record.relation);
        const CopyRecord* const renamed = find(record.relation);
        if (renamed != nullptr && old != before.end() && now != m_definitions.end() &&
            (!equal(old->second, now->second) || touches(statement, record) ||
             touches(statement, *renamed))) {
            add_ddl(connection, record.relation, statement.xid);
            more = true;
        }
    }
    if (more) {
        read();
    }
}

void HeldTables::committed() {
    if (std::exchange(m_news, false)) {
        m_incoming.want(m_shown);
        m_held_more = true;
    }
    if (std::exchange(m_held_more, false)) {
        for (const CopyRecord& record : m_records) {
            m_incoming.note_held(record.relation, record.held);
        }
    }
}

std::string HeldTables::misfit(const ReadyCopy& copy) {
    const auto here = m_definitions.find(copy.relation);
    if (here == m_definitions.end()) {
        return "the table is gone";
    }
    const auto failure = difference({{copy.begin.table}, copy.begin.types}, here->second);
    return failure ? failure->message : std::string();
}

void HeldTables::taken(std::uint32_t relation) {
    forget_copy(m_session.plain(), relation);
    read();
}

}  // namespace ardent::apply
