/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the clusters of a chart hold, and which problems concern them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "inspect/problem_index.h"
#include "picture/chart.h"

#define LOOKS_MAX       8192                        /* clusters of a chart */
#define BYTES_MAX       (UINT64_C(1) << 30)
#define LOOKS_A_CELL    8

struct shown { uint8_t paint; const char *name; };

static const struct shown DISK = { PAINT_CLASS + CLASS_CRYPTO,
                                   "partition tables, LUKS, LVM, swap" };
static const struct shown SYSTEM = { PAINT_RAMP + 1, "file system structures" };

/* Our own tables have the colours of their classes, what is alike shares one. */
static struct shown shown_as(enum content_kind kind)
{
    switch (kind) {
    case CONTENT_HOLE: return (struct shown){ PAINT_CLASS + CLASS_VACANT, "holes" };
    case CONTENT_ZERO: return (struct shown){ PAINT_CLASS + CLASS_ZERO_ALLOC, "zeros" };
    case CONTENT_L1: return (struct shown){ PAINT_CLASS + CLASS_L1_ACTIVE, "L1 tables" };
    case CONTENT_L2: return (struct shown){ PAINT_CLASS + CLASS_L2, "L2 tables" };
    case CONTENT_REFTABLE:
        return (struct shown){ PAINT_CLASS + CLASS_REFTABLE, "refcount table" };
    case CONTENT_REFBLOCK:
        return (struct shown){ PAINT_CLASS + CLASS_REFBLOCK, "refcount blocks" };
    case CONTENT_SNAPTABLE:
        return (struct shown){ PAINT_CLASS + CLASS_SNAPTABLE, "snapshot table" };
    case CONTENT_BITMAP_DIR: case CONTENT_BITMAP_TABLE:
        return (struct shown){ PAINT_CLASS + CLASS_BITMAP_TABLE, "tables of bitmaps" };
    case CONTENT_HEADER: return (struct shown){ PAINT_CLASS + CLASS_HEADER, "qcow2 header" };
    case CONTENT_COMPRESSED:
        return (struct shown){ PAINT_CLASS + CLASS_COMPRESSED, "compressed clusters" };
    case CONTENT_MBR: case CONTENT_GPT: case CONTENT_LUKS: case CONTENT_LVM:
    case CONTENT_SWAP:
        return DISK;
    case CONTENT_FILE:
        return (struct shown){ PAINT_CLASS + CLASS_DATA_SNAPSHOT, "beginnings of files" };
    case CONTENT_TEXT: return (struct shown){ PAINT_CLASS + CLASS_DATA_SHARED, "text" };
    case CONTENT_ENTROPY:
        return (struct shown){ PAINT_CLASS + CLASS_VMSTATE, "encrypted or packed data" };
    case CONTENT_BYTES: return (struct shown){ PAINT_CLASS + CLASS_DATA, "binary data" };
    case N_CONTENTS: return (struct shown){ PAINT_CLASS + CLASS_UNKNOWN, "not known" };
    default: return SYSTEM;
    }
}

unsigned chart_content_paint(enum content_kind kind)
{
    return shown_as(kind).paint;
}

const char *chart_content_name(enum content_kind kind)
{
    return shown_as(kind).name;
}

/* --- looking --- */

struct content_looking {
    const struct image *img;
    enum map_space space;
    uint32_t layer;
    uint8_t *scratch;           /* owned; a cluster */
    uint64_t bytes;             /* read so far */
    bool stopped;               /* enough was read */
};

static enum content_kind look_at_host(struct content_looking *l, uint64_t off)
{
    struct content c;

    l->bytes += u64_min(l->img->geo.cluster_size, CONTENT_BYTES_MAX);
    l->stopped = l->bytes > BYTES_MAX;
    return content_at(l->img, off, l->scratch, &c) ? c.kind : N_CONTENTS;
}

static enum content_kind look_at(struct content_looking *l, uint64_t cluster)
{
    const struct geometry *geo = &l->img->geo;
    struct guest_hit hit;

    if (l->space == SPACE_FILE)
        return look_at_host(l, cluster << geo->cluster_bits);
    if (!guest_lookup(l->img, l->layer, cluster << geo->cluster_bits, &hit, NULL))
        return N_CONTENTS;
    if (hit.entry.type == L2_COMPRESSED)
        return CONTENT_COMPRESSED;
    if (hit.host_off == NO_ADDRESS || geo->data_file)
        return N_CONTENTS;
    return look_at_host(l, hit.host_off & ~(geo->cluster_size - 1));
}

/* What most of the samples hold; anything rather than nothing. */
static enum content_kind most(const uint8_t votes[N_CONTENTS])
{
    int best = N_CONTENTS;

    for (int k = 0; k < N_CONTENTS; k++) {
        bool empty = k == CONTENT_HOLE || k == CONTENT_ZERO;
        bool over_nothing = best == CONTENT_HOLE || best == CONTENT_ZERO;

        if (votes[k] && (best == N_CONTENTS || votes[k] > votes[best]
                         || (over_nothing && !empty)))
            best = k;
    }
    return (enum content_kind)best;
}

static void look_at_cell(struct content_looking *l, struct chart_cell *cell, uint64_t looks)
{
    uint8_t votes[N_CONTENTS] = { 0 };
    uint64_t n = u64_min(looks, cell->n);

    for (uint64_t i = 0; i < n && !l->stopped; i++) {
        enum content_kind kind = look_at(l, cell->first + cell->n / n * i);

        if (kind != N_CONTENTS)
            votes[kind]++;
    }
    cell->content = (uint8_t)most(votes);
}

bool chart_look(struct chart *c, struct error *err)
{
    struct content_looking l = { c->img, c->opt.space, c->opt.layer, NULL, 0, false };
    uint64_t looks = u64_min(u64_max(LOOKS_MAX / u64_max(c->n, 1), 1), LOOKS_A_CELL);

    l.scratch = malloc((size_t)c->img->geo.cluster_size);
    if (!l.scratch)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < c->n && !l.stopped; i++)
        look_at_cell(&l, &c->cell[i], looks);
    free(l.scratch);
    if (l.stopped)
        strcpy(c->note, "not all of it was read: the rest is coloured by class");
    else if (c->per_cell > looks)
        strcpy(c->note, "clusters here and there in each cell were looked at");
    return true;
}

/* --- problems --- */

static void name_by_place(struct chart *c, const struct problem_index *x)
{
    for (size_t i = 0; i < c->n; i++) {
        struct chart_cell *cell = &c->cell[i];
        struct problem_hits hits = { .n = 0 };

        if (!cell->marked && !cell->leaked)
            continue;
        problem_index_clusters(x, cell->first, cell->n, &hits);
        problem_index_bytes(x, chart_bytes(c, cell->first), chart_bytes(c, cell->n), &hits);
        if (hits.n)
            cell->problem = (uint16_t)c->scan->problems.list[hits.gravest].kind;
    }
}

static void name_by_guest(struct chart *c)
{
    const struct problems *p = &c->scan->problems;
    uint64_t per = chart_bytes(c, c->per_cell);

    for (size_t k = 0; k < p->n; k++) {
        const struct problem *one = &p->list[k];
        uint64_t last;

        if (problem_info(one->kind)->severity != SEV_CORRUPTION || !one->guest_len
            || one->guest_off == NO_ADDRESS || problem_layer(one) != c->opt.layer)
            continue;
        last = one->guest_off + u64_min(one->guest_len - 1, UINT64_MAX - one->guest_off);
        for (uint64_t i = one->guest_off / per; i <= last / per && i < c->n; i++)
            if (c->cell[i].marked && c->cell[i].problem == N_PROBLEMS)
                c->cell[i].problem = (uint16_t)one->kind;
    }
}

bool chart_name_problems(struct chart *c, struct error *err)
{
    struct problem_index *x;

    if (c->opt.space == SPACE_GUEST) {
        name_by_guest(c);
        return true;
    }
    if (!problem_index_new(c->scan, &x, err))
        return false;
    name_by_place(c, x);
    problem_index_free(x);
    return true;
}
