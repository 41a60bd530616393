// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/idempotency.hpp"

#include "environment/branch/branches.hpp"
#include "environment/server/http.hpp"

#include <algorithm>
#include <utility>

namespace ardent::environment {

bool is_idempotency_key(std::string_view key) noexcept {
    constexpr std::size_t k_longest = 255;
    return !key.empty() && key.size() <= k_longest &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

KeysInFlight::Flight::Flight(KeysInFlight& keys, std::string key)
    : m_keys(keys), m_key(std::move(key)) {
    const std::lock_guard lock(m_keys.m_mutex);
    if (!m_keys.m_keys.insert(m_key).second) {
        throw HttpError(409, "in_flight",
                        "The first request under this X-Idempotency-Key is being answered: ask "
                        "again in a moment");
    }
}

KeysInFlight::Flight::~Flight() {
    const std::lock_guard lock(m_keys.m_mutex);
    m_keys.m_keys.erase(m_key);
}

Branches::Begun Branches::create_once(const BranchRequest& request) {
    const KeysInFlight::Flight flight = m_keys.take(request.key);
    if (const auto before = m_store.idempotency(request.key)) {
        if (before->request_hash != request.hash) {
            throw HttpError(422, "key_reused",
                            "This X-Idempotency-Key was used for another request: take a new one");
        }
        OperationRecord operation;
        operation.id = before->operation_id;
        operation.type = "branch_create";
        operation.status = before->operation_status;
        operation.resource_id = before->branch_id;
        return {operation, before->created, true};
    }
    Begun begun = create(request);
    // One that made no branch of its own was not stored with it.
    if (!begun.stored) {
        m_store.save(IdempotencyRecord{request.key, request.hash, begun.operation.id,
                                       begun.operation.status, begun.operation.resource_id,
                                       begun.created});
    }
    return begun;
}

}  // namespace ardent::environment
