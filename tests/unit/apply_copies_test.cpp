// SPDX-License-Identifier: PostgreSQL
// Tables that are copied again: which transactions a snapshot shows, and what becomes of what the
// agent brings.
#include "common/protocol/frame.hpp"
#include "environment/apply/incoming_copies.hpp"
#include "environment/apply/snapshot.hpp"
#include "environment/server/http.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <unistd.h>

using namespace ardent;
using apply::IncomingCopies;

namespace {

struct Folder {
    std::string path =
        std::filesystem::temp_directory_path() / ("ardent-copies-" + std::to_string(::getpid()));
    Folder() = default;
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

apply::CopyRecord record_of(std::uint32_t relation, const std::string& name,
                            std::vector<std::uint64_t> xids) {
    return {relation, {"public", name}, "why", model::Lsn{10}, std::move(xids), 0};
}

protocol::CopyAgainBegin begin_of(const std::string& name, const std::string& snapshot,
                                  std::uint64_t lsn) {
    protocol::CopyAgainBegin begin;
    begin.table.relation = {"public", name};
    begin.snapshot = snapshot;
    begin.lsn = model::Lsn{lsn};
    return begin;
}

std::string frame_of(const std::string& rows) {
    std::string frame;
    protocol::append_frame(frame, rows, 1);
    return frame;
}

std::string content_of(const apply::ReadyCopy& copy) {
    std::string content;
    apply::read_parts(copy.path, [&](std::string_view piece) { content += piece; });
    return content;
}

/// The only copy that is asked for.
std::string only_id(const IncomingCopies& copies) {
    const auto wanted = copies.wanted();
    REQUIRE(wanted.size() == 1);
    return wanted[0].id;
}

void bring(IncomingCopies& copies, const std::string& name, const std::string& snapshot,
           std::uint64_t lsn) {
    const std::string id = only_id(copies);
    copies.begin(id, begin_of(name, snapshot, lsn));
    CHECK(copies.part(id, 0, true, frame_of("1\ta\n2\tb\n")) == 2);
    copies.finish(id, 2);
}

}  // namespace

TEST_CASE("snapshot: its text is checked before anything is decided by it") {
    for (const char* const good : {"10:10:", "10:20:10", "10:20:10,19", "4294968037:4294968040:"}) {
        CAPTURE(good);
        CHECK(apply::is_snapshot(good));
    }
    for (const char* const bad :
         {"", "10", "10:20", "20:10:", "10:20:9", "10:20:20", "10:20:12,11", "10:20:12,12",
          "10:20:12,", "10:20:12;13", "0:0:", "a:b:", "10:20:-1", "10:20:12 "}) {
        CAPTURE(bad);
        CHECK_FALSE(apply::is_snapshot(bad));
    }
}

TEST_CASE("snapshot: a transaction of another epoch is another transaction") {
    const std::string snapshot = "4294967300:4294967310:4294967305";
    CHECK(apply::sees(snapshot, 4));  // long before
    CHECK(apply::sees(snapshot, 4294967299));
    CHECK(apply::sees(snapshot, 4294967304));
    CHECK_FALSE(apply::sees(snapshot, 4294967305));
    CHECK_FALSE(apply::sees(snapshot, 4294967310));
    CHECK_FALSE(apply::sees(snapshot, 8589934596));  // the next epoch's 4
}

TEST_CASE("copies again: one is ready once all rows are here and the position is beyond its own") {
    const Folder folder;
    IncomingCopies copies(folder.path);
    CHECK_FALSE(copies.any());
    CHECK_FALSE(copies.views().has_value());
    copies.want({record_of(5, "t", {100})});
    CHECK(copies.any());
    const std::string id = only_id(copies);
    copies.begin(id, begin_of("t", "101:101:", 50));
    CHECK(copies.part(id, 0, false, frame_of("1\ta\n2")) == std::nullopt);
    CHECK(copies.part(id, 0, false, frame_of("1\ta\n2")) == std::nullopt);  // again
    CHECK(copies.views().value()[0].state == "copying");
    CHECK_THROWS_AS(copies.part(id, 2, false, frame_of("x")), environment::HttpError);
    CHECK_THROWS_AS(copies.part(id, 1, true, "no frame"), environment::HttpError);
    CHECK(copies.part(id, 1, true, frame_of("\tb\n")) == 2);
    CHECK(copies.part(id, 1, true, frame_of("\tb\n")) == 2);
    CHECK_THROWS_AS(copies.part(id, 2, true, frame_of("3\tc\n")), environment::HttpError);
    CHECK(copies.ready(model::Lsn{1000}) == std::nullopt);
    copies.finish(id, 2);
    CHECK(copies.wanted().empty());
    CHECK(copies.ready_at() == model::Lsn{50});
    CHECK(copies.ready(model::Lsn{49}) == std::nullopt);
    const auto ready = copies.ready(model::Lsn{50});
    REQUIRE(ready);
    CHECK(ready->relation == 5);
    CHECK(ready->rows == 2);
    CHECK(content_of(*ready) == "1\ta\n2\tb\n");
    copies.want({});
    CHECK_FALSE(copies.any());
    CHECK_FALSE(std::filesystem::exists(ready->path));
    CHECK(copies.ready_at().value == UINT64_MAX);
}

TEST_CASE("copies again: one that does not show the table's DDL is refused or thrown away") {
    const Folder folder;
    IncomingCopies copies(folder.path);
    copies.want({record_of(5, "t", {100})});
    const std::string id = only_id(copies);
    CHECK_THROWS_AS(copies.begin(id, begin_of("t", "100:100:", 50)), environment::HttpError);
    CHECK(only_id(copies) != id);
    CHECK_THROWS_AS(copies.begin(id, begin_of("t", "101:101:", 50)), environment::HttpError);
    CHECK_THROWS_AS(copies.begin(only_id(copies), begin_of("other", "101:101:", 50)),
                    environment::HttpError);
    CHECK_THROWS_AS(copies.begin(only_id(copies), begin_of("t", "101:", 50)),
                    environment::HttpError);
    bring(copies, "t", "105:110:107", 50);
    copies.want({record_of(5, "t", {100, 106})});
    CHECK(copies.ready(model::Lsn{50}));
    copies.want({record_of(5, "t", {100, 106, 107})});
    CHECK(copies.ready(model::Lsn{50}) == std::nullopt);
    bring(copies, "t", "110:110:", 60);
    copies.want({record_of(5, "renamed", {100, 106, 107})});
    CHECK(copies.ready(model::Lsn{60}) == std::nullopt);
    CHECK(copies.wanted()[0].table.name == "renamed");
}

TEST_CASE("copies again: rows that do not add up, and a copy that does not fit, begin anew") {
    const Folder folder;
    IncomingCopies copies(folder.path);
    copies.want({record_of(5, "t", {100})});
    const std::string id = only_id(copies);
    copies.begin(id, begin_of("t", "101:101:", 50));
    CHECK(copies.part(id, 0, true, frame_of("1\n2\n")) == 2);
    CHECK_THROWS_AS(copies.finish(id, 3), environment::HttpError);
    bring(copies, "t", "101:101:", 50);
    const auto ready = copies.ready(model::Lsn{50});
    REQUIRE(ready);
    copies.discard(ready->id, "column 2 is another");
    CHECK(copies.ready(model::Lsn{50}) == std::nullopt);
    CHECK(copies.wanted().empty());  // not at once
    CHECK(copies.views().value()[0].detail == "column 2 is another");
    copies.want({record_of(5, "t", {100, 101})});  // DDL of it has come
    CHECK(copies.wanted().size() == 1);
}

TEST_CASE("copies again: trouble and held changes are shown") {
    const Folder folder;
    IncomingCopies copies(folder.path);
    copies.want({record_of(5, "t", {100}), record_of(6, "u", {100})});
    copies.trouble(copies.wanted()[0].id, "locked");
    copies.note_held(6, 12);
    const auto views = copies.views().value();
    REQUIRE(views.size() == 2);
    CHECK(views[0].state == "wanted");
    CHECK(views[0].detail == "locked");
    CHECK(views[0].held == 0);
    CHECK(views[1].held == 12);
    CHECK_THROWS_AS(copies.trouble("0000", "x"), environment::HttpError);
}
