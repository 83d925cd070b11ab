/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/relocate.h"

#include <stdlib.h>

#include "base/num.h"
#include "plan/edit.h"
#include "scan/judge.h"
#include "scan/l1walk.h"

#define CLUSTERS_MAX (UINT64_C(1) << 26)

bool relocation_init(struct relocation *r, const struct trial *t, struct error *err)
{
    *r = (struct relocation){ .n = t->img->geo.n_clusters };
    if (r->n <= CLUSTERS_MAX)
        r->to = calloc((size_t)r->n + 1, sizeof *r->to);
    return r->to || err_set(err, ERR_LIMIT, "too many clusters to move them in memory");
}

void relocation_free(struct relocation *r)
{
    free(r->to);
    r->to = NULL;
}

const char *relocation_refused(const struct trial *t)
{
    const struct scan_result *scan = t->scan;

    if (scan->partial || scan->refused.id || scan->qemu.corruptions || scan->qemu.check_errors
        || scan->problems.count[PROBLEM_UNREADABLE])
        return "it is damaged; repair it first";
    if (!scan->l2 && scan->stats.l2_tables)
        return "memory is too short for the list of L2 tables (--memory-limit)";
    return NULL;
}

bool relocation_vacant(const struct trial *t, uint64_t cl)
{
    struct map_cell cell;

    map_get(t->scan->map, cl, &cell);
    return cell.cls == CLASS_VACANT && !cell.problem;
}

/* The clusters of the structures that lie in this one. They all begin with the same cluster, or
 * it is not known where pointers lead. */
static bool structure_unit(const struct trial *t, uint64_t cl, struct relocation_unit *unit)
{
    const struct geometry *geo = &t->img->geo;
    const struct structure *s = NULL;
    struct map_cell here, cell;
    uint64_t end;

    *unit = (struct relocation_unit){ 0, 0 };
    while ((s = structures_find(&t->img->structures, cl << geo->cluster_bits, s))) {
        if (s->off & (geo->cluster_size - 1) || !u64_add(s->off, s->len, &end)
            || (unit->n && unit->first_cl != geo_cluster_of(geo, s->off)))
            return false;
        unit->first_cl = geo_cluster_of(geo, s->off);
        unit->n = u64_max(unit->n, div_up(s->len, geo->cluster_size));
    }
    map_get(t->scan->map, cl, &here);
    for (cl = unit->first_cl; cl < unit->first_cl + unit->n; cl++) {
        if (cl >= geo->n_clusters)
            return false;
        map_get(t->scan->map, cl, &cell);
        if ((cell.owners & OWNER_KINDS) != (here.owners & OWNER_KINDS) || cell.problem)
            return false;
    }
    return unit->n;
}

#define OWNERS_GUEST    (OWNER_DATA | OWNER_ZERO | OWNER_VMSTATE)
#define OWNERS_LISTED   (OWNER_L2 | OWNER_REFBLOCK | OWNER_BITMAP_DATA)
#define OWNERS_MOVABLE  (OWNERS_GUEST | OWNERS_LISTED | OWNER_L1_ACTIVE | OWNER_L1_SNAPSHOT \
                         | OWNER_REFTABLE | OWNER_SNAPTABLE | OWNER_BITMAP_DIR \
                         | OWNER_BITMAP_TABLE | OWNER_CRYPTO)

bool relocation_possible(const struct trial *t, uint64_t cl, struct relocation_unit *unit,
                         const char **why)
{
    struct map_cell cell;
    uint32_t kinds;

    map_get(t->scan->map, cl, &cell);
    kinds = cell.owners & OWNER_KINDS;
    *unit = (struct relocation_unit){ cl, 1 };
    if (!cl)
        *why = "the header has its place";
    else if (!kinds || !cell.counted)
        *why = "nobody owns it, so no pointer could follow";
    else if (cell.problem)
        *why = "a problem concerns it (qcheck check)";
    else if (kinds & OWNERS_GUEST && t->img->hdr.crypt_method == CRYPT_LUKS)
        *why = "what LUKS decrypts to depends on where in the file it lies";
    else if (kinds & OWNER_COMPRESSED)
        *why = "compressed clusters there are as close together as they can be, or share it "
               "with something else";
    else if (!(kinds & ~(uint32_t)OWNERS_GUEST))
        return true;
    else if (kinds & (kinds - 1) || kinds & ~(uint32_t)OWNERS_MOVABLE)
        *why = "it has owners of several kinds";
    else if (kinds & OWNERS_LISTED || structure_unit(t, cl, unit))
        return true;
    else
        *why = "structures overlap there";
    return false;
}

/* --- pointers --- */

struct follow {
    const struct trial *t;
    const struct relocation *r;
    struct patches *step;
    struct error *err;
};

static uint64_t place_of(const struct follow *f, uint64_t off)
{
    const struct geometry *geo = &f->t->img->geo;
    uint64_t cl = off >> geo->cluster_bits;

    if (cl >= f->r->n || !f->r->to[cl])
        return off;
    return f->r->to[cl] << geo->cluster_bits | (off & (geo->cluster_size - 1));
}

/* The word at `at` points to a cluster by the bits of `mask`. */
static void follow_word(const struct follow *f, uint64_t at, uint64_t word, uint64_t mask)
{
    uint64_t now = place_of(f, word & mask);

    if (now != (word & mask))
        edit_entry(f->step, place_of(f, at), (word & ~mask) | now);
}

static void follow_header(const struct follow *f)
{
    static const char *const fields[] = {
        "l1_table_offset", "refcount_table_offset", "snapshots_offset",
    };
    const struct image *img = f->t->img;
    const uint64_t was[] = {
        img->hdr.l1_table_offset, img->hdr.refcount_table_offset, img->hdr.snapshots_offset,
    };

    for (size_t i = 0; i < 3; i++)
        if (was[i] && place_of(f, was[i]) != was[i])
            edit_header(f->step, fields[i], place_of(f, was[i]));
    if (img->ext.has_crypto)
        follow_word(f, img->ext.crypto_at->data_off, img->ext.crypto.offset, UINT64_MAX);
    if (img->ext.has_bitmaps)
        follow_word(f, img->ext.bitmaps_at->data_off + 16, img->ext.bitmaps.directory_offset,
                    UINT64_MAX);
    for (uint64_t i = 0; i < img->reftable_n; i++)
        if (img->reftable[i])
            follow_word(f, img->hdr.refcount_table_offset + i * 8, img->reftable[i],
                        REFTABLE_OFFSET_MASK);
    for (size_t i = 0; i < img->snaps.n; i++)
        follow_word(f, img->snaps.list[i].entry_off, img->snaps.list[i].l1_table_offset,
                    UINT64_MAX);
}

static bool follow_table(const struct follow *f, uint64_t off, uint64_t n)
{
    uint8_t bytes[4096];

    for (uint64_t i = 0; i < n; i += sizeof bytes / 8) {
        size_t some = (size_t)u64_min(sizeof bytes / 8, n - i);

        if (!source_read(f->t->img->src, off + i * 8, bytes, some * 8, f->err))
            return false;
        for (size_t k = 0; k < some; k++)
            if (be64(bytes + k * 8) & ENTRY_OFFSET_MASK)
                follow_word(f, off + (i + k) * 8, be64(bytes + k * 8), ENTRY_OFFSET_MASK);
    }
    return true;
}

static bool follow_bitmaps(const struct follow *f)
{
    const struct bitmaps *b = &f->t->img->bitmaps;

    for (size_t i = 0; i < b->n; i++) {
        follow_word(f, b->list[i].entry_off, b->list[i].table_offset, UINT64_MAX);
        if (!follow_table(f, b->list[i].table_offset, b->list[i].table_size))
            return false;
    }
    return true;
}

static bool l1_word(void *ctx, const struct l1_word *w)
{
    follow_word(ctx, w->at, w->value, ENTRY_OFFSET_MASK);
    return true;
}

static bool follow_l1(struct follow *f)
{
    const struct l1_walk walk = { .img = f->t->img, .ctx = f, .word = l1_word };

    return l1_walk_run(&walk) || err_set(f->err, ERR_NOMEM, "out of memory");
}

static bool follow_l2(const struct follow *f, const struct l2_table *l2, uint8_t *table)
{
    const struct geometry *geo = &f->t->img->geo;

    if (!source_read(f->t->img->src, l2->off, table, (size_t)geo->cluster_size, f->err))
        return false;
    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        uint64_t at = j * geo->l2_entry_size, raw = be64(table + at);
        enum l2_type type = l2_type_of(geo, raw);

        if (type == L2_NORMAL || type == L2_ZERO_ALLOC)
            follow_word(f, l2->off + at, raw, ENTRY_OFFSET_MASK);
    }
    return true;
}

static bool copy_clusters(const struct follow *f)
{
    const unsigned bits = f->t->img->geo.cluster_bits;

    for (uint64_t cl = 0; cl < f->r->n; cl++)
        if (f->r->to[cl]
            && !trial_copy(f->t, f->step, f->r->to[cl] << bits, cl << bits,
                           UINT64_C(1) << bits, f->err))
            return false;
    return true;
}

bool relocation_patches(const struct trial *t, const struct relocation *r,
                        struct patches *step, struct error *err)
{
    struct follow f = { t, r, step, err };
    uint8_t *table = malloc((size_t)t->img->geo.cluster_size);
    bool ok = table || err_set(err, ERR_NOMEM, "out of memory");

    ok = ok && copy_clusters(&f);
    if (ok)
        follow_header(&f);
    ok = ok && follow_bitmaps(&f) && follow_l1(&f);
    /* Data in a file of its own does not move. */
    for (size_t i = 0; ok && !t->img->geo.data_file && i < t->scan->n_l2; i++)
        ok = follow_l2(&f, &t->scan->l2[i], table);
    free(table);
    return ok;
}
