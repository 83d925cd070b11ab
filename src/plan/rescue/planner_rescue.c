/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The order: the header, without which nothing can be found; snapshots, which tell much of the
 * active layer; L2 tables put back under an L1; the size of the disk, which the disk itself
 * tells; clusters put back under L2 tables; then refcounts and COPIED flags, which follow from
 * all that. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plan/rescue/salvage.h"

struct plan_step *salvage_step(struct salvage *s, struct error *err)
{
    struct plan_step *step = plan_add(s->plan, "rescue");

    if (!step) {
        err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(step->before, s->t->scan->problems.count, sizeof step->before);
    return step;
}

void salvage_pause(struct salvage *s)
{
    if (!salvage_stopped(s->t))
        return;
    s->t->opt.progress->cancel = false;
    s->stopped = true;
}

bool salvage_take(struct salvage *s, struct plan_step *step, struct buf *title,
                  struct buf *why, struct error *err)
{
    bool ok = true;

    salvage_pause(s);
    step->title = buf_take(title);
    if (why->len)
        step->why = buf_take(why);
    if (!step->title)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (step->patches.n || step->patches.has_length || step->patches.failed)
        ok = trial_take(s->t, &step->patches, err);
    memcpy(step->after, s->t->scan->problems.count, sizeof step->after);
    return ok;
}

bool salvage_left(struct salvage *s, struct buf *sentence, struct error *err)
{
    bool ok = !sentence->failed && plan_add_left(s->plan, buf_str(sentence));

    buf_free(sentence);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

static bool salvage_all(struct salvage *s, struct error *err)
{
    return salvage_header(s, err) && salvage_compression(s, err) && salvage_backing(s, err)
        && (s->size_unknown || salvage_snapshots(s, err))
        && salvage_lost_l1(s, err) && salvage_l1(s, err) && salvage_size(s, err)
        && (!s->size_unknown || salvage_snapshots(s, err))
        && (s->stopped || salvage_l2(s, err));
}

bool planner_rescue(struct plan *plan, struct trial *t, const struct planner_options *opt,
                    struct error *err)
{
    struct salvage s = { .plan = plan, .t = t, .opt = opt };
    size_t before = plan->n;
    bool ok = below_open(opt->chain, &s.below, err) && salvage_all(&s, err);

    below_close(s.below);
    if (!ok)
        return false;
    if (t->scan->partial)
        return true;                    /* refcounts are not known */
    return planner_run(plan, t, "refcounts", opt, err)
        && (plan->n == before || planner_run(plan, t, "copied", opt, err));
}
