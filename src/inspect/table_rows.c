/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Reading the rows that a screen shows: entries, refcounts, problems, strips. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"
#include "qcow2/spec.h"
#include "inspect/table.h"

#define PIECE 4096              /* bytes looked at for one part of a strip */

static void set_target(struct table_row *r, uint64_t off, uint64_t len)
{
    r->target_off = off ? off : NO_ADDRESS;
    r->target_len = off ? len : 0;
}

static void fill_l2(const struct image *img, struct table_row *r, const uint8_t *bytes)
{
    struct l2_entry e;

    l2_decode(&img->geo, bytes, &e);
    r->raw = e.raw;
    r->bitmap = img->geo.extended_l2 ? e.bitmap : 0;
    r->type = e.type;
    r->used = e.raw != 0 || r->bitmap != 0;
    if (!img->geo.data_file || e.type == L2_COMPRESSED)
        set_target(r, e.host_off, e.host_len);
}

static void fill_word(const struct image *img, const struct table *t, struct table_row *r,
                      uint64_t word)
{
    uint64_t mask = t->kind == TABLE_REFTABLE ? REFTABLE_OFFSET_MASK : ENTRY_OFFSET_MASK;

    r->raw = word;
    r->used = word != 0;
    set_target(r, word & mask, img->geo.cluster_size);
}

static void fill_refcount(const struct known *k, const struct table *t, struct table_row *r,
                          const uint8_t *bytes)
{
    const struct geometry *geo = &k->img->geo;
    uint64_t cluster = (t->i << geo->refblock_bits) + r->index;
    uint64_t in_byte = geo->refcount_bits < 8 ? r->index % (8 / geo->refcount_bits) : 0;

    r->raw = refblock_get(bytes, geo->refcount_order, in_byte);
    r->used = r->raw != 0;
    r->target_off = cluster < geo->n_clusters ? cluster << geo->cluster_bits : NO_ADDRESS;
    r->target_len = geo->cluster_size;
    r->has_counts = true;
    r->stored = r->raw;
    r->stored_known = !r->unreadable;
}

static void fill_listed(const struct image *img, const struct table *t,
                        struct table_row *r)
{
    r->used = true;
    if (t->kind == TABLE_SNAPSHOTS) {
        r->raw = img->snaps.list[r->index].l1_table_offset;
        set_target(r, r->raw, img->snaps.list[r->index].l1_size * 8);
    } else {
        r->raw = img->bitmaps.list[r->index].table_offset;
        set_target(r, r->raw, img->bitmaps.list[r->index].table_size * 8);
    }
}

static void fill_row(const struct known *k, const struct table *t, struct table_row *r)
{
    const struct image *img = k->img;
    uint8_t bytes[16] = { 0 };
    size_t len = t->kind == TABLE_L2 ? img->geo.l2_entry_size
               : t->kind == TABLE_REFBLOCK ? u64_max(img->geo.refcount_bits / 8, 1) : 8;
    struct error err;

    if (t->kind == TABLE_SNAPSHOTS || t->kind == TABLE_BITMAPS) {
        fill_listed(img, t, r);
        return;
    }
    r->unreadable =
        r->off != NO_ADDRESS && !source_read(img->src, r->off, bytes, len, &err);
    r->coming = r->unreadable && err.sys == EAGAIN;
    if (t->kind == TABLE_L2)
        fill_l2(img, r, bytes);
    else if (t->kind == TABLE_REFBLOCK)
        fill_refcount(k, t, r, bytes);
    else
        fill_word(img, t, r, be64(bytes));
}

static void add_counts(const struct known *k, struct table_row *r)
{
    const struct geometry *geo = &k->img->geo;
    struct map_cell cell;
    enum stored_status status;
    uint64_t cluster;

    if (r->target_off == NO_ADDRESS || r->target_off >= geo->file_len)
        return;
    cluster = geo_cluster_of(geo, r->target_off);
    if (!r->has_counts) {
        r->has_counts = true;
        status = image_stored_refcount(k->img, cluster, &r->stored);
        r->stored_known = status != STORED_UNREADABLE && status != STORED_COMING;
        r->coming = r->coming || status == STORED_COMING;
    }
    if (k->scan) {
        map_get(k->scan->map, cluster, &cell);
        r->counted = cell.counted;
        r->counted_known = cell.counted != COUNTED_UNKNOWN;
    }
}

/* Problems of the entry, of the cluster it points to, and of the table it points to. */
static void add_problems(const struct known *k, const struct table *t, struct table_row *r)
{
    uint64_t size = t->kind == TABLE_L2 ? k->img->geo.l2_entry_size
                    : t->kind == TABLE_REFBLOCK
                        ? u64_max(k->img->geo.refcount_bits / 8, 1)
                        : 8;
    struct problem_hits hits = { .n = 0 };

    if (r->off != NO_ADDRESS)
        problem_index_bytes(k->index, r->off, size, &hits);
    if (r->target_off != NO_ADDRESS && r->target_len != 0) {
        uint64_t from = geo_cluster_of(&k->img->geo, r->target_off);
        uint64_t to = geo_cluster_of(&k->img->geo, r->target_off + (r->target_len - 1));

        if (t->kind != TABLE_SNAPSHOTS && t->kind != TABLE_BITMAPS)
            problem_index_clusters(k->index, from, to - from + 1, &hits);
        if (t->kind != TABLE_L2 && t->kind != TABLE_REFBLOCK && t->kind != TABLE_BITMAP)
            problem_index_bytes(k->index, r->target_off, r->target_len, &hits);
    }
    r->problems = hits.n;
    r->problem = hits.gravest;
}

/* --- strips: how full the table is that a row points to --- */

static uint8_t share(uint64_t used, uint64_t all)
{
    uint64_t eighths = all ? used * 8 / all : 0;

    return (uint8_t)(used > 0 && eighths == 0 ? 1 : eighths);
}

static uint64_t used_in(const struct image *img, const struct table *t,
                        const uint8_t *bytes, uint64_t len, uint64_t *all)
{
    uint64_t used = 0;
    uint64_t step = t->kind == TABLE_L1 ? img->geo.l2_entry_size : 8;

    if (t->kind == TABLE_REFTABLE) {
        *all = len * 8 / img->geo.refcount_bits;
        for (uint64_t i = 0; i < *all; i++)
            used += refblock_get(bytes, img->geo.refcount_order, i) != 0;
        return used;
    }
    *all = len / step;
    for (uint64_t i = 0; i < *all; i++)
        used += be64(bytes + i * step) != 0;
    return used;
}

/* Reads all of a table of up to 64 KiB, or a piece of each part of a larger one. False while
 * some of that is on its way. */
static bool read_pieces(const struct image *img, uint64_t off, uint8_t *bytes,
                        uint64_t part, uint64_t len)
{
    struct source_req req[STRIP];
    size_t n = part == len ? 1 : STRIP;
    bool whole = true;

    for (size_t i = 0; i < n; i++)
        req[i] = (struct source_req){ .off = off + i * part, .len = (size_t)len * (STRIP / n),
                                      .dst = bytes + i * len };
    source_read_many(img->src, req, n);
    for (size_t i = 0; i < n; i++)
        whole = whole && req[i].error != EAGAIN;
    return whole;
}

unsigned table_fullness(const struct image *img, const struct table *t, uint64_t off)
{
    uint64_t part = img->geo.cluster_size / STRIP;
    uint64_t len = u64_min(part, PIECE);
    uint8_t *bytes = calloc(STRIP, (size_t)len);
    unsigned full = 0;

    if (!bytes)
        return 0;
    (void)read_pieces(img, off, bytes, part, len);
    for (size_t i = 0; i < STRIP; i++) {
        uint64_t all, used = used_in(img, t, bytes + i * len, len, &all);

        full += share(used, all);
    }
    free(bytes);
    return full;
}

static void fill_strip(const struct known *k, const struct table *t, struct table_row *r,
                       uint8_t *bytes)
{
    uint64_t part = k->img->geo.cluster_size / STRIP;
    uint64_t len = u64_min(part, PIECE);

    if (!read_pieces(k->img, r->target_off, bytes, part, len)) {
        r->coming = true;
        return;
    }
    for (size_t i = 0; i < STRIP; i++) {
        uint64_t all = 0;
        uint64_t used = used_in(k->img, t, bytes + i * len, len, &all);
        struct problem_hits hits = { .n = 0 };

        r->strip[i] = share(used, all);
        problem_index_bytes(k->index, r->target_off + i * part, part, &hits);
        r->strip_bad[i] = hits.n > 0;
    }
    r->has_strip = true;
}

void table_read(const struct known *k, const struct table *t,
                const uint64_t *index, size_t n, struct table_row *out)
{
    uint8_t *pieces = malloc((size_t)STRIP * PIECE); /* without it: rows without strips */

    for (size_t row = 0; row < n; row++) {
        struct table_row *r = &out[row];

        *r = (struct table_row){ .index = index[row], .target_off = NO_ADDRESS };
        r->off = table_place(k->img, t, index[row]).file_off;
        fill_row(k, t, r);
        add_counts(k, r);
        add_problems(k, t, r);
        if ((t->kind == TABLE_L1 || t->kind == TABLE_REFTABLE) && pieces &&
            r->target_off != NO_ADDRESS && r->target_off < k->img->geo.file_len)
            fill_strip(k, t, r, pieces);
    }
    free(pieces);
}
