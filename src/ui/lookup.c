/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/lookup.h"

#include <time.h>

static bool same(const struct lookup_wish *a, const struct lookup_wish *b)
{
    return a->what.scan == b->what.scan && a->what.first == b->what.first
           && a->what.n == b->what.n;
}

#define NAP_MS 5

static bool walk(void *arg, struct task_run *run, struct error *err)
{
    struct lookup *l = arg;
    const struct lookup_wish *w = &l->walk;
    const struct timespec nap = { 0, NAP_MS * 1000000 };

    for (unsigned ms = 0; ms < w->rest_ms && !run->cancel; ms += NAP_MS)
        nanosleep(&nap, NULL);
    return referrers_find(&w->what, &run->cancel, &l->tables_done, &l->result, err);
}

/* Waits for the walk and takes its outcome where that is still wanted. */
static void take(struct lookup *l)
{
    bool ok = task_finish(l->task, &l->err);

    l->task = NULL;
    if (l->state == LOOKUP_RUNNING && same(&l->walk, &l->wish)) {
        if (ok) {
            referrers_free(&l->found);
            l->found = l->result;
            l->result = (struct referrers){ NULL, 0, 0 };
            l->state = LOOKUP_DONE;
        } else if (l->err.code != ERR_CANCELLED) {      /* else it was wished anew */
            l->state = LOOKUP_FAILED;
        }
    }
    if (ok)
        referrers_free(&l->result);
}

void lookup_poll(struct lookup *l)
{
    if (l->task && task_ended(l->task))
        take(l);
    if (l->task || l->state != LOOKUP_RUNNING)
        return;
    l->walk = l->wish;
    l->tables_done = 0;
    if (!task_start(walk, l, &l->task, &l->err))
        l->state = LOOKUP_FAILED;
}

void lookup_want(struct lookup *l, const struct lookup_wish *wish, bool wait)
{
    if (l->state == LOOKUP_IDLE || !same(wish, &l->wish)) {
        l->wish = *wish;
        l->state = LOOKUP_RUNNING;
        if (l->task)
            task_cancel(l->task);
    }
    lookup_poll(l);
    while (wait && l->task) {
        take(l);
        lookup_poll(l);
    }
}

void lookup_stop(struct lookup *l)
{
    if (l->task)
        task_cancel(l->task);
    if (l->state == LOOKUP_RUNNING)
        l->state = LOOKUP_STOPPED;
}

void lookup_forget(struct lookup *l)
{
    lookup_stop(l);
    l->state = LOOKUP_IDLE;
}

int lookup_fd(const struct lookup *l)
{
    return l->task ? task_fd(l->task) : -1;
}

void lookup_free(struct lookup *l)
{
    lookup_stop(l);
    if (l->task)
        take(l);
    referrers_free(&l->found);
}

uint64_t lookup_cost(const struct ui *ui)
{
    const struct geometry *geo = &ui->img->geo;
    uint64_t tables = ui->scan && !ui->scan->partial ? ui->scan->stats.l2_tables : geo->l1_entries;
    uint64_t bytes;

    return u64_mul(tables, geo->cluster_size, &bytes) ? bytes : UINT64_MAX;
}
