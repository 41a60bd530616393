// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/hmac.hpp"

#include "extension/src/pg/prelude.hpp"

// What OpenSSL 3 has in its place is not in 1.1.1, the one beside PostgreSQL 13 on Debian 11.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/hmac.h>

#include <algorithm>

namespace ardent::ext::pg {

namespace {

// Never given back: the library clears up after itself when the backend ends.
struct Keyed {
    HMAC_CTX* context = nullptr;
    bool ready = false;
    KeyBytes key = {};
};

constinit Keyed g_keyed;

/// The context at its start.
bool start(const KeyBytes& key) {
    if (g_keyed.ready && g_keyed.key == key) {
        return HMAC_Init_ex(g_keyed.context, nullptr, 0, nullptr, nullptr) == 1;
    }
    if (g_keyed.context == nullptr) {
        g_keyed.context = HMAC_CTX_new();
    }
    g_keyed.key = key;
    g_keyed.ready = g_keyed.context != nullptr &&
                    HMAC_Init_ex(g_keyed.context, key.data(), static_cast<int>(key.size()),
                                 EVP_sha256(), nullptr) == 1;
    return g_keyed.ready;
}

bool add(std::string_view part) {
    return HMAC_Update(g_keyed.context, reinterpret_cast<const unsigned char*>(part.data()),
                       part.size()) == 1;
}

}  // namespace

void hmac_sha256(const KeyBytes& key, std::initializer_list<std::string_view> parts, Hmac& code) {
    unsigned int size = 0;
    if (!start(key) || !std::all_of(parts.begin(), parts.end(), add) ||
        HMAC_Final(g_keyed.context, code.data(), &size) != 1 || size != code.size()) {
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR), errmsg("OpenSSL could not compute a HMAC")));
    }
}

}  // namespace ardent::ext::pg
