// SPDX-License-Identifier: PostgreSQL
#include "cli/terminal.hpp"

#include <langinfo.h>

#include <clocale>

namespace ardent::cli {

preflight::Letters terminal_letters() {
    std::setlocale(LC_CTYPE, "");
    return std::string_view(nl_langinfo(CODESET)) == "UTF-8" ? preflight::Letters::unicode
                                                             : preflight::Letters::ascii;
}

std::string for_terminal(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        // C0, DEL, and the C1 controls as UTF-8 (C2 80 to C2 9F)
        const bool c1 =
            byte == 0xC2U && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0U;
        if ((byte < 0x20U && byte != '\t' && byte != '\n') || byte == 0x7FU || c1) {
            result += '?';
            i += c1 ? 1 : 0;
        } else {
            result += text[i];
        }
    }
    return result;
}

}  // namespace ardent::cli
