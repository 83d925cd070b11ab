/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "inspect/problem_index.h"
#include "support/image_builder.h"

/* Problems put together by hand, of an image that has none. */
struct made {
    struct builder *b;
    struct image *img;
    struct scan_result scan;
    struct problem_index *x;
};

static void begin(struct made *m, struct builder_options opt)
{
    *m = (struct made){ .b = builder_new(opt) };
    builder_add_snapshot(m->b, "1", "before");
    m->img = builder_open(m->b);
    m->scan.img = m->img;
    problems_init(&m->scan.problems, 1000);
}

static void put(struct made *m, enum problem_kind kind, struct place place, uint64_t count)
{
    struct problem p = { .kind = kind, .place = place, .count = count,
                         .host_off = NO_ADDRESS, .guest_off = NO_ADDRESS };

    problems_add(&m->scan.problems, &p);
}

static void index_all(struct made *m)
{
    assert_true(problem_index_new(&m->scan, &m->x, NULL));
}

static void end(struct made *m)
{
    problem_index_free(m->x);
    problems_free(&m->scan.problems);
    image_close(m->img);
    builder_free(m->b);
}

static size_t at_byte(const struct made *m, uint64_t off)
{
    struct problem_hits hits = { .n = 0 };

    problem_index_bytes(m->x, off, 1, &hits);
    return hits.n;
}

static size_t at_cluster(const struct made *m, uint64_t cluster)
{
    struct problem_hits hits = { .n = 0 };

    problem_index_clusters(m->x, cluster, 1, &hits);
    return hits.n;
}

/* A run of `count` entries of this place covers exactly `bytes` bytes from `off` on. */
static void expect_bytes(struct builder_options opt, struct place place, uint64_t count,
                         uint64_t bytes)
{
    struct made m;

    begin(&m, opt);
    place.file_off = 0x8000;
    place.guest_off = NO_ADDRESS;
    put(&m, PROBLEM_L2_RESERVED, place, count);
    index_all(&m);
    for (uint64_t off = 0x8000 - 20; off < 0x8000 + bytes + 20; off++)
        if ((at_byte(&m, off) > 0) != (off >= 0x8000 && off < 0x8000 + bytes))
            fail_msg("place kind %d, %llu entries: wrong at byte %lld", (int)place.kind,
                     (unsigned long long)count, (long long)(off - 0x8000));
    end(&m);
}

static void a_run_covers_as_many_bytes_as_its_entries_have(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    expect_bytes(opt, (struct place){ .kind = PLACE_L1 }, 3, 24);
    expect_bytes(opt, (struct place){ .kind = PLACE_L2 }, 3, 24);
    expect_bytes(opt, (struct place){ .kind = PLACE_REFTABLE }, 2, 16);
    expect_bytes(opt, (struct place){ .kind = PLACE_BITMAP_TABLE }, 2, 16);
    expect_bytes(opt, (struct place){ .kind = PLACE_HEADER }, 1, 1);
    expect_bytes(opt, (struct place){ .kind = PLACE_FILE_OFFSET }, 1, 1);
    opt.cluster_bits = 16;
    opt.extended_l2 = true;
    expect_bytes(opt, (struct place){ .kind = PLACE_L2 }, 3, 48);
}

static void entries_of_refcount_blocks_are_as_wide_as_refcounts(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    expect_bytes(opt, (struct place){ .kind = PLACE_REFBLOCK, .j = 4 }, 3, 6);
    opt.refcount_order = 6;
    expect_bytes(opt, (struct place){ .kind = PLACE_REFBLOCK, .j = 4 }, 3, 24);
    opt.refcount_order = 0;         /* bits 6, 7 and 8: two bytes */
    expect_bytes(opt, (struct place){ .kind = PLACE_REFBLOCK, .j = 6 }, 3, 2);
    expect_bytes(opt, (struct place){ .kind = PLACE_REFBLOCK, .j = 6 }, 2, 1);
}

static void a_run_ends_with_its_table(void **state)
{
    (void)state;
    expect_bytes(BUILDER_DEFAULTS, (struct place){ .kind = PLACE_L2, .j = 510 }, 100, 16);
    expect_bytes(BUILDER_DEFAULTS, (struct place){ .kind = PLACE_REFBLOCK, .j = 2040 },
                 UINT64_MAX, 16);
}

static void the_whole_entry_of_a_snapshot_is_covered(void **state)
{
    struct place place = { .kind = PLACE_SNAPSHOT, .guest_off = NO_ADDRESS };
    struct made m;

    (void)state;
    begin(&m, BUILDER_DEFAULTS);
    place.file_off = m.img->snaps.list[0].entry_off;
    put(&m, PROBLEM_SNAPSHOT_L1_SMALL, place, 1);
    index_all(&m);
    assert_true(at_byte(&m, place.file_off + m.img->snaps.list[0].entry_len - 1));
    assert_false(at_byte(&m, place.file_off + m.img->snaps.list[0].entry_len));
    end(&m);
}

static void all_bytes_that_cannot_be_read_are_covered(void **state)
{
    struct problem p = { .kind = PROBLEM_UNREADABLE, .count = 1, .found = 512,
                         .host_off = 0x4200, .guest_off = NO_ADDRESS,
                         .place = { .kind = PLACE_REFBLOCK, .file_off = 0x4000 } };
    struct made m;

    (void)state;
    begin(&m, BUILDER_DEFAULTS);
    problems_add(&m.scan.problems, &p);
    index_all(&m);
    assert_false(at_byte(&m, 0x41ff));
    assert_true(at_byte(&m, 0x4200));
    assert_true(at_byte(&m, 0x43ff));
    assert_false(at_byte(&m, 0x4400));
    end(&m);
}

static void the_gravest_of_several_is_told(void **state)
{
    static const enum problem_kind rising[] = {
        PROBLEM_VM_STATE, PROBLEM_CORRUPT_BIT, PROBLEM_REFCOUNT_UNREADABLE,
        PROBLEM_LEAKED, PROBLEM_REFCOUNT_ZERO,
    };
    struct place place = { .kind = PLACE_CLUSTER, .i = 5 };
    size_t n = sizeof rising / sizeof rising[0];

    (void)state;
    for (size_t first = 0; first < n; first++) {        /* whatever comes first */
        struct problem_hits hits = { .n = 0 };
        struct made m;

        begin(&m, BUILDER_DEFAULTS);
        for (size_t i = 0; i < n; i++)
            put(&m, rising[(first + i) % n], place, 1);
        index_all(&m);
        problem_index_clusters(m.x, 5, 1, &hits);
        assert_int_equal(hits.n, n);
        assert_int_equal(m.scan.problems.list[hits.gravest].kind, PROBLEM_REFCOUNT_ZERO);
        assert_int_equal(hits.n_kinds, n);
        for (size_t i = 1; i < n; i++)
            assert_true(hits.kind[i - 1] < hits.kind[i]);
        end(&m);
    }
}

static void of_equally_grave_ones_the_first_is_told(void **state)
{
    struct problem_hits hits = { .n = 0 };
    struct made m;

    (void)state;
    begin(&m, BUILDER_DEFAULTS);
    put(&m, PROBLEM_REFCOUNT_LOW, (struct place){ .kind = PLACE_CLUSTER, .i = 7 }, 1);
    put(&m, PROBLEM_OVERLAP, (struct place){ .kind = PLACE_CLUSTER, .i = 5 }, 4);
    index_all(&m);
    problem_index_clusters(m.x, 7, 1, &hits);
    assert_int_equal(hits.n, 2);
    assert_int_equal(hits.gravest, 0);
    end(&m);
}

static void a_kind_is_told_once(void **state)
{
    struct problem_hits hits = { .n = 0 };
    struct made m;

    (void)state;
    begin(&m, BUILDER_DEFAULTS);
    for (uint64_t i = 0; i < 40; i += 2)
        put(&m, PROBLEM_LEAKED, (struct place){ .kind = PLACE_CLUSTER, .i = i }, 1);
    index_all(&m);
    problem_index_clusters(m.x, 0, 40, &hits);
    assert_int_equal(hits.n, 20);
    assert_int_equal(hits.n_kinds, 1);
    end(&m);
}

/* Runs of all lengths across each other, compared with a walk over the list. */
static void what_is_found_is_what_a_walk_over_all_finds(void **state)
{
    struct made m;
    uint32_t seed = 1;

    (void)state;
    begin(&m, BUILDER_DEFAULTS);
    for (int k = 0; k < 200; k++) {
        seed = seed * 1103515245 + 12345;
        put(&m, k % 2 ? PROBLEM_OVERLAP : PROBLEM_DOUBLE_ALLOCATION,
            (struct place){ .kind = PLACE_CLUSTER, .i = (seed >> 8) % 3000 },
            1 + (seed >> 20) % (k % 50 ? 12 : 2000));
    }
    index_all(&m);
    for (uint64_t c = 0; c < 3100; c++) {
        const struct problems *p = &m.scan.problems;
        uint64_t next = UINT64_MAX;
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++) {
            uint64_t from = p->list[i].place.i, to = from + p->list[i].count;

            n += from <= c && c < to;
            next = from > c && from < next ? from : next;
            next = from <= c && to > c && to < next ? to : next;
        }
        assert_int_equal(at_cluster(&m, c), n);
        assert_int_equal(problem_index_next_cluster(m.x, c), next);
    }
    end(&m);
}

static void without_an_index_nothing_is_found(void **state)
{
    struct problem_hits hits = { .n = 0 };

    (void)state;
    problem_index_bytes(NULL, 0, 100, &hits);
    problem_index_clusters(NULL, 0, 100, &hits);
    assert_int_equal(hits.n, 0);
    assert_true(problem_index_next_cluster(NULL, 3) == UINT64_MAX);
    problem_index_free(NULL);
}

static void a_scan_is_marked_where_it_found_something(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct made m = { .b = b };
    struct scan_result *scan;
    struct problem_hits hits = { .n = 0 };
    uint64_t leak;

    (void)state;
    builder_map(b, 0);
    leak = builder_alloc(b, 3) >> 12;
    builder_map(b, 1);
    builder_poke(b, builder_l2_entry_off(b, 7), 8, 0xfe);
    m.img = builder_open(b);
    assert_true(scan_run(m.img, NULL, NULL, &scan, NULL));
    assert_true(problem_index_new(scan, &m.x, NULL));
    for (uint64_t c = 0; c < m.img->geo.n_clusters; c++)
        assert_int_equal(at_cluster(&m, c) > 0, c >= leak && c < leak + 3);
    problem_index_bytes(m.x, builder_l2_entry_off(b, 7), 8, &hits);
    assert_true(hits.n > 0);
    assert_int_equal(problem_info(scan->problems.list[hits.gravest].kind)->severity,
                     SEV_CORRUPTION);
    assert_int_equal(at_byte(&m, builder_l2_entry_off(b, 8)), 0);
    assert_int_equal(at_byte(&m, builder_l2_entry_off(b, 7) - 1), 0);
    problem_index_free(m.x);
    scan_free(scan);
    image_close(m.img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_covers_as_many_bytes_as_its_entries_have),
        cmocka_unit_test(entries_of_refcount_blocks_are_as_wide_as_refcounts),
        cmocka_unit_test(a_run_ends_with_its_table),
        cmocka_unit_test(the_whole_entry_of_a_snapshot_is_covered),
        cmocka_unit_test(all_bytes_that_cannot_be_read_are_covered),
        cmocka_unit_test(the_gravest_of_several_is_told),
        cmocka_unit_test(of_equally_grave_ones_the_first_is_told),
        cmocka_unit_test(a_kind_is_told_once),
        cmocka_unit_test(what_is_found_is_what_a_walk_over_all_finds),
        cmocka_unit_test(without_an_index_nothing_is_found),
        cmocka_unit_test(a_scan_is_marked_where_it_found_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
