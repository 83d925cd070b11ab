/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What to do: numbered steps, each told once, with the commands. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insight/verdict_work.h"

static void step(struct work *w, struct verdict *v, const char *text)
{
    char **list;

    for (size_t i = 0; i < v->n_steps; i++)
        if (!strcmp(v->step[i], text))
            return;
    list = realloc(v->step, (v->n_steps + 1) * sizeof *list);
    if (!list) {
        w->failed = true;
        return;
    }
    v->step = list;
    list[v->n_steps] = strdup(text);
    w->failed |= !list[v->n_steps];
    v->n_steps += list[v->n_steps] != NULL;
}

static void stepf(struct work *w, struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void stepf(struct work *w, struct verdict *v, const char *fmt, ...)
{
    char line[1200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    step(w, v, line);
}

static void copy_first(struct work *w, struct verdict *v)
{
    struct source_info info = source_get_info(w->img->src);

    step(w, v, "Shut down every machine that uses the image; let nothing write to it");
    if (info.kind == SOURCE_NBD)
        stepf(w, v, "Copy it before anything else: nbdcopy %s %s", buf_str(&w->name),
              buf_str(&w->copy));
    else
        stepf(w, v, "Copy it before anything else: cp --reflink=auto --sparse=always %s %s",
              buf_str(&w->name), buf_str(&w->copy));
}

/* May refcounts be counted anew by qemu-img, on a copy? */
static bool repairable(const struct work *w, const struct verdict *v)
{
    return !v->incomplete && !w->scan->refused.id && v->data_lost == ANSWER_NO &&
           !has(w, CAUSE_OF_IN_USE) && !has(w, CAUSE_OF_FEATURE) &&
           !has(w, CAUSE_OF_UNFLUSHED) && !w->img->guesses.n;
}

static void repair(struct work *w, struct verdict *v, bool bad)
{
    if (!repairable(w, v))
        return;
    if (has(w, CAUSE_OF_SNAPSHOTS_AND_BITMAP)) {
        stepf(w, v, "Do not let qemu-img repair it: that would delete the snapshots. Read out "
              "the disk and each snapshot instead (qemu-img convert -l SNAPSHOT -O qcow2 %s "
              "NEW.qcow2)", buf_str(&w->name));
        return;
    }
    if (bad) {
        stepf(w, v, "Count the refcounts anew, on the copy: qemu-img check -r all %s",
              buf_str(&w->copy));
        stepf(w, v, "Check the copy: qcheck check %s", buf_str(&w->copy));
    } else {
        if (w->beside)
            stepf(w, v, "Some of it would fit entries that are empty. Should the guest miss "
                  "something, see whether it has a place before you free it: qcheck plan rescue "
                  "%s", buf_str(&w->name));
        stepf(w, v, "You may leave it as it is. To get the space back while no guest runs, on a "
              "copy (cp --reflink=auto --sparse=always %s %s): qemu-img check -r leaks %s",
              buf_str(&w->name), buf_str(&w->copy), buf_str(&w->copy));
    }
}

void verdict_steps(struct work *w, struct verdict *v)
{
    bool bad = problems_of_severity(w->ps, SEV_CORRUPTION) > 0;
    bool leaks = problems_of_severity(w->ps, SEV_LEAK) > 0;
    const char *name = buf_str(&w->name);
    uint64_t least;

    if (w->scan->partial) {
        stepf(w, v, "Scan it to the end: qcheck check %s", buf_str(&w->name));
        return;
    }
    if (has(w, CAUSE_OF_IN_USE)) {
        const struct cause *c = cause_found(w, CAUSE_OF_IN_USE);

        for (size_t i = 0; i < c->n_steps; i++)
            step(w, v, c->step[i]);
    }
    if (v->may_write == ANSWER_NO && !has(w, CAUSE_OF_IN_USE))
        copy_first(w, v);
    for (size_t i = 0; i < w->out->n; i++)
        for (size_t k = 0; k < w->out->list[i].n_steps; k++)
            if (v->may_write != ANSWER_NO || strcmp(w->out->list[i].step[k], STEP_HANDS_OFF))
                step(w, v, w->out->list[i].step[k]);
    if (bad && v->may_write == ANSWER_NO)
        repair(w, v, true);
    else if (leaks && !bad)
        repair(w, v, false);
    if (verdict_cut_by_size(w, &least))
        stepf(w, v, "If the disk was larger, plan its size, at least %llu bytes: qcheck plan set "
              "size=%llu -o size.plan %s; then read the disk as it would be: qcheck export --plan "
              "size.plan %s %s.raw", (unsigned long long)least, (unsigned long long)least, name,
              name, name);
    if (verdict_not_seen(w))
        stepf(w, v, "Look at all clusters that have no owner, for tables among them: qcheck "
              "check --deep %s", buf_str(&w->name));
    if (verdict_unexplained(w, SEV_CORRUPTION) || verdict_unexplained(w, SEV_ERROR))
        stepf(w, v, "Look at the problems that no cause explains: qcheck %s, key 3",
              buf_str(&w->name));
    if (bad && v->may_write != ANSWER_NO && has(w, CAUSE_OF_REFCOUNTS_BEHIND))
        step(w, v, "Nothing needs to be done: QEMU counts the refcounts anew when a guest is "
                   "started");
}
