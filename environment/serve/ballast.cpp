// SPDX-License-Identifier: PostgreSQL
#include "environment/serve/ballast.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/process/log.hpp"
#include "environment/volume/volume.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::environment {

namespace {

constexpr std::uint64_t k_room = 4;  // times its size

std::optional<std::uint64_t> known_free(const std::string& folder) {
    try {
        return free_bytes(folder);
    } catch (const base::Error& error) {
        process::log_warning("how full the disk is cannot be told", {{"error", error.what()}});
        return std::nullopt;
    }
}

}  // namespace

void Ballast::let_go_if_full() const {
    if (::access(m_path.c_str(), F_OK) != 0 ||
        known_free(m_folder).value_or(k_ballast_bytes) >= k_ballast_bytes) {
        return;
    }
    if (::unlink(m_path.c_str()) == 0) {
        process::log_warning("the disk is full: the ballast is let go",
                             {{"file", m_path}, {"bytes", k_ballast_bytes}});
    } else {
        process::log_error("the ballast cannot be let go",
                           {{"file", m_path}, {"error", std::strerror(errno)}});
    }
}

// Under another name first: what a killed program left of it would count as whole.
void Ballast::make_if_room() const {
    if (::access(m_path.c_str(), F_OK) == 0 ||
        known_free(m_folder).value_or(0) < k_room * k_ballast_bytes) {
        return;
    }
    const std::string part = m_path + ".part";
    const base::Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                               S_IRUSR | S_IWUSR));
    const int code = file.valid() ? ::posix_fallocate(file.get(), 0, k_ballast_bytes) : errno;
    if (code != 0 || ::rename(part.c_str(), m_path.c_str()) != 0) {
        process::log_warning(
            "there is no ballast",
            {{"file", m_path}, {"error", std::strerror(code != 0 ? code : errno)}});
        ::unlink(part.c_str());
    }
}

}  // namespace ardent::environment
