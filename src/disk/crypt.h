/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The key of an encrypted image, and decrypting with it: LUKS version 1, and the
 * AES of old images. By libcrypto, and block_cipher.h for what that lacks. Spec: "Data encryption";
 * LUKS1 on-disk format. */
#ifndef QCHECK_DISK_CRYPT_H
#define QCHECK_DISK_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "qcow2/image.h"

#define CRYPT_SECTOR 512u               /* bytes decrypted at once */

struct crypt;

/* Opens with a pass phrase. The image must be encrypted (crypt_method is not 0). False when no
 * key slot opens with it, the header is damaged, or this build cannot do it. Old AES takes
 * every pass phrase. */
bool crypt_open(const struct image *img, const void *phrase, size_t len, struct crypt **out,
                struct error *err);
bool crypt_copy(const struct crypt *c, struct crypt **out, struct error *err);
void crypt_close(struct crypt *c);      /* accepts NULL */

/* Decrypts whole sectors in place, stored from host_off on and at guest_off of the layer. May
 * be called by several threads at once. False only when libcrypto fails. */
bool crypt_decrypt(const struct crypt *c, uint64_t host_off, uint64_t guest_off, uint8_t *bytes,
                   size_t len);

#endif
