// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/unknown_folders.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace ardent::environment {

namespace fs = std::filesystem;

std::vector<std::string> unknown_folders(const std::string& branches,
                                         const std::set<std::string>& known) {
    std::vector<std::string> unknown;
    try {
        if (!fs::exists(branches)) {
            return unknown;
        }
        for (const fs::directory_entry& entry : fs::directory_iterator(branches)) {
            const std::string name = entry.path().filename();
            if (!known.contains(name)) {
                unknown.push_back(name);
            }
        }
    } catch (const fs::filesystem_error& error) {
        throw base::Error(base::ErrorKind::transient, error.what());
    }
    std::sort(unknown.begin(), unknown.end());
    return unknown;
}

}  // namespace ardent::environment
