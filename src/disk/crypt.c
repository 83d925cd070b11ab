/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/crypt.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBCRYPTO

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/limits.h"
#include "base/text.h"
#include "qcow2/luks.h"

#define KEY_MAX    64                   /* bytes */
#define SALT_LEN   32
#define DIGEST_OFF 112                  /* in the LUKS header: digest of the key, its salt */
#define MK_DIGEST  20
#define SLOT_OFF   208
#define SLOT_LEN   48

enum iv { IV_PLAIN, IV_PLAIN64, IV_ESSIV };

struct crypt {
    const EVP_CIPHER *cipher;
    enum iv iv;
    bool by_guest;                      /* sectors are numbered by guest offset, not host */
    uint8_t key[KEY_MAX];
    uint8_t salt[EVP_MAX_MD_SIZE];      /* IV_ESSIV: key for sector numbers */
    const EVP_CIPHER *salt_cipher;
};

static void store_le(uint8_t *at, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* The initialization vector of a sector. */
static bool make_iv(const struct crypt *c, EVP_CIPHER_CTX *essiv, uint64_t sector,
                    uint8_t iv[16])
{
    int n;

    memset(iv, 0, 16);
    store_le(iv, c->iv == IV_PLAIN ? sector & UINT32_MAX : sector);
    return c->iv != IV_ESSIV || (EVP_EncryptInit_ex(essiv, NULL, NULL, NULL, NULL) &&
                                 EVP_EncryptUpdate(essiv, iv, &n, iv, 16) && n == 16);
}

/* Decrypts sectors numbered from `sector` on. */
static bool decrypt(const struct crypt *c, uint64_t sector, uint8_t *bytes, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new(), *essiv = NULL;
    uint8_t iv[16];
    bool ok = ctx && EVP_DecryptInit_ex(ctx, c->cipher, NULL, c->key, NULL);
    int n;

    if (ok && c->iv == IV_ESSIV) {
        essiv = EVP_CIPHER_CTX_new();
        ok = essiv && EVP_EncryptInit_ex(essiv, c->salt_cipher, NULL, c->salt, NULL) &&
             EVP_CIPHER_CTX_set_padding(essiv, 0);
    }
    ok = ok && EVP_CIPHER_CTX_set_padding(ctx, 0);
    for (size_t at = 0; ok && at + CRYPT_SECTOR <= len; at += CRYPT_SECTOR, sector++)
        ok = make_iv(c, essiv, sector, iv) && EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, iv) &&
             EVP_DecryptUpdate(ctx, bytes + at, &n, bytes + at, CRYPT_SECTOR) &&
             n == (int)CRYPT_SECTOR;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_CTX_free(essiv);
    return ok;
}

/* --- LUKS --- */

/* AES in one of the modes that QEMU writes; NULL: libcrypto does not have it. */
static const EVP_CIPHER *aes_in(const char *mode, uint32_t bits)
{
    static const struct {
        const char *mode;
        uint32_t bits;
        const EVP_CIPHER *(*get)(void);
    } known[] = {
        { "xts-", 256, EVP_aes_128_xts }, { "xts-", 512, EVP_aes_256_xts },
        { "cbc-", 128, EVP_aes_128_cbc }, { "cbc-", 192, EVP_aes_192_cbc },
        { "cbc-", 256, EVP_aes_256_cbc }, { "ctr-", 128, EVP_aes_128_ctr },
        { "ctr-", 192, EVP_aes_192_ctr }, { "ctr-", 256, EVP_aes_256_ctr },
        { "ecb-", 128, EVP_aes_128_ecb }, { "ecb-", 192, EVP_aes_192_ecb },
        { "ecb-", 256, EVP_aes_256_ecb },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].bits == bits && strncmp(mode, known[i].mode, 4) == 0)
            return known[i].get();
    return NULL;
}

static bool not_supported(const struct luks *l, struct error *err)
{
    struct buf name = BUF_INIT;

    text_visible(&name, l->cipher, strlen(l->cipher));
    buf_printf(&name, ", %u bits, ", l->key_bytes * 8);
    text_visible(&name, l->mode, strlen(l->mode));
    err_set(err, ERR_USAGE, "encrypted with %.200s, which is not supported: AES is, except for "
            "xts with keys of 192 bits", buf_str(&name));
    buf_free(&name);
    return false;
}

/* What "aes" and a mode like "xts-plain64" or "cbc-essiv:sha256" name. */
static bool choose_cipher(struct crypt *c, const struct luks *l, const EVP_MD **essiv,
                          struct error *err)
{
    const char *iv = strchr(l->mode, '-');

    *essiv = NULL;
    if (strcmp(l->cipher, "aes") == 0 && iv) {
        c->cipher = aes_in(l->mode, l->key_bytes * 8);
        iv++;
        c->iv = strcmp(iv, "plain64") == 0 ? IV_PLAIN64 : IV_PLAIN;
        if (strncmp(iv, "essiv:", 6) == 0) {
            c->iv = IV_ESSIV;
            *essiv = EVP_get_digestbyname(iv + 6);
            if (!*essiv || (EVP_MD_size(*essiv) != 32 && EVP_MD_size(*essiv) != 16))
                c->cipher = NULL;
            else
                c->salt_cipher = EVP_MD_size(*essiv) == 32 ? EVP_aes_256_ecb()
                                                           : EVP_aes_128_ecb();
        } else if (strcmp(iv, "plain") != 0 && strcmp(iv, "plain64") != 0) {
            c->cipher = NULL;
        }
    }
    return c->cipher || not_supported(l, err);
}

/* The key that ESSIV encrypts sector numbers with: the digest of the key. */
static bool set_salt(struct crypt *c, const EVP_MD *essiv, size_t key_len)
{
    return !essiv || EVP_Digest(c->key, key_len, c->salt, NULL, essiv, NULL);
}

/* Spreads each bit over the whole block, as the anti-forensic splitter does. */
static bool diffuse(const EVP_MD *hash, uint8_t *block, size_t len)
{
    size_t size = (size_t)EVP_MD_size(hash);
    uint8_t in[4 + EVP_MAX_MD_SIZE], out[EVP_MAX_MD_SIZE];

    for (size_t at = 0, i = 0; at < len; at += size, i++) {
        size_t n = size < len - at ? size : len - at;

        be_store(in, 4, i);
        memcpy(in + 4, block + at, n);
        if (!EVP_Digest(in, 4 + n, out, NULL, hash, NULL))
            return false;
        memcpy(block + at, out, n);
    }
    return true;
}

static bool merge(const EVP_MD *hash, const uint8_t *material, size_t stripes, size_t len,
                  uint8_t *key)
{
    memset(key, 0, len);
    for (size_t i = 0; i < stripes; i++) {
        for (size_t k = 0; k < len; k++)
            key[k] ^= material[i * len + k];
        if (i + 1 < stripes && !diffuse(hash, key, len))
            return false;
    }
    return true;
}

static bool stretch(const EVP_MD *hash, const void *phrase, size_t len, const uint8_t *salt,
                    uint32_t iterations, uint8_t *out, size_t out_len)
{
    return iterations && iterations <= LUKS_ITERATIONS_MAX && len <= INT32_MAX &&
           PKCS5_PBKDF2_HMAC(phrase, (int)len, salt, SALT_LEN, (int)iterations, hash,
                             (int)out_len, out);
}

/* Is c->key the one that the header has the digest of? */
static bool key_fits(const struct crypt *c, const struct luks *l, const uint8_t *head,
                     const EVP_MD *hash)
{
    uint8_t digest[MK_DIGEST];

    return stretch(hash, c->key, l->key_bytes, head + DIGEST_OFF + MK_DIGEST,
                   l->master_key_iterations, digest, sizeof digest) &&
           CRYPTO_memcmp(digest, head + DIGEST_OFF, sizeof digest) == 0;
}

/* A LUKS header and what someone wants to open it with. */
struct lock {
    const struct image *img;
    uint64_t off;                       /* host byte of the header */
    uint8_t head[LUKS_HEADER_LEN];      /* its bytes */
    struct luks luks;                   /* what they say */
    const EVP_MD *hash, *essiv;         /* essiv NULL: not used */
    const void *phrase;
    size_t phrase_len;
};

/* Tries one key slot; true: c->key is the key. */
static bool open_slot(struct crypt *c, const struct lock *lock, size_t number)
{
    const struct luks *l = &lock->luks;
    const struct luks_slot *slot = &l->slot[number];
    size_t size = (size_t)l->key_bytes * slot->stripes;
    uint8_t *material = NULL, key[KEY_MAX];
    uint64_t at;
    bool ok = false;

    if (!slot->active || !slot->stripes || slot->stripes > LUKS_STRIPES_MAX ||
        !u64_add(lock->off, slot->key_offset, &at) ||
        !range_inside(at, size, lock->img->geo.file_size) ||
        !stretch(lock->hash, lock->phrase, lock->phrase_len,
                 lock->head + SLOT_OFF + number * SLOT_LEN + 8, slot->iterations, c->key,
                 l->key_bytes) ||
        !set_salt(c, lock->essiv, l->key_bytes))
        return false;
    material = calloc(1, round_up(size, CRYPT_SECTOR));
    if (material && source_read(lock->img->src, at, material, size, NULL) &&
        decrypt(c, 0, material, round_up(size, CRYPT_SECTOR)) &&
        merge(lock->hash, material, slot->stripes, l->key_bytes, key)) {
        memcpy(c->key, key, l->key_bytes);
        ok = set_salt(c, lock->essiv, l->key_bytes) && key_fits(c, l, lock->head, lock->hash);
    }
    free(material);
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

static bool open_luks(struct crypt *c, const struct image *img, const void *phrase, size_t len,
                      struct error *err)
{
    struct lock lock = { .img = img, .off = img->ext.crypto.offset, .phrase = phrase,
                         .phrase_len = len };
    struct luks *l = &lock.luks;

    if (!img->ext.has_crypto || !luks_read(img->src, lock.off, l) ||
        !source_read(img->src, lock.off, lock.head, sizeof lock.head, NULL))
        return err_set(err, ERR_FORMAT, "there is no LUKS header");
    if (!l->key_bytes || l->key_bytes > KEY_MAX)
        return err_set(err, ERR_FORMAT, "the LUKS header is damaged: its key has %u bytes",
                       l->key_bytes);
    lock.hash = EVP_get_digestbyname(l->hash);
    if (!lock.hash)
        return err_set(err, ERR_USAGE, "the hash of the LUKS header is not supported");
    if (!choose_cipher(c, l, &lock.essiv, err))
        return false;
    for (size_t i = 0; i < LUKS_SLOTS; i++)
        if (open_slot(c, &lock, i))
            return true;
    return err_set(err, ERR_USAGE, "no key slot opens with this key");
}

bool crypt_open(const struct image *img, const void *phrase, size_t len, struct crypt **out,
                struct error *err)
{
    struct crypt *c = calloc(1, sizeof *c);
    bool ok = true;

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (img->hdr.crypt_method == CRYPT_AES) {
        c->cipher = EVP_aes_128_cbc();
        c->iv = IV_PLAIN64;
        c->by_guest = true;
        memcpy(c->key, phrase, len < 16 ? len : 16);
    } else if (img->hdr.crypt_method == CRYPT_LUKS) {
        ok = open_luks(c, img, phrase, len, err);
    } else {
        ok = err_set(err, ERR_FORMAT, "unknown crypt_method");
    }
    if (!ok) {
        crypt_close(c);
        return false;
    }
    *out = c;
    return true;
}

bool crypt_copy(const struct crypt *c, struct crypt **out, struct error *err)
{
    struct crypt *copy = malloc(sizeof *copy);

    if (!copy)
        return err_set(err, ERR_NOMEM, "out of memory");
    *copy = *c;
    *out = copy;
    return true;
}

void crypt_close(struct crypt *c)
{
    if (!c)
        return;
    OPENSSL_cleanse(c, sizeof *c);
    free(c);
}

bool crypt_decrypt(const struct crypt *c, uint64_t host_off, uint64_t guest_off, uint8_t *bytes,
                   size_t len)
{
    return decrypt(c, (c->by_guest ? guest_off : host_off) / CRYPT_SECTOR, bytes, len);
}

#else

bool crypt_open(const struct image *img, const void *phrase, size_t len, struct crypt **out,
                struct error *err)
{
    (void)img, (void)phrase, (void)len, (void)out;
    return err_set(err, ERR_USAGE, "this program was built without libcrypto");
}

bool crypt_copy(const struct crypt *c, struct crypt **out, struct error *err)
{
    (void)c, (void)out;
    return err_set(err, ERR_USAGE, "this program was built without libcrypto");
}

void crypt_close(struct crypt *c)
{
    (void)c;
}

bool crypt_decrypt(const struct crypt *c, uint64_t host_off, uint64_t guest_off, uint8_t *bytes,
                   size_t len)
{
    (void)c, (void)host_off, (void)guest_off, (void)bytes, (void)len;
    return false;
}

#endif
