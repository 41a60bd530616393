// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "environment/branch/disk_room.hpp"
#include "environment/branch/disk_watch.hpp"
#include "environment/branch/idempotency.hpp"
#include "environment/config/settings.hpp"
#include "environment/instance/control_group.hpp"
#include "environment/server/http.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/volume_tree.hpp"

#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

using namespace ardent;
using namespace ardent::environment;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint64_t k_mebibyte = std::uint64_t{1} << 20U;

std::vector<std::string> stopped(const std::vector<DiskUse>& uses, std::uint64_t limit,
                                 bool scarce) {
    std::vector<std::string> names;
    for (const DiskVerdict& verdict : judge_use(
             uses, [limit](const std::string&) { return limit; }, scarce, "5 MB left")) {
        names.push_back(verdict.branch);
    }
    return names;
}

std::string here() {
    return std::filesystem::temp_directory_path();
}

/// Branches that are measured as they are told, and remember who was stopped.
class Host : public DiskWatchHost {
public:
    std::vector<std::string> running_branches() const override { return {"a"}; }
    std::vector<std::string> stopped_for_disk() const override { return {}; }
    std::optional<OwnBytes> measure(const std::string&,
                                    std::chrono::system_clock::time_point) const override {
        return OwnBytes{};
    }
    void stop_for_disk(const std::string&, const std::string&) override {}
    void end_disk_stop(const std::string&) override {}
};

}  // namespace

TEST_CASE("who owns more than its limit has to stop, whatever the room", "[environment]") {
    const std::vector<DiskUse> uses = {
        {"a", 10 * k_mebibyte, 0}, {"b", 11 * k_mebibyte, 0}, {"c", 12 * k_mebibyte, k_mebibyte}};
    using Names = std::vector<std::string>;
    CHECK(stopped(uses, 0, false).empty());
    CHECK(stopped(uses, 12 * k_mebibyte, false).empty());
    CHECK(stopped(uses, 10 * k_mebibyte, false) == Names{"b", "c"});
    CHECK(stopped(uses, 10 * k_mebibyte, true) == Names{"b", "c"});
    const auto verdicts = judge_use(
        uses, [](const std::string& branch) { return branch == "c" ? 11 * k_mebibyte : 0; }, false,
        "");
    REQUIRE(verdicts.size() == 1);
    CHECK_THAT(verdicts[0].reason, Contains("over its disk limit (") && Contains(" of "));
}

TEST_CASE("where room is scarce who grows most has to stop, and nobody who does not grow",
          "[environment]") {
    using Names = std::vector<std::string>;
    CHECK(stopped({}, 0, true).empty());
    CHECK(stopped({{"a", 100 * k_mebibyte, 0}, {"b", 50 * k_mebibyte, k_mebibyte - 1}}, 0, true)
              .empty());
    CHECK(stopped({{"a", 100 * k_mebibyte, 2 * k_mebibyte},
                   {"b", 50 * k_mebibyte, 3 * k_mebibyte},
                   {"c", 10 * k_mebibyte, 0}},
                  0, true) == Names{"b"});
    CHECK(stopped({{"a", 9 * k_mebibyte, 2 * k_mebibyte}, {"b", 10 * k_mebibyte, 2 * k_mebibyte}},
                  0, true) == Names{"b"});
    CHECK(stopped({{"a", 9 * k_mebibyte, 2 * k_mebibyte}}, 0, false).empty());
}

TEST_CASE("a cut ends below the low-water mark, and says that it is the disk", "[environment]") {
    const DiskRoom always(here(), 0);
    CHECK_NOTHROW(always.check());
    CHECK(always.explain("a reason") == "a reason");
    CHECK_THAT(always.explain("cannot write x: No space left on device"),
               Contains("the disk of the environment is full") && Contains("cannot write x"));
    const DiskRoom never(here(), std::numeric_limits<std::uint64_t>::max());
    std::string said;
    try {
        never.check();
    } catch (const base::Error& error) {
        said = error.what();
    }
    CHECK_THAT(said, Contains("the disk of the environment is full") && Contains("branch.reserve"));
    CHECK(never.explain(said) == said);
    CHECK_THAT(never.explain("the server ended"), Contains("disk") && Contains("the server ended"));
}

TEST_CASE("a branch is let run only where there is room", "[environment]") {
    Host host;
    const DiskRoom never(here(), std::numeric_limits<std::uint64_t>::max());
    DiskWatch watch(host, never, k_mebibyte);
    CHECK_THROWS_AS(watch.allow("a", 2 * k_mebibyte), base::Error);
    const DiskRoom always(here(), 0);
    DiskWatch other(host, always, k_mebibyte);
    CHECK_NOTHROW(other.allow("a", 2 * k_mebibyte));
}

TEST_CASE("a branch without a word on its time gets the default, or the longest", "[environment]") {
    const auto branch = [](std::map<std::string, std::string> given) {
        config::Inputs inputs;
        inputs.flags = std::move(given);
        return read_settings(config::load(options(), inputs)).branch;
    };
    CHECK(branch({}).default_ttl.count() == 0);
    CHECK(branch({}).largest_ttl.count() == 0);
    CHECK(branch({{"branch.default_ttl", "7d"}}).default_ttl == std::chrono::hours(168));
    CHECK(branch({{"branch.largest_ttl", "1h"}}).default_ttl == std::chrono::hours(1));
    CHECK(branch({{"branch.largest_ttl", "2h"}, {"branch.default_ttl", "1h"}}).default_ttl ==
          std::chrono::hours(1));
    CHECK_THROWS_AS(branch({{"branch.largest_ttl", "1h"}, {"branch.default_ttl", "2h"}}),
                    base::Error);
    CHECK(branch({{"branch.server_memory", "1GB"}}).server_memory == 1024 * k_mebibyte);
    CHECK(branch({}).server_memory > 0);
    CHECK(branch({}).server_processes >= 100);
}

TEST_CASE("a server's group has its limits, and its share of the processors", "[environment]") {
    const test::Room groups;
    const auto told = [&](const InstanceLimits& limits, const std::string& name) {
        std::filesystem::create_directory(groups / name);
        std::string all;
        for (const char* const file : {"memory.max", "pids.max", "cpu.weight", "cgroup.procs"}) {
            test::put(groups / (name + "/" + file), "");
        }
        limit_server(limits, name, 4711);
        for (const char* const file : {"memory.max", "pids.max", "cpu.weight", "cgroup.procs"}) {
            all += test::get(groups / (name + "/" + file)) + " ";
        }
        return all;
    };
    CHECK(told({groups.path(), 1048576, 0}, "replica") == "1048576 max 100 4711 ");
    CHECK(told({groups.path(), 0, 150, 10}, "branch") == "max 150 10 4711 ");
}

TEST_CASE("a key has 1 to 255 printable characters", "[environment]") {
    CHECK(is_idempotency_key("a"));
    CHECK(is_idempotency_key("0f3a ~!"));
    CHECK(is_idempotency_key(std::string(255, 'x')));
    for (const std::string& bad : {std::string(), std::string(256, 'x'), std::string("a\tb"),
                                   std::string("a\x7f"), std::string("caf\xc3\xa9")}) {
        INFO(bad);
        CHECK_FALSE(is_idempotency_key(bad));
    }
}

TEST_CASE("a key is in flight once", "[environment]") {
    KeysInFlight keys;
    {
        const auto first = keys.take("a");
        const auto other = keys.take("b");
        try {
            keys.take("a");
            FAIL("it was taken twice");
        } catch (const HttpError& error) {
            CHECK(error.status() == 409);
            CHECK(error.code() == "in_flight");
        }
    }
    CHECK_NOTHROW(keys.take("a"));
}
