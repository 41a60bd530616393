// SPDX-License-Identifier: PostgreSQL
#include "tests/support/catch.hpp"

#include "environment/apply/net_effect.hpp"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace ardent::apply;

namespace {

Cell cell(const std::string& text) {
    Cell value;
    value.text = text.data();
    value.size = static_cast<std::uint32_t>(text.size());
    value.state = CellState::value;
    return value;
}

struct Row {
    std::string id;
    std::string text;

    std::vector<Cell> cells() const { return {cell(id), cell(text)}; }
};

std::string text_of(const KeyEntry& entry, std::size_t place) {
    return std::string(entry.cells[place].view());
}

struct Fixture {
    Arena arena;
    NetEffect net;

    bool insert(const Row& row) {
        auto cells = row.cells();
        return NetEffect::insert(net.at(row.id, arena), cells, arena);
    }
    bool update(const Row& row) {
        auto cells = row.cells();
        return NetEffect::update(net.at(row.id, arena), cells, arena);
    }
    bool remove(const std::string& id) { return NetEffect::remove(net.at(id, arena)); }
    KeyState state(const std::string& id) { return net.find(id)->state; }
};

}  // namespace

TEST_CASE("apply: the last state of a key is what remains") {
    Fixture f;
    SECTION("inserted and updated is inserted as updated") {
        REQUIRE(f.insert({"1", "a"}));
        REQUIRE(f.update({"1", "b"}));
        CHECK(f.state("1") == KeyState::inserted);
        CHECK(text_of(*f.net.find("1"), 1) == "b");
    }
    SECTION("inserted and removed is nothing, and may be inserted again") {
        REQUIRE(f.insert({"1", "a"}));
        REQUIRE(f.remove("1"));
        CHECK(f.state("1") == KeyState::nothing);
        REQUIRE(f.insert({"1", "c"}));
        CHECK(f.state("1") == KeyState::inserted);
    }
    SECTION("removed and inserted is replaced") {
        REQUIRE(f.remove("1"));
        REQUIRE(f.insert({"1", "c"}));
        CHECK(f.state("1") == KeyState::replaced);
        REQUIRE(f.update({"1", "d"}));
        CHECK(f.state("1") == KeyState::replaced);
        CHECK(text_of(*f.net.find("1"), 1) == "d");
        REQUIRE(f.remove("1"));
        CHECK(f.state("1") == KeyState::removed);
    }
    SECTION("updated and removed is removed") {
        REQUIRE(f.update({"1", "a"}));
        REQUIRE(f.update({"1", "b"}));
        CHECK(f.state("1") == KeyState::updated);
        REQUIRE(f.remove("1"));
        CHECK(f.state("1") == KeyState::removed);
    }
}

TEST_CASE("apply: a change that contradicts the batch is refused") {
    Fixture f;
    REQUIRE(f.insert({"1", "a"}));
    CHECK_FALSE(f.insert({"1", "b"}));
    REQUIRE(f.update({"2", "a"}));
    CHECK_FALSE(f.insert({"2", "b"}));
    REQUIRE(f.remove("2"));
    CHECK_FALSE(f.remove("2"));
    CHECK_FALSE(f.update({"2", "c"}));
    REQUIRE(f.remove("1"));
    CHECK_FALSE(f.remove("1"));
    CHECK_FALSE(f.update({"1", "c"}));
}

TEST_CASE("invariant 7: an absent column is an unchanged value, never NULL") {
    Fixture f;
    REQUIRE(f.insert({"1", "toast"}));
    std::vector<Cell> absent = Row{"1", ""}.cells();
    absent[1] = Cell{};
    REQUIRE(NetEffect::update(f.net.at("1", f.arena), absent, f.arena));
    CHECK(text_of(*f.net.find("1"), 1) == "toast");
    REQUIRE(NetEffect::update(f.net.at("2", f.arena), absent, f.arena));
    CHECK(f.net.find("2")->cells[1].state == CellState::absent);
    REQUIRE(f.update({"2", "now"}));
    REQUIRE(NetEffect::update(f.net.at("2", f.arena), absent, f.arena));
    CHECK(text_of(*f.net.find("2"), 1) == "now");
}

TEST_CASE("apply: net effect equals one change after the other") {
    std::mt19937 random(20261121);
    for (int round = 0; round < 50; ++round) {
        std::map<std::string, std::string> before;
        std::map<std::string, std::string> after;
        for (int i = 0; i < 300; ++i) {
            before[std::to_string(i)] = "old";
        }
        after = before;
        Fixture f;
        for (int i = 0; i < 3000; ++i) {
            const Row row{std::to_string(random() % 600), "v" + std::to_string(i)};
            const bool there = after.count(row.id) > 0;
            if (!there) {
                REQUIRE(f.insert(row));
                after[row.id] = row.text;
            } else if (random() % 2 == 0) {
                REQUIRE(f.update(row));
                after[row.id] = row.text;
            } else {
                REQUIRE(f.remove(row.id));
                after.erase(row.id);
            }
        }
        for (const KeyEntry& entry : f.net.entries()) {
            const std::string id(entry.key.bytes());
            if (entry.state == KeyState::removed || entry.state == KeyState::replaced) {
                REQUIRE(before.erase(id) == 1);
            }
            if (entry.state == KeyState::updated) {
                REQUIRE(before.count(id) == 1);
                before[id] = text_of(entry, 1);
            }
            if (entry.state == KeyState::inserted || entry.state == KeyState::replaced) {
                REQUIRE(before.emplace(id, text_of(entry, 1)).second);
            }
        }
        CHECK(before == after);
    }
}

TEST_CASE("apply: a cleared table starts anew, after large batches and small ones") {
    Fixture f;
    for (const int size : {30000, 3, 40000, 1}) {
        for (int i = 0; i < size; ++i) {
            REQUIRE(f.insert({std::to_string(i), "x"}));
        }
        CHECK(f.net.entries().size() == static_cast<std::size_t>(size));
        f.net.clear();
        f.arena.reset();
        CHECK(f.net.empty());
        CHECK(f.net.find("0") == nullptr);
    }
}

TEST_CASE("apply: the arena copies, keeps large pieces, and gives back") {
    Arena arena;
    const std::string large(3U << 20U, 'l');
    const std::string_view one = arena.copy("one");
    const std::string_view big = arena.copy(large);
    std::vector<std::string_view> many;
    for (int i = 0; i < 100000; ++i) {
        many.push_back(arena.copy(std::to_string(i)));
    }
    CHECK(one == "one");
    CHECK(one.data()[3] == '\0');
    CHECK(big == large);
    bool same = true;
    for (int i = 0; i < 100000; ++i) {
        same = same && many[static_cast<std::size_t>(i)] == std::to_string(i);
    }
    CHECK(same);
    CHECK(arena.used() > large.size() + 100000 * 8);
    arena.reset();
    CHECK(arena.used() == 0);
}
