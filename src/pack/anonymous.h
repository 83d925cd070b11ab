/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Takes out of what goes into a pack all that could tell whose image it is, or what was on its
 * disk: names become stand-ins of the same length, extra data that the format does not
 * describe becomes zeros, and where a table was overwritten with something else, each entry
 * becomes the simplest one with the same faults. */
#ifndef QCHECK_PACK_ANONYMOUS_H
#define QCHECK_PACK_ANONYMOUS_H

#include "pack/keep.h"
#include "qcow2/field.h"

#define ANONYMOUS_PLACES 8

struct anonymous {
    uint64_t names;             /* replaced */
    uint64_t extra_bytes;       /* made zeros: extra data, unknown extensions, salts */
    uint64_t tables;            /* whose content is foreign; */
    uint64_t table_off[ANONYMOUS_PLACES];       /* ... the first of them, host bytes */
    uint64_t entries;           /* of tables, and values of fields, replaced */
};

/* Appends to `out` what is to be laid over the copies of `k`. False when memory runs out or a
 * table cannot be read. */
bool anonymous_patches(const struct scan_result *scan, const struct keep *k,
                       struct patches *out, struct anonymous *told, struct error *err);

/* The tables alone; told->names and extra_bytes stay as they are. */
bool anonymous_tables(const struct scan_result *scan, const struct keep *k,
                      struct patches *out, struct anonymous *told, struct error *err);

/* Values that only something written over the structure can be: each becomes the simplest one
 * with the same faults. */
void anonymous_fields(const struct parts *parts, struct patches *out, struct anonymous *told);

/* One such value. */
uint64_t anonymous_value(const struct field *f, uint64_t v);

#endif
