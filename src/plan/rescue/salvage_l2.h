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

/* Adds the steps that write what was placed (l2_write.c), one for each confidence. */
bool l2_write(struct l2_work *w, struct error *err);

#endif
