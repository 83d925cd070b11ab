/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/volume_home.h"

#include "support/pattern.h"
#include "support/rescue_memory.h"

#define CLUSTER 4096u
#define N 20u

/* A disk of clusters of which none is like another, but for the last two. */
static void open_disk(struct rescue_memory *m)
{
    static uint8_t disk[N * CLUSTER];

    for (size_t i = 0; i < N; i++)
        memset(disk + i * CLUSTER, (int)(i < N - 1 ? i + 1 : N - 1), CLUSTER);
    rescue_memory_open(m, disk, sizeof disk, CLUSTER, NULL, 0);
    assert_int_equal(m->n, N);
}

static void assert_place(struct rescue_guest *g, uint64_t cl, size_t cand, enum rescue_sure sure)
{
    enum rescue_sure is;
    size_t c;

    assert_true(rescue_placed(g, cl, &c, &is));
    assert_int_equal(c, cand);
    assert_int_equal(is, sure);
}

static void a_surer_pin_takes_the_place_of_another(void **state)
{
    struct rescue_memory m;
    struct rescue_pin pin;

    (void)state;
    open_disk(&m);
    assert_true(rescue_pin(m.g, 3, 5, SURE_LIKELY, "a"));
    assert_false(rescue_pin(m.g, 3, 5, SURE_LIKELY, "a"));
    assert_true(rescue_pin(m.g, 4, 5, SURE_CERTAIN, "b"));
    assert_false(rescue_pin(m.g, 3, 5, SURE_LIKELY, "a"));
    assert_place(m.g, 5, 4, SURE_CERTAIN);
    assert_false(rescue_pinned(m.g, 3, NULL));
    assert_true(rescue_pinned(m.g, 4, &pin));
    assert_int_equal(pin.guest_cl, 5);
    assert_string_equal(pin.why, "b");
    rescue_memory_close(&m);
}

static void pins_that_contradict_drop_to_possible_for_good(void **state)
{
    struct rescue_memory m;

    (void)state;
    open_disk(&m);
    assert_true(rescue_pin(m.g, 3, 5, SURE_CERTAIN, "a"));
    assert_true(rescue_pin(m.g, 4, 5, SURE_CERTAIN, "b"));
    assert_place(m.g, 5, 3, SURE_POSSIBLE);
    assert_false(rescue_pin(m.g, 3, 5, SURE_CERTAIN, "a"));
    assert_false(rescue_pin(m.g, 4, 5, SURE_CERTAIN, "b"));
    assert_place(m.g, 5, 3, SURE_POSSIBLE);
    /* one candidate in two places */
    assert_true(rescue_pin(m.g, 7, 1, SURE_LIKELY, "a"));
    assert_true(rescue_pin(m.g, 7, 2, SURE_LIKELY, "a"));
    assert_place(m.g, 1, 7, SURE_POSSIBLE);
    assert_false(rescue_pin(m.g, 7, 2, SURE_LIKELY, "a"));
    assert_false(rescue_pin(m.g, 7, 1, SURE_LIKELY, "a"));
    rescue_memory_close(&m);
}

static void candidates_of_the_same_bytes_do_not_contradict(void **state)
{
    struct rescue_memory m;

    (void)state;
    open_disk(&m);
    assert_true(rescue_pin(m.g, N - 1, 5, SURE_CERTAIN, "a"));
    assert_false(rescue_pin(m.g, N - 2, 5, SURE_CERTAIN, "a"));
    assert_place(m.g, 5, N - 1, SURE_CERTAIN);
    rescue_memory_close(&m);
}

static void only_lost_places_take_a_candidate_and_the_others_are_read_as_known(void **state)
{
    static uint8_t disk[N * CLUSTER];
    struct rescue_memory m;
    uint8_t got[2 * CLUSTER];
    uint64_t first = 0, n;

    (void)state;
    memset(disk, 7, sizeof disk);
    rescue_memory_open_part(&m, disk, sizeof disk, CLUSTER, 4, 3);
    assert_int_equal(m.n, 3);
    assert_false(rescue_pin(m.g, 0, 3, SURE_CERTAIN, "a"));
    assert_false(rescue_pin(m.g, 0, N, SURE_CERTAIN, "a"));
    assert_false(rescue_pin(m.g, 3, 4, SURE_CERTAIN, "a"));
    assert_true(rescue_next_lost(m.g, &first, &n));
    assert_int_equal(first, 4);
    assert_int_equal(n, 3);
    first = 7;
    assert_false(rescue_next_lost(m.g, &first, &n));
    assert_false(rescue_read(m.g, 3 * CLUSTER + 1, got, CLUSTER, SURE_POSSIBLE));
    assert_true(rescue_pin(m.g, 0, 4, SURE_LIKELY, "a"));
    assert_true(rescue_read(m.g, 3 * CLUSTER + 1, got, CLUSTER, SURE_LIKELY));
    assert_memory_equal(got, disk + 3 * CLUSTER + 1, CLUSTER);
    assert_false(rescue_read(m.g, 3 * CLUSTER + 1, got, CLUSTER, SURE_CERTAIN));
    assert_false(rescue_read(m.g, N * CLUSTER - 1, got, 2, SURE_POSSIBLE));
    rescue_memory_close(&m);
}

static void the_stronger_mark_stays_and_free_is_rounded_inwards(void **state)
{
    struct rescue_memory m;

    (void)state;
    open_disk(&m);
    assert_int_equal(rescue_grain(m.g), 512);
    assert_true(rescue_mark(m.g, 100, 1400, USE_FREE));
    assert_int_equal(rescue_use_at(m.g, 0), USE_UNKNOWN);
    assert_int_equal(rescue_use_at(m.g, 512), USE_FREE);
    assert_int_equal(rescue_use_at(m.g, 1024), USE_UNKNOWN);
    assert_true(rescue_mark(m.g, 1000, 100, USE_DATA));
    assert_false(rescue_mark(m.g, 512, 512, USE_FREE));
    assert_int_equal(rescue_use_at(m.g, 512), USE_DATA);
    assert_true(rescue_mark(m.g, 512, 1, USE_CONTENT));
    assert_int_equal(rescue_use_at(m.g, 1023), USE_CONTENT);
    assert_true(rescue_mark(m.g, N * CLUSTER - 100, UINT64_MAX / 2, USE_DATA));
    assert_false(rescue_mark(m.g, N * CLUSTER, 1, USE_DATA));
    rescue_memory_close(&m);
}

static void extents_are_kept_once_by_place(void **state)
{
    struct rescue_memory m;
    const struct rescue_file_extent *e;
    size_t n;

    (void)state;
    open_disk(&m);
    for (int round = 0; round < 3; round++)
        for (uint64_t i = 300; i-- > 0;)
            rescue_extent(m.g, 1, i * 16, i * 16, 16, 5000, "file");
    assert_false(rescue_extent(m.g, 1, 0, N * CLUSTER - 1, 2, 2, NULL));
    e = rescue_extents(m.g, &n);
    assert_int_equal(n, 300);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(e[i].guest_off, i * 16);
    assert_int_equal(rescue_use_at(m.g, 4000), USE_DATA);
    assert_true(rescue_volume(m.g, 512, UINT64_MAX, FOUND_EXT));
    assert_false(rescue_volume(m.g, 512, 9, FOUND_EXT));
    assert_int_equal(rescue_volumes(m.g, &n)->len, N * CLUSTER - 512);
    assert_int_equal(n, 1);
    rescue_memory_close(&m);
}

/* A witness to whom each candidate bears its address as its first byte, and who learns in each
 * round that one more is so. */
static void *count_begin(struct rescue_guest *g)
{
    (void)g;
    return calloc(1, sizeof(size_t));
}

static bool count_look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                       size_t len)
{
    (void)g;
    assert_int_equal(len, CLUSTER);
    assert_int_equal(bytes[0], cand < N - 1 ? cand + 1 : N - 1);
    ++*(size_t *)self;
    return true;
}

static bool count_reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    (void)err;
    assert_int_equal(*(size_t *)self, N);
    for (size_t i = 0; i < 5; i++)
        if (!rescue_placed(g, i, NULL, NULL)) {
            *news |= rescue_pin(g, i, i, SURE_LIKELY, "count");
            break;
        }
    return true;
}

static void witnesses_are_asked_until_none_has_news(void **state)
{
    const struct rescue_witness w = { "count", count_begin, count_look, count_reason, free };
    struct rescue_memory m;
    size_t right;

    (void)state;
    open_disk(&m);
    assert_int_equal(rescue_memory_ask(&m, &w, SURE_LIKELY, &right), 0);
    assert_int_equal(right, 5);
    rescue_memory_close(&m);
}

/* Three volumes of four clusters each, and heads of file systems as long. */
static void open_volumes(struct rescue_memory *m, size_t n_heads)
{
    open_disk(m);
    for (uint64_t i = 0; i < 3; i++)
        rescue_volume(m->g, (1 + 4 * i) * CLUSTER, 4 * CLUSTER, FOUND_PARTITION);
    for (size_t i = 0; i < n_heads; i++)
        volume_head(m->g, 100 + i, 3 + 4 * i, 4 * CLUSTER);
}

static bool home_of(struct rescue_memory *m, uint64_t id, uint64_t hint, uint64_t *cl)
{
    enum rescue_sure sure;
    uint64_t start;

    if (!volume_home(m->g, &(struct volume_query){ id, 4 * CLUSTER, hint }, &start, &sure))
        return false;
    assert_int_equal(sure, SURE_LIKELY);
    *cl = start / CLUSTER;
    return true;
}

static void file_systems_as_long_as_several_volumes_lie_in_the_order_of_the_file(void **state)
{
    struct rescue_memory m;
    uint64_t cl;

    (void)state;
    open_volumes(&m, 3);
    for (uint64_t i = 3; i-- > 0;) {
        assert_true(home_of(&m, 100 + i, 0, &cl));
        assert_int_equal(cl, 1 + 4 * i);
    }
    rescue_memory_close(&m);

    open_volumes(&m, 3);                /* in an order that falls nothing is told */
    rescue_pin(m.g, 0, 15, SURE_CERTAIN, "a");
    rescue_pin(m.g, 1, 14, SURE_CERTAIN, "a");
    assert_false(home_of(&m, 101, 0, &cl));
    assert_true(home_of(&m, 101, 9 * CLUSTER, &cl));    /* but by the file system itself */
    assert_int_equal(cl, 9);
    rescue_memory_close(&m);
}

static void a_file_system_lies_between_its_neighbours_in_the_file(void **state)
{
    struct rescue_memory m;
    uint64_t cl;

    (void)state;
    open_volumes(&m, 1);                /* of candidate 3; two volumes have no head */
    assert_false(home_of(&m, 100, 0, &cl));
    rescue_pin(m.g, 2, 7, SURE_CERTAIN, "a");
    rescue_pin(m.g, 4, 10, SURE_CERTAIN, "a");
    assert_true(home_of(&m, 100, 0, &cl));
    assert_int_equal(cl, 9);
    rescue_memory_close(&m);
}

static void what_is_believed_of_a_file_system_does_not_prove_it(void **state)
{
    enum rescue_sure sure;
    struct rescue_memory m;
    uint64_t start;

    (void)state;
    open_disk(&m);
    rescue_volume(m.g, 0, 4 * CLUSTER, FOUND_XFS);
    if (volume_home(m.g, &(struct volume_query){ 1, 4 * CLUSTER, 0 }, &start, &sure))
        assert_int_equal(sure, SURE_LIKELY);
    rescue_memory_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_surer_pin_takes_the_place_of_another),
        cmocka_unit_test(pins_that_contradict_drop_to_possible_for_good),
        cmocka_unit_test(candidates_of_the_same_bytes_do_not_contradict),
        cmocka_unit_test(only_lost_places_take_a_candidate_and_the_others_are_read_as_known),
        cmocka_unit_test(the_stronger_mark_stays_and_free_is_rounded_inwards),
        cmocka_unit_test(extents_are_kept_once_by_place),
        cmocka_unit_test(witnesses_are_asked_until_none_has_news),
        cmocka_unit_test(file_systems_as_long_as_several_volumes_lie_in_the_order_of_the_file),
        cmocka_unit_test(a_file_system_lies_between_its_neighbours_in_the_file),
        cmocka_unit_test(what_is_believed_of_a_file_system_does_not_prove_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
