/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#ifdef HAVE_LIBCRYPTO
#include <openssl/evp.h>
#endif

struct digest {
    void *ctx;              /* EVP_MD_CTX */
};

#ifdef HAVE_LIBCRYPTO
bool digest_new(struct digest **out, struct error *err)
{
    struct digest *d = calloc(1, sizeof *d);

    if (!d || !(d->ctx = EVP_MD_CTX_new()) || !EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL)) {
        digest_free(d);
        return err_set(err, ERR_NOMEM, "libcrypto gives no SHA-256");
    }
    *out = d;
    return true;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
    EVP_DigestUpdate(d->ctx, bytes, len);
}

void digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
    EVP_DigestFinal_ex(d->ctx, out, NULL);
    digest_free(d);
}

void digest_free(struct digest *d)
{
    if (d)
        EVP_MD_CTX_free(d->ctx);
    free(d);
}
#else
bool digest_new(struct digest **out, struct error *err)
{
    (void)out;
    return err_set(err, ERR_USAGE, "this needs SHA-256, and the program was built without "
                   "libcrypto");
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
    (void)d, (void)bytes, (void)len;
}

void digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
    memset(out, 0, DIGEST_LEN);
    free(d);
}

void digest_free(struct digest *d)
{
    free(d);
}
#endif

void digest_add_zeros(struct digest *d, uint64_t len)
{
    static const uint8_t zeros[65536];

    for (; len; len -= u64_min(len, sizeof zeros))
        digest_add(d, zeros, (size_t)u64_min(len, sizeof zeros));
}

#define CHUNK (UINT64_C(1) << 20)

bool digest_add_source(struct digest *d, struct source *src, uint64_t off, uint64_t len,
                       struct error *err)
{
    uint8_t *bytes = malloc((size_t)u64_min(len, CHUNK) + 1);

    if (!bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (len) {
        size_t n = (size_t)u64_min(len, CHUNK);
        struct source_span bad;

        source_read_known(src, off, bytes, n, &bad);
        digest_add(d, bytes, n);
        off += n;
        len -= n;
    }
    free(bytes);
    return true;
}

bool digest_of_source(struct source *src, uint64_t off, uint64_t len, uint8_t out[DIGEST_LEN],
                      struct error *err)
{
    struct digest *d;

    if (!digest_new(&d, err))
        return false;
    if (!digest_add_source(d, src, off, len, err)) {
        digest_free(d);
        return false;
    }
    digest_end(d, out);
    return true;
}

void digest_text(const uint8_t digest[DIGEST_LEN], char out[DIGEST_TEXT])
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_LEN; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[2 * DIGEST_LEN] = 0;
}
