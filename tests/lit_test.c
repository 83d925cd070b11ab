/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The place is what is lit: after each change of views the row, byte or cell under the
 * cursor, the place line, and what x, r, g and Enter are about are one and the same. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/play.h"

enum { OVERVIEW = 1, MAP, PROBLEMS, TABLES, HEADER, HEX };

static char *screens(const char *sample, const char *script)
{
    struct play play = { .script = script, .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    play_sample(sample, &play, &got);
    return buf_take(&got);
}

/* Row y of the screen `name`, from 0; false: there is none. */
static bool row_of(const char *screens, const char *name, int y, char out[400])
{
    char head[40];
    const char *at;

    snprintf(head, sizeof head, "== %s\n", name);
    at = strstr(screens, head);
    for (int i = 0; at && i < y + 2; i++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (!at || *at != '|')
        return false;
    snprintf(out, 400, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    return true;
}

/* The row of the cursor, and its column. */
static int cursor_row(const char *screens, const char *name, char out[400])
{
    char head[40];
    const char *at;
    int y, x;

    snprintf(head, sizeof head, "== %s\n", name);
    at = strstr(screens, head);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(head), "80x24 cursor %d,%d", &y, &x), 2);
    assert_true(row_of(screens, name, y, out));
    return x;
}

static uint64_t place_off(const char *screens, const char *name, char line[400])
{
    unsigned long long off = 0;

    assert_true(row_of(screens, name, 22, line));
    if (sscanf(line, " file 0x%llx", &off) != 1)
        fail_msg("no place: %s", line);
    return off;
}

/* What is lit in a view is what the place line says. */
static void assert_lit(int view, const char *screens, const char *name)
{
    char row[400], line[400], number[40];
    uint64_t off = place_off(screens, name, line);
    int x = cursor_row(screens, name, row);
    unsigned long long at;

    if (view == TABLES) {                       /* "[5] ..." is L1[5], or entry 5 */
        assert_int_equal(sscanf(row, " [%llu]", &at), 1);
        snprintf(number, sizeof number, "[%llu]", at);
        if (!strstr(line, number)) {
            snprintf(number, sizeof number, "entry %llu", at);
            if (!strstr(line, number))
                fail_msg("%s is lit: %s", row, line);
        }
    } else if (view == HEX) {
        int column = x - 13 - (x > 37);

        assert_int_equal(sscanf(row, " %llx", &at), 1);
        assert_int_equal(at + (uint64_t)column / 3, off);
    } else if (view == PROBLEMS && strstr(row, "L1[")) {
        const char *owner = strstr(row, "L1[");

        snprintf(number, sizeof number, "%.*s", (int)strcspn(owner, "]") + 1, owner);
        if (!strstr(line, number))
            fail_msg("%s is lit: %s", row, line);
    }
}

static void what_is_lit_is_the_place_whatever_view_one_comes_from(void **state)
{
    (void)state;
    for (int from = OVERVIEW; from <= HEX; from++) {
        for (int to = MAP; to <= HEX; to++) {
            char script[100];
            char *got;

            snprintf(script, sizeof script, "wait %d j j %d wait shot:lit", from, to);
            got = screens("many", script);
            assert_lit(to, got, "lit");
            free(got);
        }
    }
}

/* x: its bytes. r: who points to its cluster. g +0: the same byte once more. */
static void keys_are_about_what_is_lit(void **state)
{
    (void)state;
    for (int from = OVERVIEW; from <= HEX; from++) {
        for (int to = OVERVIEW; to <= HEX; to++) {
            char script[200], line[400];
            uint64_t lit, cluster = 512;
            char *got;

            /* In hex x goes nowhere, so that there is nothing to come back from. */
            snprintf(script, sizeof script,
                     "wait %d j j %d wait shot:lit x wait shot:x %s r wait shot:r "
                     "Backspace g type:+0 Enter wait shot:g", from, to,
                     to == HEX ? "" : "Backspace");
            got = screens("many", script);
            lit = place_off(got, "lit", line);
            assert_int_equal(place_off(got, "x", line), lit);
            assert_int_equal(place_off(got, "r", line) / cluster, lit / cluster);
            if (place_off(got, "g", line) != lit)
                fail_msg("%d to %d, g +0: %s", from, to, line);
            free(got);
        }
    }
}

/* Enter in the tables opens where the arrow of the lit row points. */
static void enter_opens_what_the_lit_row_points_to(void **state)
{
    (void)state;
    for (int from = OVERVIEW; from <= HEX; from++) {
        char script[100], row[400], line[400];
        unsigned long long target;
        const char *arrow;
        char *got;

        snprintf(script, sizeof script, "wait %d j j 4 wait shot:lit Enter wait shot:there",
                 from);
        got = screens("many", script);
        cursor_row(got, "lit", row);
        arrow = strstr(row, "\u2192 0x");
        if (arrow && sscanf(arrow + strlen("\u2192 "), "%llx", &target) == 1)
            assert_int_equal(place_off(got, "there", line), target);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lit_is_the_place_whatever_view_one_comes_from),
        cmocka_unit_test(keys_are_about_what_is_lit),
        cmocka_unit_test(enter_opens_what_the_lit_row_points_to),
    };

    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
