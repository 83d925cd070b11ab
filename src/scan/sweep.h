/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L1 tables may lie anywhere and overlap: a hostile image can announce 65,536 snapshots
 * with 32 MiB of L1 table each, all on the same bytes. The sweep cuts such a heap of spans
 * into pieces that are covered by the same ones, so that every byte is visited once,
 * however many tables claim it. */
#ifndef QCHECK_SCAN_SWEEP_H
#define QCHECK_SCAN_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sweep_span {
    uint64_t start, end;        /* [start, end), any unit */
    uint32_t layer;             /* LAYER_ACTIVE, or snapshot number + 1 */
};

/* A piece [start, end) that n_active + n_snapshot (> 0) spans cover; `first` is the one of
 * the lowest table number among them. */
typedef bool (*sweep_fn)(void *ctx, uint64_t start, uint64_t end, uint32_t n_active,
                         uint32_t n_snapshot, const struct sweep_span *first);

/* Calls fn for every piece in ascending order; ends early when it returns false. Sorts the
 * spans. False when memory runs out or fn said so. */
bool sweep_spans(struct sweep_span *span, size_t n, sweep_fn fn, void *ctx);

#endif
