/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* SHA-256 (FIPS 180-4), by libcrypto. */
#ifndef QCHECK_BASE_DIGEST_H
#define QCHECK_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/source.h"

#define DIGEST_LEN 32                       /* bytes */
#define DIGEST_TEXT (2 * DIGEST_LEN + 1)    /* hexadecimal and NUL */

struct digest;

/* False where the program was built without libcrypto; the message says so. */
bool digest_new(struct digest **out, struct error *err);
void digest_add(struct digest *d, const void *bytes, size_t len);
void digest_add_zeros(struct digest *d, uint64_t len);
/* Adds bytes [off, off + len) of a source; what cannot be read counts as zeros. False: no
 * memory. */
bool digest_add_source(struct digest *d, struct source *src, uint64_t off, uint64_t len,
                       struct error *err);
/* Gives the result and frees d. */
void digest_end(struct digest *d, uint8_t out[DIGEST_LEN]);
void digest_free(struct digest *d);         /* accepts NULL */

/* The digest of such a range alone. */
bool digest_of_source(struct source *src, uint64_t off, uint64_t len, uint8_t out[DIGEST_LEN],
                      struct error *err);

void digest_text(const uint8_t digest[DIGEST_LEN], char out[DIGEST_TEXT]);

#endif
