// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/incoming_copies.hpp"

#include "common/base/text.hpp"
#include "common/protocol/frame.hpp"
#include "environment/apply/snapshot.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

namespace ardent::apply {

namespace {

using environment::HttpError;

constexpr std::size_t k_id_bytes = 8;
constexpr std::chrono::seconds k_after_misfit{30};
constexpr std::size_t k_shown_detail = 500;
constexpr std::uint64_t k_never = std::numeric_limits<std::uint64_t>::max();

HttpError out_of_order(const std::string& detail) {
    return {409, "out_of_order", detail};
}

// In COPY text a newline ends a row and is nothing else, in every encoding that a server can have.
std::uint64_t count_rows(std::string_view frame) {
    std::uint64_t rows = 0;
    try {
        protocol::FrameReader reader(frame);
        while (const auto piece = reader.next()) {
            rows += static_cast<std::uint64_t>(std::count(piece->begin(), piece->end(), '\n'));
        }
    } catch (const base::Error& error) {
        throw HttpError(422, "malformed", std::string("the part: ") + error.what());
    }
    return rows;
}

bool sees_all(const std::string& snapshot, const std::vector<std::uint64_t>& xids) {
    return std::all_of(xids.begin(), xids.end(),
                       [&](std::uint64_t xid) { return sees(snapshot, xid); });
}

}  // namespace

// A worker that is gone may still be held by a call: each has a folder of its own.
IncomingCopies::IncomingCopies(const std::string& directory)
    : m_directory(directory + "/" + environment::random_hex(k_id_bytes)), m_ready_at(k_never) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
}

IncomingCopies::~IncomingCopies() {
    std::error_code ignored;
    std::filesystem::remove_all(m_directory, ignored);
}

void IncomingCopies::want(const std::vector<CopyRecord>& records) {
    const std::lock_guard lock(m_mutex);
    m_told = true;
    std::vector<Entry> before = std::exchange(m_entries, {});
    for (const CopyRecord& record : records) {
        const auto old = std::find_if(before.begin(), before.end(), [&](const Entry& entry) {
            return entry.record.relation == record.relation;
        });
        Entry entry;
        if (old != before.end()) {
            entry = std::move(*old);
            before.erase(old);
        } else {
            entry.id = environment::random_hex(k_id_bytes);
        }
        const bool renamed = entry.record.name != record.name;
        if (renamed || entry.record.ddl_xids != record.ddl_xids) {
            entry.not_before = {};
        }
        entry.record = record;
        if (entry.state != State::wanted &&
            (renamed || !sees_all(entry.begin.snapshot, record.ddl_xids))) {
            restart(entry, "the table was changed at the source meanwhile");
        }
        m_entries.push_back(std::move(entry));
    }
    for (Entry& gone : before) {
        restart(gone, {});
    }
    note();
}

std::optional<ReadyCopy> IncomingCopies::ready(model::Lsn position) const {
    const std::lock_guard lock(m_mutex);
    for (const Entry& entry : m_entries) {
        if (entry.state == State::waiting && entry.begin.lsn <= position) {
            return ReadyCopy{entry.id, entry.record.relation, entry.begin, entry.rows, path(entry)};
        }
    }
    return std::nullopt;
}

void IncomingCopies::discard(const std::string& id, const std::string& why) {
    const std::lock_guard lock(m_mutex);
    for (Entry& entry : m_entries) {
        if (entry.id == id) {
            restart(entry, why);
            entry.not_before = std::chrono::steady_clock::now() + k_after_misfit;
        }
    }
    note();
}

void IncomingCopies::note_held(std::uint32_t relation, std::uint64_t held) {
    const std::lock_guard lock(m_mutex);
    for (Entry& entry : m_entries) {
        if (entry.record.relation == relation) {
            entry.record.held = held;
        }
    }
}

std::vector<protocol::CopyAgain> IncomingCopies::wanted() const {
    if (!any()) {
        return {};
    }
    const std::lock_guard lock(m_mutex);
    const auto now = std::chrono::steady_clock::now();
    std::vector<protocol::CopyAgain> list;
    for (const Entry& entry : m_entries) {
        if (entry.state != State::waiting && entry.not_before <= now) {
            list.push_back({entry.id, entry.record.name});
        }
    }
    return list;
}

void IncomingCopies::begin(const std::string& id, const protocol::CopyAgainBegin& begin) {
    if (!is_snapshot(begin.snapshot)) {
        throw HttpError(422, "malformed", "snapshot is none");
    }
    const std::lock_guard lock(m_mutex);
    Entry& entry = find(id);
    if (entry.state == State::waiting) {
        throw out_of_order("the copy has all its rows");
    }
    if (begin.table.relation != entry.record.name ||
        !sees_all(begin.snapshot, entry.record.ddl_xids)) {
        restart(entry, "the source does not show the table's last DDL yet");
        throw out_of_order(entry.detail);
    }
    restart(entry, {});
    entry.id = id;
    entry.state = State::copying;
    entry.begin = begin;
}

std::optional<std::uint64_t> IncomingCopies::part(const std::string& id, std::uint64_t number,
                                                  bool last, std::string_view frame) {
    const std::uint64_t rows = count_rows(frame);
    const std::lock_guard lock(m_mutex);
    Entry& entry = find(id);
    if (entry.state == State::wanted || number > entry.next_part ||
        (number == entry.next_part && entry.last)) {
        throw out_of_order("part " + std::to_string(number) + " does not follow what arrived");
    }
    if (number == entry.next_part) {
        write(entry, frame);
        entry.rows += rows;
        entry.bytes += sizeof(std::uint32_t) + frame.size();
        ++entry.next_part;
        entry.last = last;
    }
    return last ? std::optional(entry.rows) : std::nullopt;
}

void IncomingCopies::finish(const std::string& id, std::uint64_t rows) {
    const std::lock_guard lock(m_mutex);
    Entry& entry = find(id);
    if (entry.state == State::wanted || !entry.last || entry.rows != rows) {
        restart(entry, std::to_string(entry.rows) + " rows came and " + std::to_string(rows) +
                           " were sent");
        throw out_of_order(entry.detail);
    }
    entry.state = State::waiting;
    entry.detail.clear();
    note();
}

void IncomingCopies::trouble(const std::string& id, const std::string& detail) {
    const std::lock_guard lock(m_mutex);
    find(id).detail = detail.substr(0, k_shown_detail);
}

std::optional<std::vector<CopyAgainView>> IncomingCopies::views() const {
    const std::lock_guard lock(m_mutex);
    if (!m_told) {
        return std::nullopt;
    }
    std::vector<CopyAgainView> list;
    for (const Entry& entry : m_entries) {
        const char* const state = entry.state == State::wanted    ? "wanted"
                                  : entry.state == State::copying ? "copying"
                                                                  : "waiting";
        list.push_back({entry.record.name, entry.record.why, entry.record.since, state,
                        entry.detail, entry.rows, entry.bytes, entry.record.held});
    }
    return list;
}

IncomingCopies::Entry& IncomingCopies::find(const std::string& id) {
    const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                    [&](const Entry& entry) { return entry.id == id; });
    if (found == m_entries.end()) {
        throw out_of_order("the copy " + id + " is not wanted any more");
    }
    return *found;
}

void IncomingCopies::restart(Entry& entry, const std::string& detail) {
    std::error_code ignored;
    std::filesystem::remove(path(entry), ignored);
    Entry fresh;
    fresh.record = entry.record;
    fresh.id = environment::random_hex(k_id_bytes);
    fresh.detail = detail;
    entry = std::move(fresh);
}

std::string IncomingCopies::path(const Entry& entry) const {
    return m_directory + "/" + entry.id;
}

// At its place, so that what a failed attempt left is overwritten.
void IncomingCopies::write(const Entry& entry, std::string_view frame) const {
    std::filesystem::create_directories(m_directory);
    std::ofstream file(path(entry), std::ios::binary | std::ios::in | std::ios::out);
    if (!file.is_open()) {
        file.open(path(entry), std::ios::binary | std::ios::trunc);
    }
    const auto size = static_cast<std::uint32_t>(frame.size());
    file.seekp(static_cast<std::streamoff>(entry.bytes));
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file.write(frame.data(), static_cast<std::streamsize>(frame.size()));
    file.close();
    if (!file) {
        throw base::Error(base::ErrorKind::transient, "cannot write " + path(entry),
                          "Is the file system full?");
    }
}

void IncomingCopies::note() noexcept {
    m_any = !m_entries.empty();
    std::uint64_t first = k_never;
    for (const Entry& entry : m_entries) {
        if (entry.state == State::waiting) {
            first = std::min(first, entry.begin.lsn.value);
        }
    }
    m_ready_at = first;
}

std::vector<CopyAgainView> views_of_records(pq::Connection& connection) {
    std::vector<CopyAgainView> views;
    if (connection.value("SELECT pg_catalog.to_regclass('ardent.copy_again')")) {
        for (const CopyRecord& record : read_copy_records(connection)) {
            views.push_back(
                {record.name, record.why, record.since, "wanted", {}, 0, 0, record.held});
        }
    }
    return views;
}

std::string waiting_text(const std::vector<CopyAgainView>& copies) {
    std::vector<std::string> names;
    for (const CopyAgainView& copy : copies) {
        names.push_back(model::to_string(copy.table));
    }
    return names.empty() ? std::string()
                         : "tables are being copied again: " + base::join(names, ", ");
}

void read_parts(const std::string& path, const std::function<void(std::string_view)>& piece) {
    std::ifstream file(path, std::ios::binary);
    std::uint32_t size = 0;
    std::string frame;
    while (file.read(reinterpret_cast<char*>(&size), sizeof(size))) {
        frame.resize(size);
        if (!file.read(frame.data(), static_cast<std::streamsize>(size))) {
            throw base::Error(base::ErrorKind::bug, path + " is cut");
        }
        protocol::FrameReader reader(frame);
        while (const auto some = reader.next()) {
            piece(*some);
        }
    }
}

}  // namespace ardent::apply
