// SPDX-License-Identifier: PostgreSQL
// Why a connection did not come about, and what mends it. The server's words may be in any
// language, so its refusals are told apart by SQLSTATE and by the routine that raised them; libpq's
// own words are English here, because this program never sets LC_MESSAGES.
#pragma once

#include "cli/source_url.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ardent::cli {

/// One answer of whatever listens there.
struct ServerWords {
    std::string sqlstate;
    std::string text;
    std::string routine;  // empty: this was not said by a PostgreSQL server
};

/// Reads what libpq prints at PQERRORS_VERBOSE; other lines are skipped.
std::vector<ServerWords> parse_verbose(std::string_view message);

enum class Stage { unknown, reach, tls, direct, auth };

struct Remedy {
    Stage stage = Stage::unknown;  // how far the connection came
    std::string hint;
    std::string fix;
    bool hint_has_fix = false;
};

/// `message` is libpq's; `words` may be empty.
Remedy find_remedy(const SourceUrl& url, std::string_view message,
                   const std::vector<ServerWords>& words);

}  // namespace ardent::cli
