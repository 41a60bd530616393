// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/system_calls.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace ardent::environment {

namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

[[noreturn]] void raise(const char* what, int code) {
    throw base::Error(base::ErrorKind::transient, std::string("the filter of system calls: ") +
                                                      what + ": " + std::strerror(code));
}

void refuse(const Filter& filter, const char* name, int code,
            const std::vector<scmp_arg_cmp>& arguments = {}) {
    // A call that this architecture or this libseccomp does not know cannot be named.
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) {
        return;
    }
    const int result =
        seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(code)),
                               number, static_cast<unsigned>(arguments.size()), arguments.data());
    if (result < 0 && result != -EDOM) {
        raise(name, -result);
    }
}

// Mounts and namespaces lead out of the containment; the others reach other processes, other users'
// keys or kernel code that has a history of weaknesses and that PostgreSQL does not need (io_uring
// is not its default method).
constexpr std::array k_refused = {"mount",
                                  "umount2",
                                  "pivot_root",
                                  "chroot",
                                  "unshare",
                                  "setns",
                                  "fsopen",
                                  "fsmount",
                                  "fsconfig",
                                  "fspick",
                                  "move_mount",
                                  "open_tree",
                                  "mount_setattr",
                                  "bpf",
                                  "ptrace",
                                  "process_vm_readv",
                                  "process_vm_writev",
                                  "process_madvise",
                                  "kcmp",
                                  "pidfd_getfd",
                                  "keyctl",
                                  "add_key",
                                  "request_key",
                                  "io_uring_setup",
                                  "io_uring_enter",
                                  "io_uring_register",
                                  "perf_event_open",
                                  "userfaultfd",
                                  "init_module",
                                  "finit_module",
                                  "delete_module",
                                  "kexec_load",
                                  "kexec_file_load",
                                  "open_by_handle_at",
                                  "name_to_handle_at",
                                  "quotactl",
                                  "quotactl_fd",
                                  "swapon",
                                  "swapoff",
                                  "reboot",
                                  "syslog",
                                  "acct",
                                  "settimeofday",
                                  "clock_settime",
                                  "clock_adjtime",
                                  "adjtimex",
                                  "sethostname",
                                  "setdomainname",
                                  "iopl",
                                  "ioperm",
                                  "modify_ldt",
                                  "vhangup",
                                  "fanotify_init",
                                  "lookup_dcookie",
                                  "nfsservctl",
                                  "personality"};

constexpr std::uint64_t k_namespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                       CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

// Of Btrfs a tree's owner may make subvolumes and snapshots within it and set them read-only, and
// only root removes some of these (volume.hpp). Calls of this type that share blocks of files are
// of no harm on any file system.
void refuse_file_system_controls(const Filter& filter) {
    constexpr scmp_datum_t k_type = 0x94;  // BTRFS_IOCTL_MAGIC
    constexpr scmp_datum_t k_type_and_number = 0xffff;
    constexpr scmp_datum_t k_numbers = 128;  // the greatest in use is 65
    constexpr std::array<scmp_datum_t, 3> k_sharing = {9, 13,
                                                       54};  // FICLONE, FICLONERANGE, FIDEDUPERANGE
    for (scmp_datum_t number = 0; number < k_numbers; ++number) {
        if (std::find(k_sharing.begin(), k_sharing.end(), number) == k_sharing.end()) {
            refuse(filter, "ioctl", EPERM,
                   {SCMP_A1(SCMP_CMP_MASKED_EQ, k_type_and_number, (k_type << 8U) | number)});
        }
    }
}

void add_rules(const Filter& filter) {
    for (const char* const name : k_refused) {
        refuse(filter, name, EPERM);
    }
    // One rule a bit: a masked comparison is with one value.
    for (std::uint64_t bit = 1; bit != 0 && bit <= k_namespaces; bit <<= 1U) {
        if ((k_namespaces & bit) != 0) {
            refuse(filter, "clone", EPERM, {SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)});
        }
    }
    // Its flags lie in memory, where a filter cannot look; the C library then takes clone.
    refuse(filter, "clone3", ENOSYS);
    // AF_VSOCK reaches the host below a virtual machine, AF_NETLINK, AF_PACKET and AF_ALG much of
    // the kernel. PostgreSQL and the C library make do with the three that are left: AF_UNIX 1,
    // AF_INET 2, AF_INET6 10.
    for (int family = 0; family < AF_MAX; ++family) {
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6) {
            refuse(filter, "socket", EAFNOSUPPORT,
                   {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family))});
        }
    }
    refuse(filter, "socket", EAFNOSUPPORT,
           {SCMP_A0(SCMP_CMP_GE, static_cast<scmp_datum_t>(AF_MAX))});
    refuse_file_system_controls(filter);
}

}  // namespace

base::Fd system_call_filter() {
    const Filter filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
    if (!filter) {
        raise("seccomp_init", ENOMEM);
    }
    add_rules(filter);
    base::Fd file(::memfd_create("ardent-system-calls", MFD_CLOEXEC));
    if (!file.valid()) {
        raise("memfd_create", errno);
    }
    const int result = seccomp_export_bpf(filter.get(), file.get());
    if (result < 0) {
        raise("seccomp_export_bpf", -result);
    }
    if (::lseek(file.get(), 0, SEEK_SET) != 0) {
        raise("lseek", errno);
    }
    return file;
}

}  // namespace ardent::environment
