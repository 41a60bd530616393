// SPDX-License-Identifier: PostgreSQL
// An owned file descriptor. Move-only; closes in its destructor.
#pragma once

#include <utility>

namespace ardent::base {

class Fd {
public:
    Fd() noexcept = default;
    explicit Fd(int fd) noexcept : m_fd(fd) {}
    ~Fd() { close(); }
    Fd(Fd&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            close();
            m_fd = std::exchange(other.m_fd, -1);
        }
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;

    int get() const noexcept { return m_fd; }
    bool valid() const noexcept { return m_fd >= 0; }
    int release() noexcept { return std::exchange(m_fd, -1); }
    void close() noexcept;

private:
    int m_fd = -1;
};

struct Pipe {
    Fd read;
    Fd write;
};

/// Both ends are closed at exec. Throws Error (transient).
Pipe make_pipe();

}  // namespace ardent::base
