// SPDX-License-Identifier: PostgreSQL
// By which certificate clients know the server of a branch: a leaf of the branch authority, which
// `ardent login` pins, or one of the customer's (branch.tls_certificate), whose key then lies in
// every branch. Immutable; any thread.
#pragma once

#include "environment/branch/authority.hpp"
#include "environment/config/settings.hpp"

#include <optional>
#include <string>

namespace ardent::environment {

class BranchTls {
public:
    /// Reads the customer's files, or opens (and at the first time makes) the branch authority in
    /// the data directory. Throws base::Error (config).
    explicit BranchTls(const Settings& settings);

    /// For one server.
    Certificate issue() const;

    /// PEM of the authority that clients pin, because no system knows it. Empty: there is none.
    const std::string& pinned_authority() const noexcept { return m_pinned; }

    /// What a URL asks of the client's libpq; it adds sslrootcert itself where an authority is
    /// pinned.
    const std::string& url_parameters() const noexcept { return m_url_parameters; }

private:
    std::string m_host;
    std::optional<BranchAuthority> m_authority;
    std::optional<Certificate> m_given;
    std::string m_pinned;
    std::string m_url_parameters;
};

}  // namespace ardent::environment
