// SPDX-License-Identifier: PostgreSQL
#include "common/base/version.hpp"

#ifndef ARDENT_VERSION
#error "the Makefile gives ARDENT_VERSION, read from ardent.control, to this file"
#endif

namespace ardent::base {

const char* version() noexcept {
    return ARDENT_VERSION;
}

}  // namespace ardent::base
