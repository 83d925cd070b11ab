/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Damage of each kind, in tests of one program: at last it is asked whether every kind of problem
 * was seen. */
#ifndef QCHECK_TESTS_SCAN_KINDS_H
#define QCHECK_TESTS_SCAN_KINDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "scan/scan.h"
#include "support/image_builder.h"

extern uint8_t kinds_seen[N_PROBLEMS];         /* by any test so far */

struct scan_result *scan_of(const struct image *img);

/* Scans the image; it must have `n` problems of `kind` (exact), and every other kind it
 * has must be in `also` (ends with N_PROBLEMS). */
void expect_many(struct builder *b, enum problem_kind kind, uint64_t n,
                 const enum problem_kind *also);

#define EXPECT(b, kind, n, ...) \
    expect_many(b, PROBLEM_##kind, n, (const enum problem_kind[]){ __VA_ARGS__ })
#define P(kind) PROBLEM_##kind
#define END N_PROBLEMS

static inline struct builder *basic(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    for (uint64_t g = 0; g < 8; g++)
        builder_map(b, g);
    return b;
}

static inline struct builder *fresh(struct builder_options opt)
{
    struct builder *b = builder_new(opt);

    builder_map(b, 0);
    return b;
}

static inline struct builder_options options(void)
{
    return BUILDER_DEFAULTS;
}

/* Tests of scan_kinds_file.c: what is wrong with the file or its header. */
void header_faults(void **state);
void a_forced_value_is_noted(void **state);
void extension_and_bitmap_faults(void **state);
void silent_damage(void **state);
void a_last_cluster_that_is_cut_short_is_told(void **state);
void a_cut_that_loses_nothing_is_no_problem(void **state);
void unreadable_tables(void **state);
void files_that_are_not_there(void **state);

#endif
