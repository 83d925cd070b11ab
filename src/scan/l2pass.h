/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of pass_l2: workers, and the decoding of one table. */
#ifndef QCHECK_SCAN_L2PASS_H
#define QCHECK_SCAN_L2PASS_H

#include "scan/engine.h"

/* What L2 entries refer to. */
enum item_kind { ITEM_DATA, ITEM_ZERO, ITEM_COMPRESSED, N_ITEM_KINDS };

#define STEPS_CACHED 8
#define RUNS_AHEAD   8      /* runs between asking for cells and counting (a power of two) */

/* Neighbouring entries that lead to neighbouring clusters [cl, cl+len). */
struct cell_run { uint64_t cl, len, copied; };

/* What the entries of tables that are referred to so often do to cells. */
struct table_steps {
    uint32_t n_active, n_snapshot;
    bool vm_state;
    struct step step[N_ITEM_KINDS];
};

struct l2_worker {
    struct reader reader;
    uint64_t *off;                      /* of the tables of a batch */
    struct table_steps steps_of[STEPS_CACHED];      /* the last ones, in a ring */
    unsigned n_steps_of;                /* ever made */
    struct layer_stats active;
    uint64_t frag, breaks, steps, beyond, entries, largest;
    uint64_t entered;                   /* references made */
    struct fault_totals faults;
    struct entry_classes classes;       /* of the table in work; all zeros between tables */
    struct cell_run run[RUNS_AHEAD];
    bool grown;
};

/* Decodes table k of the worker's batch, number `index` of all, and counts what it refers to;
 * marks it as a suspect where it is odd. */
void l2_decode_table(struct engine *e, struct l2_worker *w, size_t index, size_t k);

#endif
