// SPDX-License-Identifier: PostgreSQL
#include "common/process/dumps.hpp"

#include <sys/prctl.h>

namespace ardent::process {

// Fails for no value but one that there is not; /proc/self stays readable for the process itself
// (same thread group).
void refuse_dumps() noexcept {
    static_cast<void>(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

}  // namespace ardent::process
