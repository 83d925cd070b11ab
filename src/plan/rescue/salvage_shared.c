/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a lost L2 table shared with those of snapshots: clusters that a snapshot maps, and that
 * have more references by their refcount than there are. The other one was the table's. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage_l2.h"
#include "plan/room.h"

struct sharing {
    struct l2_work *w;
    const struct trial *cleared;        /* without what damaged tables say */
    struct l2_table *table;             /* owned: of snapshots only, by L1 index */
    size_t n_tables;
    uint8_t *now, *old, *from;          /* owned: a cluster each */
    bool *lost;                         /* owned: of each entry of a window */
    struct room room;
    struct plan_step *step;
    uint64_t placed, guessed;           /* entries; of these, by no refcount */
    uint64_t passed_over;               /* entries not guessed, as most would be wrong */
    bool no_guess;
};

static int by_index(const void *a, const void *b)
{
    const struct l2_table *x = a, *y = b;

    if (x->l1_index != y->l1_index)
        return x->l1_index < y->l1_index ? -1 : 1;
    return x->off > y->off ? -1 : x->off < y->off;      /* mostly the newer first */
}

static bool list_tables(struct sharing *x)
{
    const struct scan_result *scan = x->cleared->scan;
    size_t n = scan->l2 ? scan->n_l2 : 0;

    x->table = calloc(n + 1, sizeof *x->table);
    for (size_t i = 0; x->table && i < n; i++)
        if (scan->l2[i].n_snapshot && !scan->l2[i].n_active)
            x->table[x->n_tables++] = scan->l2[i];
    if (x->n_tables)
        qsort(x->table, x->n_tables, sizeof *x->table, by_index);
    return x->table != NULL;
}

static size_t tables_from(const struct sharing *x, uint64_t l1_index)
{
    size_t lo;

    BISECT(lo, x->n_tables, mid, x->table[mid].l1_index >= l1_index);
    return lo;
}

/* Does something else than snapshots refer to the cluster? -1: its refcount is not known. */
static int is_shared(const struct sharing *x, uint64_t off)
{
    const struct image *img = x->cleared->img;
    uint64_t cl = geo_cluster_of(&img->geo, off), stored;
    struct map_cell cell;

    if (image_stored_refcount(img, cl, &stored) != STORED_OK)
        return -1;
    map_get(x->cleared->scan->map, cl, &cell);
    return stored > cell.counted;
}

/* Takes over an entry that is lost from a table of a snapshot, if that is right. */
static bool take_entry(struct sharing *x, const struct l2_window *win, uint64_t i)
{
    const struct geometry *geo = &x->w->s->t->img->geo;
    uint8_t *to = x->now + i * geo->l2_entry_size;
    uint64_t guest_off = geo_guest_off(geo, win->l1_index, i);
    struct l2_entry e;
    int shared;

    l2_decode(geo, x->from + i * geo->l2_entry_size, &e);
    if (be64(to) || !e.raw || guest_off >= geo->size || !l2_entry_possible(geo, &e, geo->file_size)
        || (e.type != L2_NORMAL && e.type != L2_COMPRESSED))
        return true;
    shared = is_shared(x, e.type == L2_NORMAL ? e.host_off : compressed_off(geo, e.raw));
    if (!shared || (shared < 0 && win->state != WINDOW_DAMAGED && win->state != WINDOW_MISSING))
        return true;
    if (shared < 0 && x->no_guess) {
        x->passed_over++;
        return true;
    }
    memcpy(to, x->from + i * geo->l2_entry_size, geo->l2_entry_size);
    be_store(to, 8, e.raw & ~OFLAG_COPIED);
    x->placed++;
    x->guessed += shared < 0;
    return plan_step_add_regained(x->step, LAYER_ACTIVE, guest_off, geo->cluster_size);
}

static bool note_lost(void *ctx, const struct l2_window *win, uint64_t i, uint64_t n)
{
    struct sharing *x = ctx;
    uint64_t size = x->w->s->t->img->geo.l2_entry_size;

    (void)win;
    memset(x->lost + i, true, (size_t)n * sizeof *x->lost);
    memset(x->now + i * size, 0, (size_t)(n * size));
    return true;
}

static bool write_table(struct sharing *x, struct l2_window *win, struct error *err)
{
    const struct image *img = x->w->s->t->img;
    size_t len = (size_t)img->geo.cluster_size;
    struct layer_l1 l1;
    uint64_t cl;

    if (win->l2_off) {
        edit_difference(&x->step->patches, win->l2_off, x->old, x->now, len);
        return true;
    }
    image_layer_l1(img, LAYER_ACTIVE, &l1);
    if (win->l1_index >= l1.present)
        return true;
    if (!room_take(&x->room, 1, &cl, err))
        return false;
    edit_entry(&x->step->patches, l1.off + win->l1_index * 8,
               cl << img->geo.cluster_bits | OFLAG_COPIED);
    patches_write(&x->step->patches, cl << img->geo.cluster_bits, x->now, len);
    return true;
}

static bool share_window(struct sharing *x, struct l2_window *win, struct error *err)
{
    const struct image *img = x->w->s->t->img;
    size_t len = (size_t)img->geo.cluster_size, k = tables_from(x, win->l1_index);
    uint64_t before = x->placed;

    if (k == x->n_tables || x->table[k].l1_index != win->l1_index)
        return true;
    memset(x->old, 0, len);
    if (win->l2_off && !source_read(img->src, win->l2_off, x->old, len, NULL))
        return true;
    memcpy(x->now, x->old, len);
    memset(x->lost, false, img->geo.l2_entries * sizeof *x->lost);
    if (!l2_each_lost(x->w, win, x->from, note_lost, x))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (; k < x->n_tables && x->table[k].l1_index == win->l1_index; k++) {
        if (!source_read(img->src, x->table[k].off, x->from, len, NULL))
            continue;
        for (uint64_t i = 0; i < img->geo.l2_entries; i++)
            if (x->lost[i] && !take_entry(x, win, i))
                return err_set(err, ERR_NOMEM, "out of memory");
    }
    return x->placed == before || write_table(x, win, err);
}

static bool tell(struct sharing *x, struct error *err)
{
    struct buf title = BUF_INIT, why = BUF_INIT;
    char n[TEXT_NUM];

    buf_printf(&title, "Put %s cluster%s back that snapshots share with the disk (%s).",
               text_group(n, x->placed), x->placed == 1 ? "" : "s",
               x->guessed ? "possible" : "likely");
    buf_puts(&why, x->guessed == x->placed
             ? "Snapshots have them at that place, and refcounts do not say who else has them."
             : "Snapshots have them at that place, and by the refcounts something else has them "
               "as well.");
    return salvage_take(x->w->s, x->step, &title, &why, err);
}

static bool share_windows(struct sharing *x, struct error *err)
{
    bool ok = true;

    x->placed = x->guessed = x->passed_over = 0;
    x->step = salvage_step(x->w->s, err);
    if (!x->step)
        return false;
    room_init(&x->room, x->w->s->t);
    x->room.only_empty = true;
    for (size_t i = 0; ok && i < x->w->n_windows; i++)
        ok = share_window(x, &x->w->window[i], err);
    room_set_length(&x->room, &x->step->patches);
    room_free(&x->room);
    return ok;
}

static void drop_step(struct sharing *x)
{
    plan_step_free(x->step);
    x->w->s->plan->n--;
}

/* What the disk had of its own is what nobody owns now. Where that is much, it took the places
 * of most that the snapshots have. */
static bool guesses_are_poor(struct sharing *x, bool *poor, struct error *err)
{
    struct orphans o;

    if (!orphans_collect(x->cleared, false, &o, err))
        return false;
    *poor = o.n_kind[ORPHAN_DATA] * 2 > x->guessed;
    orphans_free(&o);
    return true;
}

static bool tell_passed_over(struct sharing *x, struct error *err)
{
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];

    if (!x->passed_over)
        return true;
    buf_printf(&text, "%s cluster%s that snapshots have may be the disk's as well; no refcount "
               "says so, and there are so many clusters without an owner that most of their "
               "places may be taken by these.",
               text_group(n, x->passed_over), x->passed_over == 1 ? "" : "s");
    return salvage_left(x->w->s, &text, err);
}

static bool share_all(struct sharing *x, struct error *err)
{
    struct l2_work *w = x->w;
    size_t len = (size_t)w->s->t->img->geo.cluster_size;
    bool ok = list_tables(x);

    x->now = malloc(len);
    x->old = malloc(len);
    x->from = malloc(len);
    x->lost = calloc((size_t)w->s->t->img->geo.l2_entries, sizeof *x->lost);
    ok = (ok && x->now && x->old && x->from && x->lost) || err_set(err, ERR_NOMEM, "out of memory");
    ok = ok && share_windows(x, err);
    if (ok && x->guessed)
        ok = guesses_are_poor(x, &x->no_guess, err);
    if (ok && x->no_guess) {
        drop_step(x);
        ok = share_windows(x, err) && tell_passed_over(x, err);
    }
    if (ok && x->placed)
        return tell(x, err);
    if (x->step)
        drop_step(x);
    return ok;
}

bool l2_share(struct l2_work *w, bool *any, struct error *err)
{
    struct sharing x = { .w = w };
    struct trial *cleared = NULL;
    bool ok;

    *any = false;
    if (!w->s->t->img->snaps.n)
        return true;
    ok = l2_open_cleared(w, &cleared, err);
    x.cleared = cleared ? cleared : w->s->t;
    ok = ok && share_all(&x, err);
    *any = x.placed != 0;
    trial_close(cleared);
    free(x.table);
    free(x.now);
    free(x.old);
    free(x.from);
    free(x.lost);
    return ok;
}
