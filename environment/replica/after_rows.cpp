// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/after_rows.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
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

void run(pq::Connection& apply, const std::vector<std::string>& statements, const std::string& what,
         std::vector<std::string>& warnings) {
    for (const std::string& statement : statements) {
        try {
            apply.exec(statement);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient) {
                throw;
            }
            warnings.push_back(what + " is not in the replica: " + error.what());
        }
    }
}

std::string index_of(const AfterDataStatement& statement) {
    return "index " + statement.name + " of " + model::to_string(statement.table);
}

// A constraint may be what rows are known by.
void leave_out(const IndexBuilder::Failed& failed, std::vector<model::RelationName>& left_out,
               std::vector<std::string>& warnings) {
    const std::string why =
        " cannot be built in the replica: " + base::clip_utf8(failed.error.what(), 1000);
    const std::string hint =
        "Let its functions find what they need by themselves, at the source: "
        "ALTER FUNCTION … SET search_path = …";
    if (failed.statement.kind == AfterDataKind::constraint) {
        throw Error(ErrorKind::replica, index_of(failed.statement) + why,
                    hint + "; then run retry-setup.", failed.error.sqlstate());
    }
    warnings.push_back(index_of(failed.statement) + why + " " + hint);
    left_out.push_back({failed.statement.table.schema, failed.statement.name});
}

}  // namespace

void restore_after_rows(const AfterRows& with, std::vector<std::string>& warnings) {
    const Sorted sorted = sort(with.archive.index_script());
    const IndexBuilder builder({with.connect, with.paths, sorted.settings, with.go_on, with.jobs});
    std::vector<model::RelationName> left_out;
    const auto judge = [&](const IndexBuilder::Outcome& outcome) {
        for (const IndexBuilder::Failed& failed : outcome.failed) {
            leave_out(failed, left_out, warnings);
        }
        return outcome.without_table;
    };
    // a view may need a key, and have an index itself
    const std::vector<AfterDataStatement> later = judge(builder.build(sorted.indexes));
    with.archive.restore_after_data(with.jobs, left_out);
    for (const AfterDataStatement& statement : judge(builder.build(later))) {
        warnings.push_back(index_of(statement) + " is not in the replica: its table is not there");
    }
    const std::shared_ptr<pq::Connection> apply = with.connect();
    for (const std::string& setting : sorted.settings) {
        apply->exec(setting);
    }
    run(*apply, sorted.others, "what follows an index", warnings);
    add_row_rules(with.admin, *apply, sorted.rules, warnings);
    const Sorted comments = sort(with.archive.late_comments_script());
    run(*apply, comments.others, "a comment", warnings);
}

}  // namespace ardent::environment
