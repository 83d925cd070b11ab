/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is found of an image that was built: for tests of causes. */
#ifndef QCHECK_TESTS_EXPECT_CAUSE_H
#define QCHECK_TESTS_EXPECT_CAUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "insight/cause.h"
#include "support/image_builder.h"

#define NOTHING N_CAUSES

static inline struct insight *look(const struct image *img, struct scan_result **scan)
{
    struct insight *x;

    assert_true(scan_run(img, NULL, NULL, scan, NULL));
    assert_true(insight_find(*scan, NULL, &x, NULL));
    return x;
}

/* The first cause must be this one (NOTHING: there is none), data lost and the right to
 * write as said. Takes the builder. */
static inline void expect(struct builder *b, enum cause_kind kind, enum verdict_answer lost,
                   enum verdict_answer write)
{
    struct image *img = builder_open(b);
    struct scan_result *scan;
    struct insight *x = look(img, &scan);
    const struct verdict *v = &x->verdict;

    if (kind == NOTHING ? x->n != 0 : !x->n || x->list[0].kind != kind)
        fail_msg("%s first, not %s; %s", x->n ? cause_info(x->list[0].kind)->id : "nothing",
                 kind == NOTHING ? "nothing" : cause_info(kind)->id, v->text);
    if (v->data_lost != lost || v->may_write != write)
        fail_msg("%s: data lost %s, may write %s: %s", kind == NOTHING ? "nothing"
                 : cause_info(kind)->id, answer_name(v->data_lost), answer_name(v->may_write),
                 v->text);
    for (size_t i = 0; i < v->n_steps; i++)
        if (lost != ANSWER_NO && strstr(v->step[i], "check -r"))
            fail_msg("a repair beside lost data: %s", v->step[i]);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

/* Three tables, 24 clusters of data in each. */
static inline struct builder *full(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    for (uint64_t t = 0; t < 2; t++)
        for (uint64_t k = 0; k < 24; k++)
            builder_map(b, t * 512 + k);
    return b;
}

static inline uint64_t table(struct builder *b, uint64_t i)
{
    return builder_peek(b, builder_l1_entry_off(b, i), 8) & ENTRY_OFFSET_MASK;
}

static inline void fill(struct builder *b, uint64_t off, size_t len, uint64_t word)
{
    for (size_t i = 0; i < len; i += 8)
        builder_poke(b, off + i, 8, word);
}

#endif
