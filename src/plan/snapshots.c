/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Snapshots: delete some, or go back to one. Works on the tables of the snapshots alone, so
 * that a damaged active layer is no obstacle. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/copied.h"
#include "plan/edit.h"
#include "plan/planner.h"
#include "plan/refcounts.h"
#include "plan/room.h"

/* Takes `round`, then lets refcounts and COPIED flags follow. */
bool planner_take_all(struct trial *t, struct plan_step *step, struct patches *round,
                      struct error *err)
{
    struct trial_past past = { 0 };
    uint64_t changed;
    bool ok = trial_take_past(t, round, &past, err);

    if (ok) {
        patches_append(&step->patches, round);
        ok = refcounts_follow(t, past.scan, &step->patches, err)
            && copied_plan(t, false, &step->patches, &changed, err);
        trial_past_free(&past);
    }
    patches_free(round);
    return ok;
}

/* A snapshot by number (from 1), id or name; SIZE_MAX: none. */
static size_t find(const struct snapshots *s, const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);

    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->list[i].id, name) == 0)
            return i;
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->list[i].name, name) == 0)
            return i;
    return *name && !*end && number >= 1 && number <= s->n ? number - 1 : SIZE_MAX;
}

static bool no_such(const struct snapshots *s, const char *name, struct error *err)
{
    struct buf seen = BUF_INIT;

    text_visible(&seen, name, strlen(name));
    err_set(err, ERR_USAGE, "there is no snapshot '%.80s'; the image has %zu", buf_str(&seen),
            s->n);
    buf_free(&seen);
    return false;
}

/* The table without the entries marked in `drop`, where it lies. */
static bool write_table(const struct image *img, const bool *drop, struct patches *round,
                        size_t *kept, struct error *err)
{
    const struct snapshots *s = &img->snaps;
    struct buf table = BUF_INIT;
    bool ok = true;

    *kept = 0;
    for (size_t i = 0; ok && i < s->n; i++) {
        const struct snapshot *e = &s->list[i];

        if (drop[i])
            continue;
        ok = edit_carry(img->src, e->entry_off, e->entry_len, &table, err);
        ++*kept;
    }
    if (ok && *kept)
        patches_write(round, s->table_off, table.data, table.len);
    if (ok && s->table_len > table.len)
        patches_zero(round, s->table_off + table.len, s->table_len - table.len);
    edit_header(round, "nb_snapshots", *kept);
    if (!*kept)
        edit_header(round, "snapshots_offset", 0);
    buf_free(&table);
    return ok;
}

static void name_of(const struct snapshot *s, struct buf *out)
{
    buf_putc(out, '\'');
    text_visible(out, s->name, strlen(s->name));
    buf_putc(out, '\'');
}

static bool lose_layer(const struct image *img, size_t i, struct plan_step *step)
{
    return plan_step_add_loss(step, (uint32_t)i + 1, 0, img->snaps.list[i].disk_size);
}

static bool delete_some(struct trial *t, const bool *drop, struct plan_step *step,
                        struct error *err)
{
    const struct snapshots *s = &t->img->snaps;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    size_t kept, n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (!drop[i])
            continue;
        if (!lose_layer(t->img, i, step))
            return err_set(err, ERR_NOMEM, "out of memory");
        if (n < 8) {
            buf_puts(&title, n ? ", " : "Delete ");
            name_of(&s->list[i], &title);
        }
        n++;
    }
    if (n > 8)
        buf_printf(&title, " and %zu more", n - 8);
    buf_printf(&title, "%s: %zu of %zu snapshots.", n ? "" : "Delete nothing", n, s->n);
    step->title = buf_take(&title);
    step->cost = strdup("Data that only these snapshots hold is lost.");
    if (!n)
        return true;
    if (!write_table(t->img, drop, &round, &kept, err)) {
        patches_free(&round);
        return false;
    }
    return planner_take_all(t, step, &round, err);
}

/* A new active L1 table with the entries of the snapshot's. */
static bool go_back(struct trial *t, size_t i, struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    const struct geometry *geo = &img->geo;
    const struct snapshot *s = &img->snaps.list[i];
    uint64_t needed = div_up(s->disk_size, geo->l2_span), n = u64_max(s->l1_size, needed);
    uint64_t first, *entry = NULL;
    struct patches round = { 0 };
    struct room room;
    struct buf title = BUF_INIT;
    bool ok = false;

    if (!n || n > L1_ENTRIES_MAX || s->l1_table_offset & (geo->cluster_size - 1))
        return err_set(err, ERR_FORMAT, "the L1 table of this snapshot cannot be used");
    if (img->bitmaps.n && s->disk_size != geo->size)
        return err_set(err, ERR_USAGE, "the disk had another size then, and there are bitmaps, "
                       "which have the size of the disk; drop them first");
    room_init(&room, t);
    entry = calloc((size_t)n, sizeof *entry);
    if (!entry) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (!image_read_l1(img, s->l1_table_offset, 0, (size_t)s->l1_size, entry, err)
        || !room_take(&room, div_up(n * 8, geo->cluster_size), &first, err))
        goto out;
    first <<= geo->cluster_bits;
    patches_zero(&round, first, round_up(n * 8, geo->cluster_size));
    for (uint64_t k = 0; k < n; k++)
        if (entry[k])
            edit_entry(&round, first + k * 8, entry[k] & ~OFLAG_COPIED);
    edit_header(&round, "l1_table_offset", first);
    edit_header(&round, "l1_size", n);
    edit_header(&round, "size", s->disk_size);
    room_set_length(&room, &round);
    buf_puts(&title, "Revert to snapshot ");
    name_of(s, &title);
    buf_puts(&title, ".");
    step->title = buf_take(&title);
    step->cost = strdup(img->bitmaps.n
                        ? "What was written since that snapshot is lost. No bitmap records it: an "
                          "incremental backup would miss it, so drop them (bitmaps drop=all) and "
                          "begin with a full one."
                        : "What was written since that snapshot is lost.");
    ok = plan_step_add_loss(step, LAYER_ACTIVE, 0, geo->size)
        && planner_take_all(t, step, &round, err);
out:
    patches_free(&round);
    room_free(&room);
    free(entry);
    return ok;
}

static bool choose(const struct snapshots *s, const struct planner_options *opt, bool *drop,
                   struct error *err)
{
    const char *keep = planner_arg(opt, "keep");
    size_t i = SIZE_MAX;

    if (keep && strcmp(keep, "none") != 0 && (i = find(s, keep)) == SIZE_MAX)
        return no_such(s, keep, err);
    for (size_t k = 0; keep && k < s->n; k++)
        drop[k] = strcmp(keep, "none") == 0 || k != i;
    for (size_t a = 0; a < opt->n_args; a++) {
        const char *name = opt->args[a] + strlen("delete=");

        if (strncmp(opt->args[a], "delete=", strlen("delete=")) != 0)
            continue;
        if (strcmp(name, "all") == 0) {
            memset(drop, true, s->n * sizeof *drop);
        } else {
            i = find(s, name);
            if (i == SIZE_MAX)
                return no_such(s, name, err);
            drop[i] = true;
        }
    }
    return true;
}

bool planner_snapshots(struct trial *t, const struct planner_options *opt,
                       struct plan_step *step, struct error *err)
{
    const char *apply = planner_arg(opt, "apply");
    const struct snapshots *s = &t->img->snaps;
    bool *drop;
    size_t i;
    bool ok;

    if (!opt->n_args)
        return err_set(err, ERR_USAGE, "snapshots: say delete=NAME, delete=all, keep=NAME (and "
                       "delete the others) or apply=NAME");
    if (apply) {
        i = find(s, apply);
        if (i == SIZE_MAX)
            return no_such(s, apply, err);
        return opt->accept_loss ? go_back(t, i, step, err)
            : err_set(err, ERR_USAGE, "going back gives up what was written since; "
                      "--accept-loss plans it");
    }
    drop = calloc(s->n ? s->n : 1, sizeof *drop);
    if (!drop)
        return err_set(err, ERR_NOMEM, "out of memory");
    ok = choose(s, opt, drop, err) && delete_some(t, drop, step, err);
    free(drop);
    return ok;
}
