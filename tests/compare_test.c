/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The view of changes, played by scripts: two images, a plan, two layers. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/play.h"
#include "support/screens.h"

static const struct golden_screen golden[] = {
    { "changes", "truncated",
      { .script = "wait shot:files n n shot:third Tab shot:words Tab Right shot:maps Enter wait "
                  "shot:there 9 A wait shot:in-a",
        .other = "healthy", .changes = true } },
    { "changes-roles", "truncated",
      { .script = "wait n shot:roles", .other = "healthy", .changes = true, .cols = 60, .rows = 14,
        .roles = true } },
    { "changes-wide", "many",
      { .script = "wait shot:files t shot:disk", .other = "snapshots", .changes = true,
        .cols = 120, .rows = 40 } },
    { "changes-mono", "truncated",
      { .script = "wait shot:mono size:30x10 wait shot:narrow size:12x3 wait shot:tiny",
        .other = "healthy", .changes = true, .ascii = true, .theme = THEME_MONO } },
    { "changes-plan", "leak",
      { .script = "wait 9 shot:nothing 1 p wait 9 wait shot:plan = shot:before Tab shot:words" } },
    { "changes-layers", "snapshots",
      { .script = "wait L 9 wait shot:snapshot A wait shot:there 9 = wait shot:now" } },
};

static void screens_are_the_golden_ones(void **state)
{
    (void)state;
    play_golden(golden, sizeof golden / sizeof golden[0], DEPTH_16);
}

static char *screens(const char *sample, const char *script, struct play play)
{
    struct buf got = BUF_INIT;

    play.script = script;
    play.depth = DEPTH_256;
    play_sample(sample, &play, &got);
    return buf_take(&got);
}

static void any_two_samples_at_any_size_are_compared(void **state)
{
    static const char *const name[] = { "healthy", "snapshots", "many", "compressed", "overlay",
                                        "header", "extended-l2", "bad-snapshot", "truncated" };
    static const char script[] =
        "wait 9 wait n n N t n Tab j Tab k j Tab Right + + c - 0 v v o Enter 9 A 9 B size:1x1 9 n "
        "size:2x2 n Tab size:200x1 n size:1x60 n Tab size:3x8 t n size:36x14 t n A 9 size:200x60 "
        "wait n v v t Tab G Tab G Tab G ? ? q = wait L 9 wait = shot:end";

    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        for (size_t k = 0; k < sizeof name / sizeof name[0]; k++)
            free(screens(name[i], script, (struct play){ .other = name[k], .changes = true }));
}

static void a_click_goes_where_it_points(void **state)
{
    const struct play play = { .other = "healthy", .changes = true };
    char *got = screens("leak", "wait click:3,4 shot:cursor double:3,4 wait shot:a 9 wait double:3,31 "
                        "wait shot:b 9 wait click:17,30 shot:row wheel:-1,5,5 wheel:1,18,4 "
                        "Tab wheel:1,18,4 shot:words", play);
    char *there = strstr(got, "== a\n"), *b = strstr(got, "== b\n");

    (void)state;
    screen_shows(got, "cluster 1: refcount table");
    screen_shows(there, "SHOWING A");
    screen_shows(b, "SHOWING B");
    screen_shows(b, "Refcounts");
    free(got);
}

static void changes_are_stepped_through_round_and_round(void **state)
{
    const struct play play = { .other = "healthy", .changes = true };
    char *got = screens("snapshots", "wait n shot:1 N shot:2 N shot:3 n n shot:4", play);

    (void)state;
    screen_shows(strstr(got, "== 1"), "Change 2 of ");
    screen_shows(strstr(got, "== 2"), "Change 1 of ");
    screen_shows(strstr(got, "== 4"), "Change 2 of ");
    free(got);
}

static void a_is_not_shown_while_b_has_a_plan(void **state)
{
    const struct play play = { .other = "healthy", .changes = true };
    char *got = screens("leak", "wait 1 p wait 9 wait shot:plan U wait 9 wait = shot:a 4 e Ctrl-U "
                        "type:0 Enter wait 9 wait shot:plan-of-a", play);

    (void)state;
    screen_shows(strstr(got, "== plan"), "B  under the plan");
    screen_shows(strstr(got, "== a\n"), "A  healthy.qcow2");
    screen_shows(strstr(got, "== plan-of-a"), "A  as it is");
    free(got);
}

static void a_digit_for_nothing_says_so(void **state)
{
    char *got = screens("healthy", "wait 9 shot:nothing } } } } } } } } shot:round", (struct play){ .cols = 130 });

    (void)state;
    screen_shows(strstr(got, "== nothing"), "Nothing to compare");
    screen_shows(strstr(got, "== round"), "Space in the file");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_are_the_golden_ones),
        cmocka_unit_test(any_two_samples_at_any_size_are_compared),
        cmocka_unit_test(a_click_goes_where_it_points),
        cmocka_unit_test(changes_are_stepped_through_round_and_round),
        cmocka_unit_test(a_is_not_shown_while_b_has_a_plan),
        cmocka_unit_test(a_digit_for_nothing_says_so),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
