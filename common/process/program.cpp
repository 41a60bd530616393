// SPDX-License-Identifier: PostgreSQL
#include "common/process/program.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace ardent::process {

std::string program_folder() {
    namespace fs = std::filesystem;
    std::error_code error;
    // By the name that it was called with: a wrapper may have started it by way of another program.
    const fs::path called = program_invocation_name;
    const fs::path file = called.has_parent_path() ? fs::absolute(called, error)
                                                   : fs::read_symlink("/proc/self/exe", error);
    return fs::weakly_canonical(file, error).parent_path();
}

}  // namespace ardent::process
