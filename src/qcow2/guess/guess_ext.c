/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where the header extensions begin, and how long each is: told by whether the list that
 * follows is one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/guess/guess_work.h"

typedef unsigned long long ull;

#define HEAD        8                   /* bytes of type and length */
#define DEPTH_MAX   16                  /* extensions followed */
#define LENGTH_MAX  4096                /* of a header that is looked for */
#define RECORD      48                  /* bytes of one feature name */

struct fix { uint64_t pos; uint32_t type, found, value; };

struct walk {
    const struct header *hdr;
    const uint8_t *bytes;               /* the first cluster, as far as it was read */
    size_t len;
    uint64_t end;                       /* of the area for extensions */
    unsigned fixes_max;
    struct fix fix[EXT_FIXES_MAX];
    unsigned n_fixes, known;
    bool bitmaps, crypto, data_file;
};

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Bytes of text from `at` on. */
static uint32_t text_length(const struct walk *w, uint64_t at, uint32_t max, bool word)
{
    uint32_t n = 0;

    while (n < max && at + n < w->len && (word ? is_word(w->bytes[at + n])
                                          : w->bytes[at + n] >= ' '))
        n++;
    return n;
}

static uint32_t names_length(const struct walk *w, uint64_t at)
{
    uint32_t n = 0;

    while (at + n + RECORD <= w->len && w->bytes[at + n] <= 2 && w->bytes[at + n + 1] < 64
           && w->bytes[at + n + 2] > ' ' && !w->bytes[at + n + RECORD - 1])
        n += RECORD;
    return n;
}

/* The length that an extension of this type has by its content; 0: not known. */
static uint32_t likely_length(const struct walk *w, uint32_t type, uint64_t data_off)
{
    switch (type) {
    case EXT_BITMAPS: return 24;
    case EXT_CRYPTO: return 16;
    case EXT_BACKING_FORMAT: return text_length(w, data_off, BACKING_FORMAT_MAX, true);
    case EXT_DATA_FILE: return text_length(w, data_off, BACKING_NAME_MAX, false);
    case EXT_FEATURE_NAMES: return names_length(w, data_off);
    default: return 0;
    }
}

static bool qemu_accepts(uint32_t type, uint32_t length)
{
    return !(type == EXT_BITMAPS && length != 24) && !(type == EXT_CRYPTO && length != 16) &&
           !(type == EXT_BACKING_FORMAT && length > BACKING_FORMAT_MAX);
}

/* Is everything there that the header promises? */
static bool complete(const struct walk *w)
{
    const struct header *h = w->hdr;

    return (w->bitmaps || !(h->autoclear_features & AUTOCLEAR_BITMAPS)) &&
           (w->crypto || h->crypt_method != CRYPT_LUKS) &&
           (w->data_file || !(h->incompatible_features & INCOMPAT_DATA_FILE));
}

static bool follow(struct walk *w, uint64_t pos, unsigned depth);

/* Goes on behind this extension, taken to be `length` bytes long. */
static bool follow_behind(struct walk *w, uint64_t pos, uint32_t type, uint32_t length,
                          unsigned depth)
{
    const struct walk before = *w;

    if (length > w->end - pos - HEAD || !qemu_accepts(type, length))
        return false;
    w->known += likely_length(w, type, pos + HEAD) != 0;
    w->bitmaps = w->bitmaps || type == EXT_BITMAPS;
    w->crypto = w->crypto || type == EXT_CRYPTO;
    w->data_file = w->data_file || type == EXT_DATA_FILE;
    if (follow(w, pos + HEAD + round_up(length, 8), depth + 1))
        return true;
    *w = before;
    return false;
}

/* Is there a list of extensions at `pos` that ends well, with at most fixes_max lengths
 * other than those in the file? */
static bool follow(struct walk *w, uint64_t pos, unsigned depth)
{
    uint32_t type, length, likely;

    if (pos >= w->end)
        return complete(w);
    if (w->end - pos < HEAD || depth > DEPTH_MAX || pos + HEAD > w->len)
        return false;
    type = (uint32_t)be_load(w->bytes + pos, 4);
    length = (uint32_t)be_load(w->bytes + pos + 4, 4);
    if (type == EXT_END)
        return complete(w);
    if (follow_behind(w, pos, type, length, depth))
        return true;
    likely = likely_length(w, type, pos + HEAD);
    if (!likely || likely == length || w->n_fixes == w->fixes_max)
        return false;
    w->fix[w->n_fixes++] = (struct fix){ pos, type, length, likely };
    if (follow_behind(w, pos, type, likely, depth))
        return true;
    w->n_fixes--;
    return false;
}

static bool walk_from(struct walk *w, uint64_t start, unsigned fixes_max)
{
    struct walk fresh = { .hdr = w->hdr, .bytes = w->bytes, .len = w->len, .end = w->end,
                          .fixes_max = fixes_max };

    *w = fresh;
    return start < w->end && follow(w, start, 0);
}

/* A start other than the one in the header: where most extensions follow, and of equal
 * ones 112, as newer programs write, and 104. */
static uint64_t other_start(struct walk *w, unsigned fixes_max)
{
    uint64_t best = 0;
    unsigned known = 0;

    for (uint64_t i = 0; i * 8 + HEADER_V3_LEN <= LENGTH_MAX; i++) {
        uint64_t start = i == 0 ? 112 : i == 1 ? HEADER_V3_LEN : HEADER_V3_LEN + i * 8;

        if (walk_from(w, start, fixes_max) && (!best || w->known > known)) {
            best = start;
            known = w->known;
        }
    }
    return best && walk_from(w, best, fixes_max) ? best : 0;
}

/* Would QEMU stop at the list as it is? */
static bool list_refused(const struct walk *w, uint64_t start)
{
    struct header_ext e;
    bool too_long, crypto = false, data_file = false;

    while (extension_next(w->bytes, w->len, w->end, &start, &e, &too_long) &&
           e.type != EXT_END) {
        if (!qemu_accepts(e.type, e.length))
            return true;
        crypto = crypto || e.type == EXT_CRYPTO;
        data_file = data_file || e.type == EXT_DATA_FILE;
    }
    return too_long || (w->hdr->crypt_method == CRYPT_LUKS && !crypto) ||
           (w->hdr->incompatible_features & INCOMPAT_DATA_FILE && !data_file);
}

static void put_length(struct guessing *g, const struct walk *w, uint64_t start,
                       bool refused)
{
    struct header *h = &g->s.hdr;
    const char *what = w->known ? "header extensions follow there"
                                : "the shortest length of newer programs";

    if (!refused) {
        guess_propose(g, G_HEADER_LENGTH, start, "%s", what);
        return;
    }
    guess_take(g, G_HEADER_LENGTH, start, "%s", what);
    if (start > HEADER_V3_LEN)
        h->compression_type = w->bytes[HEADER_V3_LEN];
}

static void put_fixes(struct guessing *g, const struct walk *w, bool refused)
{
    for (unsigned i = 0; i < w->n_fixes; i++)
        guess_ext_length(g, w->fix[i].pos + 4, w->fix[i].found, w->fix[i].value, refused,
                         extension_name(w->fix[i].type));
}

void guess_extensions(struct guessing *g)
{
    struct header *h = &g->s.hdr;
    struct walk w = { .hdr = h };
    uint64_t start, cs = g->s.geo.cluster_size, other = 0;
    uint8_t *page;
    bool fits = h->version == 2 || (h->header_length >= HEADER_V3_LEN &&
                                    h->header_length <= cs);
    bool refused = !fits;

    w.len = (size_t)u64_min(cs, SEEK_PAGE);
    page = calloc(1, SEEK_PAGE);
    if (!page || !seek_read(&g->s, 0, page, w.len))
        goto out;
    w.bytes = page;
    extensions_area(h, cs, &start, &w.end);
    if (fits && (start >= w.end || walk_from(&w, start, 0)))
        goto out;
    refused = refused || list_refused(&w, start);
    if (fits && walk_from(&w, start, EXT_FIXES_MAX)) {
        put_fixes(g, &w, refused);
        goto out;
    }
    for (unsigned fixes = 0; h->version != 2 && fixes < 2 && !other; fixes++)
        other = other_start(&w, fixes);
    if (other && (w.known || !fits)) {
        put_length(g, &w, other, refused);
        put_fixes(g, &w, refused);
    }
out:
    free(page);
}
