// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_api.hpp"

#include "cli/failure.hpp"
#include "common/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <openssl/rand.h>
#include <thread>
#include <utility>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using nlohmann::json;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr long k_not_found = 404;
constexpr long k_conflict = 409;
constexpr int k_create_tries = 4;
constexpr milliseconds k_first_pause{100};
constexpr milliseconds k_longest_pause{2000};
constexpr milliseconds k_longest_call{60000};
constexpr milliseconds k_shortest_call{50};

std::string text_of(const json& object, const char* name) {
    const auto at = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>()
                                                                       : std::string();
}

std::string path_of(const std::string& connector_id, const std::string& branch_id = {}) {
    return "/v1/branches/" + http::encode_component(connector_id) +
           (branch_id.empty() ? "" : "/" + http::encode_component(branch_id));
}

/// Of a call that nobody waits for beyond the deadline.
milliseconds left_of(Deadline deadline) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
    return std::clamp(left, k_shortest_call, k_longest_call);
}

/// The time that a question took counts: where the environment held it, the next one follows at
/// once.
void pause_since(SteadyClock::time_point asked, milliseconds time, Deadline deadline) {
    std::this_thread::sleep_until(std::min(asked + time, deadline));
}

std::string make_key() {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw Error(ErrorKind::bug, "there are no random bytes");
    }
    return base::to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Operation read_handle(const json& answer, const std::string& type, const std::string& resource) {
    Operation operation{text_of(answer, "operation_id"), text_of(answer, "resource_id"), true};
    const auto created = answer.is_object() ? answer.find("created") : answer.end();
    if (answer.is_object() && created != answer.end() && created->is_boolean()) {
        operation.created = created->get<bool>();
    }
    const bool fits = !operation.resource_id.empty() && text_of(answer, "type") == type &&
                      (resource.empty() || operation.resource_id == resource);
    if (!operation.created && text_of(answer, "status") == "completed") {
        operation.id.clear();
    } else if (operation.id.empty()) {
        operation.resource_id.clear();
    }
    if (!fits || operation.resource_id.empty()) {
        throw Failure("api_error", "the environment accepted something else than was asked for",
                      k_which_environment);
    }
    return operation;
}

json body_of(const CreateRequest& request) {
    json body = {{"connector_id", request.connector_id},
                 {"service_type", "postgres"},
                 {"name", request.name.name},
                 {"requested_name", request.name.requested}};
    if (request.ttl) {
        body["ttl"] = request.ttl->count() == 0 ? json() : json(request.ttl->count());
    }
    if (request.protect) {
        body["protect"] = true;
    }
    if (request.allow_stale) {
        body["allow_stale"] = true;
    }
    return body;
}

constexpr const char* k_see_all = "See them all: ardent branch list";
constexpr std::array k_ways_on = {
    std::pair("branch_differs",
              "Take it as it is: ardent branch switch <name>; or change it: "
              "ardent branch update <name>"),
    std::pair("name_taken", "Take another name, or the one that it was asked for as"),
    std::pair("invalid_name", "Take 1 to 63 lower-case letters, digits and hyphens"),
    std::pair("limit", k_see_all),
    std::pair("disk", k_see_all),
    std::pair("not_found", k_see_all),
    std::pair("not_active", k_see_all),
    std::pair("ttl", "Give a shorter --ttl"),
    std::pair("busy", "Run the same command again when that has ended"),
    std::pair("no_containment", "See docs/environment.md, Containment"),
};

/// Of a refusal: the environment's own hint, or what helps against what it says; may be empty.
std::string way_on(const ApiRefusal& refusal) {
    const auto* const found =
        std::find_if(k_ways_on.begin(), k_ways_on.end(),
                     [&](const auto& way) { return way.first == refusal.answer().code; });
    return refusal.hint().empty() && found != k_ways_on.end() ? found->second : refusal.hint();
}

/// A call about a branch, whose refusals say how to go on.
json call_for(Api& api, const Call& call) {
    try {
        return api.call(call);
    } catch (const ApiRefusal& refusal) {
        throw ApiRefusal(refusal.code(), refusal.answer(), refusal.what(), way_on(refusal),
                         refusal.kind());
    }
}

/// The words for programs that the API's refusals of a create come down to.
[[noreturn]] void rethrow_refusal(const ApiRefusal& refusal) {
    const std::string& code = refusal.answer().code;
    const bool unusable = code == "connector_not_ready" || code == "tables_copying";
    const std::string word = code == "invalid_name" || code == "name_taken" ? "invalid_name"
                             : unusable ? "connector_unavailable"
                                        : refusal.code();
    std::string hint = way_on(refusal);
    if (hint.empty() && unusable) {
        hint =
            "See what it waits for: ardent connector status <name>; or cut from what is there: "
            "--allow-stale";
    }
    throw ApiRefusal(word, refusal.answer(), refusal.what(), hint, refusal.kind());
}

}  // namespace

std::vector<BranchRow> BranchApi::list(const std::string& connector_id) {
    const json answer = m_api.call("GET", path_of(connector_id));
    if (!answer.is_array()) {
        throw Failure("api_error", "the environment's answer is no list of branches",
                      k_which_environment);
    }
    std::vector<BranchRow> rows;
    for (const json& item : answer) {
        rows.push_back(read_branch_row(item));
        check_is(rows.back(), {connector_id, "", "", ""});
    }
    return rows;
}

BranchRow BranchApi::one(const Asked& asked, bool own_bytes) {
    try {
        BranchRow row = read_branch_row(m_api.call(
            "GET", path_of(asked.connector_id, asked.id) + (own_bytes ? "" : "?own_bytes=false")));
        check_is(row, asked);
        return row;
    } catch (const ApiRefusal& refusal) {
        if (refusal.answer().status != k_not_found) {
            throw;
        }
        throw Failure("not_found", "branch '" + asked.name + "' is not there any more", k_see_all);
    }
}

BranchRow BranchApi::named(const std::string& connector_id, const BranchName& name) {
    const auto row = find_row(list(connector_id), name.name);
    if (!row) {
        throw Failure("not_found", "there is no branch '" + name.name + "'", k_see_all);
    }
    if (name.mapped()) {
        check_is(*row, {connector_id, row->id, name.name, name.requested});
    }
    return *row;
}

Operation BranchApi::create(const CreateRequest& request, Deadline deadline) {
    const std::string key = make_key();
    const std::string body = body_of(request).dump();
    milliseconds between = k_first_pause;
    for (int attempt = 1;; ++attempt) {
        try {
            return read_handle(m_api.call(Call{"POST",
                                               "/v1/branch/create",
                                               body,
                                               {{"X-Idempotency-Key", key}},
                                               left_of(deadline)}),
                               "branch_create", "");
        } catch (const ApiRefusal& refusal) {
            const bool in_flight =
                refusal.answer().status == k_conflict && refusal.answer().code == "in_flight";
            const bool again = refusal.kind() == ErrorKind::transient && attempt < k_create_tries;
            if ((!in_flight && !again) || SteadyClock::now() >= deadline) {
                rethrow_refusal(refusal);
            }
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::transient || attempt >= k_create_tries ||
                SteadyClock::now() >= deadline) {
                throw;
            }
        }
        pause_since(SteadyClock::now(), between, deadline);
        between = std::min(between * 2, k_longest_pause);
    }
}

Operation BranchApi::remove(const BranchRow& row) {
    return read_handle(call_for(m_api, {"DELETE", path_of(row.connector_id, row.id)}),
                       "branch_delete", row.id);
}

Operation BranchApi::act(const BranchRow& row, const std::string& verb) {
    return read_handle(call_for(m_api, {"POST", path_of(row.connector_id, row.id) + "/" + verb}),
                       "branch_" + verb, row.id);
}

BranchRow BranchApi::update(const BranchRow& row, const Change& change) {
    json body = json::object();
    if (change.ttl) {
        body["ttl"] = change.ttl->count() == 0 ? json() : json(change.ttl->count());
    }
    if (change.is_protected) {
        body["protect"] = *change.is_protected;
    }
    if (change.suspend_after) {
        const auto& time = *change.suspend_after;
        body["suspend_after"] = time ? json(time->count()) : json();
    }
    BranchRow now =
        read_branch_row(call_for(m_api, {"PATCH", path_of(row.connector_id, row.id), body.dump()}));
    check_is(now, {row.connector_id, row.id, row.name, ""});
    return now;
}

bool BranchApi::wait(const Operation& operation, const std::string& complaint,
                     const Waiting& waiting, Deadline deadline) {
    milliseconds between = k_first_pause;
    while (SteadyClock::now() < deadline) {
        const auto asked = SteadyClock::now();
        try {
            if (has_completed(operation, complaint, waiting, deadline)) {
                return true;
            }
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::transient) {
                throw;
            }
        }
        pause_since(asked, waiting.poll.value_or(between), deadline);
        between = std::min(between * 2, k_longest_pause);
    }
    return false;
}

bool BranchApi::has_completed(const Operation& operation, const std::string& complaint,
                              const Waiting& waiting, Deadline deadline) {
    const auto held = std::chrono::duration_cast<std::chrono::seconds>(
        std::min<milliseconds>(waiting.at_server, left_of(deadline)));
    const json state = m_api.call(Call{"GET",
                                       "/v1/operations/" + http::encode_component(operation.id) +
                                           "?wait=" + std::to_string(held.count()),
                                       "",
                                       {},
                                       left_of(deadline)});
    if (text_of(state, "id") != operation.id ||
        text_of(state, "resource_id") != operation.resource_id) {
        throw Failure("api_error",
                      "the environment answered with another operation than " + operation.id,
                      k_which_environment);
    }
    const std::string status = text_of(state, "status");
    if (status == "failed") {
        const std::string why = text_of(state, "error");
        throw Failure(
            "api_error",
            complaint + ": " + (why.empty() ? "the environment does not say why" : why),
            "Run the same command again once that is mended (operation " + operation.id + ")");
    }
    return status == "completed";
}

}  // namespace ardent::cli
