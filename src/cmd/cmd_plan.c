/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck plan: what could be done to an image, and what would come of it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"
#include "cmd/cmd_common.h"
#include "cmd/watch.h"
#include "plan/owners.h"
#include "plan/planner.h"
#include "plan/rescue/shape.h"
#include "plan/rescue/unplaced.h"
#include "report/plan_report.h"

/* The words of the command line that are no image: goals, each with the NAME=VALUE that follow
 * it. */
static int goal_words(const struct settings *s)
{
    return s->sample ? s->n_operands : s->n_operands - 1;
}

/* Finds a goal and its arguments; false when it was not asked for. */
static bool asked_for(const struct settings *s, const char *goal, struct planner_options *opt)
{
    int i = 0, last = goal_words(s);

    while (i < last && strcmp(s->operand[i], goal) != 0)
        i++;
    if (i == last)
        return false;
    opt->args = (const char *const *)&s->operand[++i];
    for (opt->n_args = 0; i < last && strchr(s->operand[i], '='); i++)
        opt->n_args++;
    return true;
}

#define FILES_MAX 8                 /* that arguments may copy from */

struct donors { struct planner_file list[FILES_MAX]; size_t n; };

static void close_files(struct donors *f)
{
    for (size_t i = 0; i < f->n; i++)
        source_close(f->list[i].src);
}

/* Opens what arguments of "set" copy from: later the sandbox is closed. */
static bool open_files(const struct settings *s, struct donors *f)
{
    struct error err;

    *f = (struct donors){ .n = 0 };
    for (int i = 0; i < goal_words(s); i++) {
        const char *name = planner_set_file(s->operand[i]);

        if (!name)
            continue;
        if (f->n == FILES_MAX) {
            err_set(&err, ERR_LIMIT, "too many files to copy from");
        } else if (source_open_file(name, &f->list[f->n].src, &err)) {
            f->list[f->n++].name = name;
            continue;
        }
        message_error(name, &err);
        close_files(f);
        return false;
    }
    return true;
}

/* All of it, as work to be watched. */
struct plan_making {
    const struct settings *s;
    const struct donors *files;
    const struct chain *chain;
    struct unplaced *unplaced;
    struct source *src;
    struct beside beside;
    struct plan *plan;
    struct trial *t;
    struct scan_progress progress;
    const char *_Atomic part;           /* what goes on: a goal */
};

/* A rescue works on what is no image any more; everything else on one. */
static bool open_trial(struct plan_making *m, struct error *err)
{
    const struct settings *s = m->s;
    struct planner_options opt;
    const bool rescue = asked_for(s, "rescue", &opt);
    const struct trial_options how = {
        .image = s->image, .progress = &m->progress, .keep_partial = rescue,
        .scan = { .threads = s->threads, .memory_limit = s->memory_limit },
        .look_beside = beside_look, .beside_ctx = &m->beside,
    };

    m->part = "looking";
    if (rescue)
        return rescue_open(m->src, &how, m->plan, &m->t, err);
    return trial_open(m->src, &how, NULL, &m->t, err);
}

/* Goals are taken in the order of their table, in which each finds what it rests on. */
static bool make_plan(struct plan_making *m, struct error *err)
{
    const struct settings *s = m->s;
    struct planner_options opt = {
        .accept_loss = s->accept_loss,
        .entries = s->entries_zero ? ENTRIES_ZERO : s->entries_leave ? ENTRIES_LEAVE
            : ENTRIES_PROVE,
        .file = m->files->list, .n_files = m->files->n,
        .deep = s->deep, .chain = m->chain, .unplaced = m->unplaced,
    };

    if (!open_trial(m, err))
        return false;
    for (size_t i = 0; plan_goal_at(i); i++) {
        if (!asked_for(s, plan_goal_at(i)->name, &opt))
            continue;
        m->part = plan_goal_at(i)->name;
        if (!planner_run(m->plan, m->t, plan_goal_at(i)->name, &opt, err))
            return false;
    }
    planner_note_outcome(m->plan, m->t);
    m->part = "sums of what is replaced";
    return plan_fingerprint(m->plan, m->src, &m->progress, err);
}

static bool make(void *arg, struct task_run *run, struct error *err)
{
    struct plan_making *m = arg;

    (void)run;
    return make_plan(m, err);
}

/* A signal ends a rescue early, and what it has found by then is planned; any other plan is
 * given up. */
static bool make_watched(struct plan_making *m, struct error *err)
{
    struct watch w = { .phase = "planning", .part = &m->part, .done = &m->progress.overall,
                       .total = 1000, .cancel = &m->progress.cancel };

    return watch_run(m->s, &w, make, m, err);
}

static bool save_plan(const struct plan *plan, struct sink *sink, struct error *err)
{
    struct buf text = BUF_INIT;
    bool ok = plan_write(plan, &text, err)
        && sink_replace(sink, text.data, text.len, err) && sink_sync(sink, err);

    buf_free(&text);
    return ok;
}

/* What lies below the image, for a rescue. An image that cannot be opened does not say that. */
static void open_below(const struct settings *s, const char *name, struct image **img,
                       struct chain *chain)
{
    struct planner_options opt;
    struct error err;

    if (!s->backing || !asked_for(s, "rescue", &opt))
        return;
    if (!open_image_only(s, name, img, &err) || !chain_open(name, *img, true, chain, &err))
        message_error(name, &err);
    for (size_t i = 0; i < chain->n; i++)
        if (chain->layer[i].fault)
            message(chain->layer[i].fault, chain->layer[i].name);
}

/* Opens the file of --unplaced, if it is given: later the sandbox is closed. */
static bool open_unplaced(const struct settings *s, const char *image, struct sink **out)
{
    struct error err;

    *out = NULL;
    if (!s->unplaced_file)
        return true;
    if (out_file_open(s, OUT_DOCUMENT, s->unplaced_file, image, out, &err))
        return true;
    message_error(s->unplaced_file, &err);
    return false;
}

struct planning {
    const struct settings *s;
    const char *name;
    struct volumes_helper *helper;      /* NULL: nobody is to be named */
    struct out *out;
};

static int make_and_tell(void *ctx, struct sink *sink)
{
    const struct planning *p = ctx;
    struct source *src = NULL;
    struct plan plan = { 0 };
    struct donors files;
    struct image *named = NULL;
    struct chain chain = CHAIN_INIT;
    struct unplaced left = { NULL, 0 };
    struct sink *left_file;
    struct plan_making m = { .s = p->s, .files = &files, .plan = &plan, .chain = &chain,
                             .beside = BESIDE_NONE };
    struct error err;
    int status = STATUS_FAILED;

    if (!open_files(p->s, &files))
        return STATUS_FAILED;
    if (!open_unplaced(p->s, p->name, &left_file)) {
        close_files(&files);
        return STATUS_FAILED;
    }
    m.unplaced = left_file ? &left : NULL;
    open_below(p->s, p->name, &named, &chain);
    if (!open_source_writing(p->s, p->name, &src, &m.beside, &err)) {
        message_error(p->name, &err);
        goto out;
    }
    m.src = src;
    if (!make_watched(&m, &err)
        || (p->helper && !plan_find_owners(&(struct owners_how){ .helper = p->helper },
                                            &p->s->image, src, &plan, &err))) {
        message_error(p->name, &err);
        goto out;
    }
    plan.image = strdup(p->name);
    if (sink && !save_plan(&plan, sink, &err)) {
        message_error(p->s->out_file, &err);
        goto out;
    }
    if (left_file && !unplaced_write(&left, m.t->img, left_file, &err)) {
        message_error(p->s->unplaced_file, &err);
        goto out;
    }
    plan_report(&plan, source_size(src), m.t, p->s->out_file, p->out);
    status = STATUS_CLEAN;
out:
    plan_free(&plan);
    trial_close(m.t);
    beside_end(&m.beside);
    source_close(src);
    chain_close(&chain);
    image_close(named);
    unplaced_free(&left);
    sink_close(left_file);
    close_files(&files);
    return status;
}

int cmd_plan(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    struct buf name = BUF_INIT;
    struct planner_options opt;
    struct planning planning;
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (goal_words(&s) < 1)
        return usage_error(cmd, "which goal, and which image?");
    for (int i = 0; i < goal_words(&s); i++)
        if (!plan_goal_named(s.operand[i]) && (i == 0 || !strchr(s.operand[i], '=')))
            return usage_error(cmd, "there is no such goal");
    if (s.plan_file)
        return usage_error(cmd, "a plan is made for an image as it is, not for one under "
                                "--plan");
    if (!image_named(&s, s.n_operands - 1, &name, &status))
        return status;
    planning = (struct planning){ .s = &s, .name = buf_str(&name), .out = &out };
    /* Without it losses have ranges, and no names. */
    if (s.accept_loss || s.entries_zero || asked_for(&s, "set", &opt))
        (void)volumes_helper_start(&planning.helper, NULL);
    status = finish(&out, with_out_file(&s, OUT_DOCUMENT, make_and_tell, &planning,
                                        planning.name, &out));
    volumes_helper_end(planning.helper);
    buf_free(&name);
    return status;
}
