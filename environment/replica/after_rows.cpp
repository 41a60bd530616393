// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/after_rows.hpp"

#include "common/base/error.hpp"
#include "environment/replica/row_rules.hpp"

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

struct Sorted {
    std::vector<std::string> settings;
    std::vector<AfterDataStatement> indexes;
    std::vector<AfterDataStatement> rules;
    std::vector<std::string> others;
};

Sorted sort(std::string_view script) {
    Sorted sorted;
    for (AfterDataStatement& statement : read_after_data(script)) {
        switch (statement.kind) {
        case AfterDataKind::index:
        case AfterDataKind::constraint:
            sorted.indexes.push_back(std::move(statement));
            break;
        case AfterDataKind::check:
        case AfterDataKind::foreign_key:
            sorted.rules.push_back(std::move(statement));
            break;
        case AfterDataKind::setting:
            sorted.settings.push_back(std::move(statement.sql));
            break;
        case AfterDataKind::other:
            sorted.others.push_back(std::move(statement.sql));
            break;
        }
    }
    return sorted;
}

void restore_comments(pq::Connection& apply, std::string_view script,
                      std::vector<std::string>& warnings) {
    for (const AfterDataStatement& statement : read_after_data(script)) {
        try {
            apply.exec(statement.sql);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient) {
                throw;
            }
            warnings.push_back(std::string("a comment is not in the replica: ") + error.what());
        }
    }
}

}  // namespace

void restore_after_rows(const AfterRows& with, std::vector<std::string>& warnings) {
    const Sorted sorted = sort(with.archive.index_script());
    const IndexBuilder builder({with.connect, with.paths, sorted.settings, with.go_on, with.jobs});
    // a view may need a key, and have an index itself
    const std::vector<AfterDataStatement> later = builder.build(sorted.indexes);
    with.archive.restore_after_data(with.jobs);
    for (const AfterDataStatement& statement : builder.build(later)) {
        throw Error(ErrorKind::replica, "the index " + statement.name +
                                            " cannot be built: there is no table " +
                                            model::to_string(statement.table) + " in the replica");
    }
    const std::shared_ptr<pq::Connection> apply = with.connect();
    for (const std::string& setting : sorted.settings) {
        apply->exec(setting);
    }
    for (const std::string& other : sorted.others) {
        apply->exec(other);
    }
    add_row_rules(with.admin, *apply, sorted.rules, warnings);
    restore_comments(*apply, with.archive.late_comments_script(), warnings);
}

}  // namespace ardent::environment
