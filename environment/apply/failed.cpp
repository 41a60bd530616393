// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/failed.hpp"

#include "common/base/text.hpp"

namespace ardent::apply {

namespace {

constexpr const char* k_other_hash =
    "If the table is partitioned by the hash of an enum: labels that came after the copy (CREATE "
    "TYPE, ALTER TYPE ADD VALUE) "
    "have other oids in the replica, and so other hashes (docs/exactness.md). Make a new copy.";

}  // namespace

std::string shown(std::string_view text, std::size_t limit) {
    if (base::is_utf8(text)) {
        return base::clip_utf8(text, limit);
    }
    std::string ascii;
    for (const char c : text) {
        if (ascii.size() >= limit) {
            return ascii + "...";
        }
        if (static_cast<unsigned char>(c) < 0x80) {
            ascii += c;
        } else {
            ascii += "\\x" + base::to_hex({&c, 1});
        }
    }
    return ascii;
}

Failed no_table(const model::RelationName& relation, model::Lsn lsn) {
    const std::string name = shown(model::to_string(relation));
    return {"LSN " + model::to_string(lsn) + ": the replica has no table " + name,
            "It was created at the source after the copy, or dropped here. Create it in the "
            "replica as it is at the source, then retry; or make a new copy. An extension's table "
            "needs a retry alone.",
            lsn, name};
}

bool is_lost(const base::Error& error) noexcept {
    constexpr const char* k_query_canceled = "57014";
    return error.sqlstate() == k_query_canceled ||
           (error.kind() == base::ErrorKind::transient && error.sqlstate().substr(0, 2) != "53");
}

namespace {

// ERRCODE_CHECK_VIOLATION is what a bound says; no check is evaluated here.
bool is_outside_of_its_partition(const base::Error& error) {
    return error.sqlstate() == "23514" &&
           std::string_view(error.what()).find("partition") != std::string_view::npos;
}

}  // namespace

protocol::Failure to_failure(const base::Error& error) {
    protocol::Failure failure;
    failure.message = shown(error.what(), 4000);
    failure.hint = shown(is_outside_of_its_partition(error) ? k_other_hash : error.hint(), 2000);
    if (const auto* const failed = dynamic_cast<const Failed*>(&error)) {
        failure.lsn = failed->lsn();
        failure.table = shown(failed->table());
        failure.row = failed->row();
    }
    return failure;
}

}  // namespace ardent::apply
