// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::base;

TEST_CASE("split and join are each other's inverse", "[base]") {
    CHECK(split("a,b,,c", ',') == std::vector<std::string>{"a", "b", "", "c"});
    CHECK(split("", ',') == std::vector<std::string>{""});
    CHECK(join(split("a,b,,c", ','), ",") == "a,b,,c");
    CHECK(join({}, ",").empty());
}

TEST_CASE("trim takes white space from both ends only", "[base]") {
    CHECK(trim("  a b\t\n") == "a b");
    CHECK(trim(" \n ").empty());
    CHECK(trim("").empty());
}

TEST_CASE("bytes are shown in PostgreSQL's units", "[base]") {
    CHECK(human_bytes(0) == "0 B");
    CHECK(human_bytes(1023) == "1023 B");
    CHECK(human_bytes(1536) == "1.5 kB");
    CHECK(human_bytes(std::uint64_t{16} << 20U) == "16 MB");
    CHECK(human_bytes(std::uint64_t{3} << 40U) == "3.0 TB");
}

TEST_CASE("clipping never cuts a character in two", "[base]") {
    CHECK(clip_utf8("na\xC3\xAFve", 10) == "na\xC3\xAFve");
    CHECK(clip_utf8("na\xC3\xAFve", 3) == "na...");
    CHECK(clip_utf8("na\xC3\xAFve", 4) == "na\xC3\xAF...");
    CHECK(clip_utf8("\xE2\x82\xAC", 2) == "...");
}

TEST_CASE("UTF-8 is checked as RFC 3629 says", "[base]") {
    CHECK(is_utf8(""));
    CHECK(is_utf8("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
    CHECK_FALSE(is_utf8("\xC3"));              // cut
    CHECK_FALSE(is_utf8("\xC0\xAF"));          // overlong
    CHECK_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
    CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
    CHECK_FALSE(is_utf8("\x80"));              // continuation without a lead
    CHECK_FALSE(is_utf8("\xE9t\xE9"));         // LATIN1
}

TEST_CASE("hex is lower case and two digits a byte", "[base]") {
    CHECK(to_hex(std::string_view("\x00\xff\x10", 3)) == "00ff10");
    std::array<unsigned char, 3> bytes{};
    CHECK(from_hex("00ff10", bytes.data(), bytes.size()));
    CHECK(bytes == std::array<unsigned char, 3>{0x00, 0xff, 0x10});
    for (const char* const text : {"00ff1", "00ff1000", "00FF10", "00fg10", ""}) {
        CHECK_FALSE(from_hex(text, bytes.data(), bytes.size()));
    }
}

TEST_CASE("what drives a terminal comes out as an escape", "[base]") {
    CHECK(printable("plain, \ttab\nline, é, ✓, 𝄞") == "plain, \ttab\nline, é, ✓, 𝄞");
    CHECK(printable("\x1b]0;owned\x07") == R"(\u001b]0;owned\u0007)");
    CHECK(printable("a\rb\x7f\b") == R"(a\u000db\u007f\u0008)");
    CHECK(printable(std::string_view("\0x", 2)) == R"(\u0000x)");
    CHECK(printable("\xc2\x9b"
                    "2J") == R"(\u009b2J)");
    CHECK(printable("\xe2\x80\xae"
                    "gpj.exe\xe2\x81\xa6\xe2\x80\xa8") == R"(\u202egpj.exe\u2066\u2028)");
    // LATIN1: é stays, CSI does not; and no byte of what would be an override in UTF-8
    CHECK(printable("\xe9 \x9b"
                    "2J \xe2\x80\xae\xff") == "\xe9 \\x9b2J \xe2\\x80\xae\xff");
    CHECK(printable("") == "");
}
