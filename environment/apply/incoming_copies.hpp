// SPDX-License-Identifier: PostgreSQL
// The tables that have to be copied again, between the thread that applies, which wants them, and
// the agent's calls, which bring them (docs/protocol.md, "Copy again"). What comes is kept in
// files, compressed as it came, until the replica has come to the copy's place in the stream:
// nobody's rows and no lock of the replica are touched before. Nothing here survives: a new worker
// asks again. Any thread.
#pragma once

#include "common/protocol/messages.hpp"
#include "environment/apply/copy_records.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

/// A copy whose rows are all here.
struct ReadyCopy {
    std::string id;
    std::uint32_t relation = 0;
    protocol::CopyAgainBegin begin;
    std::uint64_t rows = 0;
    std::string path;  // for read_parts
};

/// For people; in UTF-8.
struct CopyAgainView {
    model::RelationName table;
    std::string why;
    model::Lsn since;
    std::string
        state;  // "wanted", "copying", "waiting": all rows are here, the replica is not there yet
    std::string detail;  // what holds it up, as the agent or the last attempt said
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;  // compressed
    std::uint64_t held = 0;   // changes that wait
};

class IncomingCopies {
public:
    /// `directory` is ours alone, made when it is needed; what an earlier one left there is
    /// removed.
    explicit IncomingCopies(const std::string& directory);
    ~IncomingCopies();
    IncomingCopies(const IncomingCopies&) = delete;
    IncomingCopies& operator=(const IncomingCopies&) = delete;

    // The thread that applies.
    /// All tables that are committed as wanted, names in UTF-8. A copy under way goes on when its
    /// table is called the same and its snapshot shows all of the table's DDL; otherwise it begins
    /// again.
    void want(const std::vector<CopyRecord>& records);
    /// Some table waits for a copy.
    bool any() const noexcept { return m_any; }
    /// The first position at which a copy can be taken.
    model::Lsn ready_at() const noexcept { return {m_ready_at}; }
    std::optional<ReadyCopy> ready(model::Lsn position) const;
    /// The copy does not fit: it is asked for again after the table's next DDL, or after a while.
    void discard(const std::string& id, const std::string& why);
    void note_held(std::uint32_t relation, std::uint64_t held);

    // The agent. A call for a copy that is not wanted (any more) throws HttpError 409 out_of_order;
    // base::Error (transient) when the file cannot be written.
    std::vector<protocol::CopyAgain> wanted() const;
    void begin(const std::string& id, const protocol::CopyAgainBegin& begin);
    /// The rows so far with the last part, otherwise nothing. A part that arrived already is
    /// answered and not kept again.
    std::optional<std::uint64_t> part(const std::string& id, std::uint64_t number, bool last,
                                      std::string_view frame);
    void finish(const std::string& id, std::uint64_t rows);
    void trouble(const std::string& id, const std::string& detail);

    // People. nullopt before the first `want`.
    std::optional<std::vector<CopyAgainView>> views() const;

private:
    enum class State { wanted, copying, waiting };
    struct Entry {
        CopyRecord record;
        std::string id;
        State state = State::wanted;
        std::string detail;
        protocol::CopyAgainBegin begin;
        std::uint64_t next_part = 0;
        bool last = false;
        std::uint64_t rows = 0;
        std::uint64_t bytes = 0;
        std::chrono::steady_clock::time_point not_before = {};
    };

    Entry& find(const std::string& id);
    void restart(Entry& entry, const std::string& detail);
    std::string path(const Entry& entry) const;
    void write(const Entry& entry, std::string_view frame) const;
    void note() noexcept;

    const std::string m_directory;
    mutable std::mutex m_mutex;
    std::vector<Entry> m_entries;
    bool m_told = false;  // by `want`
    std::atomic<bool> m_any{false};
    std::atomic<std::uint64_t> m_ready_at;
};

/// What the replica itself says is pending, when nobody applies; nothing for one without the
/// records.
std::vector<CopyAgainView> views_of_records(pq::Connection& connection);

/// "tables are being copied again: a, b"; empty when none is.
std::string waiting_text(const std::vector<CopyAgainView>& copies);

/// The content of a ready copy, piece by piece. Throws base::Error (bug) when the file is not what
/// was written.
void read_parts(const std::string& path, const std::function<void(std::string_view)>& piece);

}  // namespace ardent::apply
