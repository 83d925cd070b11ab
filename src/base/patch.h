/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Changes to a file that nobody has made yet: bytes to write, ranges to copy, a new length.
 * Laid over a source (source_open_patched) they give the file as it would be; plan/apply is
 * what carries them out.
 *
 * A copy takes the bytes that lie under all patches, so the order of patches matters only
 * where they write the same bytes: there the later one counts. */
#ifndef QCHECK_BASE_PATCH_H
#define QCHECK_BASE_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct source;

enum patch_kind { PATCH_BYTES, PATCH_COPY, PATCH_ZEROS };

struct patch {
    uint64_t off, len;          /* bytes of the file that it replaces; len > 0 */
    enum patch_kind kind;
    uint64_t at;                /* PATCH_BYTES: index in patches.bytes; PATCH_COPY: byte of the
                                   file where the range to copy starts */
};

/* All zeros is an empty list. Out of memory, and a range past 2^64, is remembered in
 * `failed`; patches_flatten reports it. */
struct patches {
    struct patch *list;         /* owned */
    size_t n, cap;
    struct buf bytes;           /* what the PATCH_BYTES write */
    bool has_length;
    uint64_t length;            /* bytes the file is to have, when has_length */
    bool failed;
};

void patches_free(struct patches *p);       /* leaves an empty list */

void patches_write(struct patches *p, uint64_t off, const void *bytes, size_t len);
void patches_copy(struct patches *p, uint64_t off, uint64_t from, uint64_t len);
void patches_zero(struct patches *p, uint64_t off, uint64_t len);
void patches_set_length(struct patches *p, uint64_t length);
/* Appends all of `from`. */
void patches_append(struct patches *p, const struct patches *from);

/* Sorts by offset and resolves overlaps, so that no byte has two patches. */
bool patches_flatten(struct patches *p, struct error *err);

/* Of a flattened list: what the length cuts off goes. */
void patches_clip(struct patches *p);
/* Of a flattened list: index of the first patch that ends after byte `off`; n: none. */
size_t patches_from(const struct patches *p, uint64_t off);
/* ... does any of them touch [off, off + len)? */
bool patches_touch(const struct patches *p, uint64_t off, uint64_t len);

/* Of a flattened list: bytes that a file of `size` bytes has under it. */
uint64_t patches_size_after(const struct patches *p, uint64_t size);

/* `inner` with flattened patches over it. Both are borrowed and must stay as they are until
 * the source is closed; `inner` goes on by itself. */
bool source_open_patched(struct source *inner, const struct patches *patches,
                         struct source **out, struct error *err);

/* The same where PATCH_COPY copies from another source, borrowed as well. */
bool source_open_patched_from(struct source *inner, struct source *from,
                              const struct patches *patches, struct source **out,
                              struct error *err);

/* The same that owns what it stands on: takes `inner` and, leaving an empty list, the patches
 * when it succeeds. */
bool source_wrap_patched(struct source *inner, struct patches *patches, struct source **out,
                         struct error *err);

#endif
