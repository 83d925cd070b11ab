/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/peek.h"

#include <stdlib.h>

#define SECOND_MIN 300          /* score from which the second guess is told */

static bool look(void *arg, struct task_run *run, struct error *err)
{
    struct peek *p = arg;
    uint8_t *scratch = malloc(p->looks_in->geo.cluster_size);
    bool ok = scratch && !(run && run->cancel) &&
              content_at_closely(p->looks_in, p->looks_at, scratch, &p->saw);

    free(scratch);
    return ok || err_set(err, ERR_IO, "cannot be read");
}

static void take(struct peek *p, bool ok)
{
    if (!p->wanted || p->looks_in != p->img || p->looks_at != p->off)
        return;
    p->known = true;
    p->readable = ok;
    p->found = p->saw;
}

/* Takes what has ended. */
static void peek_poll(struct peek *p)
{
    if (p->task && task_ended(p->task)) {
        bool ok = task_finish(p->task, NULL);

        p->task = NULL;
        take(p, ok);
    }
    if (p->task || !p->wanted || p->known)
        return;
    p->looks_in = p->img;
    p->looks_at = p->off;
    if (source_get_info(p->img->src).kind == SOURCE_MEMORY) {
        take(p, look(p, NULL, NULL));
    } else if (!task_start(look, p, &p->task, NULL)) {
        p->task = NULL;
        p->wanted = false;
    }
}

void peek_want(struct peek *p, const struct image *img, uint64_t off)
{
    if (!p->wanted || p->img != img || p->off != off) {
        p->wanted = true;
        p->known = false;
        p->img = img;
        p->off = off;
    }
    peek_poll(p);
}

void peek_forget(struct peek *p)
{
    p->wanted = p->known = false;
    peek_poll(p);                       /* an end that nobody takes would wake for ever */
}

int peek_fd(const struct peek *p)
{
    return p->task ? task_fd(p->task) : -1;
}

void peek_free(struct peek *p)
{
    task_finish(p->task, NULL);
}

void peek_text(const struct peek *p, struct buf *out)
{
    if (!p->wanted || !p->known || !p->readable || p->found.kind >= N_CONTENTS)
        return;
    buf_puts(out, "looks like ");
    content_text(&p->found, out);
    if (p->found.second < N_CONTENTS && p->found.second_score >= SECOND_MIN)
        buf_printf(out, ", or %s", content_info(p->found.second)->name);
}
