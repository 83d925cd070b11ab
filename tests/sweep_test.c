/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "scan/l1walk.h"
#include "scan/sweep.h"
#include "support/image_builder.h"

#define LINE 200

struct drawing { uint32_t active[LINE], snapshot[LINE], first[LINE]; uint64_t reached; };

static bool draw(void *ctx, uint64_t start, uint64_t end, uint32_t n_active,
                 uint32_t n_snapshot, const struct sweep_span *first)
{
    struct drawing *d = ctx;

    assert_true(start >= d->reached && start < end && end <= LINE);
    d->reached = end;
    for (uint64_t i = start; i < end; i++) {
        d->active[i] = n_active;
        d->snapshot[i] = n_snapshot;
        d->first[i] = first->layer;
        assert_true(first->start <= i && i < first->end);
    }
    return true;
}

/* Against the simple way: one position after the other. */
static void pieces_say_what_every_position_has(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 300; seed++) {
        struct sweep_span span[12], copy[12];
        struct drawing d = { .reached = 0 };
        size_t n = seed % 12 + 1;

        srand(seed);
        for (size_t i = 0; i < n; i++) {
            uint64_t a = (uint64_t)(rand() % LINE), b = (uint64_t)(rand() % LINE);

            span[i] = (struct sweep_span){ a < b ? a : b, (a < b ? b : a) + 1,
                                     (uint32_t)(rand() % 5 ? i + 1 : 0) };
            if (span[i].end > LINE)
                span[i].end = LINE;
            copy[i] = span[i];
        }
        assert_true(sweep_spans(span, n, draw, &d));
        for (uint64_t at = 0; at < LINE; at++) {
            uint32_t active = 0, snapshot = 0, first = UINT32_MAX;

            for (size_t i = 0; i < n; i++) {
                if (at < copy[i].start || at >= copy[i].end)
                    continue;
                active += copy[i].layer == 0;
                snapshot += copy[i].layer != 0;
                if (copy[i].layer < first)
                    first = copy[i].layer;
            }
            assert_int_equal(d.active[at], active);
            assert_int_equal(d.snapshot[at], snapshot);
            if (active + snapshot)
                assert_int_equal(d.first[at], first);
        }
    }
}

static bool count_pieces(void *ctx, uint64_t start, uint64_t end, uint32_t n_active,
                         uint32_t n_snapshot, const struct sweep_span *first)
{
    (void)start;
    (void)end;
    (void)n_active;
    (void)n_snapshot;
    (void)first;
    return ++*(unsigned *)ctx < 3;
}

static void sweep_stops_when_told(void **state)
{
    struct sweep_span span[] = { { 0, 10, 1 }, { 1, 10, 2 }, { 2, 10, 3 }, { 3, 10, 4 } };
    unsigned n = 0;

    (void)state;
    assert_false(sweep_spans(span, 4, count_pieces, &n));
    assert_int_equal(n, 3);
}

static void equal_spans_are_one_piece(void **state)
{
    struct sweep_span span[1000];
    unsigned n = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        span[i] = (struct sweep_span){ 5, 50, i };
    assert_true(sweep_spans(span, 1000, count_pieces, &n));
    assert_int_equal(n, 1);
}

static void add_words(void *ctx, uint64_t n)
{
    *(uint64_t *)ctx += n;
}

static bool any_word(void *ctx, const struct l1_word *w)
{
    (void)ctx;
    return w->n_active + w->n_snapshot > 0;
}

/* Of tables that lie apart each word is done once. */
static void a_walk_over_the_l1_tables_ends_at_its_total(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t done = 0;
    struct l1_walk walk = { .ctx = &done, .word = any_word, .done = add_words };
    struct image *img;

    (void)state;
    builder_map(b, 0);
    builder_add_snapshot(b, "1", "one");
    builder_add_snapshot(b, "2", "two");
    img = builder_open(b);
    walk.img = img;
    assert_true(l1_walk_run(&walk));
    assert_int_equal(done, 3 * img->geo.l1_entries);
    assert_int_equal(l1_walk_total(img), done);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_say_what_every_position_has),
        cmocka_unit_test(sweep_stops_when_told),
        cmocka_unit_test(equal_spans_are_one_piece),
        cmocka_unit_test(a_walk_over_the_l1_tables_ends_at_its_total),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
