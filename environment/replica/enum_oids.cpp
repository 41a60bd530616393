// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/enum_oids.hpp"

#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"

#include <algorithm>
#include <map>

namespace ardent::environment {

namespace {

constexpr std::uint32_t k_first_odd = 16385;  // above FirstNormalObjectId, access/transam.h

// `held`: something may hold a value. Functions only take and return values, unless they have
// defaults or a parsed body.
constexpr const char* k_labels = R"sql(
SELECT n.nspname, t.typname,
       pg_catalog.array_to_string(pg_catalog.array_agg(e.oid ORDER BY e.enumsortorder), ','),
       EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
                  AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY[t.oid, t.typarray])
                  AND NOT (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) t.typarray)
                  AND d.classid OPERATOR(pg_catalog.<>) ALL (ARRAY['pg_catalog.pg_cast'::pg_catalog.regclass,
                                        'pg_catalog.pg_operator'::pg_catalog.regclass,
                                        'pg_catalog.pg_opclass'::pg_catalog.regclass,
                                        'pg_catalog.pg_amop'::pg_catalog.regclass,
                                        'pg_catalog.pg_amproc'::pg_catalog.regclass])
                  AND NOT (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                           AND EXISTS (SELECT FROM pg_catalog.pg_proc AS p
                                        WHERE p.oid OPERATOR(pg_catalog.=) d.objid AND p.proargdefaults IS NULL
                                          AND (pg_catalog.to_jsonb(p) OPERATOR(pg_catalog.->>) 'prosqlbody') IS NULL)))
  FROM pg_catalog.pg_type AS t
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
  JOIN pg_catalog.pg_enum AS e ON e.enumtypid OPERATOR(pg_catalog.=) t.oid
 GROUP BY n.nspname, t.typname, t.oid, t.typarray
)sql";

constexpr const char* k_move = R"sql(
UPDATE pg_catalog.pg_enum AS e
   SET oid = m.new
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS m (old, new)
 WHERE e.oid OPERATOR(pg_catalog.=) m.old
)sql";

struct Enum {
    std::vector<std::uint32_t> labels;
    bool held = false;
};

std::map<model::RelationName, Enum> read_labels(pq::Connection& connection) {
    const pq::Result rows = connection.exec(k_labels);
    std::map<model::RelationName, Enum> found;
    for (int row = 0; row < rows.rows(); ++row) {
        Enum& one = found[{std::string(rows.text(row, 0)), std::string(rows.text(row, 1))}];
        for (const std::string& oid : base::split(rows.text(row, 2), ',')) {
            one.labels.push_back(static_cast<std::uint32_t>(std::stoul(oid)));
        }
        one.held = rows.text(row, 3) == "t";
    }
    return found;
}

void move(pq::Connection& connection, const std::vector<OidMove>& moves) {
    std::vector<std::string> from;
    std::vector<std::string> to;
    for (const OidMove& one : moves) {
        from.push_back(std::to_string(one.from));
        to.push_back(std::to_string(one.to));
    }
    connection.exec(k_move, {pq::array_text(from), pq::array_text(to)});
}

// Why the labels of this enum cannot become those of the source; empty: they can.
std::string obstacle(const Enum& here, const protocol::EnumLabels& source,
                     const std::set<std::uint32_t>& held) {
    if (here.labels.size() != source.labels.size()) {
        return "the replica's has other labels";
    }
    if (here.held) {
        return "its extension holds values of it";
    }
    const bool in_the_way = std::any_of(source.labels.begin(), source.labels.end(),
                                        [&](std::uint32_t oid) { return held.contains(oid); });
    return in_the_way ? "an extension holds values of an enum whose labels have them" : "";
}

}  // namespace

OidPlan plan_moves(const std::set<std::uint32_t>& taken, const std::vector<OidMove>& wanted) {
    std::set<std::uint32_t> targets;
    std::map<std::uint32_t, std::uint32_t> homes;
    for (const OidMove& one : wanted) {
        targets.insert(one.to);
        homes.emplace(one.from, one.to);
    }
    OidPlan plan;
    std::uint32_t odd = k_first_odd;
    for (const std::uint32_t oid : taken) {
        const auto home = homes.find(oid);
        if (home != homes.end() && home->second == oid) {
            continue;
        }
        if (!targets.contains(oid)) {
            if (home != homes.end()) {
                plan.home.push_back({oid, home->second});
            }
            continue;
        }
        while (taken.contains(odd) || targets.contains(odd)) {
            odd += 2;
        }
        plan.aside.push_back({oid, odd});
        if (home != homes.end()) {
            plan.home.push_back({odd, home->second});
        }
        odd += 2;
    }
    return plan;
}

void set_enum_oids(Superuser& admin, const std::vector<protocol::EnumLabels>& enums,
                   std::vector<std::string>& warnings) {
    const std::map<model::RelationName, Enum> found = read_labels(*admin);
    std::set<std::uint32_t> taken;
    std::set<std::uint32_t> held;
    for (const auto& [name, one] : found) {
        taken.insert(one.labels.begin(), one.labels.end());
        if (one.held) {
            held.insert(one.labels.begin(), one.labels.end());
        }
    }
    std::vector<OidMove> wanted;
    for (const protocol::EnumLabels& source : enums) {
        const auto here = found.find(source.type);
        if (here == found.end() || here->second.labels == source.labels) {
            continue;
        }
        const std::string why = obstacle(here->second, source, held);
        if (!why.empty()) {
            warnings.push_back("enum " + model::to_string(source.type) +
                               ": its labels do not have the oids of the source, because " + why +
                               "; rows of a table that is partitioned by its hash are refused");
            continue;
        }
        for (std::size_t i = 0; i < source.labels.size(); ++i) {
            wanted.push_back({here->second.labels[i], source.labels[i]});
        }
    }
    const OidPlan plan = plan_moves(taken, wanted);
    admin->exec("BEGIN");
    admin->exec("SET LOCAL allow_system_table_mods = on");
    move(*admin, plan.aside);
    move(*admin, plan.home);
    admin->exec("COMMIT");
}

}  // namespace ardent::environment
