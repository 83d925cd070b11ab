/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/planner.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "insight/cause.h"
#include "plan/copied.h"
#include "plan/refcounts.h"
#include "plan/room.h"
#include "scan/missing.h"

/* Causes after which data that a lost table referred to lies in clusters that look leaked. */
static bool loses_references(enum cause_kind kind)
{
    return cause_loses_mapping(kind) || kind == CAUSE_OF_UNREADABLE ||
           kind == CAUSE_OF_BROKEN_STREAMS || kind == CAUSE_OF_UNFLUSHED ||
           kind == CAUSE_OF_SNAPSHOT_TABLE;
}

static const char *doubt_by_cause(const struct trial *t)
{
    const struct insight_options opt = { .name = "IMAGE" };
    struct insight *x;
    const char *why = NULL;

    if (!insight_find(t->scan, &opt, &x, NULL))
        return "the causes of the damage are not known";
    for (size_t i = 0; !why && i < x->n; i++)
        if (loses_references(x->list[i].kind) || cause_keeps_leaks(&x->list[i]))
            why = cause_info(x->list[i].kind)->title;
    insight_free(x);
    return why;
}

const char *planner_counts_doubtful(const struct trial *t)
{
    const uint64_t *count = t->scan->problems.count;

    if (t->scan->partial)
        return "The scan was stopped";
    if (t->scan->refused.id && t->scan->refused.at_check)
        return "A table is missing, so not all references are known";
    if (count[PROBLEM_UNREADABLE])
        return "Parts of the image cannot be read, so not all references are known";
    if (missing_tables(t->scan))
        return "A table is lost or cut off, and what it refers to may look free";
    return doubt_by_cause(t);
}

void planner_note_outcome(struct plan *plan, const struct trial *t)
{
    const struct scan_result *scan = t->scan;

    plan->outcome = (struct plan_outcome){
        .known = true, .refused = scan->refused.id != NULL, .leaks = scan->qemu.leaks,
        .corruptions = scan->qemu.corruptions, .check_errors = scan->qemu.check_errors,
    };
}

static bool set_text(char **out, struct buf *text, struct error *err)
{
    *out = buf_take(text);
    return *out || err_set(err, ERR_NOMEM, "out of memory");
}

static void describe_table(const struct refcounts_outcome *o, struct buf *text)
{
    char n[TEXT_NUM];

    if (o->new_table)
        buf_puts(text, ", in a new refcount table");
    if (o->new_blocks)
        buf_printf(text, ", with %s new refcount block%s", text_group(n, o->new_blocks),
                   o->new_blocks == 1 ? "" : "s");
}

static bool blocks_are_lost(const struct trial *t)
{
    const uint64_t *count = t->scan->problems.count;

    return count[PROBLEM_REFTABLE_PAST_END] || count[PROBLEM_REFBLOCK_PAST_END]
        || count[PROBLEM_REFTABLE_RESERVED] || count[PROBLEM_REFBLOCK_MISALIGNED]
        || count[PROBLEM_REFBLOCK_SHARED] || count[PROBLEM_REFCOUNT_UNREADABLE]
        || count[PROBLEM_REFCOUNT_ZERO];
}

bool planner_refcounts(struct trial *t, const struct planner_options *opt,
                       struct plan_step *step, struct error *err)
{
    unsigned goal = REFCOUNTS_RAISE;
    struct refcounts_outcome o;
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];

    (void)opt;
    /* What a block that is lost called used may be the only copy of guest data. */
    if (blocks_are_lost(t) && planner_counts_doubtful(t))
        goal |= REFCOUNTS_KEEP;
    if (!refcounts_plan(t, goal, &step->patches, &o, err))
        return false;
    buf_printf(&text, "Raise %s refcount%s to the number of references found",
               text_group(n, o.raised), o.raised == 1 ? "" : "s");
    describe_table(&o, &text);
    buf_puts(&text, ".");
    if (!set_text(&step->title, &text, err))
        return false;
    if (o.too_wide) {
        buf_printf(&text, "%s clusters have more references than refcounts of this width can "
                   "count; they get the largest value.", text_group(n, o.too_wide));
        return set_text(&step->cost, &text, err);
    }
    return true;
}

#define FREED_READ_MAX 16384        /* clusters, beside holes of the file */

/* Leaked clusters may go by what they hold; with something else in them, in the image that was
 * packed for instance, they might be all there is of it. */
static bool rest_on_content(const struct trial *t, struct plan_step *step, struct error *err)
{
    const struct geometry *geo = &t->img->geo;
    struct data_memo memo = { 0 };
    uint64_t n = t->scan->stats.class_clusters[CLASS_LEAKED], at = 0, cl;
    unsigned looked = 0;

    while (n-- && step->n_zeros < PLAN_ZEROS_MAX
           && map_find(t->scan->map, at, 1, CLASS_LEAKED, &cl)) {
        uint64_t off = cl << geo->cluster_bits;
        bool hole = source_all_hole(t->img->src, &memo, off, geo->cluster_size);

        at = cl;
        if (!hole && looked++ >= FREED_READ_MAX)
            continue;
        if (!(hole || room_reads_as_zeros(t->img, cl)
              ? plan_step_rests_on_zeros(step, off, geo->cluster_size)
              : plan_step_rests_on(step, off, geo->cluster_size)))
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return true;
}

bool planner_leaks(struct trial *t, const struct planner_options *opt,
                   struct plan_step *step, struct error *err)
{
    const char *doubt = planner_counts_doubtful(t);
    struct refcounts_outcome o;
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];

    if (doubt && !opt->accept_loss)
        return err_set(err, ERR_USAGE, "leaks are not freed: what looks leaked may be the only "
                       "copy of guest data (--accept-loss frees it all the same). %s", doubt);
    if (!rest_on_content(t, step, err)
        || !refcounts_plan(t, REFCOUNTS_RAISE | REFCOUNTS_LOWER, &step->patches, &o, err))
        return false;
    buf_printf(&text, "Free what nobody uses: set %s refcount%s to the number of references found",
               text_group(n, o.lowered + o.raised),
               o.lowered + o.raised == 1 ? "" : "s");
    describe_table(&o, &text);
    buf_puts(&text, ".");
    if (!set_text(&step->title, &text, err))
        return false;
    buf_puts(&text, "The contents of leaked clusters can be overwritten from then on.");
    return set_text(&step->cost, &text, err);
}

static bool copied_step(struct trial *t, bool by_count, struct plan_step *step,
                        struct error *err)
{
    struct buf text = BUF_INIT;
    uint64_t changed = 0;
    char n[TEXT_NUM];

    if (!copied_plan(t, by_count, &step->patches, &changed, err))
        return false;
    buf_printf(&text, "Set the COPIED flag of %s entr%s to what the refcounts say.",
               text_group(n, changed), changed == 1 ? "y" : "ies");
    return set_text(&step->title, &text, err);
}

bool planner_copied(struct trial *t, const struct planner_options *opt,
                    struct plan_step *step, struct error *err)
{
    (void)opt;
    return copied_step(t, false, step, err);
}

bool planner_copied_by_count(struct trial *t, const struct planner_options *opt,
                             struct plan_step *step, struct error *err)
{
    (void)opt;
    return copied_step(t, true, step, err);
}

const char *planner_arg(const struct planner_options *opt, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < opt->n_args; i++)
        if (strncmp(opt->args[i], name, len) == 0 && opt->args[i][len] == '=')
            return opt->args[i] + len + 1;
    return NULL;
}

bool planner_take(struct trial *t, struct plan_step *step, struct patches *round,
                  struct buf *title, struct error *err)
{
    bool ok;

    step->title = buf_take(title);
    ok = step->title ? trial_take(t, round, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (ok)
        patches_append(&step->patches, round);
    patches_free(round);
    return ok;
}

bool planner_say(char **out, const char *text, struct error *err)
{
    *out = strdup(text);
    return *out || err_set(err, ERR_NOMEM, "out of memory");
}

/* args: the names that it knows, each with a blank behind it; NULL: it says itself what it
 * does not know. */
struct planner { const char *goal; planner_fn *fn; const char *args; };

static const struct planner planners[] = {
    { "flags", planner_flags, NULL },
    { "backing", planner_backing, "file format " },
    { "set", planner_set, NULL },
    { "snapshots", planner_snapshots, "delete keep apply " },
    { "bitmaps", planner_bitmaps, "drop enable disable clear-in-use " },
    { "entries", planner_entries, "" },
    { "reused", planner_reused, "" },
    { "discard", planner_discard, "" },
    { "resize", planner_resize, "size " },
    { "compact", planner_compact, "order " },
    { "refcounts", planner_refcounts, "" },
    { "copied", planner_copied, "" },
    { "leaks", planner_leaks, "" },
};

/* Does a goal know the names of all its arguments? What is misspelt is not ignored. */
static bool args_known(const char *goal, const char *known, const struct planner_options *opt,
                       struct error *err)
{
    for (size_t i = 0; i < opt->n_args; i++) {
        size_t len = strcspn(opt->args[i], "=");
        const char *at = known;

        while (*at && (strcspn(at, " ") != len || strncmp(at, opt->args[i], len) != 0))
            at += strcspn(at, " ") + 1;
        if (!*at)
            return err_set(err, ERR_USAGE, "%s takes no '%.60s'%s%.*s", goal, opt->args[i],
                           *known ? ", but " : "", *known ? (int)strlen(known) - 1 : 0, known);
    }
    return true;
}

/* *left: why there was nothing to do (owned by the caller); NULL: nothing to say. */
static bool run(struct plan *plan, struct trial *t, const char *goal, planner_fn *fn,
                const struct planner_options *opt, char **left, struct error *err)
{
    struct plan_step *step = plan_add(plan, goal);
    bool ok;

    *left = NULL;
    if (!step)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(step->before, t->scan->problems.count, sizeof step->before);
    ok = fn(t, opt, step, err);
    memcpy(step->after, t->scan->problems.count, sizeof step->after);
    if (!ok || (!step->patches.n && !step->patches.has_length)) {
        if (!step->title) {
            *left = step->cost;
            step->cost = NULL;
        }
        plan_step_free(step);
        plan->n--;
    }
    return ok;
}

bool planner_run_fn(struct plan *plan, struct trial *t, const char *goal, planner_fn *fn,
                    const struct planner_options *opt, struct error *err)
{
    char *left;
    bool ok = run(plan, t, goal, fn, opt, &left, err);

    free(left);
    return ok;
}

/* As a goal of its own, which says why it had nothing to do. */
static bool run_goal(struct plan *plan, struct trial *t, const struct planner *p,
                     const struct planner_options *opt, struct error *err)
{
    char *left;
    bool ok = run(plan, t, p->goal, p->fn, opt, &left, err);

    if (ok && left && !plan_add_left(plan, left))
        ok = err_set(err, ERR_NOMEM, "out of memory");
    free(left);
    return ok;
}

static uint64_t wrong_flags(const struct trial *t)
{
    return t->scan->problems.count[PROBLEM_L2_COPIED]
        + t->scan->problems.count[PROBLEM_DATA_COPIED];
}

/* Changed refcounts make flags wrong that were right. Bytes set by hand stay as they are set. */
static bool flags_follow(struct plan *plan, struct trial *t, uint64_t before,
                         const struct planner_options *opt, struct error *err)
{
    return wrong_flags(t) <= before || !plan->n || plan_step_alone(&plan->step[plan->n - 1])
        || planner_run_fn(plan, t, "copied", planner_copied, opt, err);
}

bool planner_run(struct plan *plan, struct trial *t, const char *goal,
                 const struct planner_options *opt, struct error *err)
{
    uint64_t before = wrong_flags(t);

    if ((strcmp(goal, "repair") == 0 || strcmp(goal, "header") == 0
         || strcmp(goal, "rescue") == 0) && !args_known(goal, "", opt, err))
        return false;
    if (strcmp(goal, "repair") == 0)
        return planner_repair(plan, t, opt, err);
    if (strcmp(goal, "header") == 0)
        return planner_header(plan, t, opt, err);
    if (strcmp(goal, "rescue") == 0)
        return planner_rescue(plan, t, opt, err);
    if (strcmp(goal, "entries") == 0 && !planner_run_fn(plan, t, goal, planner_astray, opt, err))
        return false;
    for (size_t i = 0; i < sizeof planners / sizeof planners[0]; i++)
        if (strcmp(planners[i].goal, goal) == 0)
            return (!planners[i].args || args_known(goal, planners[i].args, opt, err))
                && run_goal(plan, t, &planners[i], opt, err)
                && flags_follow(plan, t, before, opt, err);
    return err_set(err, ERR_USAGE, "there is no goal '%s'", goal);
}
