// SPDX-License-Identifier: PostgreSQL
#include "common/base/json.hpp"

#include "tests/support/catch.hpp"

#include <array>

using namespace ardent::base;

namespace {

std::string nested(const std::string& open, const std::string& inside, const std::string& close,
                   std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) {
        text += open;
    }
    text += inside;
    for (std::size_t i = 0; i < depth; ++i) {
        text += close;
    }
    return text;
}

std::string refusal_of(const std::string& text) {
    try {
        parse_json("the body", text);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::bug);
        return error.what();
    }
    return "read";
}

}  // namespace

TEST_CASE("the depth of a JSON text is told without reading it", "[base]") {
    CHECK(json_depth_within("", 0));
    CHECK(json_depth_within("1", 0));
    CHECK_FALSE(json_depth_within("[]", 0));
    CHECK(json_depth_within(R"([{}, [], {"a": [1]}])", 3));
    CHECK_FALSE(json_depth_within(R"([{}, [], {"a": [1]}])", 2));
    CHECK(json_depth_within(R"(["[[[[{{{{", "\"[[[[", "\\"])", 1));
    CHECK_FALSE(json_depth_within(R"(["\\", [1]])", 1));
    CHECK(json_depth_within("]]]]}}}}[1]", 1));   // no JSON, and no depth that wraps around
    CHECK(json_depth_within("[\"[[[[[[[[[", 1));  // a string without an end
    CHECK(json_depth_within("[\"\\", 1));         // and one that ends in an escape
}

TEST_CASE("JSON is read to a depth of 64 and no deeper", "[base]") {
    for (const auto& [open, inside, close] :
         {std::array<std::string, 3>{"[", "", "]"}, {R"({"a":)", "1", "}"}}) {
        CHECK(refusal_of(nested(open, inside, close, k_json_depth)) == "read");
        for (const std::size_t depth : {k_json_depth + 1, std::size_t{1000000}}) {
            const std::string text = nested(open, inside, close, depth);
            CHECK(refusal_of(text) == "the body is nested deeper than 64 levels");
            CHECK(try_json(text).is_discarded());
        }
    }
    CHECK(refusal_of(std::string(2000000, '[')) == "the body is nested deeper than 64 levels");
    CHECK_THAT(refusal_of("{"), Catch::StartsWith("the body is no JSON: "));
    CHECK(try_json("{").is_discarded());
    CHECK(try_json(R"({"a": [1]})")["a"][0] == 1);
}
