/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* An address explained, both ways: what is there, who owns it, what refers to it, and
 * where it leads. */
#ifndef QCHECK_REPORT_AT_H
#define QCHECK_REPORT_AT_H

#include "insight/content.h"
#include "report/hits.h"
#include "report/out.h"
#include "scan/guest.h"
#include "scan/referrers.h"
#include "scan/scan.h"

#define AT_REFERRERS_MAX 10000      /* told of one cluster; more are counted */

/* A host cluster with everything known about it. */
struct at_cluster {
    uint64_t cluster;
    bool in_file;
    struct map_cell cell;           /* when in_file */
    bool looked;                    /* it could be read: what it looks like */
    struct content content;
    bool stored_known;
    uint64_t stored;
    struct problem_hits found;
    struct referrers referrers;     /* owned */
};

struct at {
    struct place place;
    bool exists;                    /* false as well for what lies past the end of the file;
                                       what is known of it is filled in all the same */
    bool has_raw;
    uint64_t raw;                   /* of a table entry */
    bool has_entry;
    struct l2_entry entry;          /* of L2 entries and guest offsets */
    bool has_hit;
    struct guest_hit hit;           /* of guest offsets */
    bool has_here, has_target;
    struct at_cluster here;         /* the cluster that holds the place */
    struct at_cluster target;       /* the cluster that the entry leads to */
    struct problem_hits found;      /* problems of the entry itself */
};

/* Looks everything up. Free with at_free also after failure. */
bool at_look(const struct scan_result *scan, const struct problem_index *index,
             const struct place *place, struct at *out, struct error *err);
void at_free(struct at *at);

void at_text(const struct at *at, const struct image *img, struct out *out);
void at_json(const struct at *at, const struct image *img, struct jw *j);

#endif
