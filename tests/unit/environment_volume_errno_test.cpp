// SPDX-License-Identifier: PostgreSQL
// What the trial of cloning makes of the file system's answers. They are put into the calls' place
// by a filter of system calls, so that TMPDIR may be anywhere.
#include "environment/volume/volume.hpp"

#include "common/base/error.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/volume_tree.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <linux/btrfs.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <utility>
#include <vector>

using namespace ardent::environment;
using namespace ardent::test;
using ardent::base::Error;
using ardent::base::ErrorKind;
using Catch::Matchers::StartsWith;

namespace {

/// A request of ioctl, and the errno that it comes back with.
using Answer = std::pair<unsigned, int>;

/// From here on this thread, and nothing else, gets these answers.
bool put_in_place(const std::vector<Answer>& answers) {
    std::vector<sock_filter> code = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1]))};
    for (const auto& [request, error] : answers) {
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request, 0, 1));
        code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// The method, or "transient: …", "replica: …".
std::string tried(const Room& room, const std::vector<Answer>& answers) {
    std::string said = "no filter";
    std::thread([&] {
        if (!put_in_place(answers)) {
            return;
        }
        try {
            said = to_string(prove_clone_method(room.path()).method);
        } catch (const Error& error) {
            said = (error.kind() == ErrorKind::transient ? "transient: " : "replica: ") +
                   std::string(error.what());
        }
    }).join();
    return said;
}

}  // namespace

TEST_CASE("an errno that says nothing of the method ends the trial, and no copy is chosen for it",
          "[volume]") {
    const Room room;
    const Answer no_btrfs{BTRFS_IOC_SUBVOL_CREATE_V2, ENOTTY};
    for (const auto& [error, kind] :
         {std::pair(EIO, "replica"), std::pair(EROFS, "replica"), std::pair(ENOSPC, "transient"),
          std::pair(EDQUOT, "transient"), std::pair(ENOMEM, "transient")}) {
        const std::string failed = std::string(kind) + ": the trial of cloning failed at ";
        CAPTURE(std::strerror(error));
        CHECK_THAT(tried(room, {{BTRFS_IOC_SUBVOL_CREATE_V2, error}}),
                   StartsWith(failed + "BTRFS_IOC_SUBVOL_CREATE_V2: "));
        CHECK_THAT(tried(room, {no_btrfs, {FICLONE, error}}), StartsWith(failed + "FICLONE: "));
        CHECK(names_in(room.path()).empty());
    }
}

TEST_CASE("an errno that says that the method is not here leads to the next one", "[volume]") {
    const Room room;
    for (const int error : {ENOTTY, EOPNOTSUPP, EXDEV, EINVAL, ENOSYS, EPERM, EACCES}) {
        CAPTURE(std::strerror(error));
        CHECK(tried(room, {{BTRFS_IOC_SUBVOL_CREATE_V2, error}, {FICLONE, error}}) == "copy");
        CHECK(names_in(room.path()).empty());
    }
}
