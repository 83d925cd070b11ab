/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a person can change at a place of an image: the field, entry or byte there, and what
 * may be typed for it. */
#ifndef QCHECK_PLAN_EDIT_AT_H
#define QCHECK_PLAN_EDIT_AT_H

#include "inspect/site.h"
#include "plan/plan.h"

enum edit_kind {
    EDIT_NUMBER,                    /* a field of up to 8 bytes */
    EDIT_WORD,                      /* an entry of a table: flags and an offset */
    EDIT_REFCOUNT,
    EDIT_BYTES,                     /* what has no fields */
};

struct edit_target {
    enum edit_kind kind;
    struct place place;
    const struct field_table *table;    /* NUMBER and WORD */
    const struct field *field;      /* NUMBER */
    uint64_t off;                   /* host byte where it starts */
    unsigned width;                 /* bytes */
    unsigned shift, bits;           /* REFCOUNT: of the big-endian value of those bytes */
    uint64_t value;                 /* as it is */
    uint64_t pointer;               /* bits that hold an offset in the file; 0: none */
    char name[80];                  /* "L2[3][77]", "l1_size", "byte 0x4010" */
};

/* What stands at `here`. `scan` may be NULL. False: nothing that could be changed. */
bool edit_target_at(const struct image *img, const struct scan_result *scan,
                    const struct place *here, struct edit_target *out, struct error *err);

/* The value as it is, as one would type it. */
void edit_target_value(const struct edit_target *t, struct buf *out);

/* What may be typed, in a few words: "+copied +zero or - 28c; Tab picks a cluster". */
void edit_target_hint(const struct edit_target *t, struct buf *out);

/* Fills a step with what was typed: a number (with K, M, G), flags by name to set or clear
 * (+copied -zero), a place that a pointer is to lead to (28c, cluster 28), or for bytes pairs
 * of hexadecimal digits. */
bool edit_target_set(const struct image *img, const struct edit_target *t, const char *typed,
                     struct plan_step *step, struct error *err);

/* The same: the pointer is to lead to a host cluster. */
bool edit_target_point(const struct image *img, const struct edit_target *t, uint64_t cluster,
                       struct plan_step *step, struct error *err);

#endif
