/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L1 entries that lead astray by a flipped bit: their table lies in the file, and nobody refers to
 * it (insight/cause_astray.c). What they lead to now is no table, so that none of its entries is
 * broken by itself. */
#include "config.h"

#include "plan/planner.h"

#include "base/buf.h"
#include "base/text.h"
#include "insight/cause.h"
#include "plan/edit.h"

static const struct cause *cause_with_fixes(const struct insight *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->list[i].n_fixes)
            return &x->list[i];
    return NULL;
}

static bool put_back(struct trial *t, const struct cause *c, struct plan_step *step,
                     struct error *err)
{
    const struct geometry *geo = &t->img->geo;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    char n[TEXT_NUM];
    bool said;

    for (size_t i = 0; i < c->n_fixes; i++) {
        const struct cause_fix *x = &c->fix[i];

        edit_entry(&round, x->place.file_off, x->value);
        if (!plan_step_add_regained(step, LAYER_ACTIVE, x->place.guest_off, geo->l2_span)
            || !plan_step_rests_on(step, x->value & ENTRY_OFFSET_MASK, geo->cluster_size)) {
            patches_free(&round);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    step->place = c->fix[0].place;
    buf_printf(&title, "Put back %s L1 entr%s of which a bit is flipped.",
               text_group(n, c->n_fixes), c->n_fixes == 1 ? "y" : "ies");
    said = planner_say(&step->why, "What is there leads to no L2 table; with that bit changed it "
                       "leads to one that nobody refers to.", err);
    return planner_take(t, step, &round, &title, err) && said;
}

bool planner_astray(struct trial *t, const struct planner_options *opt, struct plan_step *step,
                    struct error *err)
{
    const struct insight_options look = { .name = "IMAGE" };
    const struct cause *c;
    struct insight *x;
    bool ok = true;

    if (opt->entries == ENTRIES_LEAVE || !problems_serious(&t->scan->problems))
        return true;
    if (!insight_find(t->scan, &look, &x, err))
        return false;
    c = cause_with_fixes(x);
    if (c)
        ok = put_back(t, c, step, err);
    insight_free(x);
    return ok;
}
