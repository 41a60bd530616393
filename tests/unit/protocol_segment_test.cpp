// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/protocol/segment.hpp"

#include "tests/support/catch.hpp"

#include <random>

using namespace ardent::protocol;
using ardent::base::Error;
using ardent::model::Lsn;

namespace {

constexpr std::uint64_t k_limit = 1U << 24U;

SegmentWriter sample() {
    SegmentWriter writer;
    writer.add(Lsn{100}, R"({"action":"B"})");
    writer.add(Lsn{100}, "");
    writer.add(Lsn{200}, std::string(5000, 'x'));
    writer.commit(Lsn{232});
    return writer;
}

std::string encoded(int level) {
    SegmentWriter writer = sample();
    writer.header().session = parse_session("000102030405060708090a0b0c0d0e0f");
    writer.header().sequence = 7;
    return encode(writer.header(), writer.payload(), level);
}

}  // namespace

TEST_CASE("a segment comes back as it went, compressed or not", "[protocol]") {
    for (const int level : {0, 1}) {
        const std::string body = encoded(level);
        const SegmentHeader header = read_header(body);
        CHECK(to_hex(header.session) == "000102030405060708090a0b0c0d0e0f");
        CHECK(header.sequence == 7);
        CHECK(header.first_lsn == Lsn{100});
        CHECK(header.last_commit_end == Lsn{232});
        CHECK(header.messages == 3);
        CHECK(header.compressed == (level > 0));
        CHECK_FALSE(header.open_transaction);
        const std::string payload = read_payload(header, body, k_limit);
        MessageReader reader(payload);
        CHECK(reader.next().text == R"({"action":"B"})");
        CHECK(reader.next().text.empty());
        const MessageView last = reader.next();
        CHECK(last.lsn == Lsn{200});
        CHECK(last.text == std::string(5000, 'x'));
        CHECK(reader.done());
    }
}

TEST_CASE("an idle position is a segment without messages", "[protocol]") {
    SegmentHeader header;
    header.advance_to = Lsn{0x16B3748};
    const std::string body = encode(header, {}, 1);
    CHECK(body.size() == k_segment_header_bytes);
    CHECK(read_header(body).advance_to == Lsn{0x16B3748});
    CHECK(read_payload(read_header(body), body, k_limit).empty());
}

TEST_CASE("a damaged segment is refused wherever a bit flips", "[protocol]") {
    const std::string good = encoded(1);
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    for (std::size_t at = k_segment_header_bytes; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (1U << (random() % 8)));
        INFO("byte " << at);
        bool refused = false;
        try {
            // a bit that zstd ignores may flip without changing what it gives
            refused = read_payload(read_header(bad), bad, k_limit) == sample().payload();
        } catch (const Error&) {
            refused = true;
        }
        CHECK(refused);
    }
}

TEST_CASE("a cut or swollen segment is refused", "[protocol]") {
    const std::string good = encoded(1);
    CHECK_THROWS_AS(read_header(std::string_view(good).substr(0, 79)), Error);
    CHECK_THROWS_AS(read_header(std::string_view(good).substr(0, good.size() - 1)), Error);
    CHECK_THROWS_AS(read_header(good + "x"), Error);
    CHECK_THROWS_AS(read_payload(read_header(good), good, 100), Error);
    const std::string raw = encoded(0);
    const std::string payload(read_payload(read_header(raw), raw, k_limit));
    MessageReader cut(std::string_view(payload).substr(0, payload.size() - 1));
    cut.next();
    cut.next();
    CHECK_THROWS_AS(cut.next(), Error);
}

TEST_CASE("a session is 32 lower-case hex digits", "[protocol]") {
    CHECK_THROWS_AS(parse_session(""), Error);
    CHECK_THROWS_AS(parse_session("000102030405060708090A0B0C0D0E0F"), Error);
    CHECK_THROWS_AS(parse_session("000102030405060708090a0b0c0d0e0"), Error);
}

TEST_CASE("what would compress better than is accepted travels as it is", "[protocol]") {
    SegmentWriter writer;
    writer.add(Lsn{100}, std::string(8U << 20U, 'x'));
    const std::string body = encode(writer.header(), writer.payload(), 1);
    const SegmentHeader header = read_header(body);
    CHECK_FALSE(header.compressed);
    CHECK(header.stored_bytes == header.raw_bytes);
    CHECK(read_payload(header, body, k_limit) == writer.payload());
}
