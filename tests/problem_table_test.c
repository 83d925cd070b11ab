/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scan/problem.h"

static void every_kind_has_complete_prose(void **state)
{
    (void)state;
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *p = problem_info((enum problem_kind)k);

        assert_non_null(p->id);
        assert_non_null(p->title);
        assert_true(isupper((unsigned char)p->title[0]));
        assert_int_not_equal(p->title[strlen(p->title) - 1], '.');
        assert_true(strlen(p->title) <= 72);
        assert_non_null(p->meaning);
        assert_non_null(p->effect);
        assert_non_null(p->advice);
        assert_int_equal(p->meaning[strlen(p->meaning) - 1], '.');
        assert_int_equal(p->effect[strlen(p->effect) - 1], '.');
        assert_int_equal(p->advice[strlen(p->advice) - 1], '.');
        assert_true(p->section < N_REPORT_SECTIONS);
        assert_non_null(p->text);
        assert_true(strlen(p->text) > 0);
        assert_non_null(p->fix);
        assert_true(islower((unsigned char)p->fix[0]));
        assert_int_not_equal(p->fix[strlen(p->fix) - 1], '.');
        if (p->severity == SEV_NOTE)
            assert_false(p->loses_data);
    }
}

static void the_text_of_every_kind_is_filled_in(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    for (int k = 0; k < N_PROBLEMS; k++) {
        struct problem p = {
            .kind = (enum problem_kind)k, .count = 1, .place = { .kind = PLACE_L2 },
            .host_off = 0x5000, .guest_off = NO_ADDRESS, .found = 17, .expected = 3,
            .owners = 1,
        };

        buf_reset(&text);
        problem_text(&p, NULL, &text);
        if (strpbrk(buf_str(&text), "{}"))
            fail_msg("%s: %s", problem_info(p.kind)->id, buf_str(&text));
    }
    buf_free(&text);
}

static void ids_are_found_again_and_unique(void **state)
{
    (void)state;
    for (int k = 0; k < N_PROBLEMS; k++) {
        enum problem_kind found;

        assert_true(problem_by_id(problem_info((enum problem_kind)k)->id, &found));
        assert_int_equal(found, k);
    }
}

static void an_unknown_id_is_not_found(void **state)
{
    enum problem_kind kind;

    (void)state;
    assert_false(problem_by_id("no-such-problem", &kind));
    assert_false(problem_by_id("", &kind));
}

static void qemu_corruptions_and_leaks_have_the_same_severity_here(void **state)
{
    (void)state;
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *p = problem_info((enum problem_kind)k);

        if (p->qemu == QEMU_CORRUPTION)
            assert_int_equal(p->severity, SEV_CORRUPTION);
        if (p->qemu == QEMU_LEAK)
            assert_int_equal(p->severity, SEV_LEAK);
    }
}

static void every_severity_has_a_name(void **state)
{
    (void)state;
    for (int s = 0; s < N_SEVERITIES; s++)
        assert_non_null(severity_name((enum severity)s));
}

static void records_are_sorted_by_kind_place_and_value(void **state)
{
    struct problems ps;

    (void)state;
    problems_init(&ps, 100);
    for (unsigned k = 0; k < 27; k++) {
        unsigned at = k * 10 % 27;          /* each once, in no order */
        struct problem p = {
            .kind = at / 9 == 0 ? PROBLEM_LEAKED : at / 9 == 1 ? PROBLEM_REFCOUNT_LOW
                                                               : PROBLEM_OVERLAP,
            .count = 1, .found = at % 3, .host_off = NO_ADDRESS, .guest_off = NO_ADDRESS,
            .place = { .kind = PLACE_CLUSTER, .file_off = 0x1000 * (at / 3 % 3) },
        };

        problems_add(&ps, &p);
    }
    problems_sort(&ps);
    assert_int_equal(ps.n, 27);
    for (size_t i = 1; i < ps.n; i++) {
        const struct problem *a = &ps.list[i - 1], *b = &ps.list[i];

        assert_true(a->kind < b->kind ||
                    (a->kind == b->kind &&
                     (a->place.file_off < b->place.file_off ||
                      (a->place.file_off == b->place.file_off && a->found < b->found))));
    }
    problems_free(&ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_complete_prose),
        cmocka_unit_test(the_text_of_every_kind_is_filled_in),
        cmocka_unit_test(ids_are_found_again_and_unique),
        cmocka_unit_test(an_unknown_id_is_not_found),
        cmocka_unit_test(qemu_corruptions_and_leaks_have_the_same_severity_here),
        cmocka_unit_test(every_severity_has_a_name),
        cmocka_unit_test(records_are_sorted_by_kind_place_and_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
