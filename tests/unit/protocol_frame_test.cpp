// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/protocol/frame.hpp"

#include "tests/support/catch.hpp"

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <random>

using namespace ardent::protocol;
using ardent::base::Error;

namespace {

std::string frame_of(std::string_view content) {
    std::string frame;
    append_frame(frame, content, 1);
    return frame;
}

std::string in_pieces(std::string_view frame) {
    FrameReader reader(frame);
    std::string content;
    while (const auto piece = reader.next()) {
        content += *piece;
    }
    return content;
}

// Rows as COPY prints them, with some of each that does not compress.
std::string rows(std::size_t bytes) {
    std::mt19937 random(7);
    std::string text;
    while (text.size() < bytes) {
        text +=
            std::to_string(text.size()) + "\tthe same again\t" + std::to_string(random()) + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("a frame comes back as it went, in one piece and in many", "[protocol]") {
    for (const std::size_t size : {0U, 1U, 100U, 1U << 17U, 3'000'000U}) {
        const std::string content = size == 0 ? "" : rows(size);
        const std::string frame = frame_of(content);
        CHECK(in_pieces(frame) == content);
        CHECK(read_frame(frame, content.size()) == content);
    }
}

TEST_CASE("a frame is appended to what is there", "[protocol]") {
    std::string bytes = "head";
    append_frame(bytes, "content", 3);
    CHECK(bytes.substr(0, 4) == "head");
    CHECK(in_pieces(std::string_view(bytes).substr(4)) == "content");
}

TEST_CASE("a damaged part is refused wherever a bit flips", "[protocol]") {
    const std::string content = rows(5000);
    const std::string good = frame_of(content);
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (1U << (random() % 8)));
        INFO("byte " << at);
        std::string got;
        try {
            got = in_pieces(bad);
        } catch (const Error&) {
            got = content;
        }
        CHECK(got == content);  // a bit that zstd ignores may flip without changing what it gives
    }
}

TEST_CASE("a frame that is cut, followed by something, or none is refused", "[protocol]") {
    const std::string content = rows(400'000);
    const std::string good = frame_of(content);
    for (const std::size_t size : {good.size() - 1, good.size() - 4, good.size() / 2}) {
        INFO(size);
        CHECK_THROWS_AS(in_pieces(good.substr(0, size)), Error);
        CHECK_THROWS_AS(read_frame(good.substr(0, size), content.size()), Error);
    }
    CHECK_THROWS_AS(in_pieces(good + "x"), Error);
    CHECK_THROWS_AS(in_pieces(good + good), Error);
    CHECK_THROWS_AS(in_pieces(""), Error);
    CHECK_THROWS_AS(in_pieces("no frame at all"), Error);
    CHECK_THROWS_AS(read_frame(good, content.size() - 1), Error);
    CHECK_THROWS_AS(read_frame(good, content.size() + 1), Error);
}

TEST_CASE("a frame without a checksum is refused", "[protocol]") {
    const std::string content = rows(5000);
    std::string plain(ZSTD_compressBound(content.size()), '\0');
    plain.resize(ZSTD_compress(plain.data(), plain.size(), content.data(), content.size(), 1));
    CHECK_THROWS_AS(in_pieces(plain), Error);
    CHECK_THROWS_AS(read_frame(plain, content.size()), Error);
}

TEST_CASE("what a frame promises is compared with its bytes before memory is taken", "[protocol]") {
    CHECK(frame_ratio_fits(k_frame_free_bytes, 1));
    CHECK_FALSE(frame_ratio_fits(k_frame_free_bytes + k_frame_ratio, 1));
    CHECK(frame_ratio_fits(k_frame_ratio << 20U, 1U << 20U));
    CHECK_FALSE(frame_ratio_fits((k_frame_ratio << 20U) + k_frame_ratio, 1U << 20U));
    CHECK_FALSE(frame_ratio_fits(UINT64_MAX, 1U << 30U));
    const std::string zeros(64U << 20U, '\0');
    const std::string bomb = frame_of(zeros);
    REQUIRE(bomb.size() < 10000);
    CHECK_THROWS_WITH(read_frame(bomb, zeros.size()), Catch::Contains("at most 256 for each"));
    const std::string small = frame_of(std::string_view(zeros).substr(0, k_frame_free_bytes));
    CHECK(read_frame(small, k_frame_free_bytes).size() == k_frame_free_bytes);
    // the header of the segment promises what the frame does not
    CHECK_THROWS_WITH(read_frame(small, 1U << 30U), Catch::Contains("does not promise"));
}

TEST_CASE("the parts of a copy are bounded by what they hold", "[protocol]") {
    const std::string content = rows(3'000'000);
    const std::string frame = frame_of(content);
    const auto held = [&](std::uint64_t limit) {
        FrameReader reader(frame, limit);
        std::size_t bytes = 0;
        while (const auto piece = reader.next()) {
            bytes += piece->size();
        }
        return bytes;
    };
    CHECK(held(content.size()) == content.size());
    CHECK_THROWS_WITH(held(content.size() - 1), Catch::Contains("holds more than"));
}

TEST_CASE("a frame whose window is larger than any agent's is refused", "[protocol]") {
    const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                          ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, 27);
    const std::string content = rows(20'000'000);
    std::string frame(ZSTD_compressBound(content.size()), '\0');
    frame.resize(
        ZSTD_compress2(context.get(), frame.data(), frame.size(), content.data(), content.size()));
    CHECK_THROWS_AS(read_frame(frame, content.size()), Error);
}
