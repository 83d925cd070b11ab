/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Editing and planning in the inspector, played by scripts. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "insight/cause_work.h"
#include "plan/propose.h"
#include "support/play.h"
#include "support/screens.h"

static const struct golden_screen golden[] = {
    { "plan", "healthy",
      { .script = "wait 8 shot:empty 4 e shot:prompt Ctrl-U type:12c Enter wait shot:edited "
                  "8 shot:plan = shot:before = U wait shot:undone",
        .roles = true } },
    { "plan-wide", "refcount-zero",
      { .script = "wait 3 p wait 8 shot:planned", .cols = 120, .rows = 40 } },
    { "plan-tiny", "healthy",
      { .script = "wait 4 e Ctrl-U type:0 Enter wait 8 size:30x8 shot:small size:12x3 "
                  "shot:tiny" } },
    { "plan-mono", "leak",
      { .script = "wait 1 p wait 6 g type:0x0 Enter shot:hex 8 Space wait shot:left-out",
        .theme = THEME_MONO, .ascii = true } },
};

static void screens_are_the_golden_ones(void **state)
{
    (void)state;
    play_golden(golden, sizeof golden / sizeof golden[0], DEPTH_16);
}

static void leaks_that_a_lost_table_may_have_had_are_not_freed(void **state)
{
    char look[] = "Look at them", keep[] = STEP_KEEP_LEAKS, *steps[] = { look, keep };
    struct cause left = { .kind = CAUSE_OF_LEFT_OVERS, .step = steps };

    (void)state;
    assert_string_equal(propose_for_cause(&left), "leaks");
    left.n_steps = 1;
    assert_string_equal(propose_for_cause(&left), "leaks");
    left.n_steps = 2;
    assert_string_equal(propose_for_cause(&left), "rescue");
}

/* The screens of a script; the caller frees. */
static char *screens(const char *sample, const char *script)
{
    struct play play = { .script = script, .depth = DEPTH_16, .cols = 110, .rows = 30 };
    struct buf got = BUF_INIT;

    play_sample(sample, &play, &got);
    return buf_take(&got);
}

static void nothing_that_is_done_writes_to_the_image(void **state)
{
    static const char script[] =
        "wait 4 e Ctrl-U type:0 Enter wait j e Ctrl-U type:5c Enter wait 5 j j e Ctrl-U type:9 "
        "Enter wait 6 g type:0x400 Enter e Ctrl-U type:ffeeddcc Enter wait 3 p wait 8 J K x "
        "Space wait U U Ctrl-R wait w =";
    struct play play = { .script = script, .depth = DEPTH_16 };
    struct buf got = BUF_INIT;
    struct source *src;
    uint8_t *bytes = sample_load("many", &src), *before;
    size_t len = (size_t)source_size(src);

    (void)state;
    before = malloc(len);
    assert_non_null(before);
    memcpy(before, bytes, len);
    play_source(src, &play, &got);
    assert_memory_equal(bytes, before, len);
    free(before);
    free(bytes);
    buf_free(&got);
}

static void flags_are_set_and_cleared_by_name(void **state)
{
    char *got = screens("healthy", "wait 4 Enter e Ctrl-U type:-copied Enter wait shot:clear "
                        "e Ctrl-U type:+copied_+zero Enter wait shot:set "
                        "5 / type:incompat Enter e Ctrl-U type:+dirty Enter wait shot:dirty "
                        "e Ctrl-U type:+nonsense Enter shot:wrong");

    (void)state;
    screen_shows(got, "to 0xa00 (data at 0xa00)");
    screen_shows(got, "from 0xa00 (data at 0xa00) to 0x8000000000000a01");
    screen_shows(got, "Set incompatible_features from none to dirty");
    screen_shows(got, "'+nonsense' is no flag of incompatible_features");
    free(got);
}

/* Lines of bytes on a screen that have a star. */
static int stars(const char *got, const char *shot)
{
    const char *at = strstr(got, shot), *end = at ? strstr(at + 1, "\n== ") : NULL;
    int n = 0;

    assert_non_null(at);
    for (; (at = strstr(at, "0* ")) && (!end || at < end); at++)
        n++;
    return n;
}

static void bytes_that_the_guest_reads_differently_have_a_star(void **state)
{
    /* guest cluster 2 gets the stream of guest cluster 3 */
    char *got = screens("compressed", "wait g type:l2_0_2 Enter 6 e Ctrl-U type:0x4000000000004000 "
                        "Enter wait T wait shot:disk = wait shot:disk-before g type:guest_0x4000 "
                        "Enter wait shot:beside T wait = g type:l2_0_2 Enter 6 z wait shot:plain "
                        "= wait shot:plain-before");

    (void)state;
    assert_true(stars(got, "== disk\n") > 0);
    assert_int_equal(stars(got, "== disk-before"), stars(got, "== disk\n"));
    assert_int_equal(stars(got, "== beside"), 0);
    assert_true(stars(got, "== plain\n") > 0);
    assert_int_equal(stars(got, "== plain-before"), stars(got, "== plain\n"));
    screen_shows(strstr(got, "== plain\n"), "guest 0x00001800");
    screen_shows(strstr(got, "== plain-before"), "guest 0x00001000");
    free(got);
}

static void a_cluster_is_picked_for_a_pointer(void **state)
{
    char *got = screens("healthy", "wait 4 e Tab shot:picking g type:12c Enter shot:there e "
                        "wait shot:taken 4 e Tab Esc shot:given-up");

    (void)state;
    screen_shows(got, "Picking a cluster for L1[0]");
    screen_shows(got, "from 0x8000000000000800 (L2 table) to 0x8000000000001800 (L2 table)");
    screen_shows(got, "WHAT-IF 1 step");
    free(got);
}

static void refcounts_narrower_than_a_byte_are_edited(void **state)
{
    char *got = screens("healthy", "wait g type:rb_0_3 Enter shot:at 6 e shot:prompt Ctrl-U "
                        "type:7 Enter wait shot:edited");

    (void)state;
    screen_shows(got, "refcount block 0 entry 3");
    screen_shows(got, "from 1 to 7");
    free(got);
}

static void a_header_that_is_no_image_any_more_is_told_and_undone(void **state)
{
    char *got = screens("healthy", "wait 5 e Ctrl-U type:0 Enter j j j j e Ctrl-U type:99 Enter "
                        "wait shot:broken U U wait shot:whole");

    (void)state;
    screen_shows(got, "cluster_bits");
    screen_shows(strstr(got, "== whole"), "READ-ONLY");
    free(got);
}

static void every_proposal_of_a_sample_ends_with_less_to_mend(void **state)
{
    static const char *const sample[] = { "leak", "refcount-zero", "flipped-bit", "double-data" };

    (void)state;
    for (size_t i = 0; i < sizeof sample / sizeof sample[0]; i++) {
        char *got = screens(sample[i], "wait 1 p wait 3 p wait 8 shot:plan");

        screen_shows(got, "Before ");
        screen_shows(got, "WHAT-IF");
        screen_shows_not(got, "READ-ONLY");
        screen_shows(got, "[x]");
        free(got);
    }
}

static void before_and_after_are_both_shown(void **state)
{
    char *got = screens("leak", "wait shot:first p wait shot:after = shot:before = shot:again");

    (void)state;
    screen_shows(strstr(got, "== first"), "leaks only");
    screen_shows(strstr(got, "== after"), " clean");
    screen_shows(strstr(got, "== after"), "WHAT-IF");
    screen_shows(strstr(got, "== before"), "BEFORE");
    screen_shows(strstr(got, "== before"), "leaks only");
    screen_shows_not(strstr(got, "== again"), "leaks only");
    free(got);
}

static void w_says_why_it_saves_nothing(void **state)
{
    char *got = screens("leak", "wait w shot:why");

    (void)state;
    screen_shows(got, "--plan FILE or --plan-dir DIR");
    free(got);
}

static void views_go_on_while_the_outcome_is_opened(void **state)
{
    struct play play = { .script = "4 e Ctrl-U type:12c Enter shot:asked 8 5 j 6 j 2 shot:map "
                                   "shot:open-gate wait 8 shot:done",
                         .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("healthy", &play, &got);
    screen_shows(buf_str(&got), "Set L1[0] from");
    screen_shows(strstr(buf_str(&got), "== done"), "WHAT-IF 1 step");
    buf_free(&got);
}

static void lost_tables_are_rescued_and_where_that_fails_the_rest_is_repaired(void **state)
{
    char *got = screens("l1-wiped", "wait 1 p wait 8 shot:rescued");

    (void)state;
    screen_shows(got, "back under the L1 table");
    /* The check of the outcome finds nothing, and does not know whether all is in its place. */
    screen_shows(got, "put back (see how surely)");
    screen_shows(got, "data put back");
    assert_null(strstr(got, "nothing lost"));
    free(got);
    got = screens("l2-pages", "wait 5 / type:incompat Enter e Ctrl-U type:+dirty Enter wait 1 p wait "
                              "8 shot:repaired");
    screen_shows(got, "Clear the dirty bit");
    free(got);
}

static void an_edit_names_the_files_that_it_costs(void **state)
{
    struct play play = { .script = "wait g type:l2_2_50 Enter e Ctrl-U type:0 Enter 8 wait shot:lost "
                                   "U wait g type:l2_2_50 Enter e Ctrl-U type:+copied Enter 8 wait "
                                   "shot:same",
                         .depth = DEPTH_16, .files = true };
    struct buf got = BUF_INIT;

    (void)state;
    play_sample("files", &play, &got);
    screen_shows(buf_str(&got), "Gives up guest 0x4c800: 1 KiB");
    screen_shows(buf_str(&got), "Of it 1 KiB: sda2: /var/mail/ben");
    screen_shows(buf_str(&got), "1 KiB given up");
    screen_shows_not(strstr(buf_str(&got), "== same"), "Gives up");
    screen_shows_not(strstr(buf_str(&got), "== same"), "loses data");
    buf_free(&got);
}

static void what_costs_data_is_planned_only_when_that_is_asked_for(void **state)
{
    struct play play = { .script = "wait 1 p wait shot:kept P wait 8 wait shot:given-up",
                         .depth = DEPTH_16, .files = true, .cols = 100, .rows = 40 };
    struct buf got = BUF_INIT;
    char *given_up;

    (void)state;
    play_sample("files", &play, &got);
    given_up = strstr(buf_str(&got), "== given-up");
    screen_shows(buf_str(&got), "P gives up data for it");
    screen_shows(given_up, "loses data: Mend 11 broken table entries.");
    screen_shows(given_up, "Of it 7 KiB: sda2: /home/thesis.txt");
    screen_shows(given_up, "11 KiB given up");
    *given_up = '\0';
    screen_shows(buf_str(&got), "READ-ONLY");
    buf_free(&got);
}

static void what_no_plan_mends_is_told(void **state)
{
    char *got = screens("broken-stream", "wait 1 p wait shot:said 8 shot:why");

    (void)state;
    screen_shows(got, "8 says why");
    screen_shows(got, "1 of 12 compressed clusters does not decode");
    screen_shows(got, "To do: Fetch these ranges");
    screen_shows(got, "There are no steps yet");
    free(got);
}

static void subclusters_are_edited_as_bits(void **state)
{
    char *got = screens("extended-l2", "wait 6 g type:0x10008 Enter e shot:prompt Ctrl-U type:0x500000001 "
                        "Enter wait shot:set");

    (void)state;
    screen_shows(got, "32 bits zero, 32 bits allocated");
    screen_shows(got, "Set L1[0] L2[0] bitmap from 0xf0000000003000f (4 zero, 6 allocated) to "
                      "0x500000001 (2 zero, 1 allocated)");
    free(got);
}

static void an_edit_that_changes_nothing_is_no_step(void **state)
{
    char *got = screens("healthy", "wait 4 e Enter wait shot:same");

    (void)state;
    screen_shows(got, "L1[0] has this value already");
    screen_shows(got, "READ-ONLY");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_are_the_golden_ones),
        cmocka_unit_test(leaks_that_a_lost_table_may_have_had_are_not_freed),
        cmocka_unit_test(nothing_that_is_done_writes_to_the_image),
        cmocka_unit_test(flags_are_set_and_cleared_by_name),
        cmocka_unit_test(bytes_that_the_guest_reads_differently_have_a_star),
        cmocka_unit_test(a_cluster_is_picked_for_a_pointer),
        cmocka_unit_test(refcounts_narrower_than_a_byte_are_edited),
        cmocka_unit_test(a_header_that_is_no_image_any_more_is_told_and_undone),
        cmocka_unit_test(every_proposal_of_a_sample_ends_with_less_to_mend),
        cmocka_unit_test(before_and_after_are_both_shown),
        cmocka_unit_test(w_says_why_it_saves_nothing),
        cmocka_unit_test(lost_tables_are_rescued_and_where_that_fails_the_rest_is_repaired),
        cmocka_unit_test(an_edit_names_the_files_that_it_costs),
        cmocka_unit_test(what_costs_data_is_planned_only_when_that_is_asked_for),
        cmocka_unit_test(what_no_plan_mends_is_told),
        cmocka_unit_test(subclusters_are_edited_as_bits),
        cmocka_unit_test(an_edit_that_changes_nothing_is_no_step),
        cmocka_unit_test(views_go_on_while_the_outcome_is_opened),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
