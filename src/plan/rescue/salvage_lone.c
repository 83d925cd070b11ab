/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables that nobody refers to, told from copies, from tables of snapshots and from data that
 * only looks like a table. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "plan/rescue/salvage_l1.h"

#define TABLES_MAX 65536

static bool entry_usable(const struct image *img, uint64_t e)
{
    uint64_t off = e & ENTRY_OFFSET_MASK;

    return off && !(e & L1_RESERVED_MASK) && !(off & (img->geo.cluster_size - 1))
        && range_inside(off, img->geo.cluster_size, img->geo.file_size);
}

bool l1_read_entries(struct l1_work *w, struct error *err)
{
    const struct image *img = w->s->t->img;

    image_layer_l1(img, LAYER_ACTIVE, &w->l1);
    w->n = u64_min(u64_max(img->geo.l1_needed, w->l1.n), L1_ENTRIES_MAX);
    w->entry = calloc((size_t)w->n + 1, sizeof *w->entry);
    w->usable = calloc((size_t)w->n + 1, sizeof *w->usable);
    if (!w->entry || !w->usable)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (w->l1.off & (img->geo.cluster_size - 1) || !w->l1.off)
        w->l1.present = 0;
    if (w->l1.present)
        (void)image_read_l1(img, w->l1.off, 0, (size_t)w->l1.present, w->entry, NULL);
    for (uint64_t i = 0; i < w->n; i++) {
        w->usable[i] = entry_usable(img, w->entry[i]);
        w->n_bad += w->entry[i] && !w->usable[i];
    }
    return true;
}

static int by_worth(const void *a, const void *b)
{
    const struct lone *x = a, *y = b;

    if (x->copied != y->copied)
        return x->copied > y->copied ? -1 : 1;
    if (x->used != y->used)
        return x->used > y->used ? -1 : 1;
    return x->off > y->off ? -1 : x->off < y->off;
}

int lone_by_off(const void *a, const void *b)
{
    const struct lone *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

static void count_strays(struct l1_work *w, const uint8_t *claimed)
{
    const struct orphans *o = &w->others;
    unsigned bits = w->s->t->img->geo.cluster_bits;
    uint64_t n = 0;
    size_t i = 0;

    qsort(w->lone, w->n_lone, sizeof *w->lone, lone_by_off);
    for (size_t k = 0; k < w->n_lone; k++) {
        for (; i < o->n && o->list[i].off < w->lone[k].off; i++) {
            uint64_t cl = o->list[i].off >> bits;

            n += o->list[i].kind == ORPHAN_DATA && o->list[i].counted
                && !(claimed[cl / 8] >> cl % 8 & 1);
        }
        w->lone[k].strays = n;
    }
}

/* Of tables that map the same clusters one is a copy that was left behind. Keeps those worth
 * more; they come sorted so. */
static bool drop_copies(struct l1_work *w, struct error *err)
{
    const struct image *img = w->s->t->img;
    const struct geometry *geo = &img->geo;
    uint8_t *claimed, *bytes;
    size_t n = 0;
    bool ok;

    if (!w->n_lone)
        return true;
    claimed = calloc((size_t)(geo->n_clusters / 8 + 1), 1);
    bytes = malloc((size_t)geo->cluster_size);

    for (size_t k = 0; claimed && bytes && k < w->n_lone; k++) {
        size_t own = 0, others = 0;

        if (!source_read(img->src, w->lone[k].off, bytes, (size_t)geo->cluster_size, NULL))
            continue;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < geo->l2_entries; i++) {
                uint64_t cl;
                struct l2_entry e;

                l2_decode(geo, bytes + i * geo->l2_entry_size, &e);
                if (!e.raw || e.type != L2_NORMAL || !l2_entry_possible(geo, &e, geo->file_size))
                    continue;
                cl = geo_cluster_of(geo, e.host_off);
                if (pass)
                    claimed[cl / 8] |= (uint8_t)(1u << cl % 8);
                else if (claimed[cl / 8] >> cl % 8 & 1)
                    others++;
                else
                    own++;
                if (pass == 1 && others > own)
                    break;
            }
        if (others <= own)
            w->lone[n++] = w->lone[k];
    }
    ok = (claimed && bytes) || err_set(err, ERR_NOMEM, "out of memory");
    w->n_lone = n;
    if (ok)
        count_strays(w, claimed);
    free(bytes);
    free(claimed);
    return ok;
}

static bool has_owner(const struct l1_work *w, uint64_t off, uint32_t kinds)
{
    struct map_cell cell;

    map_get(w->s->t->scan->map, geo_cluster_of(&w->s->t->img->geo, off), &cell);
    return cell.owners & kinds;
}

static bool weigh(const struct l1_work *w, struct lone *l, uint8_t *bytes)
{
    const struct image *img = w->s->t->img;
    const struct geometry *geo = &img->geo;

    if (!source_read(img->src, l->off, bytes, (size_t)geo->cluster_size, NULL))
        return false;
    for (size_t i = 0; i < geo->l2_entries; i++) {
        struct l2_entry e;

        l2_decode(geo, bytes + i * geo->l2_entry_size, &e);
        l->used += e.raw != 0;
        l->copied += e.copied;
        if (e.raw && e.type == L2_NORMAL && l2_entry_possible(geo, &e, geo->file_size)) {
            l->normal++;
            l->owned += has_owner(w, e.host_off, OWNER_KINDS);
        }
    }
    return true;
}

/* Takes L1 tables out of the list, and says where they are. */
static bool tell_l1_tables(struct l1_work *w, uint8_t *bytes, struct error *err)
{
    size_t left = 64, n = 0;
    bool ok = true;

    for (size_t k = 0; ok && k < w->n_lone; k++) {
        const struct orphan *o = orphan_at(&w->others, w->lone[k].off);
        struct buf text = BUF_INIT;
        struct l1_fit fit;
        char a[TEXT_NUM];

        if (!o || !orphan_reads_like_l1(w->s->t, &w->others, o, bytes, &fit)) {
            w->lone[n++] = w->lone[k];
        } else if (left) {
            left--;
            buf_printf(&text, "What reads like an L1 table, with %s entr%s in use, lies at 0x%llx "
                       "and nobody refers to it: perhaps of a snapshot that is lost.",
                       text_group(a, w->lone[k].used), w->lone[k].used == 1 ? "y" : "ies",
                       (unsigned long long)w->lone[k].off);
            ok = salvage_left(w->s, &text, err);
        }
    }
    if (ok)
        w->n_lone = n;
    return ok;
}

/* In an L1 table that is sound there is no place for tables of snapshots: those bear no COPIED
 * flag, or map what the active layer maps. */
static void drop_snapshots(struct l1_work *w)
{
    bool any = false;
    size_t n = 0;

    for (uint64_t i = 0; i < w->n && !any; i++)
        any = w->usable[i];
    if (w->n_bad || !any)
        return;
    for (size_t k = 0; k < w->n_lone; k++)
        if (!w->lone[k].normal || (w->lone[k].copied && w->lone[k].owned * 8 < w->lone[k].normal))
            w->lone[n++] = w->lone[k];
    w->n_lone = n;
}

/* The tables that nobody refers to. Those with a refcount come first: others are old. */
bool l1_find_lone(struct l1_work *w, struct error *err)
{
    const struct image *img = w->s->t->img;
    uint8_t *bytes = NULL;
    struct orphans o;

    if (!orphans_collect(w->s->t, false, &o, err))
        return false;
    if (!o.n_kind[ORPHAN_L2] && o.refcounts_known) {
        orphans_free(&o);
        if (!w->n_bad || !orphans_collect(w->s->t, true, &o, err))
            return !w->n_bad;
    }
    w->lone = calloc(o.n_kind[ORPHAN_L2] + 1, sizeof *w->lone);
    bytes = malloc((size_t)img->geo.cluster_size);
    for (size_t i = 0; w->lone && bytes && i < o.n && w->n_lone < TABLES_MAX; i++) {
        struct lone *l = &w->lone[w->n_lone];

        if (o.list[i].kind != ORPHAN_L2)
            continue;
        *l = (struct lone){ .off = o.list[i].off, .index = -1, .how = BY_ORDER };
        w->n_lone += weigh(w, l, bytes);
    }
    w->others = o;
    if (!w->lone || !bytes) {
        free(bytes);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (!tell_l1_tables(w, bytes, err)) {
        free(bytes);
        return false;
    }
    free(bytes);
    drop_snapshots(w);
    qsort(w->lone, w->n_lone, sizeof *w->lone, by_worth);
    return drop_copies(w, err);
}

/* --- entries of which a bit is flipped --- */

#define ENTRIES_LOOKED (UINT64_C(1) << 18)

/* The table that an entry leads to but for one bit; NULL: none. */
static struct lone *flipped(const struct l1_work *w, uint64_t e)
{
    struct lone *found = NULL;

    for (unsigned bit = 0; bit < 63; bit++) {
        struct lone key = { .off = (e ^ UINT64_C(1) << bit) & ~OFLAG_COPIED };
        struct lone *l = bsearch(&key, w->lone, w->n_lone, sizeof key, lone_by_off);

        if (l && l->index < 0)
            found = l;
    }
    return found;
}

/* Does it lead to a table, which no other entry leads to? */
static bool leads_well(const struct l1_work *w, uint64_t i)
{
    uint64_t off = w->entry[i] & ENTRY_OFFSET_MASK;
    struct table_fit fit;

    for (uint64_t k = 0; k < w->n; k++)
        if (k != i && (w->entry[k] & ENTRY_OFFSET_MASK) == off)
            return false;
    return table_fit_at(w->s->t->img, off, NULL, &fit) && (!fit.used || table_fits(&fit));
}

void l1_find_flipped(struct l1_work *w)
{
    if (w->n_lone)
        qsort(w->lone, w->n_lone, sizeof *w->lone, lone_by_off);
    for (uint64_t i = 0; w->n_lone && i < w->n && i < ENTRIES_LOOKED; i++) {
        struct lone *l = w->entry[i] & ENTRY_OFFSET_MASK ? flipped(w, w->entry[i]) : NULL;

        if (!l || (w->usable[i] && leads_well(w, i)))
            continue;
        l->index = (int64_t)i;
        l->how = BY_FLIP;
        w->n_bad += w->usable[i];
        w->usable[i] = false;
    }
}

/* --- tables that snapshots have as well --- */

static void add_shared(struct l1_work *w, const struct l2_table *table, size_t *of_index,
                       size_t first)
{
    const struct image *img = w->s->t->img;
    uint64_t cl = geo_cluster_of(&img->geo, table->off), stored;
    struct lone one = { .off = table->off, .index = table->l1_index, .how = BY_OLD };
    struct lone *there;

    if (image_stored_refcount(img, cl, &stored) == STORED_OK) {
        if (stored <= table->n_snapshot)
            return;
        one.how = BY_SHARED;
    } else if (!w->n_bad) {
        return;
    }
    there = of_index[one.index] ? &w->lone[first + of_index[one.index] - 1] : NULL;
    if (!there) {
        w->lone[w->n_lone++] = one;
        of_index[one.index] = w->n_lone - first;
    } else if (there->how != BY_SHARED || one.how == BY_SHARED) {
        *there = one;
    }
}

bool l1_find_shared(struct l1_work *w, struct error *err)
{
    const struct scan_result *scan = w->s->t->scan;
    size_t *of_index = calloc((size_t)w->n + 1, sizeof *of_index), first = w->n_lone;
    uint8_t *bytes = malloc((size_t)w->s->t->img->geo.cluster_size);
    size_t room = (size_t)u64_min(w->n, scan->l2 ? scan->n_l2 : 0);
    struct lone *more = realloc(w->lone, (w->n_lone + room + 1) * sizeof *more);

    if (more)
        w->lone = more;
    for (size_t i = 0; more && of_index && scan->l2 && i < scan->n_l2; i++) {
        const struct l2_table *table = &scan->l2[i];

        if (table->n_snapshot && !table->n_active && table->l1_index < w->n
            && !w->usable[table->l1_index])
            add_shared(w, table, of_index, first);
    }
    for (size_t k = first; more && bytes && k < w->n_lone; k++)
        (void)weigh(w, &w->lone[k], bytes);
    free(of_index);
    free(bytes);
    return (more && of_index && bytes) || err_set(err, ERR_NOMEM, "out of memory");
}
