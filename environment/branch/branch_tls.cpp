// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/branch_tls.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"

#include <fstream>
#include <iterator>

namespace ardent::environment {

namespace {

std::string read_pem(const std::string& setting, const std::string& path) {
    std::ifstream stream(path);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream || text.empty()) {
        throw base::Error(base::ErrorKind::config, setting + ": cannot read " + path);
    }
    return text;
}

}  // namespace

BranchTls::BranchTls(const Settings& settings) : m_host(settings.branch.public_host) {
    const BranchSettings& branch = settings.branch;
    if (!branch.tls) {
        m_authority = BranchAuthority::open(settings.data_dir + "/branch_authority.pem");
        m_pinned = m_authority->certificate();
        m_url_parameters = "sslmode=verify-full";
        return;
    }
    m_given = Certificate{read_pem("branch.tls_certificate", branch.tls->certificate),
                          read_pem("branch.tls_key", branch.tls->key)};
    const bool verified = !branch.tls_authority.empty();
    // Whoever verifies would be refused for ever by a certificate for another host.
    check_certificate(*m_given, verified ? m_host : "");
    if (branch.tls_authority == k_system_authority) {
        m_url_parameters = "sslmode=verify-full&sslrootcert=system";
    } else if (verified) {
        m_pinned = read_pem("branch.tls_authority", branch.tls_authority);
        m_url_parameters = "sslmode=verify-full";
    } else {
        m_url_parameters = "sslmode=require";
    }
    process::log_warning("the key of branch.tls_certificate lies in every branch",
                         {{"certificate", branch.tls->certificate}});
}

Certificate BranchTls::issue() const {
    if (m_given) {
        return *m_given;
    }
    Certificate leaf = m_authority->issue({m_host});
    // The whole chain: a client that pins the authority by its hash wants to see it.
    leaf.certificate += m_authority->certificate();
    return leaf;
}

}  // namespace ardent::environment
