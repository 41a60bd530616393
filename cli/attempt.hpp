// SPDX-License-Identifier: PostgreSQL
// A connection made step by step, to see what a whole one does not show: the SQLSTATE of a refusal,
// and the certificate of a server that is not believed. One thread, at most ten seconds each.
#pragma once

#include "cli/refusal.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

/// Connects once more, to have the refusal with its SQLSTATE. Empty when no server spoke.
std::vector<ServerWords> ask_for_words(const SourceUrl& url);

struct CertificateTrouble {
    std::string what;
    std::string hint;
};

/// Why the server's certificate does not verify against the URL's authority file. Only the TLS
/// handshake is made: nothing is sent, no user, no password. nullopt when it verifies (the host
/// name is not looked at), or when there was no handshake.
std::optional<CertificateTrouble> look_at_certificate(const SourceUrl& url);

}  // namespace ardent::cli
