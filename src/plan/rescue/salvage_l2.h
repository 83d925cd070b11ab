/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables that are lost, and what is put back under them. */
#ifndef QCHECK_PLAN_RESCUE_SALVAGE_L2_H
#define QCHECK_PLAN_RESCUE_SALVAGE_L2_H

#include "plan/rescue/salvage.h"

enum window_state {
    WINDOW_DAMAGED,         /* a table of which entries are lost */
    WINDOW_MISSING,         /* the L1 entry leads nowhere */
    WINDOW_EMPTY,           /* a table of zeros: lost only if there is something to put there */
    WINDOW_UNMAPPED,        /* an L1 entry of 0: likewise */
    WINDOW_SPARSE,          /* a sound table with entries of 0: likewise */
};

/* What one L1 entry stands for. */
struct l2_window {
    uint64_t l1_index, l2_off;      /* l2_off 0: there is no table */
    enum window_state state;
    bool all_lost;                  /* no entry of the table is believed */
};

struct l2_work {
    struct salvage *s;
    struct l2_window *window;       /* owned, rising */
    size_t n_windows;
    bool all_windows;               /* those count as lost that have entries of 0 */
    bool no_damage;                 /* none of them is known to be damaged: then nothing is
                                       placed by its order alone, unless others prove it */
    struct patches cleared;         /* owned: those taken, and no entries that are lost */
    struct orphans cands;
    struct print *print;            /* owned: of each candidate */
    bool *counted;                  /* owned: of each candidate */
    struct rescue_guest *g;         /* owned */
    struct orphan_reader reader;
    struct guest_reader *known;     /* owned */
};

/* Calls for each run of entries of a window that are lost. bytes: room for a cluster. False: fn
 * said so. */
typedef bool l2_lost_fn(void *ctx, const struct l2_window *win, uint64_t i, uint64_t n);
bool l2_each_lost(const struct l2_work *w, struct l2_window *win, uint8_t *bytes,
                  l2_lost_fn *fn, void *ctx);
/* The image without what tables say that are damaged: some of that may look like entries, and
 * own clusters which nobody does. *out: NULL where none is damaged. */
bool l2_open_cleared(struct l2_work *w, struct trial **out, struct error *err);

/* Adds the step that takes over what snapshots share with the disk (salvage_shared.c). */
bool l2_share(struct l2_work *w, bool *any, struct error *err);

/* Adds the steps that write what was placed (l2_write.c), one for each confidence. */
bool l2_write(struct l2_work *w, struct error *err);

#endif
