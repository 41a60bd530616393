// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/net_effect.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace ardent::apply {

namespace {

constexpr std::size_t k_first_slots = 64;

/// Later values over earlier ones; an absent one is an unchanged TOAST value and leaves what is
/// there.
void merge(Cell* into, Cells cells, Arena& arena) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const Cell& cell = cells[i];
        Cell& place = into[i];
        if (cell.state == CellState::absent) {
            continue;
        }
        const bool same = place.state == CellState::value && cell.state == CellState::value &&
                          !cell.bytea && place.view() == cell.view();
        if (!same) {
            place = stored(cell, arena);
        }
    }
}

}  // namespace

std::size_t NetEffect::slot_of(std::string_view key, std::uint64_t hash) const noexcept {
    const std::size_t mask = m_slots.size() - 1;
    std::size_t slot = hash & mask;
    while (m_slots[slot] != 0) {
        const KeyEntry& entry = m_entries[m_slots[slot] - 1];
        if (entry.hash == hash && entry.key.bytes() == key) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

void NetEffect::grow() {
    m_slots.assign(std::max(k_first_slots, m_slots.size() * 2), 0);
    const std::size_t mask = m_slots.size() - 1;
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        std::size_t slot = m_entries[i].hash & mask;
        while (m_slots[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        m_slots[slot] = static_cast<std::uint32_t>(i + 1);
    }
}

KeyEntry& NetEffect::at(std::string_view key, Arena& arena) {
    if (2 * (m_entries.size() + 1) > m_slots.size()) {
        grow();
    }
    const std::uint64_t hash = std::hash<std::string_view>{}(key);
    const std::size_t slot = slot_of(key, hash);
    if (m_slots[slot] != 0) {
        return m_entries[m_slots[slot] - 1];
    }
    KeyEntry entry;
    entry.hash = hash;
    entry.key = Key(arena.copy(key));
    m_entries.push_back(entry);
    m_slots[slot] = static_cast<std::uint32_t>(m_entries.size());
    return m_entries.back();
}

const KeyEntry* NetEffect::find(std::string_view key) const noexcept {
    if (m_slots.empty()) {
        return nullptr;
    }
    const std::size_t slot = slot_of(key, std::hash<std::string_view>{}(key));
    return m_slots[slot] == 0 ? nullptr : &m_entries[m_slots[slot] - 1];
}

void NetEffect::clear() noexcept {
    constexpr std::size_t k_keep_slots = std::size_t{1} << 14U;
    if (m_slots.size() > k_keep_slots && m_entries.size() < k_keep_slots / 8) {
        m_slots.clear();  // one large batch must not make every small one pay
    } else {
        std::fill(m_slots.begin(), m_slots.end(), 0U);
    }
    m_entries.clear();
}

bool NetEffect::insert(KeyEntry& entry, Cells cells, Arena& arena) {
    switch (entry.state) {
    case KeyState::fresh:
    case KeyState::nothing:
        entry.state = KeyState::inserted;
        break;
    case KeyState::removed:
        entry.state = KeyState::replaced;
        break;
    default:
        return false;
    }
    entry.cells = stored(cells, arena);
    return true;
}

bool NetEffect::update(KeyEntry& entry, Cells cells, Arena& arena) {
    switch (entry.state) {
    case KeyState::fresh:
        entry.state = KeyState::updated;
        entry.cells = stored(cells, arena);
        return true;
    case KeyState::inserted:
    case KeyState::updated:
    case KeyState::replaced:
        merge(entry.cells, cells, arena);
        return true;
    default:
        return false;
    }
}

bool NetEffect::remove(KeyEntry& entry) {
    switch (entry.state) {
    case KeyState::fresh:
    case KeyState::updated:
    case KeyState::replaced:
        entry.state = KeyState::removed;
        return true;
    case KeyState::inserted:
        entry.state = KeyState::nothing;
        return true;
    default:
        return false;
    }
}

}  // namespace ardent::apply
