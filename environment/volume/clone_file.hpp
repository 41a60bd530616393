// SPDX-License-Identifier: PostgreSQL
// One regular file of a hostile tree becomes one of ours. Private to environment/volume.
#pragma once

#include "environment/volume/beneath.hpp"
#include "environment/volume/volume.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ardent::environment::volume {

/// FICLONE: `to`, an empty file, shares all blocks of `from`. 0 or an errno.
int reflink(int to, int from);

/// Has the kernel begin to read the file `name` of `folder`; what cannot be is not.
void begin_to_read(int folder, const char* name) noexcept;

enum class Cloned { whole, gone, link, other };

/// Keeps a buffer: one for each thread.
class FileCloner {
public:
    /// `advanced` is told of bytes that were copied or passed over as holes, and may throw to end
    /// it.
    FileCloner(CloneMethod method, Space space, std::function<void(std::uint64_t)> advanced);

    /// `name` of the folder `from` is made anew in the folder `to`, mode 0600; `size` becomes its
    /// apparent size. `path` is for messages. Throws base::Error.
    Cloned clone(int from, int to, const char* name, const std::string& path, std::uint64_t& size);

private:
    void share(int to, int from, const std::string& path);
    void copy(int to, int from, std::uint64_t size, const std::string& path);
    /// Copies [at, end): the place it came to, which is earlier when the file became shorter.
    std::uint64_t copy_range(int to, int from, std::uint64_t at, std::uint64_t end,
                             const std::string& path);
    void write(int to, std::size_t count, std::uint64_t at, const std::string& path);

    CloneMethod m_method;
    Space m_space;
    std::function<void(std::uint64_t)> m_advanced;
    std::vector<char> m_buffer;
};

}  // namespace ardent::environment::volume
