/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What fills steps. A planner is pure: it looks at a trial, takes its changes in it, and
 * describes them in a step. */
#ifndef QCHECK_PLAN_PLANNER_H
#define QCHECK_PLAN_PLANNER_H

#include "plan/plan.h"
#include "plan/trial.h"

enum entries_mode {
    ENTRIES_PROVE,              /* mend what is proved; leave the others */
    ENTRIES_ZERO,               /* ... give up the others */
    ENTRIES_LEAVE,              /* only what reads the same afterwards */
};

/* Another file that a step copies from. */
struct planner_file { const char *name; struct source *src; };      /* borrowed */

struct chain;
struct unplaced;

struct planner_options {
    bool accept_loss;           /* guest data may be given up where nothing else helps */
    const char *const *args;    /* NAME=VALUE words that followed the goal; borrowed */
    size_t n_args;
    enum entries_mode entries;
    const struct planner_file *file;    /* those that the arguments name; borrowed */
    size_t n_files;
    bool deep;                  /* rescue: also what has long been given up */
    const struct chain *chain;  /* rescue: what is open below the image; NULL: nothing */
    struct unplaced *unplaced;  /* rescue: what gets no place is added; NULL: it is not */
};

/* The file that an argument of "set" copies from, OFFSET=@FROM+LENGTH:FILE; NULL: none. */
const char *planner_set_file(const char *arg);

/* Fills title, why, cost, place and losses, and takes and keeps the patches. A step that
 * stays without patches had nothing to do; without a title its cost says why. */
typedef bool planner_fn(struct trial *t, const struct planner_options *opt,
                        struct plan_step *step, struct error *err);

planner_fn planner_refcounts, planner_leaks, planner_copied;
planner_fn planner_copied_by_count;     /* part of "repair": refcounts may stay too high */
planner_fn planner_astray;              /* astray.c; part of "entries" and "repair" */
planner_fn planner_entries;             /* entries.c */
planner_fn planner_reused;              /* reused.c */
planner_fn planner_snapshot_table;      /* snapshot_table.c; part of "repair" */

/* Adds the step of one planner to `plan`, unless it had nothing to do. */
bool planner_run_fn(struct plan *plan, struct trial *t, const char *goal, planner_fn *fn,
                    const struct planner_options *opt, struct error *err);

planner_fn planner_flags, planner_backing, planner_set;        /* by_hand.c */

planner_fn planner_snapshots, planner_bitmaps, planner_discard, planner_resize, planner_compact;

planner_fn planner_header_values, planner_header_proposed, planner_header_lengths;
                                        /* header_values.c */

/* Takes `round` (emptied, whatever comes of it) and adds it to the step, with a title (`title`
 * is ended as well). */
bool planner_take(struct trial *t, struct plan_step *step, struct patches *round,
                  struct buf *title, struct error *err);
/* Fills a text of a step. */
bool planner_say(char **out, const char *text, struct error *err);

/* Takes `round` (emptied, whatever comes of it), lets refcounts and COPIED flags follow, and
 * adds all of it to the step. */
bool planner_take_all(struct trial *t, struct plan_step *step, struct patches *round,
                      struct error *err);

/* Value of the argument of that name; NULL: not given. */
const char *planner_arg(const struct planner_options *opt, const char *name);

/* Plans a goal: adds one or more steps to `plan`, none where there is nothing to do. COPIED
 * flags that it makes wrong are mended in a step of their own. */
bool planner_run(struct plan *plan, struct trial *t, const char *goal,
                 const struct planner_options *opt, struct error *err);

/* Plans "header" (header_mend.c): a step for the values that were guessed or forced, and one
 * for each rule of QEMU that still keeps the image shut, where the image proves what is right;
 * ..._broken leaves out what QEMU opens as it is. */
bool planner_header(struct plan *plan, struct trial *t, const struct planner_options *opt,
                    struct error *err);
bool planner_header_broken(struct plan *plan, struct trial *t,
                           const struct planner_options *opt, struct error *err);

/* Plans "repair" (repair.c): a step for all that the findings call for, in the order in
 * which each rests on those before it. No step gives up guest data unless accept_loss says
 * so; what stays as it is, is told in plan->left. */
bool planner_repair(struct plan *plan, struct trial *t, const struct planner_options *opt,
                    struct error *err);

/* Plans "rescue" (rescue/): puts back what tables that are lost referred to. */
bool planner_rescue(struct plan *plan, struct trial *t, const struct planner_options *opt,
                    struct error *err);

/* Notes what QEMU's check says of the trial, which has all steps of the plan. */
void planner_note_outcome(struct plan *plan, const struct trial *t);

/* Why counted references cannot be trusted to be all there are, so that nothing may be called
 * free; NULL: they can. Looks at what leaked clusters hold and asks for causes (insight). The
 * text is a sentence without its stop, and static. */
const char *planner_counts_doubtful(const struct trial *t);

/* How long the name of a backing file is that may stand there in the header's cluster: text, and
 * zeros behind it. 0: it is none. (header_mend.c) */
uint64_t planner_name_length(const struct image *img, uint64_t off);

#endif
