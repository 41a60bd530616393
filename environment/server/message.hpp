// SPDX-License-Identifier: PostgreSQL
// HTTP/1.1 messages as bytes: the head of a request is read (by Boost.Beast, behind this wall), an
// answer is written. Pure; any thread.
#pragma once

#include "environment/server/http.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::environment {

/// Request line and headers together: what any client of ours sends is a tenth of it.
inline constexpr std::size_t k_head_bytes = 16384;
inline constexpr std::size_t k_head_fields = 100;

struct Target {
    std::string path;
    std::map<std::string, std::string> query;  // of a name that comes twice the first
};

/// "/v1/x?wait=5", percent-decoded. nullopt: it does not begin with '/', a % without two hex
/// digits, a control byte.
std::optional<Target> parse_target(std::string_view text);

struct RequestHead {
    HttpRequest request;        // HEAD is told as GET
    bool without_body = false;  // of the answer: HEAD
    bool keep_alive = false;
    bool expects_continue = false;
    bool transfer_encoding = false;
    bool content_encoding = false;
};

/// Where the head ends that `bytes` begin with: the offset behind its empty line, npos when that
/// has not come. `from`: up to there nothing was found before.
std::size_t find_head_end(std::string_view bytes, std::size_t from) noexcept;

/// Of a whole head. Throws HttpError 400 or 431.
RequestHead parse_head(std::string_view bytes);

/// The whole answer. `server` is the value of the header Server.
std::string to_bytes(const HttpResponse& response, std::string_view server, bool keep_alive,
                     bool without_body);

}  // namespace ardent::environment
