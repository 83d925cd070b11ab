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
#include "disk/block_cipher.h"
#include "qcow2/luks.h"

#define KEY_MAX    64                   /* bytes */
#define SALT_LEN   32
#define DIGEST_OFF 112                  /* in the LUKS header: digest of the key, its salt */
#define MK_DIGEST  20
#define SLOT_OFF   208
#define SLOT_LEN   48

enum iv { IV_PLAIN, IV_PLAIN64, IV_ESSIV };

struct crypt {
    const EVP_CIPHER *cipher;           /* NULL: it is one of Nettle's */
    const struct block_cipher *block;
    enum block_mode mode;               /* of that */
    size_t key_len;                     /* bytes; for xts those of one of the two keys */
    enum iv iv;
    bool by_guest;                      /* sectors are numbered by guest offset, not host */
    uint8_t key[KEY_MAX];
    uint8_t salt[EVP_MAX_MD_SIZE];      /* IV_ESSIV: key for sector numbers */
    size_t salt_len;                    /* bytes */
    const EVP_CIPHER *salt_cipher;      /* NULL: */
    const struct block_cipher *salt_block;
};

static void store_le(uint8_t *at, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* A key at work, by the one library or the other: to decrypt with, or for ESSIV. */
struct at_work {
    EVP_CIPHER_CTX *evp;
    struct block_run *block;
};

static bool begin_sectors(const struct crypt *c, struct at_work *w)
{
    if (c->block)
        return (w->block = block_run_begin(c->block, c->mode, c->key, c->key_len)) != NULL;
    w->evp = EVP_CIPHER_CTX_new();
    return w->evp && EVP_DecryptInit_ex(w->evp, c->cipher, NULL, c->key, NULL) &&
           EVP_CIPHER_CTX_set_padding(w->evp, 0);
}

static bool begin_essiv(const struct crypt *c, struct at_work *w)
{
    if (c->iv != IV_ESSIV)
        return true;
    if (c->salt_block)
        return (w->block = block_run_begin(c->salt_block, MODE_ECB, c->salt, c->salt_len))
               != NULL;
    w->evp = EVP_CIPHER_CTX_new();
    return w->evp && EVP_EncryptInit_ex(w->evp, c->salt_cipher, NULL, c->salt, NULL) &&
           EVP_CIPHER_CTX_set_padding(w->evp, 0);
}

static void end_work(struct at_work *w)
{
    EVP_CIPHER_CTX_free(w->evp);
    block_run_end(w->block);
}

/* The initialization vector of a sector. */
static bool make_iv(const struct crypt *c, const struct at_work *essiv, uint64_t sector,
                    uint8_t iv[16])
{
    int n;

    memset(iv, 0, 16);
    store_le(iv, c->iv == IV_PLAIN ? sector & UINT32_MAX : sector);
    if (c->iv != IV_ESSIV)
        return true;
    if (essiv->block) {
        block_run_encrypt_block(essiv->block, iv);
        return true;
    }
    return EVP_EncryptInit_ex(essiv->evp, NULL, NULL, NULL, NULL) &&
           EVP_EncryptUpdate(essiv->evp, iv, &n, iv, 16) && n == 16;
}

static bool decrypt_sector(const struct at_work *w, const uint8_t *iv, uint8_t *bytes)
{
    int n;

    if (w->block) {
        block_run_decrypt(w->block, iv, bytes, CRYPT_SECTOR);
        return true;
    }
    return EVP_DecryptInit_ex(w->evp, NULL, NULL, NULL, iv) &&
           EVP_DecryptUpdate(w->evp, bytes, &n, bytes, CRYPT_SECTOR) && n == (int)CRYPT_SECTOR;
}

/* Decrypts sectors numbered from `sector` on. */
static bool decrypt(const struct crypt *c, uint64_t sector, uint8_t *bytes, size_t len)
{
    struct at_work sectors = { NULL, NULL }, essiv = { NULL, NULL };
    bool ok = begin_sectors(c, &sectors) && begin_essiv(c, &essiv);
    uint8_t iv[16];

    for (size_t at = 0; ok && at + CRYPT_SECTOR <= len; at += CRYPT_SECTOR, sector++)
        ok = make_iv(c, &essiv, sector, iv) && decrypt_sector(&sectors, iv, bytes + at);
    end_work(&sectors);
    end_work(&essiv);
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
    err_set(err, ERR_USAGE, "encrypted with %.200s, which is not supported", buf_str(&name));
    buf_free(&name);
    return false;
}

static bool is_aes(const struct luks *l)
{
    return strcmp(l->cipher, "aes") == 0;
}

/* The cipher and its mode, by libcrypto where that has them. */
static bool choose_cipher(struct crypt *c, const struct luks *l, struct error *err)
{
    static const char *const modes[N_BLOCK_MODES] = {
        [MODE_ECB] = "ecb-", [MODE_CBC] = "cbc-", [MODE_CTR] = "ctr-", [MODE_XTS] = "xts-",
    };

    c->key_len = l->key_bytes;
    if (is_aes(l) && (c->cipher = aes_in(l->mode, l->key_bytes * 8)) != NULL)
        return true;
    while (c->mode < N_BLOCK_MODES && strncmp(l->mode, modes[c->mode], 4) != 0)
        c->mode++;
    if (c->mode == MODE_XTS && c->key_len % 2 == 0)
        c->key_len /= 2;
    if (c->mode < N_BLOCK_MODES)
        c->block = block_cipher_find(l->cipher, c->key_len);
    if (c->mode == MODE_XTS && c->block && block_cipher_size(c->block) != 16)
        c->block = NULL;
    return c->block ? block_ciphers_load(err) : not_supported(l, err);
}

/* How sectors are numbered; "plain64" or "essiv:sha256". ESSIV uses the same cipher with a key as
 * long as that digest. */
static bool choose_iv(struct crypt *c, const struct luks *l, const EVP_MD **essiv,
                      struct error *err)
{
    const char *iv = l->mode + 4;       /* after the mode and its hyphen */
    size_t len;

    *essiv = NULL;
    c->iv = strcmp(iv, "plain64") == 0 ? IV_PLAIN64
          : strncmp(iv, "essiv:", 6) == 0 ? IV_ESSIV : IV_PLAIN;
    if (c->iv != IV_ESSIV)
        return c->iv == IV_PLAIN64 || strcmp(iv, "plain") == 0 || not_supported(l, err);
    *essiv = EVP_get_digestbyname(iv + 6);
    len = *essiv ? (size_t)EVP_MD_size(*essiv) : 0;
    c->salt_len = len;
    if (is_aes(l))
        c->salt_cipher = len == 32 ? EVP_aes_256_ecb() : len == 16 ? EVP_aes_128_ecb() : NULL;
    else
        c->salt_block = block_cipher_find(l->cipher, len);
    return c->salt_cipher || (c->salt_block && block_cipher_size(c->salt_block) == 16)
           || not_supported(l, err);
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
    if (!choose_cipher(c, l, err) || !choose_iv(c, l, &lock.essiv, err))
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
