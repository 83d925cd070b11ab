/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters that nobody owns are put back under the L2 tables that are lost. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/num.h"
#include "base/text.h"
#include "plan/rescue/align.h"
#include "plan/rescue/salvage_l2.h"

/* --- what is lost --- */

static bool add_window(struct l2_work *w, uint64_t i, uint64_t l2_off,
                       enum window_state state, struct error *err)
{
    if (!list_double(&w->window, w->n_windows, sizeof *w->window))
        return err_set(err, ERR_NOMEM, "out of memory");
    w->window[w->n_windows++] = (struct l2_window){ i, l2_off, state, false };
    return true;
}

static bool look_at_entry(struct l2_work *w, uint64_t i, uint64_t e, struct error *err)
{
    const struct image *img = w->s->t->img;
    uint64_t off = e & ENTRY_OFFSET_MASK;
    struct table_fit fit;

    if (!e)
        return add_window(w, i, 0, WINDOW_UNMAPPED, err);
    if (!off || e & L1_RESERVED_MASK || off & (img->geo.cluster_size - 1)
        || !range_inside(off, img->geo.cluster_size, img->geo.file_size))
        return add_window(w, i, 0, WINDOW_MISSING, err);
    if (!table_fit_at(img, off, NULL, &fit))
        return add_window(w, i, 0, WINDOW_MISSING, err);
    if (!fit.used)
        return add_window(w, i, off, WINDOW_EMPTY, err);
    if (fit.fit < fit.used)
        return add_window(w, i, off, WINDOW_DAMAGED, err);
    return fit.used == img->geo.l2_entries || add_window(w, i, off, WINDOW_SPARSE, err);
}

#define WINDOWS_MAX (UINT64_C(1) << 21)     /* entries of the L1 table that are looked at */

static bool find_windows(struct l2_work *w, struct error *err)
{
    const struct image *img = w->s->t->img;
    uint64_t n = u64_min(img->geo.l1_needed, WINDOWS_MAX), per = 4096;
    uint64_t *entry = calloc((size_t)per, sizeof *entry);
    struct layer_l1 l1;
    bool ok = entry || err_set(err, ERR_NOMEM, "out of memory");

    image_layer_l1(img, LAYER_ACTIVE, &l1);
    for (uint64_t i = 0; ok && i < n; i += per) {
        size_t count = (size_t)u64_min(per, n - i);

        memset(entry, 0, (size_t)per * sizeof *entry);
        if (i < l1.present)
            (void)image_read_l1(img, l1.off, i, (size_t)u64_min(count, l1.present - i), entry,
                                NULL);
        for (size_t k = 0; ok && k < count; k++)
            ok = look_at_entry(w, i + k, entry[k], err);
    }
    free(entry);
    return ok;
}

/* What is sound, or was never there, counts as lost only where there are clusters that must
 * have been somewhere. */
static void choose_windows(struct l2_work *w, size_t n_candidates)
{
    uint64_t per = w->s->t->img->geo.l2_entries, room = 0;
    enum window_state last = WINDOW_MISSING;
    uint64_t of[WINDOW_SPARSE + 1] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < w->n_windows; i++)
        of[w->window[i].state]++;
    room = (of[WINDOW_DAMAGED] + of[WINDOW_MISSING]) * per;
    w->no_damage = !room && !of[WINDOW_EMPTY] && !w->s->tables_lost;
    while (last < WINDOW_SPARSE && (room < n_candidates || w->no_damage || w->all_windows
                                    || (last < WINDOW_EMPTY && !room)))
        room += of[++last] * per;
    for (size_t i = 0; i < w->n_windows; i++)
        if (w->window[i].state <= last)
            w->window[n++] = w->window[i];
    w->n_windows = n;
}

bool l2_each_lost(const struct l2_work *w, struct l2_window *win, uint8_t *bytes,
                  l2_lost_fn *fn, void *ctx)
{
    const struct geometry *geo = &w->s->t->img->geo;
    uint64_t n = 0;
    struct table_fit fit;
    bool empty_too;

    if (!win->l2_off || !source_read(w->s->t->img->src, win->l2_off, bytes,
                                     (size_t)geo->cluster_size, NULL)
        || !table_fit_at(w->s->t->img, win->l2_off, bytes, &fit))
        return fn(ctx, win, 0, geo->l2_entries);
    win->all_lost = fit.fit * 10 < fit.used;
    empty_too = win->state != WINDOW_DAMAGED || !table_fits(&fit);
    for (uint64_t i = 0; i <= geo->l2_entries; i++) {
        struct l2_entry e;
        bool lost = false;

        if (i < geo->l2_entries) {
            l2_decode(geo, bytes + i * geo->l2_entry_size, &e);
            lost = win->all_lost || !l2_entry_possible(geo, &e, geo->file_size) || (!e.raw && empty_too);
        }
        if (!lost && n && !fn(ctx, win, i - n, n))
            return false;
        n = lost ? n + 1 : 0;
    }
    return true;
}

static bool lose_entries(void *ctx, const struct l2_window *win, uint64_t i, uint64_t n)
{
    struct l2_work *w = ctx;

    return rescue_lose(w->g, win->l1_index * w->s->t->img->geo.l2_entries + i, n);
}

static bool lose_windows(struct l2_work *w, struct error *err)
{
    uint8_t *bytes = malloc((size_t)w->s->t->img->geo.cluster_size);
    bool ok = bytes != NULL;

    for (size_t i = 0; ok && i < w->n_windows; i++)
        ok = l2_each_lost(w, &w->window[i], bytes, lose_entries, w);
    free(bytes);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

/* --- candidates --- */

/* What looks like a table is one where nobody knows the refcounts of tables. */
static void drop_tables(struct orphans *o)
{
    size_t n = 0;

    for (size_t i = 0; i < o->n; i++)
        if (o->refcounts_known || o->list[i].kind == ORPHAN_DATA
            || o->list[i].kind == ORPHAN_STREAM)
            o->list[n++] = o->list[i];
    o->n = n;
}

static bool clear_entries(void *ctx, const struct l2_window *win, uint64_t i, uint64_t n)
{
    struct l2_work *w = ctx;
    uint64_t size = w->s->t->img->geo.l2_entry_size;

    if (win->l2_off)
        patches_zero(&w->cleared, win->l2_off + i * size, n * size);
    return !w->cleared.failed;
}

bool l2_open_cleared(struct l2_work *w, struct trial **out, struct error *err)
{
    const struct trial *t = w->s->t;
    uint8_t *bytes = malloc((size_t)t->img->geo.cluster_size);
    bool any = false, ok = bytes != NULL;

    for (size_t i = 0; ok && i < w->n_windows; i++) {
        if (w->window[i].state != WINDOW_DAMAGED)
            continue;
        if (!any) {
            patches_free(&w->cleared);
            patches_append(&w->cleared, t->all);
        }
        any = true;
        ok = l2_each_lost(w, &w->window[i], bytes, clear_entries, w);
    }
    free(bytes);
    if (!ok)
        return err_set(err, ERR_NOMEM, "out of memory");
    return !any || trial_open(t->below, &t->opt, &w->cleared, out, err);
}

static bool collect(struct l2_work *w, struct error *err)
{
    struct trial *cleared = NULL;
    const struct trial *t;
    bool ok = l2_open_cleared(w, &cleared, err);

    t = cleared ? cleared : w->s->t;
    ok = ok && orphans_collect(t, w->s->opt->deep, &w->cands, err);
    if (ok)
        drop_tables(&w->cands);
    ok = ok && (t->img->hdr.crypt_method || orphans_find_streams(t, &w->cands, err));
    trial_close(cleared);
    return ok;
}

static bool read_candidate(void *ctx, size_t cand, uint8_t *dst, struct error *err)
{
    struct l2_work *w = ctx;

    return orphan_read(&w->reader, cand, dst, err);
}

static bool read_known(void *ctx, uint64_t guest_off, void *dst, size_t len)
{
    struct l2_work *w = ctx;

    return guest_reader_read(w->known, guest_off, dst, len);
}

static bool open_guest(struct l2_work *w, struct error *err)
{
    const struct geometry *geo = &w->s->t->img->geo;
    const struct rescue_store store = { w, read_candidate, read_known, w->s->below,
                                        w->s->size_guessed };

    w->print = calloc(w->cands.n + 1, sizeof *w->print);
    w->counted = calloc(w->cands.n + 1, sizeof *w->counted);
    if (!w->print || !w->counted)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < w->cands.n; i++)
        w->counted[i] = w->cands.list[i].counted;
    return orphan_reader_init(&w->reader, w->s->t->img, w->cands.list, err)
        && guest_reader_open(w->s->t, w->s->below, &w->known, err)
        && rescue_new(&store, geo->size, (uint32_t)geo->cluster_size, w->cands.n, &w->g, err);
}

static bool look_at_all(struct l2_work *w, struct rescue_asking *a, struct error *err)
{
    size_t len = rescue_cluster(w->g);
    uint8_t *bytes = malloc(len);
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < w->cands.n && !salvage_stopped(w->s->t); i++) {
        if (!orphan_read(&w->reader, i, bytes, NULL))
            continue;
        print_take(&w->print[i], bytes, len);
        ok = rescue_ask_look(a, i, bytes, err);
        if (w->s->t->opt.progress)
            w->s->t->opt.progress->overall = (uint64_t)i * 1000 / w->cands.n;
    }
    free(bytes);
    return ok;
}

/* Streams fill up clusters that were begun before others were written. */
static bool is_loose(const struct l2_work *w)
{
    return w->cands.n_kind[ORPHAN_STREAM] && w->cands.n_kind[ORPHAN_DATA];
}

static size_t window_of(const struct l2_work *w, uint64_t l1_index)
{
    size_t lo;

    BISECT(lo, w->n_windows, mid, w->window[mid].l1_index >= l1_index);
    return lo < w->n_windows && w->window[lo].l1_index == l1_index ? lo : w->n_windows;
}

/* A table is written before the first cluster that it maps. What lies there, and got no place
 * but its turn, is what became of the table. */
static void doubt_tables(struct l2_work *w)
{
    const struct geometry *geo = &w->s->t->img->geo;
    bool *seen = calloc(w->n_windows + 1, sizeof *seen);
    struct rescue_pin pin;

    for (size_t i = 0; seen && i < w->cands.n; i++) {
        const struct orphan *o = &w->cands.list[i];
        size_t k;

        if (!rescue_pinned(w->g, i, &pin) || pin.sure == SURE_POSSIBLE)
            continue;
        k = window_of(w, pin.guest_cl / geo->l2_entries);
        if (k == w->n_windows || w->window[k].l2_off || seen[k])
            continue;
        seen[k] = true;
        if (i && o[-1].kind != ORPHAN_STREAM && o[-1].off + geo->cluster_size == o->off
            && !rescue_pinned(w->g, i - 1, &pin))
            w->counted[i - 1] = false;
    }
    free(seen);
}

/* Does the guest use anything of that cluster? */
static bool in_use(const struct l2_work *w, uint64_t cl)
{
    uint64_t cluster = rescue_cluster(w->g), grain = rescue_grain(w->g), at = 0;

    while (at < cluster && rescue_use_at(w->g, cl * cluster + at) < USE_DATA)
        at += grain;
    return at < cluster;
}

static uint64_t count_in_use(const struct l2_work *w)
{
    uint64_t cl = 0, len, n = 0;

    for (; rescue_next_lost(w->g, &cl, &len); cl += len)
        for (uint64_t i = 0; i < len; i++)
            n += in_use(w, cl + i);
    return n;
}

#define PROOFS_MIN 2
#define COUNTED_MIN 8

/* Zeros in a table that looks sound may have been entries. They were, where structures of the
 * guest's own say of clusters that they belong there, and use them, or where about as many
 * places are in use as there are clusters that nobody owns. */
static bool damage_shows(const struct l2_work *w)
{
    size_t proofs = 0, counted = 0;
    struct rescue_pin pin;
    uint64_t n;

    for (size_t i = 0; i < w->cands.n; i++) {
        proofs += rescue_pinned(w->g, i, &pin) && pin.sure >= SURE_LIKELY
            && in_use(w, pin.guest_cl);
        counted += w->counted[i];
    }
    if (proofs >= PROOFS_MIN || counted < COUNTED_MIN)
        return proofs >= PROOFS_MIN;
    n = count_in_use(w);
    return n >= counted && n / 2 <= counted;
}

#define TURNS_MAX 8
#define FINAL_TURNS_MAX 3

/* Witnesses and the order in the file take turns, as each lets the other know more. */
static bool reason(struct l2_work *w, struct rescue_asking *a, struct error *err)
{
    _Atomic bool *cancel = w->s->t->opt.progress ? &w->s->t->opt.progress->cancel : NULL;
    const struct align_order order = { w->g, w->print, w->counted, is_loose(w), cancel };
    bool news = true;

    for (int turn = 0; turn < TURNS_MAX && news; turn++)
        if (!rescue_ask_reason(a, cancel, &news, err) || !align(&order, false, &news, err))
            return false;
    doubt_tables(w);
    if (w->no_damage && !damage_shows(w))
        return true;
    /* What is likely by its order lets witnesses read more, and that may move the rest. */
    for (int turn = 0;; turn++) {
        if (!align(&order, true, &news, err))
            return false;
        if (!news || turn == FINAL_TURNS_MAX || (cancel && *cancel))
            return true;
        if (!rescue_ask_reason(a, cancel, &news, err))
            return false;
        if (!news)
            return true;
        align_forget(w->g);
    }
}

static bool place_candidates(struct l2_work *w, struct error *err)
{
    struct rescue_asking *a = NULL;
    bool ok = rescue_ask_begin(w->g, RESCUE_WITNESSES, &a, err) && look_at_all(w, a, err)
        && reason(w, a, err);

    rescue_ask_end(a);
    salvage_pause(w->s);
    return ok;
}

static bool tell_below(struct l2_work *w, struct error *err)
{
    struct buf text = BUF_INIT;

    if (w->s->below || !w->s->t->img->hdr.backing_file_offset)
        return true;
    buf_puts(&text, "What is in the backing file was not looked at: --backing opens it, and "
                    "more can be placed then.");
    return salvage_left(w->s, &text, err);
}

static bool rescue_windows(struct l2_work *w, struct error *err)
{
    if (!collect(w, err))
        return false;
    choose_windows(w, w->cands.n);
    if (!w->n_windows || (!w->cands.n && !w->s->below))
        return true;
    if (!tell_below(w, err))
        return false;
    return open_guest(w, err) && lose_windows(w, err) && place_candidates(w, err)
        && l2_write(w, err);
}

bool salvage_l2(struct salvage *s, struct error *err)
{
    struct l2_work w = { .s = s };
    bool ok = find_windows(&w, err), shared = false;

    if (ok && w.n_windows && !s->t->img->geo.data_file)
        ok = l2_share(&w, &shared, err);
    if (ok && shared) {
        s->tables_lost = w.all_windows = true;
        w.n_windows = 0;
        ok = find_windows(&w, err);
    }
    if (ok && w.n_windows && !s->t->img->geo.data_file)
        ok = rescue_windows(&w, err);
    rescue_free(w.g);
    guest_reader_close(w.known);
    orphan_reader_free(&w.reader);
    orphans_free(&w.cands);
    patches_free(&w.cleared);
    free(w.window);
    free(w.print);
    free(w.counted);
    return ok;
}
