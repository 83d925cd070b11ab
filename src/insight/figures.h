/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Figures that people ask for before they act: how large it becomes, how far it can grow or
 * shrink, what deleting a snapshot frees, who can open it.
 *
 * Three steps, each dearer than the one before: figures_of_header reads nothing,
 * figures_of_scan reads the tables once more, and all data where `deep` is asked for. */
#ifndef QCHECK_INSIGHT_FIGURES_H
#define QCHECK_INSIGHT_FIGURES_H

#include <stdatomic.h>

#include "disk/chain.h"
#include "scan/scan.h"

/* Can it have been a place in the file before its end was lost? What lies much farther is
 * nonsense. */
static inline bool near_end(const struct geometry *geo, uint64_t off)
{
    return off / 64 <= geo->file_size;
}

struct snapshot_figures {
    uint64_t frees;             /* bytes of clusters that deleting it alone frees */
    uint64_t alone;             /* of them, guest data and VM state that no other layer has */
};

struct figures {
    /* Of the header. */
    const char *since;          /* first QEMU that opens it, "5.1"; NULL: none known */
    const char *since_for;      /* what needs that version */
    uint64_t guest_max;         /* bytes: largest disk it can be resized to */
    uint64_t file_max;          /* bytes: largest file its refcounts can describe */
    /* Of the scan. */
    bool scanned;
    uint64_t device_min;        /* bytes: smallest device that holds all in use */
    uint64_t missing_end;       /* bytes that the file is too short, at least */
    /* Of the tables. */
    bool walked;
    bool absent;                /* some of the disk lies in files that are not open: what is
                                   told of the guest counts that as data, and what a
                                   conversion takes is not known */
    bool whole;                 /* no table is missing: guest_end and `snap` can be told */
    uint64_t guest_end;         /* guest byte after the last one that is not zeros by the
                                   tables: the disk can shrink to this */
    uint64_t guest_data;        /* bytes of the guest that are stored, here or below */
    uint64_t from_backing;      /* of them, in a backing file */
    uint64_t from_data_file;    /* ... in the external data file */
    uint64_t device_full;       /* bytes: smallest device on which the guest can fill its disk;
                                   0: not told (snapshots, which hold old clusters) */
    bool converts;              /* the three sizes below are known */
    uint64_t qcow2_required, qcow2_full;    /* as `qemu-img measure -O qcow2` */
    uint64_t raw;               /* as `qemu-img measure -O raw` */
    /* Of all data. */
    bool read;
    uint64_t zeros;             /* bytes: clusters of the guest stored in this image (or its
                                   data file) that hold only zeros */
    uint64_t qcow2_no_zeros;    /* qcow2_required without what holds only zeros */
    /* Of the snapshots; NULL: none, or not known. */
    struct snapshot_figures *snap;          /* owned; as many as the image has */
    size_t n_snap;
};

struct figures_options {
    const struct chain *chain;  /* NULL: nobody looked at the files it names */
    bool incomplete;            /* tables are missing (struct verdict): nothing is said that
                                   makes it look safe to shrink, or to delete snapshots */
    bool deep;                  /* read all data for zeros */
    _Atomic bool *cancel;       /* may be NULL */
};

void figures_of_header(const struct image *img, struct figures *out);

/* All of them. False when memory runs out; cancelled: what is not known stays so. */
bool figures_of_scan(const struct scan_result *scan, const struct figures_options *opt,
                     struct figures *out, struct error *err);
void figures_free(struct figures *f);

/* For figures.c: the parts. */
bool figures_walk(const struct scan_result *scan, const struct figures_options *opt,
                  struct figures *f, struct error *err);
bool figures_snapshots(const struct scan_result *scan, const struct figures_options *opt,
                       struct figures *f, struct error *err);

#endif
