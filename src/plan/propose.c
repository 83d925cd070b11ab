/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/propose.h"

#include <stdlib.h>
#include <string.h>

const char *propose_for_problem(enum problem_kind kind)
{
    switch (kind) {
    case PROBLEM_L2_COPIED: case PROBLEM_DATA_COPIED:
        return "copied";
    case PROBLEM_LEAKED: case PROBLEM_REFCOUNT_HIGH:
        return "leaks";
    case PROBLEM_OVERLAP: case PROBLEM_DOUBLE_ALLOCATION:
        return "reused";
    case PROBLEM_L1_PAST_END: case PROBLEM_L1_TOO_SMALL:
        return "header";
    case PROBLEM_DIRTY_BIT: case PROBLEM_CORRUPT_BIT:
        return "repair";
    default:
        break;
    }
    switch (problem_info(kind)->section) {
    case SECTION_HEADER: return "header";
    case SECTION_REFTABLE: case SECTION_REFBLOCKS: case SECTION_REFCOUNTS: return "refcounts";
    case SECTION_L1: case SECTION_L2: return "entries";
    default: return "repair";
    }
}

const char *propose_for_cause(const struct cause *cause)
{
    switch (cause->kind) {
    case CAUSE_OF_HEADER_OVERWRITTEN: case CAUSE_OF_HEADER_VALUES: case CAUSE_OF_L1_POINTER:
    case CAUSE_OF_COMPRESSION_TYPE: case CAUSE_OF_LUKS_HEADER: case CAUSE_OF_FEATURE:
        return "header";
    case CAUSE_OF_REFCOUNTS_LOST: case CAUSE_OF_REFCOUNTS_BEHIND:
    case CAUSE_OF_REFCOUNTS_WRONG: case CAUSE_OF_NO_SPACE:
        return "refcounts";
    case CAUSE_OF_TWICE_USED: case CAUSE_OF_TWO_WRITERS: case CAUSE_OF_TABLE_REUSED:
        return "reused";
    case CAUSE_OF_BROKEN_ENTRIES: case CAUSE_OF_CUT_SHORT: return "entries";
    case CAUSE_OF_MAPPING_VANISHED: case CAUSE_OF_L1_OVERWRITTEN: case CAUSE_OF_L2_OVERWRITTEN:
    case CAUSE_OF_L2_REFCOUNTS: case CAUSE_OF_L2_WIPED: case CAUSE_OF_L2_PAGES:
        return "rescue";
    case CAUSE_OF_COPIED_FLAGS: return "copied";
    case CAUSE_OF_LEFT_OVERS: return cause_keeps_leaks(cause) ? "rescue" : "leaks";
    case CAUSE_OF_ZEROS_STORED: return "discard";
    case CAUSE_OF_BLOATED: return "compact";
    default: return "repair";
    }
}

/* In the sandbox nobody can look again. */
static void look_beside(void *ctx, struct image *img)
{
    const struct proposal *p = ctx;

    img->backing_there = p->img->backing_there;
    img->data_there = p->img->data_there;
}

static bool regains(const struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->step[i].n_losses; k++)
            if (p->step[i].loss[k].regained)
                return true;
    return false;
}

static bool plan_goal(struct proposal *p, struct error *err)
{
    const struct planner_options opt = {
        .accept_loss = p->accept_loss, .entries = p->accept_loss ? ENTRIES_ZERO : ENTRIES_PROVE,
    };
    struct trial *t;
    bool ok;

    if (!trial_open(p->img->src, &p->how, &p->start, &t, err))
        return false;
    ok = planner_run(&p->plan, t, p->goal, &opt, err);
    trial_close(t);
    return ok;
}

bool propose_work(void *arg, struct task_run *run, struct error *err)
{
    struct proposal *p = arg;
    bool ok;

    p->how.progress = &p->progress;
    p->how.look_beside = look_beside;
    p->how.beside_ctx = p;
    p->how.keep_partial = strcmp(p->goal, "rescue") == 0;
    ok = plan_goal(p, err);
    /* Where nothing can be put back, other damage can still be mended. */
    if (ok && !run->cancel && strcmp(p->goal, "rescue") == 0 && !regains(&p->plan)) {
        plan_free(&p->plan);
        p->goal = "repair";
        p->how.keep_partial = false;
        ok = plan_goal(p, err);
    }
    /* A rescue that was stopped has what it found by then. */
    if (ok && strcmp(p->goal, "rescue") == 0 && regains(&p->plan))
        return true;
    if (run->cancel || p->progress.cancel)
        return err_set(err, ERR_CANCELLED, "Planning was stopped");
    return ok;
}

void proposal_free(struct proposal *p)
{
    if (!p)
        return;
    patches_free(&p->start);
    plan_free(&p->plan);
    free(p);
}
