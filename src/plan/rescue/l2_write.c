/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What was placed becomes entries of L2 tables: a step for each confidence, so that the last
 * ones can be left out. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage_l2.h"
#include "plan/rescue/unplaced.h"
#include "plan/room.h"

#define LOOKED_AT 4096              /* bytes of a candidate that must be as they were */

struct l2_writing {
    struct l2_work *w;
    struct room room;
    uint8_t *old, *now;             /* owned: a table as it is and as it is to be */
    enum rescue_sure sure;
    bool all_done;                  /* all confidences are written */
    struct plan_step *step;
    size_t placed;
};

/* The entry that leads to a candidate. */
static uint64_t entry_for(const struct image *img, const struct orphan *o)
{
    const struct geometry *geo = &img->geo;
    uint64_t count, last;

    if (o->kind == ORPHAN_STREAM) {
        last = o->off + o->len - 1;
        return OFLAG_COMPRESSED | o->off | ((last >> 9) - (o->off >> 9)) << geo->csize_shift;
    }
    if (image_stored_refcount(img, geo_cluster_of(geo, o->off), &count) == STORED_OK
        && count == 1)
        return o->off | OFLAG_COPIED;
    return o->off;
}

/* Clears entries that are not valid, and sets those that were placed with this confidence.
 * Returns how many were set. */
static size_t fill_table(struct l2_writing *x, const struct l2_window *win)
{
    const struct image *img = x->w->s->t->img;
    const struct geometry *geo = &img->geo;
    size_t n = 0;

    for (uint64_t i = 0; i < geo->l2_entries; i++) {
        uint64_t cl = win->l1_index * geo->l2_entries + i;
        uint8_t *p = x->now + i * geo->l2_entry_size;
        enum rescue_sure sure;
        size_t cand;

        if (!rescue_lost(x->w->g, cl) || !rescue_placed(x->w->g, cl, &cand, &sure))
            continue;
        if (sure != x->sure)
            continue;
        be_store(p, 8, entry_for(img, &x->w->cands.list[cand]));
        if (!plan_step_rests_on(x->step, x->w->cands.list[cand].off,
                                u64_min(x->w->cands.list[cand].len, LOOKED_AT)))
            x->step->patches.failed = true;
        if (geo->extended_l2)
            be_store(p + 8, 8, x->w->cands.list[cand].kind == ORPHAN_STREAM ? 0 : UINT32_MAX);
        x->w->cands.list[cand].kind = ORPHAN_GONE;
        n++;
    }
    return n;
}

/* Was something put there already, that is surer than what is written now? */
static bool is_done(const struct l2_writing *x, uint64_t cl)
{
    enum rescue_sure sure;

    return rescue_placed(x->w->g, cl, NULL, &sure) && (x->all_done || sure > x->sure);
}

/* Entries that are lost and not yet put back become zeros, and so do those past the end of the
 * disk that lead nowhere, or are of a table that is lost altogether. */
static void clear_lost(struct l2_writing *x, const struct l2_window *win)
{
    const struct geometry *geo = &x->w->s->t->img->geo;

    for (uint64_t i = 0; i < geo->l2_entries; i++) {
        uint64_t cl = win->l1_index * geo->l2_entries + i;
        uint8_t *p = x->now + i * geo->l2_entry_size;
        struct l2_entry e;

        l2_decode(geo, p, &e);
        if (cl >= rescue_clusters(x->w->g) ? win->all_lost || !l2_entry_possible(geo, &e, geo->file_size)
                                           : rescue_lost(x->w->g, cl) && !is_done(x, cl))
            memset(p, 0, geo->l2_entry_size);
    }
}

static bool new_table(struct l2_writing *x, struct l2_window *win, struct error *err)
{
    const struct image *img = x->w->s->t->img;
    uint64_t cl;
    struct layer_l1 l1;

    if (!room_take(&x->room, 1, &cl, err))
        return false;
    win->l2_off = cl << img->geo.cluster_bits;
    image_layer_l1(img, LAYER_ACTIVE, &l1);
    edit_entry(&x->step->patches, l1.off + win->l1_index * 8, win->l2_off | OFLAG_COPIED);
    patches_write(&x->step->patches, win->l2_off, x->now, (size_t)img->geo.cluster_size);
    return true;
}

static bool regained(struct l2_writing *x, const struct l2_window *win, struct error *err)
{
    const struct geometry *geo = &x->w->s->t->img->geo;

    for (uint64_t i = 0; i < geo->l2_entries; i++) {
        uint64_t cl = win->l1_index * geo->l2_entries + i;
        enum rescue_sure sure;

        if (rescue_placed(x->w->g, cl, NULL, &sure) && sure == x->sure
            && !plan_step_add_regained(x->step, LAYER_ACTIVE, cl << geo->cluster_bits,
                                       geo->cluster_size))
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return true;
}

static bool write_table(struct l2_writing *x, struct l2_window *win, struct error *err)
{
    const struct image *img = x->w->s->t->img;
    size_t len = (size_t)img->geo.cluster_size, n;

    if (!rescue_any_placed(x->w->g, win->l1_index * img->geo.l2_entries, img->geo.l2_entries))
        return true;
    memset(x->old, 0, len);
    if (win->l2_off && !source_read(img->src, win->l2_off, x->old, len, err))
        return false;
    memcpy(x->now, x->old, len);
    clear_lost(x, win);
    n = fill_table(x, win);
    x->placed += n;
    if (!n)
        return true;
    if (!win->l2_off) {
        if (!new_table(x, win, err))
            return false;
    } else {
        edit_difference(&x->step->patches, win->l2_off, x->old, x->now, len);
    }
    return regained(x, win, err);
}

/* --- words --- */

#define REASONS_MAX 12

/* "Placed by the address that an XFS block bears (412) and ... (3)." */
static void tell_reasons(const struct l2_writing *x, struct buf *why)
{
    const char *reason[REASONS_MAX];
    size_t count[REASONS_MAX], n = 0;
    struct rescue_pin pin;
    char a[TEXT_NUM];

    for (size_t i = 0; i < x->w->cands.n; i++) {
        size_t k = 0;

        if (!rescue_pinned(x->w->g, i, &pin) || pin.sure != x->sure)
            continue;
        while (k < n && strcmp(reason[k], pin.why) != 0)
            k++;
        if (k == REASONS_MAX)
            continue;
        if (k == n) {
            reason[n] = pin.why;
            count[n++] = 0;
        }
        count[k]++;
    }
    buf_puts(why, "Placed by ");
    for (size_t k = 0; k < n; k++)
        buf_printf(why, "%s%s (%s)", !k ? "" : k + 1 == n ? " and " : ", ", reason[k],
                   text_group(a, count[k]));
    buf_putc(why, '.');
}

static bool write_all(struct l2_writing *x, struct error *err)
{
    static const char *const names[] = {
        [SURE_POSSIBLE] = "possible", [SURE_LIKELY] = "likely", [SURE_CERTAIN] = "certain",
    };
    struct buf title = BUF_INIT, why = BUF_INIT;
    char n[TEXT_NUM];

    x->placed = 0;
    x->step = salvage_step(x->w->s, err);
    if (!x->step)
        return false;
    room_init(&x->room, x->w->s->t);
    x->room.only_empty = true;
    for (size_t i = 0; i < x->w->n_windows; i++)
        if (!write_table(x, &x->w->window[i], err)) {
            room_free(&x->room);
            return false;
        }
    room_set_length(&x->room, &x->step->patches);
    room_free(&x->room);
    if (!x->placed) {
        plan_step_free(x->step);
        x->w->s->plan->n--;
        return true;
    }
    buf_printf(&title, "Put %s cluster%s back under L2 tables that lost them (%s).",
               text_group(n, x->placed), x->placed == 1 ? "" : "s", names[x->sure]);
    tell_reasons(x, &why);
    return salvage_take(x->w->s, x->step, &title, &why, err);
}

/* Where something lies below, entries that lead nowhere hide it. */
static bool clear_rest(struct l2_writing *x, struct error *err)
{
    const struct image *img = x->w->s->t->img;
    struct buf title = BUF_INIT, why = BUF_INIT;
    size_t len = (size_t)img->geo.cluster_size;
    struct layer_l1 l1;

    image_layer_l1(img, LAYER_ACTIVE, &l1);
    x->step = salvage_step(x->w->s, err);
    if (!x->step)
        return false;
    for (size_t i = 0; i < x->w->n_windows; i++) {
        const struct l2_window *win = &x->w->window[i];

        if (win->state == WINDOW_MISSING && !win->l2_off && win->l1_index < l1.present) {
            edit_entry(&x->step->patches, l1.off + win->l1_index * 8, 0);
        } else if (win->state == WINDOW_DAMAGED
                   && source_read(img->src, win->l2_off, x->old, len, NULL)) {
            memcpy(x->now, x->old, len);
            clear_lost(x, win);
            edit_difference(&x->step->patches, win->l2_off, x->old, x->now, len);
        }
    }
    if (!x->step->patches.n) {
        plan_step_free(x->step);
        x->w->s->plan->n--;
        return true;
    }
    buf_puts(&title, "Clear entries of L1 and L2 tables that lead nowhere (possible).");
    buf_puts(&why, "No cluster was found for these places. They read from the backing file "
                   "then.");
    return salvage_take(x->w->s, x->step, &title, &why, err);
}

static bool list_left(struct l2_work *w, struct error *err)
{
    const struct content_context ctx = { .geo = &w->s->t->img->geo };
    uint8_t *bytes = malloc(rescue_cluster(w->g));
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    w->reader.img = w->s->t->img;       /* steps were taken since */
    for (size_t i = 0; ok && i < w->cands.n; i++) {
        const struct orphan *o = &w->cands.list[i];
        struct unplaced_extent e = { o->off, o->len, CONTENT_BYTES, o->kind == ORPHAN_STREAM };
        struct content c;

        if (o->kind == ORPHAN_GONE)
            continue;
        if (orphan_read(&w->reader, i, bytes, NULL)) {
            content_look(&ctx, bytes, rescue_cluster(w->g), &c);
            e.content = c.kind;
        }
        ok = unplaced_add(w->s->opt->unplaced, &e, err);
    }
    free(bytes);
    return ok;
}

#define LEFT_SHOWN 8

static bool tell_left(struct l2_work *w, struct error *err)
{
    struct buf text = BUF_INIT;
    size_t n = 0, shown = 0;
    char a[TEXT_NUM];

    for (size_t i = 0; i < w->cands.n; i++)
        n += w->cands.list[i].kind != ORPHAN_GONE;
    if (!n)
        return true;
    if (w->s->stopped)
        buf_puts(&text, "The search was stopped early. ");
    buf_printf(&text, "%s cluster%s that nobody owns and that hold%s something got no place: at",
               text_group(a, n), n == 1 ? "" : "s", n == 1 ? "s" : "");
    for (size_t i = 0; i < w->cands.n && shown < LEFT_SHOWN; i++)
        if (w->cands.list[i].kind != ORPHAN_GONE)
            buf_printf(&text, "%s 0x%llx", shown++ ? "," : "",
                       (unsigned long long)w->cands.list[i].off);
    if (n > shown)
        buf_printf(&text, " and %s more", text_group(a, n - shown));
    buf_putc(&text, '.');
    return salvage_left(w->s, &text, err);
}

bool l2_write(struct l2_work *w, struct error *err)
{
    struct l2_writing x = { .w = w };
    size_t len = rescue_cluster(w->g);
    bool ok;

    x.old = malloc(len);
    x.now = malloc(len);
    ok = (x.old && x.now) || err_set(err, ERR_NOMEM, "out of memory");
    for (int sure = SURE_CERTAIN; ok && sure >= SURE_POSSIBLE; sure--) {
        x.sure = (enum rescue_sure)sure;
        ok = write_all(&x, err);
    }
    x.all_done = true;
    ok = ok && (!w->s->below || clear_rest(&x, err));
    free(x.old);
    free(x.now);
    return ok && tell_left(w, err) && (!w->s->opt->unplaced || list_left(w, err));
}
