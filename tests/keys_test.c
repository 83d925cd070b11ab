/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "ui/keys.h"

static void every_key_name_of_the_table_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; key_table(i); i++) {
        const char *p = key_table(i)->keys;

        while (*p) {
            size_t len = strcspn(p, " ");

            if (strncmp(p, "gg", len) != 0 && key_code(p, len) == 0)
                fail_msg("\"%s\" has an unknown key", key_table(i)->keys);
            p += len + (p[len] == ' ');
        }
        assert_non_null(key_table(i)->help);
    }
}

/* A general row counts in every view, or in every one but help; views may overrule it. */
static bool is_general(const struct key_row *row)
{
    return (row->views | IN(VIEW_HELP)) == IN_ALL;
}

static unsigned rows_with(enum view_id view, uint32_t code, bool general)
{
    unsigned n = 0;

    for (size_t i = 0; key_table(i); i++) {
        const char *p = key_table(i)->keys;

        while (key_table(i)->views & IN(view) && is_general(key_table(i)) == general && *p) {
            size_t len = strcspn(p, " ");

            n += key_code(p, len) == code;
            p += len + (p[len] == ' ');
        }
    }
    return n;
}

static void no_key_means_two_things_in_one_view(void **state)
{
    (void)state;
    for (int view = 0; view < N_VIEWS; view++) {
        for (uint32_t code = 1; code <= KEYCODE_F12; code++) {
            if (code == 0x80)
                code = KEYCODE_UP;
            assert_true(rows_with((enum view_id)view, code, false) <= 1);
            assert_true(rows_with((enum view_id)view, code, true) <= 1);
        }
    }
}

static void keys_of_a_view_overrule_those_of_all(void **state)
{
    (void)state;
    assert_int_equal(key_action(NULL, VIEW_MAP, 'h'), ACT_LEFT);
    assert_int_equal(key_action(NULL, VIEW_HEX, KEYCODE_HOME), ACT_LINE_START);
    assert_int_equal(key_action(NULL, VIEW_MAP, KEYCODE_HOME), ACT_TOP);
    assert_int_equal(key_action(NULL, VIEW_HELP, 'q'), ACT_BACK);
    assert_int_equal(key_action(NULL, VIEW_HEX, 'q'), ACT_QUIT);
    assert_int_equal(key_action(NULL, VIEW_HEX, '+'), ACT_NONE);
    assert_int_equal(key_action(NULL, VIEW_HEX, 'L' - '@'), ACT_REDRAW);
    assert_int_equal(key_action(NULL, VIEW_HEX, KEYCODE_F1), ACT_HELP);
}

static void hints_come_by_priority_and_once(void **state)
{
    (void)state;
    for (int view = 0; view < N_VIEWS; view++) {
        const struct key_row *row[32];
        size_t n = key_hints((enum view_id)view, row, 32);

        assert_true(n > 1);
        for (size_t i = 1; i < n; i++) {
            assert_true(row[i - 1]->priority >= row[i]->priority);
            for (size_t k = 0; k < i; k++)
                assert_int_not_equal(row[i]->action, row[k]->action);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_name_of_the_table_is_known),
        cmocka_unit_test(no_key_means_two_things_in_one_view),
        cmocka_unit_test(keys_of_a_view_overrule_those_of_all),
        cmocka_unit_test(hints_come_by_priority_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
