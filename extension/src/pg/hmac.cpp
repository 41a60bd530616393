// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/hmac.hpp"

namespace ardent::ext::pg {

namespace {

const uint8* octets(const char* data) {
    return reinterpret_cast<const uint8*>(data);
}

}  // namespace

#if PG_VERSION_NUM >= 140000

void hmac_sha256(const unsigned char* key, std::size_t key_size, Bytes head, Bytes body,
                 unsigned char* code) {
    pg_hmac_ctx* const context = pg_hmac_create(PG_SHA256);
    if (context == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    const bool done = pg_hmac_init(context, key, key_size) >= 0 &&
                      pg_hmac_update(context, octets(head.data), head.size) >= 0 &&
                      pg_hmac_update(context, octets(body.data), body.size) >= 0 &&
                      pg_hmac_final(context, code, k_hmac_bytes) >= 0;
    pg_hmac_free(context);
    if (!done) {
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the server could not compute a HMAC")));
    }
}

#else  // 13 has the hash alone; RFC 2104

void hmac_sha256(const unsigned char* key, std::size_t key_size, Bytes head, Bytes body,
                 unsigned char* code) {
    Assert(key_size <= PG_SHA256_BLOCK_LENGTH);
    uint8 inner[PG_SHA256_BLOCK_LENGTH] = {};
    uint8 outer[PG_SHA256_BLOCK_LENGTH] = {};
    std::memcpy(inner, key, key_size);
    std::memcpy(outer, key, key_size);
    for (int i = 0; i < PG_SHA256_BLOCK_LENGTH; ++i) {
        inner[i] ^= 0x36;
        outer[i] ^= 0x5c;
    }
    pg_sha256_ctx context;
    pg_sha256_init(&context);
    pg_sha256_update(&context, inner, sizeof inner);
    pg_sha256_update(&context, octets(head.data), head.size);
    pg_sha256_update(&context, octets(body.data), body.size);
    pg_sha256_final(&context, code);
    pg_sha256_init(&context);
    pg_sha256_update(&context, outer, sizeof outer);
    pg_sha256_update(&context, code, k_hmac_bytes);
    pg_sha256_final(&context, code);
}

#endif

}  // namespace ardent::ext::pg
