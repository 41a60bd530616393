// SPDX-License-Identifier: PostgreSQL
// The one exception type of this project. An Error says what happened, why, and what to do (hint);
// its kind says who can mend it, because that is what the catching side decides on.
// Compiled into the server extension too: no threads, no dynamic initialisers.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace ardent::base {

enum class ErrorKind {
    config,     // a setting, a file or an argument: mended by the operator who started the program
    source,     // the source server: mended there by its DBA (slot lost, plugin refused, ...)
    replica,    // the receiving end: mended at the environment, then `retry-setup`
    transient,  // network, restarting servers: worth trying again with backoff
    bug         // a broken promise of our own code
};

class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message, std::string hint = {},
          std::string sqlstate = {})
        : std::runtime_error(message),
          m_kind(kind),
          m_hint(std::move(hint)),
          m_sqlstate(std::move(sqlstate)) {}

    ErrorKind kind() const noexcept { return m_kind; }
    const std::string& hint() const noexcept { return m_hint; }
    /// Five characters, or empty when no server or SQL rule is behind the error.
    const std::string& sqlstate() const noexcept { return m_sqlstate; }

private:
    ErrorKind m_kind;
    std::string m_hint;
    std::string m_sqlstate;
};

/// "config", "source", "replica", "transient", "bug": for logs and messages between programs.
const char* to_string(ErrorKind kind) noexcept;

/// What happened and what to do, as one text: for where there is one place for both.
std::string text_with_hint(const std::exception& error);

}  // namespace ardent::base
