// SPDX-License-Identifier: PostgreSQL
// zstd frames with a content checksum: how segments and the parts of a copy travel. What was
// damaged on the way or in memory is refused. Values; each FrameReader belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_DCtx_s;

namespace ardent::protocol {

/// What a frame of a segment may hold for each of its bytes once it holds more than
/// k_frame_free_bytes. Rows compress some ten times; a frame that promises more than this is made
/// to cost memory. Content that would compress better (a value of hundreds of megabytes that
/// repeats itself) travels uncompressed.
inline constexpr std::uint64_t k_frame_ratio = 256;
inline constexpr std::uint64_t k_frame_free_bytes = 1048576;

/// What a frame of a copy's part may hold, whatever its ratio: rows that are all equal compress
/// thousandfold. It is never held whole: a part is cut at 4 MB, by then one row may have come,
/// which PostgreSQL bounds by 1 GB.
inline constexpr std::uint64_t k_part_content_bytes = 1142947840;

/// A frame of `stored` bytes may hold `content` bytes.
bool frame_ratio_fits(std::uint64_t content, std::uint64_t stored) noexcept;

/// Appends one frame. Throws base::Error (bug) when zstd fails.
void append_frame(std::string& out, std::string_view content, int level);

/// The content of one frame, which has this many bytes. Throws base::Error (bug) when it is
/// damaged, has no checksum, or has or promises another size; when `size` does not fit its bytes
/// (frame_ratio_fits), before memory is taken. Takes memory as content comes, at most `size`.
std::string read_frame(std::string_view frame, std::uint64_t size);

/// The content of one frame, piece by piece: the last piece is good only once `next` has answered
/// nothing.
class FrameReader {
public:
    /// `frame` must outlive the reader; `limit` is the most that it may hold.
    explicit FrameReader(std::string_view frame, std::uint64_t limit = k_part_content_bytes);

    /// Valid until the next call. Throws base::Error (bug) when the frame is damaged, cut, has no
    /// checksum, holds more than the limit, or something follows it.
    std::optional<std::string_view> next();

private:
    struct Delete {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };

    std::unique_ptr<ZSTD_DCtx_s, Delete> m_context;
    std::string_view m_frame;
    std::uint64_t m_limit;
    std::uint64_t m_given = 0;
    std::size_t m_read = 0;
    std::vector<char> m_buffer;
    bool m_done = false;
};

}  // namespace ardent::protocol
