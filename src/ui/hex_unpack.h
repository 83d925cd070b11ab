/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A compressed cluster found, read and decompressed on a thread: whose a byte of compressed
 * data is may take a walk through all tables. */
#ifndef QCHECK_UI_HEX_UNPACK_H
#define QCHECK_UI_HEX_UNPACK_H

#include "base/task.h"
#include "ui/hex_other.h"
#include "ui/hexdata.h"

struct hex_unpack {
    struct task *task;          /* NULL: none goes on */
    bool dropped;               /* the person has moved on */
    bool found;                 /* `stream` is known */
    bool again;                 /* the one that is shown, on the other side of the plan */
    bool hit;                   /* a search found byte `at` of it */
    uint64_t at;                /* where the cursor is to stand */
    uint64_t file_at;           /* ... and where it returns to in the file */
    /* The thread's own until the task has ended. */
    struct stream_query what;
    struct hex_stream stream;
    struct hex_other other;
    uint8_t *plain;             /* owned; a cluster; NULL: not decoded */
    bool *mark;                 /* owned; which bytes of it the plan changes; NULL: none */
};

/* Begins with what the caller has filled in: what, at, file_at, hit, and stream if found. */
bool hex_unpack_start(struct hex_unpack *u, struct error *err);
void hex_unpack_drop(struct hex_unpack *u);     /* no outcome is wanted any more */
/* Takes the outcome of the task that has ended: u->plain, or false with found (it cannot be
 * decoded) or without (there is none, cancelled). */
bool hex_unpack_end(struct hex_unpack *u, struct error *err);
void hex_unpack_free(struct hex_unpack *u);     /* stops and waits */

#endif
