// SPDX-License-Identifier: PostgreSQL
// Trees that are cloned, on whatever file system TMPDIR is, by each method that works there.
// tests/volume.sh runs these on XFS, Btrfs, ext4 and tmpfs.
#include "environment/volume/volume.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/volume_tree.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace ardent::environment;
using namespace ardent::test;
using ardent::base::Error;
using ardent::base::ErrorKind;
using ardent::base::Fd;
using Catch::Matchers::Contains;

namespace {

constexpr std::size_t k_mebibyte = 1 << 20;

/// The predicate is asked twice by a copy, which sums up first: what is done at the last time
/// happens between fstatat and open.
class AtLast {
public:
    AtLast(CloneMethod method, std::string path, std::function<void()> action)
        : m_left(method == CloneMethod::copy ? 2 : 1),
          m_path(std::move(path)),
          m_action(std::move(action)) {}
    bool operator()(std::string_view path, bool) {
        if (path == m_path && --m_left == 0) {
            m_action();
        }
        return false;
    }

private:
    int m_left;
    std::string m_path;
    std::function<void()> m_action;
};

std::string error_of(const std::function<void()>& action, ErrorKind kind) {
    try {
        action();
    } catch (const Error& error) {
        CHECK(error.kind() == kind);
        return error.what();
    }
    FAIL("no error");
    return {};
}

std::size_t page_size() {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Of a file that is not empty; looking brings none there.
std::size_t pages_in_memory(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(file.valid());
    const auto size = static_cast<std::size_t>(stat_of(path).st_size);
    void* const place = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    REQUIRE(place != MAP_FAILED);
    std::vector<unsigned char> pages((size + page_size() - 1) / page_size());
    REQUIRE(::mincore(place, size, pages.data()) == 0);
    ::munmap(place, size);
    return static_cast<std::size_t>(std::count_if(
        pages.begin(), pages.end(), [](unsigned char page) { return (page & 1U) != 0; }));
}

bool file_by_file(CloneMethod method) {
    return method != CloneMethod::btrfs;
}

}  // namespace

TEST_CASE("a volume's method is what a trial showed, and the trial leaves nothing", "[volume]") {
    const Room room;
    const ProvenMethod found = prove_clone_method(room.path());
    CHECK(names_in(room.path()).empty());
    CHECK(found.refused.size() == static_cast<std::size_t>(found.method));
    for (const std::string& why : found.refused) {
        CHECK_THAT(why, Contains("BTRFS_IOC_SUBVOL_CREATE_V2: ") || Contains("FICLONE: "));
    }
    if (const char* const expected = std::getenv("ARDENT_VOLUME_METHOD")) {
        CHECK(to_string(found.method) == std::string(expected));
    }

    // What a killed trial left.
    make_tree(found.method, room / ".ardent-clone-trial");
    make_tree(found.method, room / ".ardent-clone-trial/tree");
    put(room / ".ardent-clone-trial/tree/file", "x", 0);
    CHECK(prove_clone_method(room.path()).method == found.method);
    CHECK(names_in(room.path()).empty());
    CHECK_THAT(error_of([&] { prove_clone_method(room / "missing"); }, ErrorKind::config),
               Contains("missing"));
}

TEST_CASE("a clone has the tree's bytes, and modes of its own", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        for (const unsigned threads : {1U, 4U}) {
            const std::string source = room / "source";
            const std::string target = room / "target";
            make_tree(method, source);
            CHECK(mode_of(source) == 0700);
            std::filesystem::create_directories(source + "/base/1");
            REQUIRE(::chmod((source + "/base").c_str(), 0755) == 0);
            const std::string odd = "base/1/a\nb\xff\xfe \x1b[31m";
            const std::string large(3 * k_mebibyte + 4711, 'l');
            put(source + "/empty", "");
            put(source + "/base/large", large, 04755);
            put(source + "/" + odd, "odd", 0666);
            put(source + "/base/readonly", "readonly", 0400);
            std::filesystem::create_hard_link(source + "/base/large", source + "/base/1/again");

            const CloneOutcome outcome =
                clone(source, target, {.method = method, .threads = threads});
            CHECK(outcome.method == method);
            CHECK(outcome.contents.files == 5);
            CHECK(outcome.contents.bytes == 2 * large.size() + 3 + 8);
            CHECK(outcome.contents.links_in_all + outcome.contents.others_in_all == 0);
            CHECK(holds(target + "/base/large", large));
            CHECK(holds(target + "/base/1/again", large));
            CHECK(get(target + "/" + odd) == "odd");
            CHECK(stat_of(target + "/empty").st_size == 0);
            for (const char* const folder : {"", "/base", "/base/1"}) {
                CHECK(mode_of(target + folder) == 0700);
            }
            for (const std::string file : {"/empty", "/base/large", "/base/readonly"}) {
                CHECK(mode_of(target + file) == 0600);
            }
            CHECK(mode_of(target + "/" + odd) == 0600);
            if (file_by_file(method)) {
                CHECK(stat_of(target + "/base/large").st_nlink == 1);
            }
            put(target + "/empty", "written");
            CHECK(get(source + "/empty").empty());
            remove_tree(source);
            remove_tree(target);
            CHECK(names_in(room.path()).empty());
        }
    }
}

TEST_CASE("what is left out is not in the clone", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        const std::string source = room / "source";
        const std::string target = room / "target";
        make_tree(method, source);
        std::filesystem::create_directories(source + "/pg_replslot/slot");
        put(source + "/pg_replslot/slot/state", "s");
        put(source + "/postmaster.pid", "1");
        put(source + "/PG_VERSION", "15");
        const auto leave_out = [](std::string_view path, bool is_folder) {
            CHECK(is_folder == (path == "pg_replslot" || path == "pg_replslot/slot"));
            CHECK(path != "pg_replslot/slot/state");
            return path == "postmaster.pid" || path.substr(0, 12) == "pg_replslot/";
        };
        const auto outcome = clone(source, target, {.method = method, .leave_out = leave_out});
        CHECK(outcome.contents.files == 1);
        CHECK(names_in(target).size() == 2);
        CHECK(names_in(target + "/pg_replslot").empty());
        CHECK(get(source + "/pg_replslot/slot/state") == "s");
        remove_tree(source);
        remove_tree(target);
    }
}

TEST_CASE("what a clone's user reads first is read from the disk meanwhile", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        if (method == CloneMethod::copy) {
            continue;  // what was written is in memory
        }
        const std::string source = room / "source";
        const std::string target = room / "target";
        const std::string bytes(k_mebibyte, 'b');
        make_tree(method, source);
        put(source + "/catalog", bytes);
        put(source + "/rows", bytes);
        const auto read_ahead = [](std::string_view path) { return path == "catalog"; };
        clone_tree(source, target, {.method = method, .read_ahead = read_ahead});
        if (method == CloneMethod::btrfs) {
            clean_clone(target, {}, {}, read_ahead);
        }
        // The kernel reads on its own time.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (pages_in_memory(target + "/catalog") < bytes.size() / page_size() &&
               std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        CHECK(pages_in_memory(target + "/catalog") == bytes.size() / page_size());
        CHECK(pages_in_memory(target + "/rows") == 0);
        remove_tree(source);
        remove_tree(target);
    }
}

TEST_CASE("links and special files of a tree are told, and neither followed nor opened",
          "[volume]") {
    const Room room;
    const std::string outside = room / "outside";
    std::filesystem::create_directory(outside);
    put(outside + "/secret", "secret");
    for (const CloneMethod method : methods(room)) {
        const std::string source = room / "source";
        const std::string target = room / "target";
        make_tree(method, source);
        std::filesystem::create_directory(source + "/sub");
        std::filesystem::create_symlink("/etc/passwd", source + "/sub/passwd");
        std::filesystem::create_symlink(outside, source + "/folder");
        std::filesystem::create_symlink("nowhere", source + "/dangling");
        REQUIRE(::mkfifo((source + "/fifo").c_str(), 0600) == 0);  // an open would wait
        put_socket(source, "socket");
        put(source + "/file", "file");

        const auto outcome = clone(source, target, {.method = method, .threads = 3});
        const auto& links = outcome.contents.links;
        CHECK(std::set<std::string>(links.begin(), links.end()) ==
              std::set<std::string>{"sub/passwd", "folder", "dangling"});
        CHECK(outcome.contents.links_in_all == 3);
        CHECK(outcome.contents.others_in_all == 2);
        CHECK(outcome.contents.files == 1);
        CHECK(names_in(target).size() == 2);
        CHECK(names_in(target + "/sub").empty());
        own_bytes(source, method);  // opens no FIFO either
        remove_tree(source);
        remove_tree(target);
        CHECK(get(outside + "/secret") == "secret");
    }
}

TEST_CASE("what takes a folder's or a file's place while a tree is walked leads nowhere",
          "[volume]") {
    const Room room;
    const std::string outside = room / "outside";
    std::filesystem::create_directory(outside);
    put(outside + "/secret", "secret");
    for (const CloneMethod method : methods(room)) {
        if (!file_by_file(method)) {
            continue;  // nobody writes in a snapshot while it is cleaned
        }
        const std::string source = room / "source";
        const std::string target = room / "target";
        make_tree(method, source);
        std::filesystem::create_directory(source + "/sub");
        put(source + "/sub/secret", "harmless");
        put(source + "/file", "harmless");
        put(source + "/pipe", "harmless");
        AtLast folder(method, "sub", [&] {
            std::filesystem::rename(source + "/sub", room / "moved");
            std::filesystem::create_symlink(outside, source + "/sub");
        });
        AtLast file(method, "file", [&] {
            std::filesystem::remove(source + "/file");
            std::filesystem::create_symlink(outside + "/secret", source + "/file");
        });
        AtLast pipe(method, "pipe", [&] {
            std::filesystem::remove(source + "/pipe");
            REQUIRE(::mkfifo((source + "/pipe").c_str(), 0600) == 0);
        });
        const auto all = [&](std::string_view path, bool is_folder) {
            return folder(path, is_folder) || file(path, is_folder) || pipe(path, is_folder);
        };
        const auto outcome = clone(source, target, {.method = method, .leave_out = all});
        CHECK(names_in(target).empty());
        CHECK(outcome.contents.links_in_all == 2);
        CHECK(outcome.contents.others_in_all == 1);
        CHECK(outcome.contents.files == 0);
        remove_tree(source);
        remove_tree(target);
        remove_tree(room / "moved");
    }
}

TEST_CASE("a file that vanishes, shrinks or grows while a tree is cloned is no error", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        if (!file_by_file(method)) {
            continue;
        }
        const std::string source = room / "source";
        const std::string target = room / "target";
        make_tree(method, source);
        std::filesystem::create_directory(source + "/folder");
        put(source + "/gone", "x");
        AtLast gone(method, "gone", [&] { std::filesystem::remove(source + "/gone"); });
        AtLast folder(method, "folder", [&] { std::filesystem::remove(source + "/folder"); });
        const auto both = [&](std::string_view path, bool is_folder) {
            return gone(path, is_folder) || folder(path, is_folder);
        };
        CHECK(clone(source, target, {.method = method, .leave_out = both}).contents.files == 0);
        CHECK(names_in(target).empty());
        remove_tree(target);
        remove_tree(source);
    }

    make_tree(CloneMethod::copy, room / "source");
    const std::string file = room / "source/file";
    put(file, std::string(4 * k_mebibyte, 'a'));
    std::uint64_t last = 0;
    const auto shrink = [&](std::uint64_t done, std::uint64_t) {
        CHECK(done >= last);
        last = done;
        if (done == 2 * k_mebibyte) {
            std::filesystem::resize_file(file, 2 * k_mebibyte + 8192);
        }
    };
    clone_tree(room / "source", room / "shrunk", {.progress = shrink});
    CHECK(last == 4 * k_mebibyte);
    CHECK(holds(room / "shrunk/file", std::string(2 * k_mebibyte + 8192, 'a')));

    const auto grow = [&](std::uint64_t done, std::uint64_t) {
        if (done == k_mebibyte) {
            std::ofstream(file, std::ios::app) << std::string(k_mebibyte, 'b');
        }
    };
    clone_tree(room / "source", room / "grown", {.progress = grow});
    CHECK(holds(room / "grown/file", std::string(2 * k_mebibyte + 8192, 'a')));
    CHECK(stat_of(file).st_size > 3 * static_cast<long>(k_mebibyte));
}

TEST_CASE("a file that cannot be read is an error, and leaves no clone", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        const std::string source = room / "source";
        const std::string target = room / "target";
        make_tree(method, source);
        put(source + "/closed", "closed", 0);
        std::filesystem::create_directory(source + "/folder");
        REQUIRE(::chmod((source + "/folder").c_str(), 0) == 0);
        if (!file_by_file(method)) {
            clone(source, target, {.method = method});
            CHECK(get(target + "/closed") == "closed");  // the clone is its owner's
            remove_tree(target);
        } else if (::geteuid() != 0) {  // root reads whatever the mode says
            const auto cloning = [&] {
                clone_tree(source, target, {.method = method, .threads = 2});
            };
            CHECK_THAT(error_of(cloning, ErrorKind::replica), Contains("Permission denied"));
            CHECK(!is_there(target));
        }
        remove_tree(source);
        CHECK(!is_there(source));
    }
}

TEST_CASE("a tree's depth and number of entries are bounded", "[volume]") {
    const Room room;
    make_tree(CloneMethod::copy, room / "source");
    std::filesystem::create_directories(room / "source/1/2/3");
    put(room / "source/1/2/3/file", "x");
    const auto with = [&](TreeLimits limits) {
        return [&, limits] { clone_tree(room / "source", room / "target", {.limits = limits}); };
    };
    CHECK_THAT(error_of(with({.depth = 3}), ErrorKind::replica), Contains("deeper than 3"));
    CHECK_THAT(error_of(with({.entries = 3}), ErrorKind::replica), Contains("more than 3 entries"));
    CHECK(!is_there(room / "target"));
    with({.depth = 4, .entries = 4})();
    CHECK(get(room / "target/1/2/3/file") == "x");
}

TEST_CASE("holes of a tree's files stay holes", "[volume]") {
    const Room room;
    make_tree(CloneMethod::copy, room / "source");
    const std::string file = room / "source/file";
    put(file, "begin");
    std::filesystem::resize_file(file, 8 * k_mebibyte);
    std::ofstream(file, std::ios::app) << "middle";
    std::filesystem::resize_file(file, 12 * k_mebibyte);
    std::uint64_t all = 0;
    clone_tree(room / "source", room / "target", {.progress = [&](auto, auto sum) { all = sum; }});
    CHECK(all == 12 * k_mebibyte);
    CHECK(holds(room / "target/file", get(file)));
    CHECK(stat_of(room / "target/file").st_blocks * 512 < static_cast<long>(k_mebibyte));
}

TEST_CASE("a clone can be cancelled at any moment and leaves nothing", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        if (!file_by_file(method)) {
            continue;
        }
        make_tree(method, room / "source");
        for (int i = 0; i < 200; ++i) {
            put(room / ("source/" + std::to_string(i)), "x");
        }
        put(room / "source/large", std::string(8 * k_mebibyte, 'x'));
        for (const unsigned threads : {1U, 4U}) {
            for (const int turns : {0, 1, 100}) {
                std::atomic<int> left = turns;
                const auto cloning = [&] {
                    clone_tree(room / "source", room / "target",
                               {.method = method, .threads = threads, .go_on = [&] {
                                    return left-- > 0;
                                }});
                };
                CHECK_THAT(error_of(cloning, ErrorKind::transient), Contains("cancelled"));
                CHECK(!is_there(room / "target"));
            }
        }
        remove_tree(room / "source");
    }
}

TEST_CASE("a clone never takes the place of what is there", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        make_tree(method, room / "source");
        make_tree(method, room / "target");
        put(room / "target/mine", "mine");
        const auto cloning = [&] {
            clone_tree(room / "source", room / "target", {.method = method});
        };
        CHECK_THAT(error_of(cloning, ErrorKind::replica), Contains("File exists"));
        CHECK_THAT(error_of([&] { make_tree(method, room / "target"); }, ErrorKind::replica),
                   Contains("File exists"));
        CHECK(get(room / "target/mine") == "mine");
        remove_tree(room / "source");
        remove_tree(room / "target");
    }
}

TEST_CASE("a tree is removed from any state", "[volume]") {
    const Room room;
    std::filesystem::create_directory(room / "outside");
    put(room / "outside/file", "stays");
    const std::string tree = room / "tree";
    make_tree(CloneMethod::copy, tree);
    std::filesystem::create_directories(tree +
                                        "/.removed-0/full");  // a name that the removal takes
    put(tree + "/.removed-1", "");
    std::filesystem::create_symlink(room / "outside", tree + "/link");
    REQUIRE(::mkfifo((tree + "/fifo").c_str(), 0) == 0);
    // Deeper than a path can say, with more levels than there may be descriptors. The modes from
    // below: a folder of mode 0000 lets nobody in.
    std::vector<int> closed;
    int at = ::open(tree.c_str(), O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 1500; ++i) {
        REQUIRE(::mkdirat(at, "deep", 0700) == 0);
        REQUIRE(::symlinkat("../../../outside", at, "side") == 0);
        const int next = ::openat(at, "deep", O_RDONLY | O_CLOEXEC);
        (i % 31 == 0 ? static_cast<void>(closed.push_back(at)) : static_cast<void>(::close(at)));
        at = next;
    }
    ::close(at);
    for (const int folder : closed) {
        REQUIRE(::fchmodat(folder, "deep", 0, 0) == 0);
        ::close(folder);
    }
    remove_tree(tree);
    CHECK(names_in(room.path()) == std::vector<std::string>{"outside"});
    CHECK(get(room / "outside/file") == "stays");
    remove_tree(tree);  // is not there any more
    put(tree, "a file");
    remove_tree(tree);
    CHECK(!is_there(tree));
}

TEST_CASE("a method that was proven and is refused later is an error that says so", "[volume]") {
    const Room room;
    const CloneMethod method = proven(room);
    const auto refused = [&](CloneMethod asked, const std::string& source) {
        return error_of([&] { clone_tree(source, room / "target", {.method = asked}); },
                        ErrorKind::replica);
    };
    if (method == CloneMethod::btrfs) {
        std::filesystem::create_directory(room / "folder");
        CHECK_THAT(refused(method, room / "folder"),
                   Contains("BTRFS_IOC_SNAP_CREATE_V2: ") && Contains("though a trial"));
    }
    // Elsewhere FICLONE is refused: here where it cannot work, or from another file system.
    const Room other(method == CloneMethod::copy ? room.path() : "/dev/shm");
    make_tree(CloneMethod::copy, other / "source");
    put(other / "source/file", "x");
    CHECK_THAT(refused(CloneMethod::reflink, other / "source"),
               Contains("FICLONE: ") && Contains("though a trial"));
    CHECK(!is_there(room / "target"));
}

TEST_CASE("own bytes of a tree are those that no other shares", "[volume]") {
    const Room room;
    for (const CloneMethod method : methods(room)) {
        const std::string source = room / "source";
        const std::string target = room / "target";
        make_tree(method, source);
        put(source + "/file", std::string(8 * k_mebibyte, 'x'));
        CHECK(own_bytes(source, method) >= 8 * k_mebibyte);
        clone(source, target, {.method = method});
        const bool shares = method != CloneMethod::copy;
        CHECK(own_bytes(target, method) < (shares ? k_mebibyte : 9 * k_mebibyte));
        CHECK(own_bytes(source, method) < (shares ? k_mebibyte : 9 * k_mebibyte));

        const int file = ::open((target + "/file").c_str(), O_WRONLY | O_CLOEXEC);
        const std::string bytes(k_mebibyte, 'y');
        REQUIRE(::pwrite(file, bytes.data(), bytes.size(), 2 * k_mebibyte) ==
                ssize_t(bytes.size()));
        REQUIRE(::fsync(file) == 0);
        ::close(file);
        CHECK(own_bytes(target, method) >= (shares ? 1 : 8) * k_mebibyte);
        CHECK(own_bytes(target, method) < (shares ? 2 : 9) * k_mebibyte);
        const auto now = std::chrono::system_clock::now();
        CHECK(own_bytes_since(target, method, now - std::chrono::hours(1), {}).written ==
              own_bytes(target, method));
        CHECK(own_bytes_since(target, method, now + std::chrono::hours(1), {}).written == 0);
        CHECK(own_bytes_since(target, method, now + std::chrono::hours(1), {}).all > 0);
        const auto none = [](std::string_view, bool) { return true; };
        CHECK(own_bytes_since(target, method, now, none).all == 0);
        remove_tree(source);
        // File systems let go of what was removed in the background; Btrfs takes half a minute for
        // a subvolume.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        const int folder = ::open(room.path().c_str(), O_RDONLY | O_CLOEXEC);
        while (file_by_file(method) && own_bytes(target, method) < 8 * k_mebibyte) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            ::syncfs(folder);
        }
        ::close(folder);
        remove_tree(target);
    }
    CHECK(free_bytes(room.path()) > 0);
}
