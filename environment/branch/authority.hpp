// SPDX-License-Identifier: PostgreSQL
// The certificate authority of branches: `init` makes it, a client pins its certificate, and each
// branch's server has a leaf of it. It signs nothing else. A leaf's key lies in its branch, where a
// superuser can read it: the key of the environment's own listener is never there.
//
// Keys are ECDSA over P-256 with SHA-256, so that channel binding (tls-server-end-point, RFC 5929)
// uses SHA-256 with every server and client. Any thread; values only. Throws base::Error.
#pragma once

#include <string>
#include <vector>

namespace ardent::environment {

struct Certificate {
    std::string certificate;  // PEM
    std::string key;          // PEM, PKCS #8, not encrypted
};

class BranchAuthority {
public:
    /// Reads `file`, certificate and key as PEM, which is made with mode 0600 when it is not there.
    /// Throws base::Error (config) when it holds anything else. It is never replaced: every client
    /// that has pinned the authority would have to log in again.
    static BranchAuthority open(const std::string& file);

    /// PEM, for clients.
    const std::string& certificate() const noexcept { return m_own.certificate; }

    /// For a server that clients reach under `hosts`: names or IP addresses, the first one is its
    /// common name. Valid from a day ago, for clients whose clock is late, until the authority's
    /// own end.
    Certificate issue(const std::vector<std::string>& hosts) const;

private:
    explicit BranchAuthority(Certificate own) : m_own(std::move(own)) {}

    Certificate m_own;
};

/// Throws base::Error (config) unless the key is the certificate's and, where `host` is not empty,
/// the certificate is for it.
void check_certificate(const Certificate& pem, const std::string& host);

}  // namespace ardent::environment
