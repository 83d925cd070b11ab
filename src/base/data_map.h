/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where data lies in a source, for callers that ask often and not in file order. The first
 * questions go to the source; a caller that keeps asking gets a list of all ranges, made once,
 * so that a million questions cost no more than walking the file's ranges. */
#ifndef QCHECK_BASE_DATA_MAP_H
#define QCHECK_BASE_DATA_MAP_H

#include "base/source.h"

struct data_map {               /* all zeros at first; one per thread */
    struct data_memo memo;
    size_t asked;               /* questions that the memo had no answer to */
    struct source_span *list;   /* owned; rising, apart; NULL: not listed */
    size_t n;
    uint64_t listed;            /* bytes of the file up to which they are; UINT64_MAX: all */
};

#define DATA_MAP_PATIENCE   4096        /* questions before all are listed */
#define DATA_MAP_MAX        (1u << 18)  /* ranges listed; behind them the source is asked */

/* The answer of source_next_data. No data up to the end: *start is UINT64_MAX. */
void data_map_next(struct data_map *m, struct source *src, uint64_t at, uint64_t *start,
                   uint64_t *stop);
void data_map_free(struct data_map *m);

#endif
