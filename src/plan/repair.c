/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The order: first the entries, which decide what is referred to; then clusters with two
 * owners; then refcounts, first up, which protects, then down, which frees; then COPIED flags,
 * which follow from them; and last the bits of the header that say how things are. */
#include "config.h"

#include "plan/planner.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "insight/cause.h"
#include "plan/edit.h"
#include "plan/room.h"

static bool left(struct plan *plan, struct buf *sentence, struct error *err)
{
    bool ok = !sentence->failed && plan_add_left(plan, buf_str(sentence));

    buf_free(sentence);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

#define LEAKS_READ_MAX 16384        /* clusters */

/* Do all leaked clusters read as zeros? Then there is nothing to lose in them. */
static bool leaks_are_empty(const struct trial *t)
{
    uint64_t n = t->scan->stats.class_clusters[CLASS_LEAKED], at = 0, cl;

    if (t->scan->problems.count[PROBLEM_REFCOUNT_HIGH] || n > LEAKS_READ_MAX)
        return false;
    while (n-- && map_find(t->scan->map, at, 1, CLASS_LEAKED, &cl)) {
        if (!room_reads_as_zeros(t->img, cl))
            return false;
        at = cl;
    }
    return true;
}

/* doubt: what was doubtful before the first step; a copy for the second owner of a cluster
 * hides that the first had another one. */
static bool free_leaks(struct plan *plan, struct trial *t, const struct planner_options *opt,
                       const char *doubt, struct error *err)
{
    const uint64_t *count = t->scan->problems.count;
    uint64_t n = count[PROBLEM_LEAKED] + count[PROBLEM_REFCOUNT_HIGH];
    struct buf text = BUF_INIT;
    struct planner_options sure = *opt;
    char a[TEXT_NUM];

    if (!n)
        return true;
    if (!doubt)
        doubt = planner_counts_doubtful(t);
    sure.accept_loss = true;
    if (!doubt || opt->accept_loss || leaks_are_empty(t))
        return planner_run_fn(plan, t, "leaks", planner_leaks, &sure, err);
    buf_printf(&text, "%s cluster%s not freed, because %s may be the only copy of guest data "
               "(--accept-loss frees %s). %s.", text_group(a, n), n == 1 ? " is" : "s are",
               n == 1 ? "it" : "they", n == 1 ? "it" : "them", doubt);
    return left(plan, &text, err);
}

/* --- the bits of the header --- */

static bool refcounts_right(const struct trial *t)
{
    const uint64_t *count = t->scan->problems.count;

    return !count[PROBLEM_REFCOUNT_ZERO] && !count[PROBLEM_REFCOUNT_LOW]
        && !count[PROBLEM_REFCOUNT_OVERFLOW] && !count[PROBLEM_REFCOUNT_UNREADABLE]
        && !count[PROBLEM_REFBLOCK_SHARED] && !t->scan->refused.id;
}

static bool no_corruption(const struct trial *t)
{
    return !t->scan->qemu.corruptions && !t->scan->qemu.check_errors && !t->scan->refused.id
        && !problems_of_severity(&t->scan->problems, SEV_CORRUPTION)
        && !problems_of_severity(&t->scan->problems, SEV_ERROR);
}

/* Is this among the causes of what the image is now? */
static bool has_cause(const struct trial *t, enum cause_kind kind)
{
    const struct insight_options opt = { .name = "IMAGE" };
    struct insight *x;
    bool has = false;

    if (!insight_find(t->scan, &opt, &x, NULL))
        return false;
    for (size_t i = 0; i < x->n; i++)
        has |= x->list[i].kind == kind;
    insight_free(x);
    return has;
}

static bool settle_bits(struct plan *plan, struct trial *t, struct error *err)
{
    uint64_t features = t->img->hdr.incompatible_features, now = features;
    struct buf text = BUF_INIT;
    struct plan_step *step;
    bool ok;

    if (t->img->geo.version < 3)
        return true;
    if (features & INCOMPAT_DIRTY && refcounts_right(t)) {
        if (!has_cause(t, CAUSE_OF_UNFLUSHED)) {
            now &= ~INCOMPAT_DIRTY;
        } else {
            buf_puts(&text, "The dirty bit stays: what was not written in time is not mended.");
            if (!left(plan, &text, err))
                return false;
        }
    }
    if (features & INCOMPAT_CORRUPT && no_corruption(t))
        now &= ~INCOMPAT_CORRUPT;
    if (features & now & INCOMPAT_CORRUPT) {
        buf_puts(&text, "The corrupt bit stays, as not all corruption is mended.");
        if (!left(plan, &text, err))
            return false;
    }
    if (now == features)
        return true;
    step = plan_add(plan, "repair");
    if (!step)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(step->before, t->scan->problems.count, sizeof step->before);
    edit_header(&step->patches, "incompatible_features", now);
    buf_printf(&text, "Clear the %s.", !((features ^ now) & INCOMPAT_CORRUPT) ? "dirty bit"
               : !((features ^ now) & INCOMPAT_DIRTY) ? "corrupt bit" : "dirty and corrupt bits");
    step->title = buf_take(&text);
    step->why = strdup("What it warned of has been mended.");
    ok = step->title && step->why ? trial_take(t, &step->patches, err)
        : err_set(err, ERR_NOMEM, "out of memory");
    memcpy(step->after, t->scan->problems.count, sizeof step->after);
    return ok;
}

/* --- all of it --- */

static bool tell_what_is_left(struct plan *plan, const struct trial *t,
                              const struct planner_options *opt, struct error *err)
{
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];

    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        if (info->severity == SEV_CORRUPTION && t->scan->problems.count[k])
            buf_printf(&text, "%s%s %s", text.len ? ", " : "",
                       text_group(n, t->scan->problems.count[k]), info->id);
    }
    if (!text.len) {
        buf_free(&text);
        return true;
    }
    buf_puts(&text, opt->accept_loss ? "." : ". A longer or older copy of the file may have "
             "what is missing; --accept-loss gives it up where that helps.");
    return left(plan, &text, err);
}

/* The first cause of loss that is still there, and what can be done about it outside of a
 * plan. */
static bool tell_what_is_lost(struct plan *plan, const struct trial *t,
                              const struct planner_options *opt, struct error *err)
{
    const struct insight_options look = {
        .chain = opt->chain, .cancel = t->opt.progress ? &t->opt.progress->cancel : NULL,
    };
    const struct cause *lost = NULL;
    struct buf text = BUF_INIT;
    struct insight *x;
    bool ok = true;

    if (!insight_find(t->scan, &look, &x, err))
        return false;
    for (size_t i = 0; !lost && i < x->n; i++)
        if (x->list[i].weight == CAUSE_LOSES)
            lost = &x->list[i];
    if (lost) {
        buf_puts(&text, lost->text);
        for (size_t i = 0; i < lost->n_steps; i++)
            buf_printf(&text, "\nTo do: %s", lost->step[i]);
        ok = left(plan, &text, err);
    }
    insight_free(x);
    return ok;
}

static bool table_over_header(const struct image *img)
{
    for (size_t i = 0; i < img->structures.n; i++) {
        const struct structure *s = &img->structures.list[i];

        /* A refcount table is written anew. */
        if (s->kind != STRUCTURE_HEADER && s->kind != STRUCTURE_REFTABLE && s->len && s->off < img->geo.cluster_size)
            return true;
    }
    return false;
}

bool planner_repair(struct plan *plan, struct trial *t, const struct planner_options *opt,
                    struct error *err)
{
    struct planner_options how = *opt;
    const char *doubt = NULL;

    if (!planner_header_broken(plan, t, opt, err))
        return false;
    if (t->scan->refused.id && !t->scan->refused.at_check)
        return err_set(err, ERR_FORMAT, "the header comes first: QEMU does not open the image, "
                       "and nothing in it proves another value: %s", t->scan->refused.text);
    if (t->img->guesses.n && guesses_taken(&t->img->guesses))
        return err_set(err, ERR_FORMAT, "the header comes first: values of it were guessed, and "
                       "a repair would rest on them");
    if (!planner_run_fn(plan, t, "header", planner_header_lengths, opt, err)
        || !planner_run_fn(plan, t, "repair", planner_snapshot_table, opt, err))
        return false;
    if (table_over_header(t->img))
        return err_set(err, ERR_FORMAT, "the header comes first: it says that a table lies "
                       "where it lies itself (plan set changes it by hand)");
    if (opt->accept_loss && opt->entries == ENTRIES_PROVE)
        how.entries = ENTRIES_ZERO;
    if (problems_serious(&t->scan->problems))
        doubt = planner_counts_doubtful(t);
    return planner_run_fn(plan, t, "entries", planner_astray, &how, err)
        && planner_run_fn(plan, t, "entries", planner_entries, &how, err)
        && planner_run_fn(plan, t, "reused", planner_reused, &how, err)
        /* Tables that were guest data as well are nothing but tables now. */
        && planner_run_fn(plan, t, "entries", planner_entries, &how, err)
        /* What looked leaked may have an owner now. */
        && planner_run_fn(plan, t, "header", planner_header_lengths, &how, err)
        && planner_run_fn(plan, t, "refcounts", planner_refcounts, &how, err)
        && free_leaks(plan, t, &how, doubt, err)
        && planner_run_fn(plan, t, "copied", planner_copied_by_count, &how, err)
        && settle_bits(plan, t, err)
        && tell_what_is_left(plan, t, &how, err)
        && tell_what_is_lost(plan, t, &how, err);
}
