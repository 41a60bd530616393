// SPDX-License-Identifier: PostgreSQL
#include "common/base/fd.hpp"

#include "common/base/error.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace ardent::base {

void Fd::close() noexcept {
    if (m_fd >= 0) {
        ::close(std::exchange(m_fd, -1));
    }
}

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw Error(ErrorKind::transient,
                    std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace ardent::base
