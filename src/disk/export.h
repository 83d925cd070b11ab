/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Getting the disk out: into a raw file or a fresh qcow2. Only what is stored is read and
 * written, on all cores, each window of some hundred MiB in the order of the file it lies in;
 * zeros and holes become holes. */
#ifndef QCHECK_DISK_EXPORT_H
#define QCHECK_DISK_EXPORT_H

#include <stdatomic.h>

#include "base/scribe.h"
#include "base/sink.h"
#include "disk/disk.h"
#include "disk/rangemap.h"

enum damage_action { DAMAGE_ZERO, DAMAGE_STOP, DAMAGE_MARK };

struct export_options {
    unsigned threads;               /* 0: as many as there are cores */
    bool qcow2;                     /* a qcow2; else raw */
    enum damage_action on_damage;   /* what is written where something is lost */
    uint8_t mark;                   /* ... DAMAGE_MARK: bytes of this value, except for what
                                       lies in a file that is not open, which is zeros */
    const struct scribe *map;       /* borrowed; kept up to date for a resume; NULL: none */
    const char *label;              /* of the map */
    const struct rangemap *have;    /* what a run before has done, raw only; NULL: nothing */
};

/* Shared with a running export, zeroes at first. */
struct export_progress {
    _Atomic uint64_t done, total;   /* bytes of the disk */
    _Atomic bool cancel;
};

#define EXPORT_LOST_MAX (UINT32_C(1) << 20)     /* ranges told one by one */

struct export_result {
    uint64_t size;                  /* bytes of the disk */
    uint64_t bytes[N_DISK_STATES];  /* of each state */
    struct disk_spans lost;         /* owned; what could not be had, in rising order */
    bool lost_cut;                  /* there is more, told only in `bytes`; the map says
                                       "untried" from its first byte on */
    uint64_t written;               /* bytes */
    bool complete;                  /* not stopped, by the person or by damage */
};

/* Bytes that would be written at most, without those that a run before has done; told from the
 * tables alone. Stops early at *cancel. */
uint64_t export_estimate(struct disk *d, const struct export_options *opt,
                         _Atomic bool *cancel);

/* Exports all of the disk and syncs. False when it could not be carried out; `out` is valid
 * all the same then, and what has been done is in the map. Cancelled or stopped by damage:
 * true, and not complete. */
bool export_run(struct disk *d, struct sink *sink, const struct export_options *opt,
                struct export_progress *progress, struct export_result *out,
                struct error *err);
void export_result_free(struct export_result *r);

#endif
