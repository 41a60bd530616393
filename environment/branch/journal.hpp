// SPDX-License-Identifier: PostgreSQL
// The operations on branches, as they are kept in the state. One that the state does not take,
// because the disk is full or its server is away, waits here and is kept later: whoever asks for it
// is answered meanwhile, and a deletion, which is what makes room, is not refused for want of room.
// Any thread.
#pragma once

#include "environment/state/store.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace ardent::environment {

class Journal {
public:
    explicit Journal(Store& store) : m_store(store) {}

    /// Kept when it returns. Throws base::Error: it is not, and shall not be.
    void begin(const OperationRecord& operation) { m_store.save(operation); }
    /// Kept now or later; lost only with this process.
    void keep(const OperationRecord& operation);
    /// Tries again with what waits.
    void catch_up();
    /// What waits; the others are in the state.
    std::optional<OperationRecord> waiting(const std::string& id) const;

private:
    Store& m_store;
    std::mutex
        m_saving;  // an older state of an operation never overtakes a newer one; before the other
    mutable std::mutex m_mutex;  // never held over SQL
    std::map<std::string, OperationRecord> m_waiting;
};

}  // namespace ardent::environment
