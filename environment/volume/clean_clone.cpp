// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/volume.hpp"

#include "environment/volume/clone_file.hpp"
#include "environment/volume/remover.hpp"
#include "environment/volume/walk.hpp"

#include <cerrno>
#include <unistd.h>

namespace ardent::environment {

using namespace volume;  // what this room keeps to itself

namespace {

class Cleaning : public Visitor {
public:
    explicit Cleaning(const ReadAhead& read_ahead) : m_read_ahead(read_ahead) {}

    void file(const Entry& entry) override {
        set_mode(entry.folder->fd(), entry.name, entry.about, S_IRUSR | S_IWUSR, entry.path);
        if (m_read_ahead && m_read_ahead(entry.path)) {
            begin_to_read(entry.folder->fd(), entry.name);
        }
        ++contents.files;
        contents.bytes =
            saturating_sum(contents.bytes, static_cast<std::uint64_t>(entry.about.st_size));
    }
    void approach(const Entry& entry) override {
        set_mode(entry.folder->fd(), entry.name, entry.about, S_IRWXU, entry.path);
    }
    void link(const Entry& entry) override {
        add_link(contents, entry.path);
        left_out(entry);
    }
    void other(const Entry& entry) override {
        ++contents.others_in_all;
        left_out(entry);
    }
    void left_out(const Entry& entry) override {
        Remover().remove(entry.folder->fd(), entry.name, entry.path);
    }

    Contents contents;

private:
    const ReadAhead& m_read_ahead;
};

}  // namespace

Contents clean_clone(const std::string& clone, const LeaveOut& leave_out, const TreeLimits& limits,
                     const ReadAhead& read_ahead) {
    base::Fd root = open_root(clone);
    if (::fchmod(root.get(), S_IRWXU) != 0) {
        fail(errno, "cannot set the mode of " + shown(clone), {});
    }
    Cleaning cleaning(read_ahead);
    walk(std::move(root), leave_out, limits, cleaning);
    return std::move(cleaning.contents);
}

}  // namespace ardent::environment
