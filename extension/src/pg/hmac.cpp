// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/hmac.hpp"

namespace ardent::ext::pg {

#if PG_VERSION_NUM >= 140000

namespace {

const uint8* octets(const char* data) {
    return reinterpret_cast<const uint8*>(data);
}

}  // namespace

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

#else  // 13 has the hash alone, as a function of SQL; RFC 2104

namespace {

constexpr std::size_t k_block = 64;

/// SHA-256 over the key mixed with `pad`, and what follows.
void hash(const unsigned char* key, std::size_t key_size, unsigned char pad, Bytes first,
          Bytes second, unsigned char* digest) {
    const std::size_t size = k_block + first.size + second.size;
    auto* const input = static_cast<bytea*>(palloc(VARHDRSZ + size));
    SET_VARSIZE(input, VARHDRSZ + size);
    char* const bytes = VARDATA(input);
    for (std::size_t i = 0; i < k_block; ++i) {
        bytes[i] = static_cast<char>((i < key_size ? key[i] : 0U) ^ pad);
    }
    std::memcpy(bytes + k_block, first.data, first.size);
    std::memcpy(bytes + k_block + first.size, second.data, second.size);
    bytea* const output =
        DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(input)));
    std::memcpy(digest, VARDATA_ANY(output), k_hmac_bytes);
    pfree(input);
}

}  // namespace

void hmac_sha256(const unsigned char* key, std::size_t key_size, Bytes head, Bytes body,
                 unsigned char* code) {
    unsigned char inner[k_hmac_bytes];
    hash(key, key_size, 0x36, head, body, inner);
    hash(key, key_size, 0x5c, {reinterpret_cast<const char*>(inner), sizeof inner}, {"", 0}, code);
}

#endif

}  // namespace ardent::ext::pg
