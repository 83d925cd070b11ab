/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The list of problems: which records become one, how many are kept, and in what order. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "scan/problem.h"

#define KIND PROBLEM_LEAKED

static struct problem record(enum place_kind kind, uint64_t i, uint64_t j)
{
    return (struct problem){
        .kind = KIND, .place = { kind, 1, i, j, 0x1000, NO_ADDRESS }, .count = 3,
        .qemu_count = 2, .host_off = 0x2000, .guest_off = 512, .guest_len = 1024,
        .found = 5, .expected = 6, .owners = 4,
    };
}

/* Are the two told as one run? */
static bool become_one(const struct problem *a, const struct problem *b)
{
    struct problems list;
    bool one;

    problems_init(&list, 10);
    problems_add(&list, a);
    problems_add(&list, b);
    one = list.n == 1;
    assert_int_equal(list.count[KIND], a->count + b->count);
    assert_int_equal(list.qemu_count[KIND], a->qemu_count + b->qemu_count);
    if (one) {
        assert_int_equal(list.list[0].count, a->count + b->count);
        assert_int_equal(list.list[0].qemu_count, a->qemu_count + b->qemu_count);
        assert_int_equal(list.list[0].guest_len,
                         a->guest_len + (a->guest_off != NO_ADDRESS ? b->guest_len : 0));
        assert_int_equal(list.list[0].found, a->found);
    }
    problems_free(&list);
    return one;
}

static void only_neighbours_that_are_alike_become_one_record(void **state)
{
    static const struct { enum place_kind kind; bool by_i, by_j, values; } t[] = {
        { PLACE_CLUSTER, true, false, true }, { PLACE_L1, true, false, false },
        { PLACE_REFTABLE, true, false, false }, { PLACE_L2, false, true, false },
        { PLACE_REFBLOCK, false, true, false }, { PLACE_BITMAP_TABLE, false, true, false },
        { PLACE_HEADER, false, false, false }, { PLACE_SNAPSHOT, false, false, false },
        { PLACE_BITMAP, false, false, false }, { PLACE_FILE_OFFSET, false, false, false },
    };

    (void)state;
    for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
        struct problem a = record(t[k].kind, 7, 20), b = a;

        b.place.i += t[k].by_i ? a.count : 0;
        b.place.j += t[k].by_j ? a.count : 0;
        assert_int_equal(become_one(&a, &b), t[k].by_i || t[k].by_j);
        for (int delta = -1; delta <= 1; delta += 2) {
            struct problem off = b;

            *(t[k].by_i ? &off.place.i : &off.place.j) += (uint64_t)delta;
            assert_false(become_one(&a, &off));
        }
        if (t[k].by_j) {
            struct problem other = b;

            other.place.i++;
            assert_false(become_one(&a, &other));
        }
        for (int what = 0; what < 7; what++) {
            struct problem x = a, y = b;
            bool still = t[k].by_i || t[k].by_j;

            switch (what) {
            case 0: y.place.layer++; still = false; break;
            case 1: y.owners ^= 8; still = false; break;
            case 2: x.note = strdup("words"); still = false; break;
            case 3: y.note = strdup("words"); still = false; break;
            case 4: y.found++; still = still && !t[k].values; break;
            case 5: y.expected++; still = still && !t[k].values; break;
            case 6: x.guest_off = NO_ADDRESS; break;
            }
            assert_int_equal(become_one(&x, &y), still);
        }
    }
}

static void records_over_the_cap_are_counted_and_not_kept(void **state)
{
    struct problems list;

    (void)state;
    problems_init(&list, 3);
    for (uint64_t i = 0; i < 5; i++) {
        struct problem p = record(PLACE_SNAPSHOT, i, 0);

        assert_int_equal(problems_room(&list, KIND), i < 3);
        assert_int_equal(problems_complete(&list), i <= 3);
        problems_add(&list, &p);
    }
    assert_int_equal(list.n, 3);
    assert_int_equal(list.kept[KIND], 3);
    assert_int_equal(list.count[KIND], 15);
    assert_int_equal(list.qemu_count[KIND], 10);
    assert_true(list.cut[KIND]);
    assert_true(problems_room(&list, PROBLEM_OVERLAP));
    problems_count(&list, PROBLEM_OVERLAP, 4, 1);
    assert_true(list.cut[PROBLEM_OVERLAP]);
    assert_int_equal(list.count[PROBLEM_OVERLAP], 4);
    assert_int_equal(list.qemu_count[PROBLEM_OVERLAP], 1);
    problems_free(&list);
}

static void where_memory_is_short_the_first_of_each_kind_are_kept(void **state)
{
    struct problems list;

    (void)state;
    problems_init(&list, 1000);
    list.max = 10;
    for (uint64_t i = 0; i < 2 * PROBLEMS_KEPT_ALWAYS; i++) {
        struct problem p = record(PLACE_SNAPSHOT, i, 0);

        problems_add(&list, &p);
        p.kind = PROBLEM_OVERLAP;
        problems_add(&list, &p);
    }
    assert_int_equal(list.kept[KIND], PROBLEMS_KEPT_ALWAYS);
    assert_int_equal(list.kept[PROBLEM_OVERLAP], PROBLEMS_KEPT_ALWAYS);
    assert_false(problems_room(&list, KIND));
    assert_true(problems_room(&list, PROBLEM_DATA_COPIED));
    problems_free(&list);
    /* up to the limit any kind has as many as it likes */
    problems_init(&list, 1000);
    list.max = PROBLEMS_KEPT_ALWAYS + 5;
    for (uint64_t i = 0; i < 100; i++) {
        struct problem p = record(PLACE_SNAPSHOT, i, 0);

        problems_add(&list, &p);
    }
    assert_int_equal(list.kept[KIND], PROBLEMS_KEPT_ALWAYS + 5);
    problems_free(&list);
}

static struct problem some_record(uint64_t k)
{
    static const enum problem_kind kind[] = { KIND, PROBLEM_OVERLAP, PROBLEM_REFCOUNT_LOW };
    struct problem p = record(PLACE_CLUSTER, k / 3 * (1 + k % 2), 0);

    p.kind = kind[k * k % 3];
    p.count = 1;
    return p;
}

static void appending_a_list_is_adding_its_records(void **state)
{
    for (size_t kept = 1; kept < 100; kept += 9) {
        struct problems all, parts, part;

        (void)state;
        problems_init(&all, kept);
        problems_init(&parts, kept);
        for (uint64_t k = 0; k < 60; k++) {
            struct problem p = some_record(k);

            if (k % 20 == 0)
                problems_init_part(&part, kept, &parts);
            problems_add(&all, &p);
            problems_add(&part, &p);
            if (k % 20 == 19)
                problems_append(&parts, &part);
        }
        assert_int_equal(all.n, parts.n);
        for (size_t i = 0; i < all.n; i++) {
            assert_int_equal(all.list[i].kind, parts.list[i].kind);
            if (problems_complete(&all))        /* else a run may be cut */
                assert_int_equal(all.list[i].count, parts.list[i].count);
            assert_true(place_equal(&all.list[i].place, &parts.list[i].place));
        }
        assert_memory_equal(all.count, parts.count, sizeof all.count);
        assert_memory_equal(all.qemu_count, parts.qemu_count, sizeof all.count);
        assert_memory_equal(all.cut, parts.cut, sizeof all.cut);
        problems_free(&all);
        problems_free(&parts);
    }
}

/* By kind, then by the place of the entry, or by that of the cluster where it has none, then by
 * what was found. */
static void records_are_sorted_by_kind_and_place(void **state)
{
    static const struct { enum problem_kind kind; uint64_t file, host, found; } want[] = {
        { PROBLEM_DATA_PAST_END, 0x9000, 1, 0 }, { KIND, 0x1000, 0x9000, 0 },
        { KIND, NO_ADDRESS, 0x2000, 0 }, { KIND, 0x3000, 0, 1 }, { KIND, 0x3000, 0, 2 },
        { KIND, NO_ADDRESS, 0x4000, 0 },
    };
    static const size_t order[] = { 4, 0, 5, 2, 1, 3 };
    const size_t n = sizeof order / sizeof order[0];
    struct problems list;

    (void)state;
    assert_true(PROBLEM_DATA_PAST_END < KIND);
    for (size_t turn = 0; turn < n; turn++) {
        problems_init(&list, 100);
        for (size_t k = 0; k < n; k++) {
            size_t i = order[(k + turn) % n];
            struct problem p = record(PLACE_HEADER, 0, 0);

            p.kind = want[i].kind;
            p.place.file_off = want[i].file;
            p.host_off = want[i].host;
            p.found = want[i].found;
            problems_add(&list, &p);
        }
        problems_sort(&list);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(list.list[i].kind, want[i].kind);
            assert_int_equal(list.list[i].place.file_off, want[i].file);
            assert_int_equal(list.list[i].host_off, want[i].host);
            assert_int_equal(list.list[i].found, want[i].found);
        }
        problems_free(&list);
    }
}

static void sums_by_severity_leave_notes_out(void **state)
{
    struct problems list;
    uint64_t sum = 0, notes = 0;

    (void)state;
    problems_init(&list, 1);
    for (int k = 0; k < N_PROBLEMS; k++) {
        uint64_t n = 1 + (uint64_t)k * 7;

        problems_count(&list, (enum problem_kind)k, n, 0);
        sum += n;
        if (problem_info((enum problem_kind)k)->severity == SEV_NOTE)
            notes += n;
    }
    assert_int_equal(problems_serious(&list), sum - notes);
    assert_int_equal(problems_of_severity(&list, SEV_NOTE), notes);
    for (int s = 0; s < N_SEVERITIES; s++)
        sum -= problems_of_severity(&list, (enum severity)s);
    assert_int_equal(sum, 0);
    problems_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_neighbours_that_are_alike_become_one_record),
        cmocka_unit_test(records_over_the_cap_are_counted_and_not_kept),
        cmocka_unit_test(where_memory_is_short_the_first_of_each_kind_are_kept),
        cmocka_unit_test(appending_a_list_is_adding_its_records),
        cmocka_unit_test(records_are_sorted_by_kind_and_place),
        cmocka_unit_test(sums_by_severity_leave_notes_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
