/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Words and numbers of an address that a person typed, taken one after the other. */
#ifndef QCHECK_INSPECT_TYPED_H
#define QCHECK_INSPECT_TYPED_H

#include <stdbool.h>
#include <stdint.h>

#include "qcow2/image.h"

struct typed {
    const struct image *img;    /* borrowed; for the size of clusters */
    const char *at;             /* what is left of the text */
};

void typed_skip_blanks(struct typed *t);
bool typed_end(struct typed *t);        /* nothing but blanks is left */

/* Takes a word when it stands here, whatever its case, and no other letter follows. */
bool typed_word(struct typed *t, const char *word);
bool typed_either(struct typed *t, const char *a, const char *b);

/* Takes a number, bare or in brackets: "3", "[3]", "0x10", "1,024". */
bool typed_index(struct typed *t, uint64_t *out);

/* Reads the rest of the text as a number of bytes: "64M", "1.5 GiB", "2048s", "28c",
 * "50%" of `whole`. *clusters: it was told in clusters; *out is bytes all the same. */
bool typed_amount(const struct typed *t, uint64_t whole, uint64_t *out, bool *clusters);

#endif
