/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The bytes of the guest's disk for the hex view, through all that lies between: tables,
 * compression, files of the chain that are open. They are read on a thread, a window around
 * what is shown, as each may wait for storage. */
#ifndef QCHECK_UI_HEX_GUEST_H
#define QCHECK_UI_HEX_GUEST_H

#include "base/task.h"
#include "disk/disk.h"
#include "ui/hex_other.h"
#include "ui/hex_search.h"

/* A window; while its task goes on it belongs to that. */
struct guest_window {
    struct disk *disk;
    uint32_t layer;
    struct hex_other other;
    uint64_t off;
    size_t len;
    uint8_t *bytes;                 /* owned */
    bool *mark;                     /* owned; which the plan changes; NULL: none */
    struct disk_spans spans;        /* owned */
};

struct hex_guest {
    bool on;                        /* the guest's disk is shown, not the file */
    uint32_t layer;
    uint64_t size;                  /* bytes of the disk */
    struct disk *disk;              /* owned; NULL: not open */
    struct guest_window have;       /* len 0: nothing */
    struct guest_window coming;
    struct task *task;              /* reads `coming`; NULL: none goes on */
    bool stale;                     /* ... but it is not wanted any more, nor is the disk */
};

/* Turns to the disk of a layer. False, and nothing changes, with a message. */
bool hex_guest_open(struct hex_guest *g, const struct ui *ui, uint32_t layer,
                    struct error *err);
/* What was read is out of date, or of another layer. */
void hex_guest_forget(struct hex_guest *g);
void hex_guest_free(struct hex_guest *g);

/* Fills `d` with the bytes [start, start + len), and has them read where they are not
 * there: BYTE_COMING. */
void hex_guest_show(struct hex_guest *g, const struct ui *ui, struct hexdata *d,
                    uint64_t start, size_t len);
/* Takes what the task has read, when it has ended. */
void hex_guest_take(struct hex_guest *g);

/* In words: where it is stored, or why it is not. */
void hex_guest_text(const struct hex_guest *g, const struct ui *ui, uint64_t off,
                    struct buf *out);

/* The next place of the needle after `from`, or the one before it with dir < 0; once round,
 * `from` last. Zeros that are stored nowhere are skipped. out->pos.off is a guest offset. Errors
 * as hex_search(). */
bool guest_search(struct disk *d, const struct needle *n, uint64_t from, int dir,
                  struct task_run *run, struct hex_hit *out, struct error *err);

#endif
