// SPDX-License-Identifier: PostgreSQL
// Removing whatever stands at a name of a hostile tree. Private to environment/volume.
#pragma once

#include "environment/volume/beneath.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace ardent::environment::volume {

/// One for one removal; one thread.
class Remover {
public:
    /// `name` of `folder`, with everything below; nothing when it is not there. `path` is for
    /// messages. Throws base::Error (replica) for what cannot be removed.
    void remove(int folder, const std::string& name, const std::string& path);

private:
    /// A folder whose contents are being removed.
    struct Level {
        int fd;
        std::size_t depth;
        const Level* root;  // of all that is removed; itself there
        const Level* base;  // of the subvolume that it is in
    };

    void one(const Level& in, const std::string& name, const std::string& path);
    void folder(const Level& in, const std::string& name, const struct stat& about,
                const std::string& path);
    /// In one call, where there is one for it.
    bool at_once(const Level& in, const std::string& name, bool subvolume);
    /// With the rights and the state in which its entries can be removed; not valid for a link.
    base::Fd open(const Level& in, const std::string& name, const struct stat& about,
                  const std::string& path);
    /// Until the folder itself can be removed from `in`, by `name`.
    void empty(Folder& entries, const Level& here, const Level& in, const std::string& name,
               const std::string& path);
    void hoist(const Level& in, const Level& to, const std::string& name, const std::string& path);
    void unlink(const Level& in, const std::string& name, const std::string& path);

    std::uint64_t m_progress = 0;  // names that went away from where they were
    std::uint64_t m_hoisted = 0;
};

}  // namespace ardent::environment::volume
