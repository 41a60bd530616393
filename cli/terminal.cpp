// SPDX-License-Identifier: PostgreSQL
#include "cli/terminal.hpp"

#include <langinfo.h>

#include <clocale>
#include <string_view>

namespace ardent::cli {

preflight::Letters terminal_letters() {
    std::setlocale(LC_CTYPE, "");
    return std::string_view(nl_langinfo(CODESET)) == "UTF-8" ? preflight::Letters::unicode
                                                             : preflight::Letters::ascii;
}

}  // namespace ardent::cli
