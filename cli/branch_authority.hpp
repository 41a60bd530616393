// SPDX-License-Identifier: PostgreSQL
// The authority that signs the certificates of branches: fetched once from the environment, over
// the connection that the API key goes over, and kept. One thread.
#pragma once

#include "cli/api.hpp"

#include <string>

namespace ardent::cli {

/// PEM; empty when branches have no TLS. Throws Failure (api_error) for what is no certificate.
std::string fetch_branch_authority(Api& api);

/// The URL with the file of the authority in it (sslrootcert), where it asks for a verified server
/// (sslmode=verify-full or verify-ca) and names none. The authority that is kept is used; without
/// one it is fetched and kept.
std::string with_authority(Api& api, const Variables& environment, const std::string& url);

}  // namespace ardent::cli
