/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The map of a file of exabytes, and of one of terabytes, of which only a few clusters are in use:
 * the book of the first is a sparse one. Every answer is that of a sorted list of the clusters in
 * use. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "scan/cells.h"
#include "scan/scan.h"
#include "support/longer.h"
#include "support/pick.h"

#define BITS    9
#define USED    400                     /* guest clusters with data far out in the file */
#define SPARSE  (UINT64_C(1) << 55)     /* bytes of a file with a sparse book */
#define FLAT    (UINT64_C(1) << 39)     /* ... with a flat one, of many chunks */
#define SIZE    (f->size)

struct far {
    uint64_t size;                      /* bytes of the file */
    struct builder *b;
    struct image *img;
    struct scan_result *scan;
    uint64_t cl[USED];                  /* clusters far out that are in use, sorted */
    size_t n;
    uint64_t near;                      /* clusters of the builder: all in use */
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int far_open(void **state, uint64_t size)
{
    struct far *f = calloc(1, sizeof *f);
    struct builder_options opt = BUILDER_DEFAULTS;

    assert_non_null(f);
    f->size = size;
    opt.cluster_bits = BITS;
    f->b = builder_new(opt);
    for (uint64_t g = 0; g < USED; g++) {
        uint64_t at = SIZE / 8 + pick(SIZE / 2);

        /* alone, side by side, and at both ends of what a chunk holds */
        f->cl[g] = at >> BITS;
        if (g % 4 == 1)
            f->cl[g] = f->cl[g - 1] + 1;
        else if (g % 4 == 2)
            f->cl[g] = f->cl[g] / CHUNK_CELLS * CHUNK_CELLS;
        else if (g % 4 == 3)
            f->cl[g] = f->cl[g - 1] - 1;
        if (g == 6)
            f->cl[g] = (SIZE >> BITS) - 1;
        builder_set_l2(f->b, g, f->cl[g] << BITS, 0);
    }
    qsort(f->cl, USED, sizeof f->cl[0], by_number);
    for (size_t i = 1; i < USED; i++)
        assert_true(f->cl[i - 1] < f->cl[i]);
    f->n = USED;
    f->near = f->b->len >> BITS;
    f->img = open_longer(f->b, SIZE);
    assert_true(scan_run(f->img, NULL, NULL, &f->scan, NULL));
    assert_int_equal(map_clusters(f->scan->map), SIZE >> BITS);
    assert_int_equal(map_clusters(f->scan->map) > CELLS_FLAT_MAX, size == SPARSE);
    *state = f;
    return 0;
}

static int sparse_open(void **state) { return far_open(state, SPARSE); }
static int flat_open(void **state) { return far_open(state, FLAT); }

static int far_close(void **state)
{
    struct far *f = *state;

    scan_free(f->scan);
    image_close(f->img);
    builder_free(f->b);
    free(f);
    return 0;
}

/* How many of them are below a cluster. */
static size_t below(const struct far *f, uint64_t cl)
{
    size_t n = 0;

    while (n < f->n && f->cl[n] < cl)
        n++;
    return n;
}

static void only_clusters_in_use_have_an_owner(void **state)
{
    const struct far *f = *state;
    struct map_cell cell;

    for (size_t i = 0; i < f->n; i++)
        for (uint64_t c = f->cl[i] - 1; c <= f->cl[i] + 1; c++) {
            bool used = below(f, c) != below(f, c + 1);

            map_get(f->scan->map, c, &cell);
            assert_int_equal(cell.cls, c >= SIZE >> BITS ? CLASS_BEYOND
                             : used ? CLASS_DATA : CLASS_VACANT);
            assert_int_equal(cell.counted, used);
            assert_int_equal(cell.problem, used);       /* their refcount is 0 */
        }
}

static void the_next_one_in_use_is_found_in_both_directions(void **state)
{
    const struct far *f = *state;
    const struct map *map = f->scan->map;

    for (int k = 0; k < 2000; k++) {
        uint64_t near = f->cl[pick(f->n)] + pick(3) - 1, found = 0;
        uint64_t from = k % 2 ? near : f->near + pick((SIZE >> BITS) - f->near);
        size_t after = below(f, from + 1), before = below(f, from);

        assert_int_equal(map_find(map, from, 1, CLASS_DATA, &found), after < f->n);
        if (after < f->n)
            assert_int_equal(found, f->cl[after]);
        assert_int_equal(map_find(map, from, -1, CLASS_DATA, &found), before > 0);
        if (before)
            assert_int_equal(found, f->cl[before - 1]);
    }
}

static void the_next_vacant_one_is_found_in_both_directions(void **state)
{
    const struct far *f = *state;

    for (size_t i = 0; i < f->n; i++) {
        uint64_t found, after = f->cl[i] + 1, before = f->cl[i] - 1;

        while (below(f, after) != below(f, after + 1))
            after++;
        while (below(f, before) != below(f, before + 1))
            before--;
        assert_true(map_find(f->scan->map, f->cl[i], -1, CLASS_VACANT, &found));
        assert_int_equal(found, before);
        assert_int_equal(map_find(f->scan->map, f->cl[i], 1, CLASS_VACANT, &found),
                         after < SIZE >> BITS);
        if (after < SIZE >> BITS)
            assert_int_equal(found, after);
    }
}

static void histograms_count_what_is_in_their_range(void **state)
{
    const struct far *f = *state;

    for (int k = 0; k < 2000; k++) {
        uint64_t a = f->cl[pick(f->n)] + pick(3) - 1;
        uint64_t b = k % 2 ? a + pick(3 * CHUNK_CELLS) : f->cl[pick(f->n)] + pick(3) - 1;
        uint64_t first = u64_min(a, b), end = u64_max(a, b);
        struct map_hist hist;

        map_histogram(f->scan->map, first, end - first, &hist);
        end = u64_min(end, SIZE >> BITS);
        assert_int_equal(hist.n[CLASS_DATA], below(f, end) - below(f, first));
        assert_int_equal(hist.problems, hist.n[CLASS_DATA]);
        assert_int_equal(map_hist_sum(&hist), end > first ? end - first : 0);
    }
}

static void runs_cover_the_file(void **state)
{
    const struct far *f = *state;
    uint64_t at = 0, data = 0;
    struct map_run run;

    while (map_run_at(f->scan->map, at, &run)) {
        assert_int_equal(run.first, at);
        assert_true(run.n > 0);
        if (at > f->near)
            assert_int_equal(run.cell.cls == CLASS_DATA ? run.n : 0,
                             below(f, at + run.n) - below(f, at));
        data += run.cell.cls == CLASS_DATA ? run.n : 0;
        at += run.n;
    }
    assert_int_equal(at, SIZE >> BITS);
    assert_int_equal(data, f->n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_clusters_in_use_have_an_owner),
        cmocka_unit_test(the_next_one_in_use_is_found_in_both_directions),
        cmocka_unit_test(the_next_vacant_one_is_found_in_both_directions),
        cmocka_unit_test(histograms_count_what_is_in_their_range),
        cmocka_unit_test(runs_cover_the_file),
    };

    int failed = cmocka_run_group_tests_name("sparse", tests, sparse_open, far_close);

    return failed + cmocka_run_group_tests_name("flat", tests, flat_open, far_close);
}
