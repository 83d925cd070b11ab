/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "plan/refcounts.h"
#include "support/image_builder.h"

static uint32_t seed;

static uint32_t next(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static struct builder *some_image(uint32_t order, uint32_t bits)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.refcount_order = order;
    opt.cluster_bits = bits;
    b = builder_new(opt);
    for (uint64_t i = 0; i < 300; i += 1 + next(3))
        builder_map(b, i);
    for (uint64_t i = 310; i < 330 && order > 2; i++)
        builder_map_compressed(b, i);
    if (order > 0)
        builder_add_snapshot(b, "1", "one");
    for (uint64_t i = 0; i < 60; i += 2)
        builder_map(b, i);
    builder_add_bitmap(b, "map", 16, 0);
    return b;
}

static void damage_refcounts(struct builder *b)
{
    uint64_t n = b->len >> b->opt.cluster_bits;
    uint32_t i;

    for (i = 0; i < 1 + next(30); i++)
        builder_set_refcount(b, next((uint32_t)n), next(3) & b->geo.refcount_max);
    switch (next(8)) {
    case 0:             /* a block is lost */
        builder_poke(b, b->reftable_off, 8, 0);
        break;
    case 1:             /* ... is not aligned */
        builder_poke(b, b->reftable_off, 8, builder_peek(b, b->reftable_off, 8) + 512);
        break;
    case 2:             /* ... is another structure */
        builder_poke(b, b->reftable_off, 8, b->l1_off);
        break;
    case 3:             /* ... lies past the end */
        builder_poke(b, b->reftable_off, 8, (b->len + 0x100000) & ~UINT64_C(0xfffff));
        break;
    case 4:             /* the table is lost */
        builder_poke_field(b, "header", 0, "refcount_table_offset",
                           (b->len + 0x100000) & ~UINT64_C(0xfffff));
        break;
    case 5:             /* the table lies over the L1 table */
        builder_poke_field(b, "header", 0, "refcount_table_offset", b->l1_off);
        break;
    default:
        break;
    }
}

static uint64_t refcount_problems(const struct scan_result *scan)
{
    static const enum problem_kind kinds[] = {
        PROBLEM_REFCOUNT_ZERO, PROBLEM_REFCOUNT_LOW, PROBLEM_REFCOUNT_HIGH, PROBLEM_LEAKED,
        PROBLEM_REFCOUNT_UNREADABLE, PROBLEM_REFTABLE_PAST_END, PROBLEM_REFBLOCK_PAST_END,
        PROBLEM_REFTABLE_RESERVED, PROBLEM_REFBLOCK_MISALIGNED, PROBLEM_REFBLOCK_SHARED,
    };
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        n += scan->problems.count[kinds[i]];
    return n;
}

static void check_mended(struct builder *b, struct source *src)
{
    const struct trial_options opt = { .scan.threads = 1 };
    struct refcounts_outcome outcome;
    struct patches step = { 0 };
    struct trial *t, *again;
    struct error err;

    (void)b;
    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    if (!refcounts_plan(t, REFCOUNTS_RAISE | REFCOUNTS_LOWER, &step, &outcome, &err))
        fail_msg("%s", err.text);
    assert_int_equal(refcount_problems(t->scan), 0);
    assert_int_equal(t->scan->qemu.leaks, 0);
    /* The step alone, laid over the image as it is, gives the same. */
    assert_true(trial_open(src, &opt, &step, &again, NULL));
    assert_int_equal(refcount_problems(again->scan), 0);
    assert_int_equal(again->scan->qemu.corruptions, t->scan->qemu.corruptions);
    trial_close(again);
    trial_close(t);
    patches_free(&step);
}

static void damaged_refcounts_of_every_width_are_mended(void **state)
{
    (void)state;
    for (uint32_t order = 0; order <= 6; order++)
        for (seed = 1; seed < 40; seed++) {
            uint32_t was = seed;
            struct builder *b = some_image(order, 9 + was % 5);
            struct source *src;

            damage_refcounts(b);
            src = builder_source(b);
            check_mended(b, src);
            source_close(src);
            builder_free(b);
            seed = was;
        }
}

static void a_sound_image_gets_no_patch(void **state)
{
    struct builder *b = some_image(4, 12);
    struct source *src = builder_source(b);
    const struct trial_options opt = { .scan.threads = 1 };
    struct refcounts_outcome outcome;
    struct patches step = { 0 };
    struct trial *t;

    (void)state;
    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    assert_true(refcounts_plan(t, REFCOUNTS_RAISE | REFCOUNTS_LOWER, &step, &outcome, NULL));
    assert_int_equal(step.n, 0);
    assert_false(step.has_length);
    patches_free(&step);
    trial_close(t);
    source_close(src);
    builder_free(b);
}

static void raising_frees_nothing(void **state)
{
    struct builder *b = some_image(4, 12);
    struct source *src;
    const struct trial_options opt = { .scan.threads = 1 };
    struct refcounts_outcome outcome;
    struct patches step = { 0 };
    struct trial *t;
    uint64_t leaked = builder_alloc(b, 5) >> 12, stored, in_use = b->l1_off >> 12;

    (void)state;
    builder_set_refcount(b, in_use, 0);
    src = builder_source(b);
    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    assert_true(refcounts_plan(t, REFCOUNTS_RAISE, &step, &outcome, NULL));
    assert_int_equal(outcome.raised, 1);
    assert_int_equal(outcome.lowered, 0);
    assert_int_equal(t->scan->qemu.leaks, 5);
    assert_int_equal(image_stored_refcount(t->img, leaked, &stored), STORED_OK);
    assert_int_equal(stored, 1);
    assert_int_equal(image_stored_refcount(t->img, in_use, &stored), STORED_OK);
    assert_int_equal(stored, 1);
    trial_close(t);
    patches_free(&step);
    source_close(src);
    builder_free(b);
}

/* Guest clusters lead to each of `n` clusters after the end, and there is no refcount table. Returns the
 * length that the file is to have; 0: there is no room. */
static uint64_t length_with_pointers_after_the_end(uint64_t n)
{
    const struct trial_options opt = { .scan.threads = 1 };
    struct builder_options how = BUILDER_DEFAULTS;
    struct refcounts_outcome outcome;
    struct patches step = { 0 };
    struct builder *b;
    struct source *src;
    struct trial *t;
    struct error err;
    uint64_t length = 0;

    how.cluster_bits = 21;
    how.size = UINT64_C(4) << 30;
    b = builder_new(how);
    builder_map(b, 0);
    for (uint64_t i = 0, end = b->len; i < n; i++)
        builder_set_l2(b, i + 1, end + (i << 21), 0);
    builder_poke_field(b, "header", 0, "refcount_table_offset", UINT64_C(1) << 50);
    src = builder_source(b);
    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    if (refcounts_plan(t, REFCOUNTS_RAISE, &step, &outcome, &err))
        length = patches_size_after(&step, b->len);
    else
        assert_int_equal(err.code, ERR_LIMIT);
    trial_close(t);
    patches_free(&step);
    source_close(src);
    builder_free(b);
    return length;
}

static void pointers_after_the_end_do_not_make_the_file_long(void **state)
{
    uint64_t few = length_with_pointers_after_the_end(50);

    (void)state;
    assert_true(length_with_pointers_after_the_end(0) <= UINT64_C(32) << 20);
    assert_true(few > UINT64_C(100) << 20 && few <= UINT64_C(140) << 20);
    assert_int_equal(length_with_pointers_after_the_end(1500), 0);
}

static void planning_that_is_stopped_gives_up_unless_a_part_will_do(void **state)
{
    struct builder *b = some_image(4, 12);
    struct source *src = builder_source(b);
    struct scan_progress *progress = calloc(1, sizeof *progress);
    struct trial_options opt = { .scan.threads = 1, .progress = progress };
    struct trial *t;
    struct error err;

    (void)state;
    assert_non_null(progress);
    progress->overall = 1000;                       /* of a scan before */
    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    assert_true(trial_going_on(t, 1, 4, NULL));
    assert_int_equal(progress->overall, 250);
    progress->cancel = true;
    assert_false(trial_going_on(t, 2, 4, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    trial_close(t);
    assert_false(trial_open(src, &opt, NULL, &t, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    opt.keep_partial = true;
    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    assert_true(t->scan->partial);
    trial_close(t);
    free(progress);
    source_close(src);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_refcounts_of_every_width_are_mended),
        cmocka_unit_test(a_sound_image_gets_no_patch),
        cmocka_unit_test(raising_frees_nothing),
        cmocka_unit_test(pointers_after_the_end_do_not_make_the_file_long),
        cmocka_unit_test(planning_that_is_stopped_gives_up_unless_a_part_will_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
