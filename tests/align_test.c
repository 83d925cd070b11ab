/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/align.h"

#include "support/pattern.h"
#include "support/rescue_memory.h"

#define CLUSTER 65536u
#define N 40u

/* A disk of dense clusters; those listed in `empty` are zeros. */
static uint8_t *make_disk(const size_t *empty, size_t n_empty)
{
    uint8_t *disk = calloc(N, CLUSTER);
    uint32_t x = 1;

    assert_non_null(disk);
    for (size_t i = 0; i < (size_t)N * CLUSTER; i++) {
        x = x * 1664525 + 1013904223;
        disk[i] = (uint8_t)(x >> 24) | 1;
    }
    for (size_t i = 0; i < n_empty; i++)
        memset(disk + empty[i] * CLUSTER, 0, CLUSTER);
    return disk;
}

/* Aligns, and returns how many clusters are in a wrong place or in none. */
static size_t misplaced(struct rescue_memory *m, bool all)
{
    struct print *print = calloc(m->n, sizeof *print);
    bool *counted = calloc(m->n, sizeof *counted), news;
    const struct align_order o = { .g = m->g, .print = print, .counted = counted };
    size_t wrong = 0;

    assert_non_null(print);
    assert_non_null(counted);
    for (size_t i = 0; i < m->n; i++) {
        print_take(&print[i], m->disk + m->order[i] * m->cluster, m->cluster);
        counted[i] = true;
    }
    assert_true(align(&o, all, &news, NULL));
    for (size_t i = 0; i < m->n; i++) {
        struct rescue_pin pin;

        wrong += !rescue_pinned(m->g, i, &pin) || pin.guest_cl != m->order[i];
    }
    free(print);
    free(counted);
    return wrong;
}

static void clusters_between_pins_without_a_gap_are_likely(void **state)
{
    const size_t empty[] = { 0, 20 };
    uint8_t *disk = make_disk(empty, 2);
    struct rescue_memory m;
    enum rescue_sure sure;

    (void)state;
    rescue_memory_open(&m, disk, (size_t)N * CLUSTER, CLUSTER, NULL, 0);
    rescue_pin(m.g, 0, 1, SURE_CERTAIN, "test");
    rescue_pin(m.g, 18, 19, SURE_CERTAIN, "test");
    assert_int_equal(misplaced(&m, false), m.n - 19);
    assert_true(rescue_placed(m.g, 10, NULL, &sure));
    assert_int_equal(sure, SURE_LIKELY);
    rescue_memory_close(&m);
    free(disk);
}

static size_t astray(struct rescue_memory *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        struct rescue_pin pin;

        n += rescue_pinned(m->g, i, &pin) && pin.guest_cl != m->order[i];
    }
    return n;
}

static void what_is_free_tells_where_clusters_of_zeros_were_left_out(void **state)
{
    const size_t empty[] = { 3, 4, 5, 17, 30 };
    uint8_t *disk = make_disk(empty, 5);
    struct rescue_memory m;

    (void)state;
    rescue_memory_open(&m, disk, (size_t)N * CLUSTER, CLUSTER, NULL, 0);
    rescue_mark(m.g, 0, (uint64_t)N * CLUSTER, USE_DATA);
    assert_int_not_equal(misplaced(&m, true), 0);       /* all is in use: nothing tells */
    rescue_memory_close(&m);
    rescue_memory_open(&m, disk, (size_t)N * CLUSTER, CLUSTER, NULL, 0);
    for (size_t i = 0; i < N; i++)
        rescue_mark(m.g, i * CLUSTER, CLUSTER,
                    i == 3 || i == 4 || i == 5 || i == 17 || i == 30 ? USE_FREE : USE_DATA);
    assert_int_equal(misplaced(&m, true), 0);
    rescue_memory_close(&m);
    free(disk);
}

/* Clusters 10 to 19 were written last. Opens the guest; the caller frees what is returned. */
static uint8_t *open_late_run(struct rescue_memory *m)
{
    uint8_t *disk = make_disk(NULL, 0);
    size_t order[N], n = 0;

    /* files of 1 to 7 clusters that end at different places in their last one */
    for (size_t i = 0; i < N; i++)
        if (i % 5 == 4)
            memset(disk + i * CLUSTER + (i / 5 + 3) * 4096 - 2048, 0, 2048);
    for (size_t i = 0; i < N; i++)
        if (i < 10 || i >= 20)
            order[n++] = i;
    for (size_t i = 10; i < 20; i++)
        order[n++] = i;
    rescue_memory_open(m, disk, (size_t)N * CLUSTER, CLUSTER, order, N);
    rescue_pin(m->g, 0, 0, SURE_CERTAIN, "test");
    for (size_t i = 0; i < N; i += 5) {
        uint64_t len = (4 * (uint64_t)CLUSTER + (i / 5 + 3) * 4096);

        rescue_extent(m->g, i, 0, i * CLUSTER, len, len - 2048, NULL);
        rescue_mark(m->g, i * CLUSTER + len, 5 * (uint64_t)CLUSTER - len, USE_DATA);
    }
    return disk;
}

static void ends_of_files_place_runs_that_were_written_late(void **state)
{
    struct rescue_memory m;
    uint8_t *disk = open_late_run(&m);

    (void)state;
    rescue_pin(m.g, N - 11, N - 1, SURE_CERTAIN, "test");
    rescue_pin(m.g, N - 10, 10, SURE_CERTAIN, "test");
    assert_int_equal(misplaced(&m, true), 0);
    rescue_memory_close(&m);
    free(disk);
}

#define MANY 16384u             /* clusters, too many for a walk over all of them at once */
#define SMALL 4096u

/* Files one after the other, of up to six clusters each, that end at any byte of their last. */
static uint8_t *make_files(uint32_t *len_of)
{
    uint8_t *disk = calloc(MANY, SMALL);
    uint32_t x = 7;

    assert_non_null(disk);
    for (size_t at = 0, n; at < MANY; at += n) {
        n = 1 + (x >> 16) % 6;
        n = n > MANY - at ? MANY - at : n;
        x = x * 1664525 + 1013904223;
        len_of[at] = (uint32_t)(n * SMALL) - 4 - (x >> 12) % 4000;
        for (size_t i = 0; i < len_of[at]; i++) {
            x = x * 1664525 + 1013904223;
            disk[at * SMALL + i] = (uint8_t)(x >> 24) | 1;
        }
    }
    return disk;
}

static void runs_of_a_large_disk_are_told_by_where_files_end(void **state)
{
    static uint32_t len_of[MANY];
    static size_t order[MANY];
    uint8_t *disk = make_files(len_of);
    size_t n = 0, likely = 0;
    struct rescue_memory m;
    struct rescue_pin pin;

    (void)state;
    for (size_t k = 0; k < MANY / 32; k++)              /* runs of 32 clusters, far from each other */
        for (size_t i = 0; i < 32; i++)
            order[n++] = k * 37 % (MANY / 32) * 32 + i;
    rescue_memory_open(&m, disk, (size_t)MANY * SMALL, SMALL, order, MANY);
    for (uint64_t at = 0; at < MANY; at++)
        if (len_of[at])
            rescue_extent(m.g, at, 0, at * SMALL, (len_of[at] + SMALL - 1) / SMALL * SMALL,
                          len_of[at], NULL);
    rescue_pin(m.g, 40, order[40], SURE_CERTAIN, "test");
    rescue_pin(m.g, 70, order[70], SURE_CERTAIN, "test");
    rescue_pin(m.g, 32 * 14, order[32 * 14], SURE_CERTAIN, "test");     /* before them */
    assert_true(misplaced(&m, true) <= MANY / 10);
    assert_true(astray(&m) <= MANY / 30);
    for (size_t i = 0; i < MANY; i++)
        if (rescue_pinned(m.g, i, &pin) && pin.sure == SURE_LIKELY) {
            assert_int_equal(pin.guest_cl, order[i]);
            likely++;
        }
    assert_true(likely >= MANY / 2);
    rescue_memory_close(&m);
    free(disk);
}

/* That the order is a guest's shows by what a strict one leaves out. */
static void in_a_guests_order_runs_without_an_anchor_get_no_place(void **state)
{
    struct rescue_memory m;
    uint8_t *disk = open_late_run(&m);

    (void)state;
    assert_int_equal(misplaced(&m, true), N - 10);
    assert_int_equal(astray(&m), 0);
    rescue_memory_close(&m);
    free(disk);
}

static void blocks_go_where_what_they_map_fits(void **state)
{
    const size_t empty[] = { 1, 6, 12, 13, 27 };
    uint8_t *disk = make_disk(empty, 5);
    struct rescue_memory m;
    struct print print[N] = { { .text = 0 } };
    struct align_block item[N];
    int64_t index[4] = { -1, -1, -1, -1 };
    static const uint32_t at[4] = { 2, 0, 3, 1 };       /* ten clusters each */

    (void)state;
    rescue_memory_open(&m, disk, (size_t)N * CLUSTER, CLUSTER, NULL, 0);
    for (size_t i = 0; i < N; i++)
        rescue_mark(m.g, i * CLUSTER, CLUSTER,
                    i == 1 || i == 6 || i == 12 || i == 13 || i == 27 ? USE_FREE : USE_DATA);
    for (size_t i = 0; i < m.n; i++) {
        print_take(&print[i], disk + m.order[i] * CLUSTER, CLUSTER);
        for (uint32_t b = 0; b < 4; b++)
            if (at[b] == m.order[i] / 10)
                item[i] = (struct align_block){ b, (uint32_t)(m.order[i] % 10) };
    }
    assert_true(align_blocks(m.g, print, item, m.n, 4, 10, index, NULL));
    for (size_t b = 0; b < 4; b++)
        assert_int_equal(index[b], at[b]);
    rescue_memory_close(&m);
    free(disk);
}

/* Four blocks for four places, of which nothing is said. */
static void blocks_that_fit_anywhere_rise(void **state)
{
    uint8_t *disk = make_disk(NULL, 0);
    struct rescue_memory m;
    struct print print[N] = { { .text = 0 } };
    struct align_block item[N];
    int64_t index[4] = { -1, -1, 2, -1 };

    (void)state;
    rescue_memory_open(&m, disk, (size_t)N * CLUSTER, CLUSTER, NULL, 0);
    for (size_t i = 0; i < m.n; i++) {
        print_take(&print[i], disk + m.order[i] * CLUSTER, CLUSTER);
        item[i] = (struct align_block){ (uint32_t)(m.order[i] / 10), (uint32_t)(m.order[i] % 10) };
    }
    assert_true(align_blocks(m.g, print, item, m.n, 4, 10, index, NULL));
    for (int b = 0; b < 4; b++)
        assert_int_equal(index[b], b);
    rescue_memory_close(&m);
    free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_between_pins_without_a_gap_are_likely),
        cmocka_unit_test(what_is_free_tells_where_clusters_of_zeros_were_left_out),
        cmocka_unit_test(ends_of_files_place_runs_that_were_written_late),
        cmocka_unit_test(runs_of_a_large_disk_are_told_by_where_files_end),
        cmocka_unit_test(in_a_guests_order_runs_without_an_anchor_get_no_place),
        cmocka_unit_test(blocks_go_where_what_they_map_fits),
        cmocka_unit_test(blocks_that_fit_anywhere_rise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
