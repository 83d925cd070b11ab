/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* An export from inside: what its windows and its map share. */
#ifndef QCHECK_DISK_EXPORTER_H
#define QCHECK_DISK_EXPORTER_H

#include <pthread.h>

#include "disk/export.h"
#include "disk/writer.h"

/* A range to be read and written. */
struct piece_task {
    uint64_t off, len;                  /* guest bytes */
    unsigned depth;                     /* where it lies: what tasks are sorted by */
    uint64_t host_off, host_end;
    bool done;
};

struct exporter {
    struct disk *d;
    const struct export_options *opt;
    struct export_progress *progress;
    struct export_result *result;
    struct writer *writer;
    uint64_t size;

    struct piece_task *task;                  /* of the current window */
    size_t n_tasks;
    uint64_t window_start, window_end;
    _Atomic size_t next_task;

    pthread_mutex_t lock;               /* for what follows */
    struct disk_spans lost;             /* in any order, may overlap */
    uint64_t told_end;                  /* up to here all that is lost is in the list */
    bool failed, stopped;
    struct error err;
};

/* Puts what is lost in order, each byte once. No thread runs. */
bool export_lost(struct exporter *x, struct disk_spans *out, struct error *err);

/* Writes the map file, if there is one. No thread runs. */
bool export_save_map(struct exporter *x, bool complete, struct error *err);

#endif
