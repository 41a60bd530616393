// SPDX-License-Identifier: PostgreSQL
// What a check observes and what it must answer, without a server. Each file of
// tests/unit/preflight_*_cases gives a part; preflight_catalogue_test.cpp runs them all and looks
// for checks that have too few.
#pragma once

#include "common/preflight/catalogue.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::tests {

struct Situation {
    preflight::Request request;
    preflight::Server server;
    preflight::PluginAllowance allowance;
    preflight::Inside inside;
    preflight::Rows rows;
};

struct Case {
    const char* id;
    preflight::Status status;
    preflight::Rows rows;
    void (*arrange)(Situation&) = nullptr;
    const char* says = "";  // part of the details, the hint or the fix
};

inline preflight::Row setting(const char* name, preflight::Cell value, const char* place = "server",
                              const char* entry = "") {
    return {name, std::move(value), "f", place, entry};
}

std::vector<Case> product_cases();
std::vector<Case> server_cases();
std::vector<Case> slot_cases();
std::vector<Case> table_cases();

}  // namespace ardent::tests
