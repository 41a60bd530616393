// SPDX-License-Identifier: PostgreSQL
// What only Btrfs does to a tree, and what only a full disk does; nothing is tested where TMPDIR is
// neither. tests/volume.sh sees to it that it is both, once each.
#include "environment/volume/btrfs.hpp"
#include "environment/volume/volume.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/volume_tree.hpp"

#include <cerrno>
#include <cstdint>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

using namespace ardent::environment;
using namespace ardent::test;
using ardent::base::Error;
using ardent::base::ErrorKind;
using ardent::base::Fd;
using Catch::Matchers::Contains;

namespace {

Fd folder(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

void make_read_only(const std::string& subvolume) {
    std::uint64_t flags = BTRFS_SUBVOL_RDONLY;
    REQUIRE(::ioctl(folder(subvolume).get(), BTRFS_IOC_SUBVOL_SETFLAGS, &flags) == 0);
}

/// Writes until nothing more fits, in smaller and smaller pieces. Answers how much that was.
std::uint64_t fill(const std::string& path) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    std::uint64_t all = 0;
    for (std::size_t piece = 1 << 20; piece >= 512; piece /= 2) {
        const std::string bytes(piece, 'f');
        ssize_t written = 0;
        while ((written = ::write(file.get(), bytes.data(), piece)) > 0 &&
               ::fdatasync(file.get()) == 0) {
            all += static_cast<std::uint64_t>(written);
        }
    }
    return all;
}

std::string text_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::transient);
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("subvolumes within a tree are left out, and removed with it", "[volume]") {
    const Room room;
    if (proven(room) != CloneMethod::btrfs) {
        SUCCEED("not Btrfs");
        return;
    }
    const std::string tree = room / "tree";
    make_tree(CloneMethod::btrfs, tree);
    put(tree + "/file", "file");
    // A chain of them, deeper than folders are kept open, each with a file; one cannot be written.
    std::string at = tree;
    for (int i = 0; i < 80; ++i) {
        REQUIRE(volume::create_subvolume(folder(at).get(), "v") == 0);
        at += "/v";
        put(at + "/file", "within");
    }
    std::filesystem::create_directories(at + "/folder/folder");
    REQUIRE(volume::snapshot_subvolume(folder(at).get(), folder(tree).get(), "sealed") == 0);
    make_read_only(tree + "/sealed");
    REQUIRE(::chmod((tree + "/v/v/v").c_str(), 0500) == 0);
    make_read_only(tree + "/v/v/v");

    for (const CloneMethod method : {CloneMethod::copy, CloneMethod::reflink, CloneMethod::btrfs}) {
        const auto outcome = clone(tree, room / "target", {.method = method});
        CHECK(names_in(room / "target") == std::vector<std::string>{"file"});
        CHECK(outcome.contents.files == 1);
        CHECK(outcome.contents.others_in_all == 2);
        remove_tree(room / "target");
    }
    remove_tree(tree);
    CHECK(names_in(room.path()).empty());
}

TEST_CASE("a snapshot is one moment, and its clean-up leaves the source alone", "[volume]") {
    const Room room;
    if (proven(room) != CloneMethod::btrfs) {
        SUCCEED("not Btrfs");
        return;
    }
    make_tree(CloneMethod::btrfs, room / "source");
    put(room / "source/postmaster.pid", "1");
    put(room / "source/data", "before");
    REQUIRE(::symlink("/etc/passwd", (room / "source/link").c_str()) == 0);
    const CloneOutcome outcome =
        clone_tree(room / "source", room / "target", {.method = CloneMethod::btrfs});
    CHECK(outcome.contents.files == 0);
    put(room / "source/data", "after");
    CHECK(is_there(room / "target/link"));  // until it is cleaned
    const Contents cleaned = clean_clone(
        room / "target", [](std::string_view path, bool) { return path == "postmaster.pid"; });
    CHECK(cleaned.files == 1);
    CHECK(cleaned.bytes == 6);
    CHECK(cleaned.links == std::vector<std::string>{"link"});
    CHECK(names_in(room / "target") == std::vector<std::string>{"data"});
    CHECK(get(room / "target/data") == "before");
    CHECK(names_in(room / "source").size() == 3);
}

TEST_CASE("a file that is written in place can be cloned", "[volume]") {
    const Room room;
    if (proven(room) != CloneMethod::btrfs) {
        SUCCEED("not Btrfs");
        return;
    }
    make_tree(CloneMethod::reflink, room / "source");
    const Fd file(::open((room / "source/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    int flags = FS_NOCOW_FL;  // what `chattr +C` sets
    REQUIRE(::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0);
    const std::string bytes(1 << 20, 'n');
    REQUIRE(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    clone_tree(room / "source", room / "target", {.method = CloneMethod::reflink});
    CHECK(holds(room / "target/file", bytes));
}

TEST_CASE("a full disk is told with what is needed and free, and trees are removed all the same",
          "[volume]") {
    if (std::getenv("ARDENT_VOLUME_MAY_FILL") == nullptr) {
        SUCCEED("not a file system of the test's own");
        return;
    }
    const Room room;
    const CloneMethod method = proven(room);
    make_tree(method, room / "source");
    std::filesystem::create_directory(room / "source/base");
    for (int i = 0; i < 300; ++i) {
        put(room / ("source/base/" + std::to_string(i)), std::string(8192, 'x'));
    }
    put(room / "source/large", std::string(6 << 20, 'x'));
    clone(room / "source", room / "clone", {.method = method});

    // In the middle of a copy.
    const auto fill_it = [&](std::uint64_t done, std::uint64_t) {
        if (done > 0 && !is_there(room / "filler")) {
            fill(room / "filler");
        }
    };
    const auto copy = [&] {
        clone_tree(room / "source", room / "copy", {.threads = 2, .progress = fill_it});
    };
    CHECK_THAT(text_of(copy),
               Contains("no space left") && Contains(" needed, ") && Contains(" free in "));
    CHECK(!is_there(room / "copy"));
    // Before it begins.
    fill(room / "filler");
    CHECK(free_bytes(room.path()) < 6 << 20);
    CHECK_THAT(text_of(copy),
               Contains("cannot copy") && Contains("no space left") && Contains(" needed, "));
    CHECK(!is_there(room / "copy"));
    // Sharing blocks may still find the little that it needs; what it does not find it says.
    const std::string said =
        text_of([&] { clone(room / "source", room / "another", {.method = method}); });
    CHECK((said.empty() || said.find("no space left") != std::string::npos));
    CHECK(is_there(room / "another") == said.empty());

    fill(room / "filler");
    remove_tree(room / "clone");
    fill(room / "filler");
    remove_tree(room / "source");
    remove_tree(room / "another");
    CHECK(names_in(room.path()) == std::vector<std::string>{"filler"});
}
