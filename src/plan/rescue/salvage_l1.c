/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables that nobody refers to are put back under the L1 table of the active layer.
 *
 * Their place is known, in this order, from entries of which a bit is flipped, from a snapshot that
 * maps the same clusters, from blocks below them that bear their own address, and from their order
 * in the file. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage_l1.h"
#include "plan/room.h"

static void free_work(struct l1_work *w)
{
    free(w->entry);
    free(w->usable);
    free(w->lone);
    orphans_free(&w->others);
}

/* --- where they belong --- */

static int by_index(const void *a, const void *b)
{
    const struct lone *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

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

        if (w->lone[k].index >= 0 || !source_read(t->img->src, w->lone[k].off, a, len, NULL))
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
    ok = ok && l1_vote(w->s, off, w->n_lone,
                       &(struct l1_known){ w->usable, w->n, u64_min(size, INT64_MAX) }, index,
                       fitted, err);
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

/* Turns in which tables take their entries. */
static unsigned rank(const struct lone *l)
{
    return l->how == BY_SHARED || l->how == BY_FLIP ? 0 : l->how == BY_OLD ? 2 : 1;
}

/* A table takes an entry, if that is free; else its place is not known after all. */
static void take_entry(struct l1_work *w, struct lone *l)
{
    if (l->index < 0)
        return;
    if ((uint64_t)l->index >= w->n || w->usable[l->index]) {
        l->index = -1;
        if (rank(l) == 1)
            l->how = BY_ORDER;
        return;
    }
    w->usable[l->index] = true;
    w->entry[l->index] = l->off;
}

/* All tables whose place is known. One of a snapshot has no place but its own. */
static void take_entries(struct l1_work *w)
{
    size_t n = 0;

    for (unsigned turn = 0; turn < 3; turn++)
        for (size_t k = 0; k < w->n_lone; k++)
            if (rank(&w->lone[k]) == turn)
                take_entry(w, &w->lone[k]);
    for (size_t k = 0; k < w->n_lone; k++)
        if (w->lone[k].index >= 0 || rank(&w->lone[k]) == 1)
            w->lone[n++] = w->lone[k];
    w->n_lone = n;
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
    qsort(w->lone, w->n_lone, sizeof *w->lone, lone_by_off);
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

    qsort(w->lone, w->n_lone, sizeof *w->lone, lone_by_off);
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
    w->s->tables_lost |= w->n_lone && lost_before(w, &w->lone[w->n_lone - 1]);
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
    take_entries(w);
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

static bool take_place(struct salvage *s, uint64_t n, struct patches *out, uint64_t *off,
                       struct error *err)
{
    const struct geometry *geo = &s->t->img->geo;
    uint64_t clusters = div_up(u64_max(n, 1) * 8, geo->cluster_size), first;
    struct room room;
    bool ok;

    room_init(&room, s->t);
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

bool salvage_new_l1(struct salvage *s, uint64_t n, struct patches *out, struct error *err)
{
    uint64_t off;

    edit_header(out, "l1_size", n);
    return take_place(s, n, out, &off, err);
}

static bool write_table(struct l1_work *w, struct patches *out, struct error *err)
{
    const struct image *img = w->s->t->img;
    uint64_t off, size;

    off = w->l1.off;
    if (!in_a_place_of_its_own(w) && !take_place(w->s, w->n, out, &off, err))
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
    static const char *const from[] = {
        [BY_SHARED] = "a snapshot that has the same table, which has more references (likely)",
        [BY_FLIP] = "an entry of which one bit differs (likely)",
        [BY_SNAPSHOT] = "a snapshot that maps the same clusters (likely)",
        [BY_ADDRESS] = "blocks that bear their own address (likely)",
        [BY_FIT] = "what is free and what files are there (possible)",
        [BY_OLD] = "a snapshot that has a table there (possible)",
        [BY_ORDER] = "their order in the file only (possible)",
    };
    size_t by[BY_ORDER + 1] = { 0 }, n = 0, told = 0;
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
    buf_puts(why, "They were found by their content, or a snapshot has them. Their place is known");
    for (size_t how = 0; how <= BY_ORDER; how++) {
        if (!by[how])
            continue;
        buf_puts(why, told++ ? "," : "");
        if (how == BY_ORDER && w->n == 1)
            buf_puts(why, ", as the L1 table has one entry (likely)");
        else
            buf_printf(why, " for %s from %s", text_group(a, by[how]), from[how]);
    }
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

/* Where the L1 table is lost and tables map next to nothing of what nobody owns, they are data
 * that reads like a table. */
static void drop_chance_tables(struct l1_work *w)
{
    size_t normal = 0;

    for (size_t k = 0; k < w->n_lone; k++)
        normal += w->lone[k].normal;
    if (!w->s->l1_made || normal >= w->others.n / 16)
        return;
    w->n_lone = 0;
    w->s->tables_lost = true;
}

bool salvage_l1(struct salvage *s, struct error *err)
{
    struct l1_work w = { .s = s };
    bool ok = l1_read_entries(&w, err) && l1_find_lone(&w, err);

    if (ok)
        l1_find_flipped(&w);
    ok = ok && l1_find_shared(&w, err);
    if (ok)
        drop_chance_tables(&w);
    if (ok && w.n_lone)
        ok = place_all(&w, err) && (!any_placed(&w) || put_back(&w, err));
    free_work(&w);
    return ok;
}
