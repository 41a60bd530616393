// SPDX-License-Identifier: PostgreSQL
// wal2json, format version 2 (include-lsn, include-timestamp, include-transaction), one message at
// a time. Format: wal2json 2.5, pg_decode_*_v2 in wal2json.c. Unknown fields are passed over.
//
// The plugin writes the *server's* encoding whatever client_encoding is. Every server encoding
// keeps ASCII bytes to ASCII characters, so JSON can be read without converting; values are handed
// on as the bytes they are, and who writes them sets client_encoding to the same encoding. No
// conversion table has a say in what a value is. (JSON readers insist on UTF-8: other bytes travel
// through them as if they were LATIN1.)
#pragma once

#include "common/model/change.hpp"

#include <memory>
#include <string_view>

namespace ardent::decode {

/// One stream's decoder, for one thread. It keeps its buffers from message to message.
class Wal2jsonDecoder {
public:
    /// `server_encoding` as pg_encoding_to_char prints it. Without `scan` every message takes the
    /// long way (scan.hpp).
    explicit Wal2jsonDecoder(std::string_view server_encoding, bool scan = true);
    ~Wal2jsonDecoder();
    Wal2jsonDecoder(const Wal2jsonDecoder&) = delete;
    Wal2jsonDecoder& operator=(const Wal2jsonDecoder&) = delete;

    /// The views in the result live until the next call, and as long as `message` does. Throws
    /// base::Error (replica) for a message that is not what wal2json writes; the text names the LSN
    /// and what is wrong.
    const model::Change& decode(model::Lsn lsn, std::string_view message);

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

/// The action letter of a message without reading the rest; '\0' when it does not begin as wal2json
/// begins.
char action_letter(std::string_view message) noexcept;

}  // namespace ardent::decode
