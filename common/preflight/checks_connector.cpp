// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"
#include "common/preflight/provider.hpp"

namespace ardent::preflight {

const Observation k_available = {R"(
SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS e WHERE e.name = 'ardent')
)"};

Outcome judge_metadata_schema(const Context& context) {
    Outcome outcome;
    if (context.server.extension_version.empty()) {
        const Provider& provider = find_provider(context.server.provider);
        const bool available = context.flag(0, 0) && !provider.managed;
        outcome.status = Status::info;
        outcome.shown = "not needed: no DDL capture";
        outcome.actual = available ? "extension not installed" : "extension not on this server";
        outcome.details = {
            "DDL capture is off: rows are replicated all the same. When the definition of a table "
            "changes here, the connector stops and names the difference, and a resync mends it."};
        if (!available) {
            outcome.details.emplace_back(
                (provider.managed ? std::string(provider.title) + " loads no library of ours"
                                  : std::string("The extension ardent is not on this server")) +
                ", so there is nothing to install; the role needs neither SUPERUSER nor CREATE on "
                "the database.");
        }
        return outcome;
    }
    outcome.actual = "extension ardent " + context.server.extension_version;
    return outcome;
}

Outcome judge_duplicate(const Context& context) {
    Outcome outcome;
    bool ours = false;
    std::vector<std::string> elsewhere;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const std::string whose = context.text(i, 1);
        if (whose == "own") {
            ours = true;
        } else if (whose == "here") {
            outcome.objects.push_back(context.text(i, 0));
        } else if (whose == "elsewhere") {
            elsewhere.push_back(context.text(i, 0) + " (database " + context.text(i, 2) + ")");
        }
    }
    if (!outcome.objects.empty()) {
        outcome.status = Status::fail;
        list_capped(outcome.details, "This database is already connected by slot ",
                    outcome.objects);
        outcome.hint =
            "See ardent connector list; delete that connector first, or drop its slot when "
            "it is left over.";
        return outcome;
    }
    if (ours) {
        outcome.shown = "this connector";
        outcome.actual = context.request.own_slot;
        return outcome;
    }
    if (!elsewhere.empty()) {
        outcome.status = Status::info;
        list_capped(outcome.details, "Another database of this server is connected by slot ",
                    elsewhere);
    }
    return outcome;
}

}  // namespace ardent::preflight
