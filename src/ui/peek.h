/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the cluster under a cursor looks like, by its bytes: read on a thread. The newest
 * wish counts. */
#ifndef QCHECK_UI_PEEK_H
#define QCHECK_UI_PEEK_H

#include "base/task.h"
#include "insight/content.h"

struct peek {
    bool wanted, known;             /* there is a wish; `found` is about it */
    const struct image *img;        /* the wish: host bytes of a cluster */
    uint64_t off;
    bool readable;                  /* known: it could be read */
    struct content found;
    /* The look that goes on; its thread owns the rest until the task has ended. */
    struct task *task;
    const struct image *looks_in;
    uint64_t looks_at;
    struct content saw;
};

/* Nothing happens when that is the wish already. Images in memory are looked at at once. */
void peek_want(struct peek *p, const struct image *img, uint64_t off);
void peek_forget(struct peek *p);
int peek_fd(const struct peek *p);          /* of the look going on; -1: none */
void peek_free(struct peek *p);             /* waits */

/* "looks like an L2 table, or a refcount block"; nothing when it is not known. */
void peek_text(const struct peek *p, struct buf *out);

#endif
