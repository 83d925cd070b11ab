/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables that nobody refers to are put back under the L1 table of the active layer.
 *
 * Their place is known, in this order, from a snapshot that maps the same clusters, from
 * blocks below them that bear their own address, and from their order in the file. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage.h"
#include "plan/room.h"

#define TABLES_MAX 65536

enum how { BY_ORDER, BY_SNAPSHOT, BY_ADDRESS, BY_FIT };

/* An L2 table without an owner. */
struct lone {
    uint64_t off;
    size_t used, copied;            /* entries in use; of these, with the COPIED flag */
    size_t normal, owned;           /* ... that are not compressed; whose cluster has an owner */
    uint64_t strays;                /* clusters before it in the file that no table maps */
    int64_t index;                  /* in the L1 table; -1: not known */
    enum how how;
};

struct l1_work {
    struct salvage *s;
    struct layer_l1 l1;             /* as it is */
    uint64_t n;                     /* entries the table is to have */
    uint64_t *entry;                /* owned */
    bool *usable;                   /* owned: of each entry, or it is zero and may be */
    size_t n_bad;                   /* entries that are neither */
    struct lone *lone;              /* owned */
    size_t n_lone;
    struct orphans others;          /* what nobody owns, with the tables */
};

static void free_work(struct l1_work *w)
{
    free(w->entry);
    free(w->usable);
    free(w->lone);
    orphans_free(&w->others);
}

/* --- what is there --- */

static bool entry_usable(const struct image *img, uint64_t e)
{
    uint64_t off = e & ENTRY_OFFSET_MASK;

    return off && !(e & L1_RESERVED_MASK) && !(off & (img->geo.cluster_size - 1))
        && range_inside(off, img->geo.cluster_size, img->geo.file_size);
}

static bool read_entries(struct l1_work *w, struct error *err)
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

static int by_off(const void *a, const void *b)
{
    const struct lone *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

static int by_index(const void *a, const void *b)
{
    const struct lone *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static void count_strays(struct l1_work *w, const uint8_t *claimed)
{
    const struct orphans *o = &w->others;
    unsigned bits = w->s->t->img->geo.cluster_bits;
    uint64_t n = 0;
    size_t i = 0;

    qsort(w->lone, w->n_lone, sizeof *w->lone, by_off);
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
                if (!e.raw || e.type != L2_NORMAL || !l2_entry_possible(geo, &e))
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
        if (e.raw && e.type == L2_NORMAL && l2_entry_possible(geo, &e)) {
            l->normal++;
            l->owned += has_owner(w, e.host_off, OWNER_KINDS);
        }
    }
    return true;
}

static bool is_lone(const struct l1_work *w, uint64_t off)
{
    size_t lo = 0, hi = w->n_lone;      /* they come sorted by offset */

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (w->lone[mid].off < off)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < w->n_lone && w->lone[lo].off == off;
}

#define L1_LOOKED_MAX 4096              /* entries of what may be an L1 table */

/* Does it lead to L2 tables? Then it is the L1 table of a snapshot that is lost, or of an
 * active layer of former times. */
static bool reads_like_l1(const struct l1_work *w, const struct lone *l, uint8_t *bytes)
{
    const struct image *img = w->s->t->img;
    size_t n = (size_t)u64_min(img->geo.cluster_size / 8, L1_LOOKED_MAX), used = 0, led = 0;

    if (!l->used || l->used > w->n
        || !source_read(img->src, l->off, bytes, (size_t)img->geo.cluster_size, NULL))
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t off = be64(bytes + i * 8) & ENTRY_OFFSET_MASK;

        if (!off)
            continue;
        used++;
        led += is_lone(w, off)
            || (entry_usable(img, be64(bytes + i * 8))
                && has_owner(w, off, OWNER_L2));
        if (used >= 16 && led * 2 < used)
            return false;
    }
    return led && led * 10 >= used * 9;
}

/* Takes L1 tables out of the list, and says where they are. */
static bool tell_l1_tables(struct l1_work *w, uint8_t *bytes, struct error *err)
{
    size_t left = 64, n = 0;
    bool *l1 = calloc(w->n_lone + 1, sizeof *l1), ok = l1 != NULL;

    for (size_t k = 0; ok && k < w->n_lone; k++)
        l1[k] = reads_like_l1(w, &w->lone[k], bytes);
    for (size_t k = 0; ok && k < w->n_lone; k++) {
        struct buf text = BUF_INIT;
        char a[TEXT_NUM];

        if (!l1[k]) {
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
    free(l1);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
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
static bool find_lone(struct l1_work *w, struct error *err)
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
        *l = (struct lone){ .off = o.list[i].off, .index = -1 };
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

/* --- where they belong --- */

/* How many entries of two tables lead to the same cluster? */
static size_t in_common(const struct geometry *geo, const uint8_t *a, const uint8_t *b)
{
    size_t n = 0;

    for (size_t i = 0; i < geo->l2_entries; i++) {
        uint64_t x = be64(a + i * geo->l2_entry_size), y = be64(b + i * geo->l2_entry_size);

        n += (x & ENTRY_OFFSET_MASK) && !((x ^ y) & ~OFLAG_COPIED);
    }
    return n;
}

#define COMPARED_MAX 65536          /* pairs of tables */

static bool place_by_snapshots(struct l1_work *w, struct error *err)
{
    const struct trial *t = w->s->t;
    size_t len = (size_t)t->img->geo.cluster_size, left = COMPARED_MAX;
    uint8_t *a = malloc(len), *b = malloc(len);

    for (size_t k = 0; a && b && t->scan->l2 && k < w->n_lone; k++) {
        size_t best = 0;

        if (!source_read(t->img->src, w->lone[k].off, a, len, NULL))
            continue;
        for (size_t i = 0; i < t->scan->n_l2 && left; i++) {
            const struct l2_table *table = &t->scan->l2[i];
            size_t n;

            if (!table->n_snapshot || table->n_active
                || !source_read(t->img->src, table->off, b, len, NULL))
                continue;
            left--;
            n = in_common(&t->img->geo, a, b);
            if (n > best) {
                best = n;
                w->lone[k].index = table->l1_index;
                w->lone[k].how = BY_SNAPSHOT;
            }
        }
    }
    free(a);
    free(b);
    return (a && b) || err_set(err, ERR_NOMEM, "out of memory");
}

static bool place_by_address(struct l1_work *w, struct error *err)
{
    const struct geometry *geo = &w->s->t->img->geo;
    uint64_t *off = calloc(w->n_lone + 1, sizeof *off), size = geo->size;
    int64_t *index = calloc(w->n_lone + 1, sizeof *index);
    bool *fitted = calloc(w->n_lone + 1, sizeof *fitted), ok = off && index && fitted;

    if (!ok)
        err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; ok && i < w->n_lone; i++) {
        off[i] = w->lone[i].off;
        index[i] = w->lone[i].index;
    }
    if (w->s->size_unknown && !u64_mul(w->n_lone * 4 + 4, geo->l2_span, &size))
        size = INT64_MAX;
    ok = ok && l1_vote(w->s, off, w->n_lone, u64_min(size, INT64_MAX), index, fitted, err);
    for (size_t i = 0; ok && i < w->n_lone; i++)
        if (index[i] >= 0 && w->lone[i].index < 0) {
            w->lone[i].index = index[i];
            w->lone[i].how = fitted[i] ? BY_FIT : BY_ADDRESS;
        }
    free(off);
    free(fitted);
    free(index);
    return ok;
}

static bool grow(struct l1_work *w, uint64_t n, struct error *err)
{
    uint64_t *entry;
    bool *usable;

    if (n <= w->n)
        return true;
    if (n > L1_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "an L1 table of %llu entries would be too large",
                       (unsigned long long)n);
    entry = realloc(w->entry, (size_t)(n + 1) * sizeof *entry);
    if (entry)
        w->entry = entry;
    usable = realloc(w->usable, (size_t)(n + 1) * sizeof *usable);
    if (usable)
        w->usable = usable;
    if (!entry || !usable)
        return err_set(err, ERR_NOMEM, "out of memory");
    memset(entry + w->n, 0, (size_t)(n - w->n) * sizeof *entry);
    memset(usable + w->n, 0, (size_t)(n - w->n) * sizeof *usable);
    w->n = n;
    return true;
}

/* A table takes an entry, if that is free; else its place is not known after all. */
static void take_entry(struct l1_work *w, struct lone *l)
{
    if (l->index < 0)
        return;
    if ((uint64_t)l->index >= w->n || w->usable[l->index]) {
        l->index = -1;
        l->how = BY_ORDER;
        return;
    }
    w->usable[l->index] = true;
    w->entry[l->index] = l->off;
}

/* How many tables that are lost lie before this one in the file, at least: those of the
 * clusters there that no table maps. One cluster alone is no table with what it maps. */
static uint64_t lost_before(const struct l1_work *w, const struct lone *l)
{
    const struct image *img = w->s->t->img;

    if (!w->n_bad || l->strays < 2 || img->geo.data_file)
        return 0;
    return div_up(l->strays, img->geo.l2_entries + 1);
}

/* Do those of which the place is known rise in the file? */
static bool places_rise(const struct l1_work *w)
{
    int64_t last = -1;

    for (size_t k = 0; k < w->n_lone; k++) {
        const struct lone *l = &w->lone[k];

        if (l->index < 0 || l->how == BY_FIT)
            continue;
        if (l->index <= last)
            return false;
        last = l->index;
    }
    return last >= 0;
}

/* Where tables are lost and the others rise, one that fits best before all that lie before it
 * fits by chance. */
static void drop_chance_fits(struct l1_work *w)
{
    qsort(w->lone, w->n_lone, sizeof *w->lone, by_off);
    if (!places_rise(w))
        return;
    for (size_t k = 0; k < w->n_lone; k++) {
        struct lone *l = &w->lone[k];
        uint64_t lost = lost_before(w, l);

        if (l->how != BY_FIT || !lost || (uint64_t)l->index >= k + lost)
            continue;
        l->index = -1;
        l->how = BY_ORDER;
    }
}

/* How many entries may stay empty before table k, so that those up to the next whose place is
 * known still find room. */
static uint64_t room_before(const struct l1_work *w, size_t k, uint64_t next)
{
    uint64_t end = w->n, need = 0, free_ones = 0;

    for (; k < w->n_lone; k++) {
        if (w->lone[k].index >= 0) {
            end = (uint64_t)w->lone[k].index;
            break;
        }
        need++;
    }
    for (uint64_t i = next; i < end; i++)
        free_ones += !w->usable[i];
    return free_ones > need ? free_ones - need : 0;
}

/* Those of which only the order in the file is known, into the gaps between the others. */
static void place_by_order(struct l1_work *w)
{
    uint64_t next = 0, lost = 0;

    qsort(w->lone, w->n_lone, sizeof *w->lone, by_off);
    for (size_t k = 0; k < w->n_lone; k++) {
        struct lone *l = &w->lone[k];
        uint64_t before = lost_before(w, l);

        if (l->index >= 0) {
            next = (uint64_t)l->index + 1;
            lost = before;
            continue;
        }
        if (before > lost)
            next += u64_min(before - lost, room_before(w, k, next));
        lost = before;
        while (next < w->n && w->usable[next])
            next++;
        if (next >= w->n)
            for (next = 0; next < w->n && w->usable[next]; next++)
                ;
        if (next >= w->n)
            break;
        l->index = (int64_t)next;
        take_entry(w, l);
    }
    w->s->tables_lost = w->n_lone && lost_before(w, &w->lone[w->n_lone - 1]);
}

static bool place_all(struct l1_work *w, struct error *err)
{
    uint64_t most = 0;

    if (!place_by_snapshots(w, err))
        return false;
    if ((w->n_lone > 1 || w->n > 1) && !place_by_address(w, err))
        return false;
    if (w->s->size_unknown) {
        for (size_t k = 0; k < w->n_lone; k++)
            most = u64_max(most, (uint64_t)(w->lone[k].index + 1));
        if (!grow(w, u64_max(most, w->n_lone), err))
            return false;
    }
    drop_chance_fits(w);
    for (size_t k = 0; k < w->n_lone; k++)
        take_entry(w, &w->lone[k]);
    place_by_order(w);
    return true;
}

/* --- writing the table --- */

static bool in_a_place_of_its_own(const struct l1_work *w)
{
    const struct trial *t = w->s->t;
    const struct geometry *geo = &t->img->geo;
    uint64_t off = w->l1.off, len = w->n * 8;

    if (!off || off & (geo->cluster_size - 1) || !range_inside(off, len, geo->file_size))
        return false;
    for (uint64_t cl = off >> geo->cluster_bits; cl << geo->cluster_bits < off + len; cl++) {
        struct map_cell cell;

        map_get(t->scan->map, cl, &cell);
        if ((cell.owners & OWNER_KINDS) != OWNER_L1_ACTIVE)
            return false;
    }
    return true;
}

static bool table_place(struct l1_work *w, struct patches *out, uint64_t *off,
                        struct error *err)
{
    const struct geometry *geo = &w->s->t->img->geo;
    uint64_t clusters = div_up(u64_max(w->n, 1) * 8, geo->cluster_size), first;
    struct room room;
    bool ok;

    *off = w->l1.off;
    if (in_a_place_of_its_own(w))
        return true;
    room_init(&room, w->s->t);
    room.only_empty = true;
    ok = room_take(&room, clusters, &first, err);
    if (ok) {
        *off = first << geo->cluster_bits;
        patches_zero(out, *off, clusters << geo->cluster_bits);
        edit_header(out, "l1_table_offset", *off);
        room_set_length(&room, out);
    }
    room_free(&room);
    return ok;
}

static bool write_table(struct l1_work *w, struct patches *out, struct error *err)
{
    const struct image *img = w->s->t->img;
    uint64_t off, size;

    if (!table_place(w, out, &off, err))
        return false;
    if (w->n != img->hdr.l1_size)
        edit_header(out, "l1_size", w->n);
    for (uint64_t i = 0; i < w->n; i++) {
        uint64_t e = w->usable[i] ? w->entry[i] & ENTRY_OFFSET_MASK : 0, count;

        if (e && image_stored_refcount(img, e >> img->geo.cluster_bits, &count) == STORED_OK
            && count == 1)
            e |= OFLAG_COPIED;
        edit_entry(out, off + i * 8, e);
    }
    if (w->s->size_unknown && !img->hdr.size
        && u64_mul(w->n, img->geo.l2_span, &size) && size <= INT64_MAX)
        edit_header(out, "size", size);
    return true;
}

static void describe(const struct l1_work *w, struct buf *title, struct buf *why)
{
    size_t by[BY_FIT + 1] = { 0 }, n = 0;
    uint64_t entries = 0;
    char a[TEXT_NUM], b[TEXT_NUM];

    for (size_t k = 0; k < w->n_lone; k++) {
        if (w->lone[k].index < 0)
            continue;
        by[w->lone[k].how]++;
        entries += w->lone[k].used;
        n++;
    }
    buf_printf(title, "Put %s L2 table%s with %s entries back under the L1 table.",
               text_group(a, n), n == 1 ? "" : "s", text_group(b, entries));
    buf_puts(why, "They were found by their content, and nobody refers to them. Their place is "
                  "known");
    if (by[BY_SNAPSHOT])
        buf_printf(why, " for %s from a snapshot that maps the same clusters (likely)%s",
                   text_group(a, by[BY_SNAPSHOT]),
                   by[BY_ADDRESS] || by[BY_FIT] || by[BY_ORDER] ? "," : "");
    if (by[BY_ADDRESS])
        buf_printf(why, " for %s from blocks that bear their own address (likely)%s",
                   text_group(a, by[BY_ADDRESS]), by[BY_FIT] || by[BY_ORDER] ? "," : "");
    if (by[BY_FIT])
        buf_printf(why, " for %s from what is free and what files are there (possible)%s",
                   text_group(a, by[BY_FIT]), by[BY_ORDER] ? "," : "");
    if (by[BY_ORDER] && w->n == 1)
        buf_puts(why, ", as the L1 table has one entry (likely)");
    else if (by[BY_ORDER])
        buf_printf(why, " for %s from their order in the file only (possible)",
                   text_group(a, by[BY_ORDER]));
    buf_putc(why, '.');
}

static bool regained(struct l1_work *w, struct plan_step *step, struct error *err)
{
    const struct geometry *geo = &w->s->t->img->geo;

    qsort(w->lone, w->n_lone, sizeof *w->lone, by_index);
    for (size_t k = 0; k < w->n_lone; k++)
        if (w->lone[k].index >= 0
            && !plan_step_add_regained(step, LAYER_ACTIVE,
                                       geo_guest_off(geo, (uint64_t)w->lone[k].index, 0),
                                       geo->l2_span))
            return err_set(err, ERR_NOMEM, "out of memory");
    return true;
}

static bool put_back(struct l1_work *w, struct error *err)
{
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step = salvage_step(w->s, err);

    if (!step || !write_table(w, &step->patches, err) || !regained(w, step, err))
        return false;
    describe(w, &title, &why);
    return salvage_take(w->s, step, &title, &why, err);
}

static bool any_placed(const struct l1_work *w)
{
    for (size_t k = 0; k < w->n_lone; k++)
        if (w->lone[k].index >= 0)
            return true;
    return false;
}

bool salvage_l1(struct salvage *s, struct error *err)
{
    struct l1_work w = { .s = s };
    bool ok = read_entries(&w, err) && find_lone(&w, err);

    if (ok && w.n_lone)
        ok = place_all(&w, err) && (!any_placed(&w) || put_back(&w, err));
    free_work(&w);
    return ok;
}
