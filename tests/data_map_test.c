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

#include "base/data_map.h"
#include "base/source_backend.h"

/* A source that holds data in every other unit, and counts how often it is asked. */
#define UNIT 4096u

struct striped {
    struct source base;
    uint64_t asked;
    uint64_t units;
};

static void striped_close(struct source *src)
{
    source_free_base(src);
}

static void striped_info(struct source *src, struct source_info *out)
{
    (void)src;
    out->kind = SOURCE_FILE;
}

static bool striped_next_data(struct source *src, uint64_t from, uint64_t *start, uint64_t *end)
{
    struct striped *s = (struct striped *)src;
    uint64_t unit = from / UNIT;

    s->asked++;
    *start = unit % 2 ? from : (unit + 1) * UNIT;
    *end = (*start / UNIT + 1) * UNIT;
    return *start < s->units * UNIT;
}

static struct striped *striped(uint64_t units)
{
    static const struct source_ops ops = { .close = striped_close, .info = striped_info,
                                           .next_data = striped_next_data };
    struct striped *s = calloc(1, sizeof *s);

    assert_non_null(s);
    assert_true(source_init_base(&s->base, &ops, "striped", units * UNIT, NULL));
    s->units = units;
    return s;
}

static uint64_t shuffled(uint64_t i, uint64_t size)
{
    return i * UINT64_C(0x9e3779b97f4a7c15) % size;
}

static void expect_answer(struct data_map *m, struct striped *s, uint64_t at)
{
    uint64_t start, stop, want_start, want_stop;

    data_map_next(m, &s->base, at, &start, &stop);
    if (!striped_next_data(&s->base, at, &want_start, &want_stop))
        want_start = want_stop = UINT64_MAX;
    s->asked -= 1;
    assert_int_equal(start, want_start);
    assert_int_equal(stop, want_stop);
}

static void answers_are_those_of_the_source_and_cost_one_walk(void **state)
{
    const uint64_t units = 20001, size = units * UNIT;
    struct data_map m = { .n = 0 };
    struct striped *s = striped(units);

    (void)state;
    for (uint64_t i = 0; i < 20 * DATA_MAP_PATIENCE; i++) {
        uint64_t at = shuffled(i, size);

        expect_answer(&m, s, at);
        expect_answer(&m, s, at / UNIT * UNIT);
        expect_answer(&m, s, at / UNIT * UNIT + UNIT - 1);
    }
    expect_answer(&m, s, size - 1);
    expect_answer(&m, s, size - UNIT - 1);
    assert_int_equal(m.n, units / 2);
    assert_true(s->asked <= DATA_MAP_PATIENCE + units / 2 + 2);
    data_map_free(&m);
    source_close(&s->base);
}

static void what_is_asked_for_in_order_is_never_listed(void **state)
{
    struct data_map m = { .n = 0 };
    struct striped *s = striped(1000);

    (void)state;
    for (uint64_t at = 0; at < 1000 * UNIT; at += 64)
        expect_answer(&m, s, at);
    assert_null(m.list);
    assert_true(s->asked <= 1001);
    data_map_free(&m);
    source_close(&s->base);
}

static void behind_the_last_range_that_is_listed_the_source_is_asked(void **state)
{
    const uint64_t units = 2 * (DATA_MAP_MAX + 500);
    struct data_map m = { .n = 0 };
    struct striped *s = striped(units);

    (void)state;
    for (uint64_t i = 0; i < DATA_MAP_PATIENCE + 1; i++)
        expect_answer(&m, s, shuffled(i, units * UNIT));
    assert_int_equal(m.n, DATA_MAP_MAX);
    for (uint64_t at = 2 * (DATA_MAP_MAX - 2) * UNIT; at < units * UNIT; at += UNIT / 2)
        expect_answer(&m, s, at);
    data_map_free(&m);
    source_close(&s->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_source_and_cost_one_walk),
        cmocka_unit_test(what_is_asked_for_in_order_is_never_listed),
        cmocka_unit_test(behind_the_last_range_that_is_listed_the_source_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
