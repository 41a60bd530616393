// SPDX-License-Identifier: PostgreSQL
#include "common/protocol/frame.hpp"

#include "common/base/error.hpp"

#include <zstd.h>

namespace ardent::protocol {

namespace {

// The window of level 19, the highest that an agent may be told to use; a decoder takes as much
// memory for it.
constexpr int k_window_log = 23;

struct CompressorDelete {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

[[noreturn]] void malformed(const std::string& what) {
    throw base::Error(base::ErrorKind::bug, "malformed zstd frame: " + what);
}

std::size_t checked(std::size_t result) {
    if (ZSTD_isError(result) != 0U) {
        malformed(ZSTD_getErrorName(result));
    }
    return result;
}

// RFC 8878, 3.1.1: the magic number, then a descriptor whose bit 2 says that a checksum follows the
// content.
void require_checksum(std::string_view frame) {
    constexpr std::string_view k_magic = "\x28\xB5\x2F\xFD";
    constexpr unsigned k_checksum = 4;
    if (frame.size() <= k_magic.size() || frame.substr(0, k_magic.size()) != k_magic) {
        malformed("it does not begin as one");
    }
    if ((static_cast<unsigned char>(frame[k_magic.size()]) & k_checksum) == 0) {
        malformed("it has no checksum");
    }
}

}  // namespace

void append_frame(std::string& out, std::string_view content, int level) {
    const std::unique_ptr<ZSTD_CCtx, CompressorDelete> context(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    const std::size_t before = out.size();
    out.resize(before + ZSTD_compressBound(content.size()));
    const std::size_t size = ZSTD_compress2(context.get(), out.data() + before, out.size() - before,
                                            content.data(), content.size());
    if (ZSTD_isError(size) != 0U) {
        throw base::Error(base::ErrorKind::bug,
                          std::string("zstd cannot compress: ") + ZSTD_getErrorName(size));
    }
    out.resize(before + size);
}

bool frame_ratio_fits(std::uint64_t content, std::uint64_t stored) noexcept {
    return content <= k_frame_free_bytes || content / k_frame_ratio <= stored;
}

std::string read_frame(std::string_view frame, std::uint64_t size) {
    require_checksum(frame);
    if (const auto promised = ZSTD_getFrameContentSize(frame.data(), frame.size());
        promised != size) {
        malformed("it does not promise " + std::to_string(size) + " bytes, as its header does");
    }
    if (!frame_ratio_fits(size, frame.size())) {
        malformed(std::to_string(frame.size()) + " bytes promise " + std::to_string(size) +
                  "; at most " + std::to_string(k_frame_ratio) + " for each are accepted");
    }
    std::string content;
    content.reserve(size);  // addresses; the system gives memory for what is written
    FrameReader reader(frame, size);
    while (const auto piece = reader.next()) {
        content += *piece;
    }
    if (content.size() != size) {
        malformed("it has " + std::to_string(content.size()) + " bytes, not " +
                  std::to_string(size));
    }
    return content;
}

void FrameReader::Delete::operator()(ZSTD_DCtx_s* context) const noexcept {
    ZSTD_freeDCtx(context);
}

FrameReader::FrameReader(std::string_view frame, std::uint64_t limit)
    : m_context(ZSTD_createDCtx()),
      m_frame(frame),
      m_limit(limit),
      m_buffer(ZSTD_DStreamOutSize()) {
    ZSTD_DCtx_setParameter(m_context.get(), ZSTD_d_windowLogMax, k_window_log);
}

std::optional<std::string_view> FrameReader::next() {
    if (m_read == 0) {
        require_checksum(m_frame);
    }
    while (!m_done) {
        ZSTD_inBuffer input = {m_frame.data(), m_frame.size(), m_read};
        ZSTD_outBuffer output = {m_buffer.data(), m_buffer.size(), 0};
        m_done = checked(ZSTD_decompressStream(m_context.get(), &output, &input)) == 0;
        if (output.pos == 0 && !m_done && input.pos == m_read) {
            malformed("it is cut off");
        }
        m_read = input.pos;
        if (m_done && m_read != m_frame.size()) {
            malformed("something follows it");
        }
        m_given += output.pos;
        if (m_given > m_limit) {
            malformed("it holds more than " + std::to_string(m_limit) + " bytes");
        }
        if (output.pos > 0) {
            return std::string_view(m_buffer.data(), output.pos);
        }
    }
    return std::nullopt;
}

}  // namespace ardent::protocol
