/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What lies at a byte of the file: which structure, which entry, which field, and where
 * it points. From this come the outline in the hex view, the rest of the place line, and
 * "Enter follows". */
#ifndef QCHECK_INSPECT_SITE_H
#define QCHECK_INSPECT_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "qcow2/field.h"
#include "scan/scan.h"

struct site {
    struct place place; /* the entry or field; kind NONE: nothing with fields */
    uint64_t start, len;            /* bytes of the entry or field */
    const struct field_table *table;    /* NULL: no fields */
    const struct field *field;      /* NULL in bit tables: the whole word */
    uint64_t value;                 /* of words and fields of up to 8 bytes, else 0 */
    bool unreadable;                /* an I/O error in the entry, */
    bool coming;                    /* ... or it is on its way (source_nowait.h) */
};

/* Finds out; reads one entry at most. `scan` may be NULL: then L2 tables are not known
 * unless `hint` (may be NULL) stands in the same one. */
void site_at(const struct image *img, const struct scan_result *scan,
             const struct place *hint, uint64_t off, struct site *out);

/* The bytes a place itself occupies: PLACE_L1 its entry, PLACE_CLUSTER a cluster. 0:
 * none. */
uint64_t site_place_len(const struct image *img, const struct place *p);

/* Where the field points. False: nowhere, `why` says so in a few words. */
bool site_target(const struct image *img, const struct site *site, struct place *out,
                 const char **why);

/* Place, name and value on one line: "L2[3][77] · copied, host_offset 0x2c0000". */
void site_text(const struct image *img, const struct site *site, struct buf *out);

/* A word by its bit table: "host_offset 0x2c0000, copied, reserved 0x2"; parts that are
 * zero are left out. */
void site_bits(const struct field_table *t, uint64_t word, struct buf *out);

#endif
