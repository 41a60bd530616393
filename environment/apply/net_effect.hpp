// SPDX-License-Identifier: PostgreSQL
// What a batch does to one table, key by key: of all changes to a key only the last state is kept,
// because a reader can see nothing else. Pure; one thread; rows and keys lie in an Arena that must
// outlive them.
#pragma once

#include "common/model/lsn.hpp"
#include "environment/apply/cells.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ardent::apply {

enum class KeyState : std::uint8_t {
    fresh,     // just added by `at`, nothing said yet
    inserted,  // was not there, is there
    updated,   // was there, columns change
    removed,   // was there, is not there
    replaced,  // was there, another row is there: remove, then insert
    nothing    // was not there, is not there
};

struct KeyEntry {
    std::uint64_t hash = 0;
    Key key;
    model::Lsn lsn;         // of the last change
    Cell* cells = nullptr;  // inserted, replaced: the row; updated: columns to set, others absent
    KeyState state = KeyState::fresh;
};

class NetEffect {
public:
    /// The entry of a key; a new one is fresh and has its bytes copied into the arena. Valid until
    /// the next `at`.
    KeyEntry& at(std::string_view key, Arena& arena);
    /// nullptr when the key is not there.
    const KeyEntry* find(std::string_view key) const noexcept;

    const std::vector<KeyEntry>& entries() const noexcept { return m_entries; }
    bool empty() const noexcept { return m_entries.empty(); }
    void clear() noexcept;

    // The three below say false when the change does not fit what the batch did before: a row that
    // is there already, or one that is not there. `cells` are the decoder's; they are copied into
    // the arena.
    static bool insert(KeyEntry& entry, Cells cells, Arena& arena);
    static bool update(KeyEntry& entry, Cells cells, Arena& arena);
    static bool remove(KeyEntry& entry);

private:
    std::size_t slot_of(std::string_view key, std::uint64_t hash) const noexcept;
    void grow();

    std::vector<KeyEntry> m_entries;
    std::vector<std::uint32_t>
        m_slots;  // open addressing; 0 is free, otherwise place in m_entries + 1
};

}  // namespace ardent::apply
