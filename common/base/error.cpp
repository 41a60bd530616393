// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"

namespace ardent::base {

const char* to_string(ErrorKind kind) noexcept {
    switch (kind) {
    case ErrorKind::config:
        return "config";
    case ErrorKind::source:
        return "source";
    case ErrorKind::replica:
        return "replica";
    case ErrorKind::transient:
        return "transient";
    case ErrorKind::bug:
        return "bug";
    }
    return "bug";
}

std::string text_with_hint(const std::exception& error) {
    const auto* const ours = dynamic_cast<const Error*>(&error);
    return ours == nullptr || ours->hint().empty() ? error.what()
                                                   : error.what() + (" " + ours->hint());
}

}  // namespace ardent::base
