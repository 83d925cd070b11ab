/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "plan/draft.h"

/* Adds a step that writes one byte, named by its title. */
static void add(struct draft *d, const char *goal, const char *title, uint64_t off)
{
    struct plan p = { 0 };
    struct plan_step *s = plan_add(&p, goal);

    s->title = strdup(title);
    patches_write(&s->patches, off, title, 1);
    assert_true(draft_add(d, &p, NULL));
    plan_free(&p);
}

/* "A b C": titles in order, of those left out in lower case. */
static void expect(const struct draft *d, const char *want)
{
    char got[32] = "";

    for (size_t i = 0; i < draft_n(d); i++) {
        char c = draft_step(d, i)->title[0];

        got[strlen(got)] = draft_chosen(d, i) ? c : (char)(c - 'A' + 'a');
    }
    assert_string_equal(got, want);
}

static void steps_are_left_out_with_what_rests_on_them(void **state)
{
    struct draft *d;

    (void)state;
    assert_true(draft_new(&d, NULL));
    add(d, "set", "A", 0);
    add(d, "leaks", "B", 1);
    add(d, "set", "C", 2);
    add(d, "repair", "D", 3);
    expect(d, "ABCD");
    assert_true(draft_toggle(d, 0, NULL));      /* B and D rest on A, C on nothing */
    expect(d, "abCd");
    assert_true(draft_toggle(d, 3, NULL));      /* D brings all back */
    expect(d, "ABCD");
    assert_true(draft_toggle(d, 2, NULL));
    expect(d, "ABcd");
    assert_true(draft_remove(d, 1, NULL));      /* and D, which rests on it */
    expect(d, "Ac");
    draft_free(d);
}

static void a_step_does_not_return_without_its_basis(void **state)
{
    struct draft *d;

    (void)state;
    assert_true(draft_new(&d, NULL));
    add(d, "set", "A", 0);
    assert_true(draft_toggle(d, 0, NULL));
    add(d, "repair", "B", 1);                   /* rests on nothing: A was left out */
    assert_true(draft_remove(d, 0, NULL));
    expect(d, "B");
    assert_true(draft_undo(d));
    assert_true(draft_toggle(d, 0, NULL));
    add(d, "repair", "C", 2);
    assert_true(draft_toggle(d, 2, NULL));
    expect(d, "ABc");
    draft_free(d);
}

static void undo_and_redo_go_through_all_states(void **state)
{
    struct draft *d;
    uint64_t version;

    (void)state;
    assert_true(draft_new(&d, NULL));
    assert_false(draft_undo(d));
    add(d, "set", "A", 0);
    add(d, "set", "B", 1);
    assert_true(draft_move(d, 0, 1, NULL));
    expect(d, "BA");
    assert_false(draft_move(d, 1, 1, NULL));
    version = draft_version(d);
    assert_true(draft_undo(d));
    assert_true(draft_undo(d));
    expect(d, "A");
    assert_true(draft_version(d) > version);
    assert_true(draft_redo(d));
    assert_true(draft_redo(d));
    assert_false(draft_redo(d));
    expect(d, "BA");
    assert_true(draft_undo(d));
    add(d, "set", "C", 2);                      /* what was undone is gone */
    assert_false(draft_redo(d));
    expect(d, "ABC");
    draft_free(d);
}

static void steps_change_places_only_where_neither_rests_on_the_other(void **state)
{
    struct draft *d;

    (void)state;
    assert_true(draft_new(&d, NULL));
    add(d, "set", "A", 0);
    add(d, "leaks", "B", 1);
    add(d, "set", "C", 2);
    assert_false(draft_move(d, 1, -1, NULL));
    assert_false(draft_move(d, 0, 1, NULL));
    assert_true(draft_move(d, 2, -1, NULL));
    expect(d, "ACB");
    draft_free(d);
}

static void a_saved_plan_has_the_chosen_steps_first_and_can_be_carried_out(void **state)
{
    struct patches patches;
    struct draft *d;
    struct plan p;

    (void)state;
    assert_true(draft_new(&d, NULL));
    add(d, "set", "A", 0);
    assert_true(draft_toggle(d, 0, NULL));
    add(d, "leaks", "B", 1);
    add(d, "set", "C", 2);
    assert_true(draft_plan(d, &p, NULL));
    assert_int_equal(p.n, 3);
    assert_string_equal(p.step[0].title, "B");
    assert_string_equal(p.step[2].title, "A");
    assert_false(p.step[2].chosen);
    assert_true(plan_patches(&p, &patches, NULL));
    assert_int_equal(patches.n, 1);             /* bytes 1 and 2, joined or not */
    patches_free(&patches);
    draft_plan_end(&p);
    draft_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_left_out_with_what_rests_on_them),
        cmocka_unit_test(a_step_does_not_return_without_its_basis),
        cmocka_unit_test(undo_and_redo_go_through_all_states),
        cmocka_unit_test(steps_change_places_only_where_neither_rests_on_the_other),
        cmocka_unit_test(a_saved_plan_has_the_chosen_steps_first_and_can_be_carried_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
