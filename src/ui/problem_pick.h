/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which problems of a scan are listed, and in which order. */
#ifndef QCHECK_UI_PROBLEM_PICK_H
#define QCHECK_UI_PROBLEM_PICK_H

#include "insight/cause.h"
#include "scan/scan.h"

enum problem_order { ORDER_FILE, ORDER_GUEST, ORDER_SEVERITY, N_PROBLEM_ORDERS };

struct problem_filter {
    enum severity severity;         /* N_SEVERITIES: all */
    char text[128];                 /* in id, title or the words of a record; "": any */
    bool guest;                     /* only those that concern guest [start, end) */
    uint64_t guest_start, guest_end;
};

/* What is chosen of what passes the filter: one kind, or what one cause explains. */
#define CAUSE_ANY       0               /* else a number of insight->list, from 1 ... */
#define CAUSE_NONE      SIZE_MAX        /* ... or what no cause explains */
struct problem_choice {
    enum problem_kind kind;             /* N_PROBLEMS: all */
    size_t cause;
};

/* What is listed of one problem record: itself, or one of the owners it names. And what
 * proves a cause: then `problem` is the number of its evidence. */
enum pick_part { PICK_RECORD, PICK_OWNER, PICK_OTHER, PICK_EVIDENCE };
struct pick_row { size_t problem; enum pick_part part; };

struct problem_pick {
    struct pick_row *row;           /* owned */
    size_t n;
    size_t records;                 /* rows that are records */
    /* Per kind, whatever kind the rows are of: what passes the filter. */
    size_t kept[N_PROBLEMS];        /* records */
    uint64_t count[N_PROBLEMS]; /* problems: exact as far as the filter can be, that is
                                   of a severity; with text or a guest range of the
                                   records kept */
};

/* Rows of what is chosen, evidence of the cause first. x: NULL where no cause is known.
 * Without memory there are none. */
void pick_make(struct problem_pick *p, const struct scan_result *scan,
               const struct insight *x, const struct problem_filter *filter,
               const struct problem_choice *choice, enum problem_order order);
/* The number of the cause that explains a record, or CAUSE_NONE. */
size_t pick_cause_of(const struct insight *x, size_t problem);
void pick_free(struct problem_pick *p);

/* Reads what a person typed: "guest 1G-2G", "guest 1.5G" (a point), else a text. False:
 * it only begins like a guest range. */
bool filter_parse(const char *typed, struct problem_filter *f);
bool filter_is_open(const struct problem_filter *f);        /* lets everything pass */

const char *problem_order_name(enum problem_order o);

#endif
