// SPDX-License-Identifier: PostgreSQL
#include "common/base/fd.hpp"

#include <unistd.h>

namespace ardent::base {

void Fd::close() noexcept {
    if (m_fd >= 0) {
        ::close(std::exchange(m_fd, -1));
    }
}

}  // namespace ardent::base
