/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What differs between two images, by their metadata: two states of one, an image and the same
 * under a plan, two layers of one. Data of the guest is not read: what was overwritten in its
 * place is not seen. */
#ifndef QCHECK_INSIGHT_DIFFERENCE_H
#define QCHECK_INSIGHT_DIFFERENCE_H

#include "base/buf.h"
#include "insight/cause.h"

struct difference_side {
    const struct scan_result *scan;
    const struct insight *insight;
    uint32_t layer;             /* whose disk is compared */
    bool gone;                  /* its bytes are no longer there: what needs them is left out,
                                   tables, disks and snapshots */
};

struct field_change {
    const struct field *field;
    uint64_t a, b;
};

/* What became of clusters of the file. */
#define HOST_CHANGES(X) \
    X(USED, "used", "in use now") \
    X(FREED, "freed", "free now") \
    X(OTHER, "changed", "used for something else") \
    X(REWRITTEN, "rewritten", "tables rewritten")

enum host_change_kind {
#define X(e, id, name) HOST_##e##_NOW,
    HOST_CHANGES(X)
#undef X
    N_HOST_CHANGES
};
struct change_info { const char *id, *name; };
const struct change_info *host_change_info(enum host_change_kind k);

struct host_change {
    uint64_t first, n;          /* clusters */
    enum cluster_class a, b;    /* CLASS_BEYOND: after the end of that file */
    enum host_change_kind kind; /* REWRITTEN: metadata of one class, with other bytes */
};

#define GUEST_CHANGES(X) \
    X(STORED, "stored", "stored now") \
    X(FREED, "freed", "not stored any more") \
    X(MOVED, "moved", "stored elsewhere") \
    X(OTHER, "other", "zeros instead of nothing, or the other way round")

enum guest_change_kind {
#define X(e, id, name) GUEST_##e##_NOW,
    GUEST_CHANGES(X)
#undef X
    N_GUEST_CHANGES
};
const struct change_info *guest_change_info(enum guest_change_kind k);

struct guest_change {
    uint64_t start, len;        /* guest bytes */
    enum guest_change_kind kind;
};

/* Tables of the layer, and entries of its L1 table. */
struct table_changes { uint64_t added, gone, moved, rewritten, same; };

struct layer_change {
    size_t a, b;                /* numbers in the snapshot tables; SIZE_MAX: not there */
    bool known;                 /* the disks could be compared: */
    uint64_t bytes[N_GUEST_CHANGES];
};

/* Bitmaps of one name. */
struct bitmap_change {
    size_t a, b;                /* numbers in the directories; SIZE_MAX: not there */
    bool regrained, reflagged;  /* other granularity, other flags */
    bool known;                 /* the bits could be read: */
    uint64_t dirty_a, dirty_b;  /* bytes of the disk, in units of the granularity */
    bool matched;               /* bit for bit, as the granularities are the same: */
    uint64_t set, cleared;      /* bytes that are dirty in B only, and in A only */
};

struct problem_change { uint64_t added, gone, same; };

struct difference {
    struct field_change *field;         /* owned */
    size_t n_fields;
    bool hosts;                         /* the files can be compared: one size of clusters */
    struct host_change *host;           /* owned; at most DIFF_RANGES_MAX */
    size_t n_hosts;
    uint64_t host_clusters[N_HOST_CHANGES];
    struct table_changes l2;
    struct guest_change *guest;         /* owned; at most DIFF_RANGES_MAX */
    size_t n_guests;
    uint64_t guest_bytes[N_GUEST_CHANGES];
    bool cut;                           /* there are more ranges */
    struct layer_change *snapshot;      /* owned: those of A, then those only in B */
    size_t n_snapshots;
    struct bitmap_change *bitmap;       /* owned: the same of bitmaps */
    size_t n_bitmaps;
    struct problem_change problem[N_PROBLEMS];  /* as far as records were kept */
    bool *problem_new;                  /* owned: for each record of B: has it a place that is
                                           in none of A? */
    uint64_t causes_added, causes_gone, causes_same;
    bool *cause_new;                    /* owned: one for each cause of B, */
    bool *cause_gone;                   /* ... of A */
};

/* False when memory runs out or a table cannot be read. */
bool difference_find(const struct difference_side *a, const struct difference_side *b,
                     struct difference *out, struct error *err);
void difference_free(struct difference *d);

/* Does anything differ? */
bool difference_any(const struct difference *d);
bool bitmap_change_any(const struct bitmap_change *c);

/* In words, for people: a line for each thing that differs, and for problems and causes that are
 * the same, under headings; at most `ranges` of each list of ranges, none of them with 0. */
void difference_text(const struct difference_side *a, const struct difference_side *b,
                     const struct difference *d, size_t ranges, struct buf *out);
/* "vacant -> data", "L2 table, rewritten" */
void host_change_text(const struct host_change *c, struct buf *out);

/* For difference.c: the files; bitmaps; problems and causes; the disks of two layers (d: NULL to
 * count alone). */
bool difference_hosts(const struct difference_side *a, const struct difference_side *b,
                      struct difference *out, struct error *err);
bool difference_bitmaps(const struct image *a, const struct image *b, struct difference *out,
                        struct error *err);
bool difference_problems(const struct difference_side *a, const struct difference_side *b,
                         struct difference *out, struct error *err);
bool difference_guest(const struct image *a, uint32_t layer_a, const struct image *b,
                      uint32_t layer_b, uint64_t bytes[N_GUEST_CHANGES], struct difference *d,
                      struct error *err);

#endif
