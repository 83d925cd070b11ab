/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One digest of all that an image says of itself: header, tables, refcount blocks. */
#include "config.h"

#include "plan/tables_digest.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/patch.h"
#include "qcow2/image.h"
#include "scan/l2list.h"

#define L2_AT_ONCE (1u << 20)

struct adding {
    struct source *src;
    struct digest *d;
    bool failed;                /* no memory */
};

static void add_range(struct adding *a, uint64_t off, uint64_t len)
{
    uint64_t size = source_size(a->src);

    len = off < size ? u64_min(len, size - off) : 0;
    a->failed |= !digest_add_source(a->d, a->src, off, len, NULL);
}

static void add_word(struct adding *a, uint64_t word)
{
    uint8_t bytes[8];

    be_store(bytes, 8, word);
    digest_add(a->d, bytes, 8);
}

/* Names are not in it: those of a pack may be stand-ins. */
static void add_entries(struct adding *a, const struct image *img)
{
    const struct extensions *ext = &img->ext;

    add_range(a, 0, img->hdr.version >= 3 ? u64_min(img->hdr.header_length, img->head_got)
              : HEADER_V2_LEN);
    for (size_t i = 0; i < ext->n; i++)
        add_range(a, ext->list[i].data_off - 8, 8);
    if (ext->has_crypto) {
        add_word(a, ext->crypto.offset);
        add_word(a, ext->crypto.length);
    }
    for (size_t i = 0; i < img->snaps.n; i++) {
        const struct snapshot *s = &img->snaps.list[i];

        add_word(a, s->l1_table_offset);
        add_word(a, s->l1_size);
        add_word(a, s->vm_state_size);
        add_word(a, s->disk_size);
    }
    for (size_t i = 0; i < img->bitmaps.n; i++) {
        const struct bitmap *b = &img->bitmaps.list[i];

        add_word(a, b->table_offset);
        add_word(a, b->table_size);
        add_word(a, b->flags);
    }
}

/* Structures come by rising offset; each byte is taken once, however many claim it. */
static void add_structures(struct adding *a, const struct image *img)
{
    uint64_t done = 0;

    for (size_t i = 0; i < img->structures.n; i++) {
        const struct structure *s = &img->structures.list[i];
        uint64_t from = u64_max(s->off, done), end;

        if ((s->kind != STRUCTURE_L1 && s->kind != STRUCTURE_REFTABLE
             && s->kind != STRUCTURE_BITMAP_TABLE)
            || !u64_add(s->off, s->len, &end) || end <= from)
            continue;
        add_range(a, from, end - from);
        done = end;
    }
}

static int by_value(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;

    return u64_order(*a, *b);
}

static bool add_refblocks(struct adding *a, const struct image *img)
{
    uint64_t *off, last = 0;

    if (!img->reftable_n)
        return true;
    off = malloc(img->reftable_n * sizeof *off);
    if (!off)
        return false;
    memcpy(off, img->reftable, img->reftable_n * sizeof *off);
    qsort(off, img->reftable_n, sizeof *off, by_value);
    for (uint64_t i = 0; i < img->reftable_n; i++) {
        if (!(off[i] & (img->geo.cluster_size - 1)) && off[i] != last)
            add_range(a, off[i], img->geo.cluster_size);
        last = off[i];
    }
    free(off);
    return true;
}

static bool add_l2(struct adding *a, const struct image *img)
{
    struct l2_list l;
    bool ok = l2_list_first(&l, img, L2_AT_ONCE, NULL);

    while (ok) {
        /* How many misaligned ones are listed depends on how much of the file is holes. */
        for (size_t i = 0; i < l.n; i++)
            if (!(l.list[i].off & (img->geo.cluster_size - 1)))
                add_range(a, l.list[i].off, img->geo.cluster_size);
        if (!l.more)
            break;
        ok = l2_list_next(&l, img, NULL);
    }
    l2_list_free(&l);
    return ok;
}

bool tables_digest(struct source *file, uint8_t out[DIGEST_LEN], struct error *err)
{
    const struct patches none = { 0 };
    struct adding a = { .failed = false };
    struct image *img = NULL;
    bool ok;

    memset(out, 0, DIGEST_LEN);
    if (!source_open_patched(file, &none, &a.src, err))
        return false;
    if (!image_open(a.src, &(struct image_options){ .force_magic = false }, &img, NULL)) {
        source_close(a.src);
        return true;
    }
    ok = digest_new(&a.d, err);
    if (ok) {
        add_entries(&a, img);
        add_structures(&a, img);
        a.failed |= !add_refblocks(&a, img) || !add_l2(&a, img);
        digest_end(a.d, out);
        ok = !a.failed || err_set(err, ERR_NOMEM, "out of memory");
    }
    image_close(img);
    return ok;
}
