/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/block_cipher.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBNETTLE

#include <nettle/aes.h>
#include <nettle/cast128.h>
#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/serpent.h>
#include <nettle/twofish.h>
#include <nettle/xts.h>

#include "base/library.h"

#define BLOCK_MAX 16

#define NETTLE_CALLS(X) \
    X(nettle_aes192_decrypt) X(nettle_aes192_encrypt) X(nettle_aes192_set_decrypt_key) \
    X(nettle_aes192_set_encrypt_key) X(nettle_cast128_decrypt) X(nettle_cast128_encrypt) \
    X(nettle_cast128_set_key) X(nettle_cbc_decrypt) X(nettle_ctr_crypt) \
    X(nettle_serpent_decrypt) X(nettle_serpent_encrypt) X(nettle_serpent_set_key) \
    X(nettle_twofish_decrypt) X(nettle_twofish_encrypt) X(nettle_twofish_set_key) \
    X(nettle_xts_decrypt_message)
struct nettle_lib { NETTLE_CALLS(LIBRARY_CALL) };

static struct nettle_lib lib;
static const char *const names[] = { NETTLE_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBNETTLE, "nettle", "ciphers other than AES", names, lib);

/* A key as the cipher wants it. */
union schedule {
    struct { struct aes192_ctx encrypt, decrypt; } aes;
    struct cast128_ctx cast;
    struct serpent_ctx serpent;
    struct twofish_ctx twofish;
};

struct block_cipher {
    const char *name;
    size_t key_min, key_max, key_step;  /* bytes */
    size_t block;
    void (*set_key)(union schedule *to, const uint8_t *key, size_t len);
    nettle_cipher_func *encrypt, *decrypt;  /* of a union schedule */
};

struct block_run {
    const struct block_cipher *c;
    enum block_mode mode;
    union schedule key, tweak;          /* tweak: of xts */
};

/* --- the ciphers --- */

static void aes_set(union schedule *to, const uint8_t *key, size_t len)
{
    (void)len;
    lib.nettle_aes192_set_encrypt_key(&to->aes.encrypt, key);
    lib.nettle_aes192_set_decrypt_key(&to->aes.decrypt, key);
}

static void aes_enc(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_aes192_encrypt(&((const union schedule *)s)->aes.encrypt, len, dst, src);
}

static void aes_dec(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_aes192_decrypt(&((const union schedule *)s)->aes.decrypt, len, dst, src);
}

static void cast_set(union schedule *to, const uint8_t *key, size_t len)
{
    (void)len;
    lib.nettle_cast128_set_key(&to->cast, key);
}

static void cast_enc(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_cast128_encrypt(&((const union schedule *)s)->cast, len, dst, src);
}

static void cast_dec(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_cast128_decrypt(&((const union schedule *)s)->cast, len, dst, src);
}

static void serpent_set(union schedule *to, const uint8_t *key, size_t len)
{
    lib.nettle_serpent_set_key(&to->serpent, len, key);
}

static void serpent_enc(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_serpent_encrypt(&((const union schedule *)s)->serpent, len, dst, src);
}

static void serpent_dec(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_serpent_decrypt(&((const union schedule *)s)->serpent, len, dst, src);
}

static void twofish_set(union schedule *to, const uint8_t *key, size_t len)
{
    lib.nettle_twofish_set_key(&to->twofish, len, key);
}

static void twofish_enc(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_twofish_encrypt(&((const union schedule *)s)->twofish, len, dst, src);
}

static void twofish_dec(const void *s, size_t len, uint8_t *dst, const uint8_t *src)
{
    lib.nettle_twofish_decrypt(&((const union schedule *)s)->twofish, len, dst, src);
}

static const struct block_cipher ciphers[] = {
    { "aes", 24, 24, 8, 16, aes_set, aes_enc, aes_dec },
    { "cast5", 16, 16, 8, 8, cast_set, cast_enc, cast_dec },
    { "serpent", 16, 32, 8, 16, serpent_set, serpent_enc, serpent_dec },
    { "twofish", 16, 32, 8, 16, twofish_set, twofish_enc, twofish_dec },
};

bool block_ciphers_load(struct error *err)
{
    return library_load(&library, err);
}

const struct block_cipher *block_cipher_find(const char *name, size_t key_len)
{
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        const struct block_cipher *c = &ciphers[i];

        if (strcmp(name, c->name) == 0 && key_len >= c->key_min && key_len <= c->key_max
            && key_len % c->key_step == 0)
            return c;
    }
    return NULL;
}

size_t block_cipher_size(const struct block_cipher *c)
{
    return c->block;
}

/* --- at work --- */

struct block_run *block_run_begin(const struct block_cipher *c, enum block_mode mode,
                                  const uint8_t *key, size_t key_len)
{
    struct block_run *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->c = c;
    r->mode = mode;
    c->set_key(&r->key, key, key_len);
    if (mode == MODE_XTS)
        c->set_key(&r->tweak, key + key_len, key_len);
    return r;
}

void block_run_decrypt(struct block_run *r, const uint8_t *iv, uint8_t *bytes, size_t len)
{
    const struct block_cipher *c = r->c;
    uint8_t at[BLOCK_MAX];

    memcpy(at, iv, c->block);
    switch (r->mode) {
    case MODE_ECB:
        c->decrypt(&r->key, len, bytes, bytes);
        break;
    case MODE_CBC:
        lib.nettle_cbc_decrypt(&r->key, c->decrypt, c->block, at, len, bytes, bytes);
        break;
    case MODE_CTR:
        lib.nettle_ctr_crypt(&r->key, c->encrypt, c->block, at, len, bytes, bytes);
        break;
    default:
        lib.nettle_xts_decrypt_message(&r->key, &r->tweak, c->decrypt, c->encrypt, at, len,
                                       bytes, bytes);
    }
}

void block_run_encrypt_block(struct block_run *r, uint8_t *block)
{
    r->c->encrypt(&r->key, r->c->block, block, block);
}

void block_run_end(struct block_run *r)
{
    if (!r)
        return;
    explicit_bzero(r, sizeof *r);
    free(r);
}

#else

bool block_ciphers_load(struct error *err)
{
    return err_set(err, ERR_USAGE, "this program was built without Nettle, which knows ciphers "
                   "other than AES");
}

const struct block_cipher *block_cipher_find(const char *name, size_t key_len)
{
    (void)name, (void)key_len;
    return NULL;
}

size_t block_cipher_size(const struct block_cipher *c)
{
    (void)c;
    return 0;
}

struct block_run *block_run_begin(const struct block_cipher *c, enum block_mode mode,
                                  const uint8_t *key, size_t key_len)
{
    (void)c, (void)mode, (void)key, (void)key_len;
    return NULL;
}

void block_run_decrypt(struct block_run *r, const uint8_t *iv, uint8_t *bytes, size_t len)
{
    (void)r, (void)iv, (void)bytes, (void)len;
}

void block_run_encrypt_block(struct block_run *r, uint8_t *block)
{
    (void)r, (void)block;
}

void block_run_end(struct block_run *r)
{
    (void)r;
}

#endif
