/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Ciphers that libcrypto does not have (Serpent, Twofish, CAST5) or not in every mode (AES with
 * keys of 192 bits in xts): by Nettle, which is loaded when one is needed. */
#ifndef QCHECK_DISK_BLOCK_CIPHER_H
#define QCHECK_DISK_BLOCK_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum block_mode { MODE_ECB, MODE_CBC, MODE_CTR, MODE_XTS, N_BLOCK_MODES };

struct block_cipher;

/* Loads Nettle: before the sandbox is entered. False: it is not there. */
bool block_ciphers_load(struct error *err);

/* The cipher that a LUKS header calls that, with keys of so many bytes (xts has two of them);
 * NULL: none of these. */
const struct block_cipher *block_cipher_find(const char *name, size_t key_len);
size_t block_cipher_size(const struct block_cipher *c);     /* bytes of a block */

/* A key of the length that the cipher was found with, at work (for xts: two of them, one after the
 * other). NULL: out of memory. One thread at a time. */
struct block_run;
struct block_run *block_run_begin(const struct block_cipher *c, enum block_mode mode,
                                  const uint8_t *key, size_t key_len);
/* Decrypts whole blocks in place, from the initialization vector on, which is one block. */
void block_run_decrypt(struct block_run *r, const uint8_t *iv, uint8_t *bytes, size_t len);
void block_run_encrypt_block(struct block_run *r, uint8_t *block);
void block_run_end(struct block_run *r);        /* accepts NULL; wipes the key */

#endif
