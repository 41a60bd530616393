// SPDX-License-Identifier: PostgreSQL
// Rows of tables that the replica does not have yet. The script of an extension that is created
// (postgis, unit) writes rows before the statement's message stands in the stream: the statement
// makes them in the replica, too, so they are passed over, and every other table without which rows
// came is an error when its transaction ends. Owned by the Applier; its thread only.
#pragma once

#include "common/model/change.hpp"
#include "common/model/lsn.hpp"
#include "common/model/table_definition.hpp"
#include "environment/apply/target_table.hpp"

#include <functional>
#include <map>

namespace ardent::apply {

class EarlyRows {
public:
    /// A change of the open transaction whose table is not there.
    void note(const model::Change& change);
    /// After DDL of the same transaction. `read`: the table as it is now, or nullptr. Throws Failed
    /// when it is there and its rows come from the stream: those before were passed over.
    void settle(const std::function<const TargetTable*(const model::RelationName&)>& read);
    /// At the transaction's end: throws Failed when a table is still not there.
    void require_none() const;

private:
    std::map<model::RelationName, model::Lsn> m_first;  // the first change of each
};

}  // namespace ardent::apply
