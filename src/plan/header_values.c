/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Values of the header that were guessed from the tables, or forced by a person, and better
 * ones than QEMU takes. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "plan/edit.h"
#include "plan/planner.h"

static uint64_t in_file(const struct image *img, const struct field *f)
{
    return field_value(field_table("header"), f, img->head, img->head_got);
}

static void header_fields(const struct image *img, struct patches *round, struct buf *title)
{
    const struct field_table *tab = field_table("header");

    for (size_t i = 0; i < tab->n; i++) {
        const struct field *f = &tab->field[i];
        uint64_t value;

        if (f->width == 0 || f->kind == FIELD_RESERVED
            || !header_has_field(f, img->hdr.version, img->hdr.header_length))
            continue;
        value = header_value(&img->hdr, f->name);
        if (value == in_file(img, f))
            continue;
        edit_header(round, f->name, value);
        buf_printf(title, "%s%s to ", title->len ? ", " : "Set ", f->name);
        field_describe(f, value, title);
    }
}

static void why_guessed(const struct image *img, struct buf *why)
{
    for (size_t i = 0; i < img->guesses.n; i++) {
        const struct guess *g = &img->guesses.list[i];

        if (g->how == GUESS_PROPOSED)
            continue;
        if (why->len)
            buf_puts(why, "; ");
        guess_text(g, why);
    }
}

/* Nothing of the header was left: what lies behind it are no extensions. */
static bool header_lost(const struct image *img)
{
    return in_file(img, field_named(field_table("header"), "magic")) != QCOW2_MAGIC
        && img->ext.end == EXT_ENDED_TOO_LONG;
}

bool planner_header_values(struct trial *t, const struct planner_options *opt,
                           struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct patches round = { 0 };

    (void)opt;
    header_fields(img, &round, &title);
    for (size_t i = 0; i < img->guesses.n; i++) {
        const struct guess *g = &img->guesses.list[i];

        if (g->how != GUESS_TAKEN || strcmp(g->table, "header-ext") != 0)
            continue;
        edit_field(&round, "header-ext", g->off - 4, "length", g->value);
        buf_printf(&title, "%sthe length of a header extension to %" PRIu64 " bytes",
                   title.len ? ", " : "Set ", g->value);
    }
    if (!title.len)
        return true;
    if (header_lost(img)) {
        patches_zero(&round, img->hdr.header_length, 8);
        buf_puts(&title, ", and end the header behind it");
        if (!planner_say(&step->cost, "What the header said besides is lost: names of a backing file, "
                 "features, snapshots and bitmaps.", err))
            goto fail;
    }
    buf_putc(&title, '.');
    why_guessed(img, &why);
    step->why = buf_take(&why);
    step->place = (struct place){ .kind = PLACE_HEADER, .file_off = 0,
                                  .guest_off = NO_ADDRESS };
    return planner_take(t, step, &round, &title, err);
fail:
    buf_free(&title);
    patches_free(&round);
    return false;
}

/* --- better values for what QEMU takes as it is --- */

/* Is b better than a? */
static bool better(const struct scan_result *a, const struct scan_result *b)
{
    uint64_t broken_a = problems_of_severity(&a->problems, SEV_CORRUPTION);
    uint64_t broken_b = problems_of_severity(&b->problems, SEV_CORRUPTION);

    return !b->refused.id && b->qemu.corruptions <= a->qemu.corruptions
        && b->qemu.check_errors <= a->qemu.check_errors && broken_b <= broken_a
        && (broken_b < broken_a || b->qemu.leaks < a->qemu.leaks);
}

/* A table that is shorter than the header says: what QEMU takes for the rest of it is something
 * else, and the disk reads the same. */
static bool is_shorter(const struct guess *g)
{
    return g->value < g->found && strcmp(g->table, "header") == 0
        && (strcmp(g->field, "l1_size") == 0 || strcmp(g->field, "nb_snapshots") == 0);
}

/* Adds the proposed values, all or the shorter lengths, and says why. */
static bool proposals(const struct guesses *g, bool lengths, struct patches *round,
                      struct buf *title, struct buf *why)
{
    bool same_disk = true;

    for (size_t i = 0; i < g->n; i++) {
        const struct guess *x = &g->list[i];

        if (x->how != GUESS_PROPOSED || (lengths && !is_shorter(x)))
            continue;
        same_disk = same_disk && is_shorter(x);
        edit_field(round, x->table, strcmp(x->table, "header") == 0 ? 0 : x->off - 4, x->field,
                   x->value);
        buf_printf(title, "%s%s from 0x%" PRIx64 " to 0x%" PRIx64, title->len ? ", " : "Set ",
                   x->field, x->found, x->value);
        if (why->len)
            buf_puts(why, "; ");
        guess_text(x, why);
    }
    return same_disk;
}

static uint64_t leaks(const struct scan_result *scan)
{
    return scan->problems.count[PROBLEM_LEAKED] + scan->problems.count[PROBLEM_REFCOUNT_HIGH];
}

static bool propose(struct trial *t, bool lengths, struct plan_step *step, struct error *err)
{
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct patches round = { 0 }, all = { 0 };
    bool good, same = proposals(&t->img->guesses, lengths, &round, &title, &why);
    struct trial *as = NULL;

    if (!round.n)
        return true;
    buf_putc(&title, '.');
    step->why = buf_take(&why);
    patches_append(&all, t->all);
    patches_append(&all, &round);
    /* Clusters that nobody refers to then might be what is lost of the table. */
    good = trial_open(t->below, &t->opt, &all, &as, NULL) && better(t->scan, as->scan)
        && (!lengths || !leaks(as->scan));
    trial_close(as);
    patches_free(&all);
    if (!good) {
        buf_free(&title);
        patches_free(&round);
        return true;
    }
    if (!same && !planner_say(&step->cost, "QEMU opens the image as it is now, and shows a "
                              "different disk.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

bool planner_header_proposed(struct trial *t, const struct planner_options *opt,
                             struct plan_step *step, struct error *err)
{
    (void)opt;
    return propose(t, false, step, err);
}

bool planner_header_lengths(struct trial *t, const struct planner_options *opt,
                            struct plan_step *step, struct error *err)
{
    (void)opt;
    return propose(t, true, step, err);
}
