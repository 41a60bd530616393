// SPDX-License-Identifier: PostgreSQL
// zstd frames with a content checksum: how segments and the parts of a copy travel. What was damaged on the way or in
// memory is refused. Values; each FrameReader belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_DCtx_s;

namespace ardent::protocol {

/// Appends one frame. Throws base::Error (bug) when zstd fails.
void append_frame(std::string& out, std::string_view content, int level);

/// The content of one frame, which has this many bytes. Throws base::Error (bug) when it is damaged, has no checksum,
/// or has another size.
std::string read_frame(std::string_view frame, std::uint64_t size);

/// The content of one frame, piece by piece: the last piece is good only once `next` has answered nothing.
class FrameReader {
public:
    /// `frame` must outlive the reader.
    explicit FrameReader(std::string_view frame);

    /// Valid until the next call. Throws base::Error (bug) when the frame is damaged, cut, has no checksum, or something
    /// follows it.
    std::optional<std::string_view> next();

private:
    struct Delete {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };

    std::unique_ptr<ZSTD_DCtx_s, Delete> m_context;
    std::string_view m_frame;
    std::size_t m_read = 0;
    std::vector<char> m_buffer;
    bool m_done = false;
};

}  // namespace ardent::protocol
