/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The deep look: what every cluster of the file holds by its content, and whether every
 * compressed stream decodes. Kept as one byte a cluster, of which nothing is taken for what is
 * never looked at. */
#ifndef QCHECK_INSIGHT_DEEP_H
#define QCHECK_INSIGHT_DEEP_H

#include "base/task.h"
#include "insight/content.h"
#include "scan/scan.h"

#define DEEP_CLUSTERS_MAX (UINT64_C(1) << 30)   /* of files with more, only so many are known */
#define DEEP_BAD_MAX      256                   /* streams named that do not decode */

struct deep_stream { struct place place; uint64_t host_off; };

struct deep_streams {
    _Atomic uint64_t n, bad;                    /* that were tried; that do not decode */
    struct deep_stream list[DEEP_BAD_MAX];      /* the first of those, by table and entry */
    size_t n_list;
    bool complete;                              /* all tables were gone through */
};

struct deep {
    const struct scan_result *scan;             /* borrowed */
    uint64_t clusters;                          /* of which the content is kept */
    _Atomic uint8_t *kind;                      /* owned; 0: not looked at, else kind + 1 */
    _Atomic uint64_t n[N_CONTENTS];             /* clusters */
    _Atomic bool whole;                         /* deep_run has gone through all of them */
    struct deep_streams streams;
};

/* Nothing is read yet. */
bool deep_new(const struct scan_result *scan, struct deep **out, struct error *err);
void deep_free(struct deep *d);                 /* accepts NULL; nobody looks any more */

/* Looks at n clusters, `step` apart, from `first` on; those known already cost nothing. */
bool deep_glance(struct deep *d, uint64_t first, uint64_t step, uint64_t n,
                 const struct task_run *run, struct error *err);

/* Looks at all clusters, then decodes all streams; run->done in bytes of the file. What was
 * found before it is cancelled stays. Anybody may read `kind` and `n` meanwhile. */
bool deep_run(struct deep *d, unsigned threads, struct task_run *run, struct error *err);

/* Only the streams: of all layers, on the calling thread's team. */
bool deep_decode(const struct scan_result *scan, unsigned threads, const _Atomic bool *cancel,
                 struct deep_streams *out, struct error *err);

/* What a cluster holds; N_CONTENTS: not known. */
static inline enum content_kind deep_kind(const struct deep *d, uint64_t cluster)
{
    uint8_t k = cluster < d->clusters ? atomic_load_explicit(&d->kind[cluster],
                                                             memory_order_relaxed) : 0;

    return k ? (enum content_kind)(k - 1) : N_CONTENTS;
}

#endif
