/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The inspector on a terminal that plays scripts: screens compared with golden ones, and
 * behaviour that can be said in a sentence. UPDATE_GOLDEN=1 writes the golden ones
 * anew. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/image_builder.h"
#include "support/play.h"
#include "support/screens.h"
#include "ui/keys.h"

static const char *const samples[] = {
    "bad-bitmap",  "bad-snapshot",   "bitmaps",       "compressed", "dirty",
    "double-data", "double-table",   "extended-l2",   "header",     "healthy",
    "hidden",      "l2-overwritten", "l2-wiped",      "leak",       "many",
    "misaligned",  "overlay",        "refcount-zero", "snapshots",  "truncated",
};
#define N_SAMPLES (sizeof samples / sizeof samples[0])

static const struct golden_screen golden[] = {
    { "header",
      "healthy",
      { .script = "wait 5 shot:first j j j shot:third size:140x40 shot:wide",
        .roles = true } },
    { "hex",
      "snapshots",
      { .script = "wait 6 ] ] ] ] ] ] ] ] shot:l1-offset Enter shot:l1 Enter shot:l2",
        .roles = true } },
    { "tables",
      "snapshots",
      { .script =
            "wait 4 shot:l1 Enter shot:l2 u wait shot:used d shot:decimal "
            "h t wait shot:refcounts Enter wait shot:block t shot:snapshots Enter wait shot:snapshot-l1",
        .roles = true } },
    { "tables-damaged",
      "l2-overwritten",
      { .script = "wait 4 shot:l1 n shot:first-problem n shot:second", .roles = true } },
    { "tables-wide",
      "extended-l2",
      { .script = "wait 4 shot:l1 Enter u wait shot:subclusters", .cols = 160, .rows = 30 } },
    { "bitmaps", "bitmaps", { .script = "wait 4 t t t shot:list Enter shot:table" } },
    { "compressed",
      "compressed",
      { .script = "wait 4 Enter u wait j j shot:entries Enter shot:stream z wait shot:plain" } },
    { "hex-guest",
      "compressed",
      { .script = "wait 4 Enter u wait j j x shot:entry T wait shot:guest j G wait shot:end / "
                  "type:0x00097400 Enter wait shot:found Enter shot:tables Backspace T shot:file",
        .cols = 120, .rows = 30 } },
    { "commands",
      "snapshots",
      { .script = "wait 4 : shot:all type:layer Down shot:narrowed Up Enter wait shot:done "
                  ": type:5c Enter wait shot:address y copied:place Y copied:line "
                  "size:30x6 : shot:tiny" } },
    { "bookmarks",
      "snapshots",
      { .script = "wait ' shot:none 4 m type:the_first Enter shot:kept j m Enter ' shot:list "
                  "type:first shot:narrowed Enter wait shot:there ' Delete shot:removed Esc "
                  "S shot:nothing-writes" } },
    { "tour",
      "snapshots",
      { .script = "wait shot:first . wait shot:second . wait . wait j shot:walked , wait shot:back "
                  "size:120x40 . . wait shot:120x40 size:20x5 shot:no-room", .tour = true } },
    { "ascii",
      "truncated",
      { .script = "wait 4 shot:l1 n shot:problem 6 shot:hex", .ascii = true } },
    { "help",
      "healthy",
      { .script = "wait 4 Enter ? shot:keys ? shot:teaching q shot:back" } },
};

static void screens_are_the_golden_ones(void **state)
{
    (void)state;
    play_golden(golden, sizeof golden / sizeof golden[0], DEPTH_16);
}

static void a_tour_has_six_to_ten_steps_and_an_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        struct play play = { .script = "wait shot:a . wait . wait . wait . wait . wait shot:b "
                                       ". . . . . . wait shot:c",
                             .depth = DEPTH_16, .tour = true, .cols = 100, .rows = 40 };
        struct buf got = BUF_INIT;

        play_sample(samples[i], &play, &got);
        screen_shows(buf_str(&got), "tour, step 1 of ");
        screen_shows(buf_str(&got), "tour, step 6 of ");
        screen_shows(buf_str(&got), "The overview says in its first lines");
        screen_shows(buf_str(&got), "no tour");
        buf_free(&got);
    }
}

/* Every view, every size, every key, on every sample: nothing may crash or hang. */
static void any_size_draws_in_every_view(void **state)
{
    static const char script[] =
        "wait 4 Enter size:1x1 j 5 6 7 ? ? q size:2x2 4 5 6 7 Tab ? q size:200x1 4 5 6 7 ? q "
        "size:1x60 4 5 6 7 ? q size:3x3 4 n n r q size:20x5 4 u t t t t 5 6 ] ] z z "
        "size:79x10 1 2 3 4 5 6 size:80x24 1 2 3 4 5 6 7 8 n N size:200x60 1 2 3 4 5 6 7 Tab L G n r "
        "4 e Ctrl-U type:0 Enter size:1x1 8 wait size:30x6 ? ? q size:2x2 e size:40x3 8 J x";
    struct buf got = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        struct play play = { .script = script, .depth = DEPTH_256 };

        play_sample(samples[i], &play, &got);
    }
    buf_free(&got);
}

static void every_key_of_the_table_is_survived_in_every_view(void **state)
{
    struct buf script = BUF_INIT;
    struct buf got = BUF_INIT;

    (void)state;
    buf_puts(&script, "wait ");
    for (int view = 1; view <= N_NUMBERED_VIEWS; view++) {
        for (size_t i = 0; key_table(i); i++) {
            const char *p = key_table(i)->keys;

            if (key_table(i)->action == ACT_QUIT || key_table(i)->action == ACT_BACK)
                continue;
            while (*p) {
                size_t len = strcspn(p, " ");

                if (len != 2 || memcmp(p, "gg", 2) != 0)
                    buf_printf(&script, "Esc %d %.*s ", view, (int)len, p);
                p += len + (p[len] == ' ');
            }
        }
    }
    for (size_t i = 0; i < N_SAMPLES; i++) {
        struct play play = { .script = buf_str(&script), .depth = DEPTH_8, .cols = 100 };

        play_sample(samples[i], &play, &got);
    }
    buf_free(&script);
    buf_free(&got);
}

static void typed_addresses_lead_to_their_places(void **state)
{
    static const struct { const char *typed, *place;
    } row[] = {
        { "0x400", "file 0x400" },
        { "2c", "cluster 2" },
        { "L1[1]", "L1[1]" },
        { "L2[0][3]", "L1[0] L2[3]" },
        { "guest_1k", "L1[0] L2[1]" },
        { "header", "header" },
        { "rb_0_3", "refcount block 0 entry 3" },
        { "rt_0", "refcount table" },
        { "snap_2", "snapshot 2" },
        { "end", "refcount block 0 entry 38" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char script[100];
        char *got;

        snprintf(script, sizeof script, "wait 4 g type:%s Enter shot:there",
                 row[i].typed);
        got = screens_of("snapshots", script);
        screen_shows(got, row[i].place);
        free(got);
    }
}

static void a_wrong_address_is_told_and_nothing_moves(void **state)
{
    char *got = screens_of("healthy", "wait 5 j j g type:nonsense Enter shot:x");

    (void)state;
    screen_shows(got, "nonsense");
    screen_shows(got, "file 0x8 ");
    free(got);
}

static void g_g_goes_to_the_top_and_G_to_the_end(void **state)
{
    char *got = screens_of("snapshots", "wait 4 Enter G shot:end");

    (void)state;
    screen_shows(got, "128 of 128");
    free(got);
    got = screens_of("snapshots", "wait 4 Enter G g g shot:top");
    screen_shows(got, "1 of 128");
    screen_shows_not(got, "go to:");
    free(got);
}

static void guest_can_be_typed_after_g(void **state)
{
    char *got = screens_of("snapshots", "wait 4 Enter G g type:guest_1k Enter shot:x");

    (void)state;
    screen_shows(got, "L1[0] L2[1]");
    free(got);
    /* Some time after gg a u is the key of the view again. */
    got = screens_of("snapshots", "wait 4 Enter G g g time:2000 u shot:x");
    screen_shows(got, "Unused entries are hidden");
    free(got);
}

static void backspace_returns_through_all_places(void **state)
{
    char *got = screens_of("snapshots",
                        "wait 4 j Enter j j Enter 5 Backspace Backspace shot:l2 "
                        "Backspace shot:l1 > shot:forward");

    (void)state;
    screen_shows(got, "== l2");
    screen_shows(strstr(got, "== l2"), "L1[1] L2[2]");
    screen_shows(strstr(got, "== l1"), "2 of 3");
    screen_shows(strstr(got, "== forward"), "L1[1] L2[");
    free(got);
}

static void views_show_the_same_place(void **state)
{
    char *got =
        screens_of("snapshots", "wait g type:L2[1][5] Enter 6 shot:hex 4 shot:tables");

    (void)state;
    screen_shows(strstr(got, "== hex"), "L1[1] L2[5]");
    screen_shows(strstr(got, "== tables"), "6 of 128");
    free(got);
}

static void ctrl_c_closes_a_prompt_and_ends_the_program_without_one(void **state)
{
    struct play play = { .script = "g type:28 signal:2 shot:closed signal:2 shot:never" };
    struct buf got = BUF_INIT;

    (void)state;
    assert_int_equal(play_sample("healthy", &play, &got), 2);
    assert_null(strstr(strstr(buf_str(&got), "== closed"), "go to:"));
    assert_null(strstr(buf_str(&got), "== never"));
    buf_free(&got);
}

static void a_key_that_means_nothing_is_named_until_the_next_key(void **state)
{
    char *got = screens_of("healthy",
                           "wait Z shot:unknown j shot:known Ctrl-V shot:control");

    (void)state;
    screen_shows(strstr(got, "== unknown"), "Z does nothing here");
    assert_null(strstr(strstr(got, "== known"), "Z is no key"));
    screen_shows(strstr(got, "== control"), "Ctrl-V does nothing here");
    free(got);
}

static void R_scans_again_after_a_scan_was_stopped(void **state)
{
    struct play play = { .script = "Esc shot:open-gate wait shot:partial R wait shot:whole 3 j "
                                   "shot:problems 2 R wait shot:again" };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("many", &play, &got);
    screen_shows(strstr(buf_str(&got), "== partial"), "partial scan");
    assert_null(strstr(strstr(buf_str(&got), "== whole"), "partial scan"));
    screen_shows(strstr(buf_str(&got), "== again"), "data lost");
    buf_free(&got);
}

static void n_goes_from_hit_to_hit_until_Esc(void **state)
{
    char *got = screens_of("snapshots",
                           "wait 6 / type:hex_00_03 Enter wait shot:a n wait shot:b "
                                     "N wait shot:a2 Esc n shot:problem");
    char a[200], b[200], a2[200];

    (void)state;
    screens_place_line(got, "a", a);
    screens_place_line(got, "b", b);
    screens_place_line(got, "a2", a2);
    assert_string_not_equal(a, b);
    assert_string_equal(a, a2);
    screen_shows(strstr(got, "== problem"), " of 3: ");
    free(got);
}

static void hints_in_the_last_line_can_be_clicked(void **state)
{
    char *got = screens_of("healthy", "wait 4 shot:hints click:23,2 shot:opened");

    (void)state;
    screen_shows(strstr(got, "== hints"), "| Enter open");
    screen_shows(strstr(got, "== opened"), "L2 table of L1[0]");
    free(got);
}

static void no_line_of_the_help_is_cut(void **state)
{
    (void)state;
    for (int view = 1; view <= N_NUMBERED_VIEWS; view++) {
        char script[200];
        char *got;

        snprintf(script, sizeof script, "wait %d ? shot:a PageDown shot:b PageDown shot:c "
                 "PageDown shot:d Tab shot:e PageDown shot:f PageDown shot:g", view);
        got = screens_of("many", script);
        for (char *line = strstr(got, "== a"); line; line = strstr(line + 1, "\n|")) {
            size_t len = strcspn(line + 1, "\n");

            assert_null(memmem(line + 1, len, "\xe2\x80\xa6", 3) &&
                        !memmem(line + 1, len, "\u203a", 3) ? line : NULL);
        }
        free(got);
    }
}

static void d_in_the_header_shows_only_sizes_and_offsets_as_sizes(void **state)
{
    char *got = screens_of("healthy", "wait 5 d d shot:sizes");

    (void)state;
    assert_null(strstr(got, "cluster_bits              9 B"));
    screen_shows(got, "cluster_bits");
    for (char *line = got; line; line = strstr(line + 1, "\n|"))
        if (memmem(line + 1, strcspn(line + 1, "\n"), "cluster_bits", 12))
            assert_null(memmem(line + 1, strcspn(line + 1, "\n"), " B ", 3));
    free(got);
}

static void the_place_is_what_a_view_has_lit_on_entry(void **state)
{
    char *got = screens_of("snapshots",
                           "wait 4 shot:tables x shot:hex 5 shot:header 3 shot:none");
    char *many = screens_of("many", "wait 3 shot:problems j j shot:kind r shot:who");
    char lit[200], kind[200];

    (void)state;
    screen_shows(strstr(got, "== tables"), "L1[0]");
    screen_shows(strstr(got, "== hex"), "entry 0");
    screen_shows(strstr(got, "== header"), "header byte");
    screens_place_line(many, "problems", lit);
    screens_place_line(many, "kind", kind);
    assert_null(strstr(strstr(many, "== who"), "header byte"));
    free(many);
    free(got);
}

static void n_walks_round_all_problems_from_any_view(void **state)
{
    char *got = screens_of("many", "wait 6 n shot:a n shot:b N shot:c");
    char *first = strstr(got, "1 of ");

    (void)state;
    assert_non_null(first);
    screen_shows(strstr(got, "== b"), " 2 of ");
    screen_shows(strstr(got, "== c"), " 1 of ");
    free(got);
    got = screens_of("healthy", "wait 6 n shot:none");
    screen_shows(got, "No problems were found");
    free(got);
}

static void a_scan_that_goes_on_can_be_browsed_and_stopped(void **state)
{
    struct play play = {
        .script = "4 shot:tables Enter shot:l2 tick size:60x20 shot:resized n shot:n 5 "
                  "shot:header "
                  "Esc shot:stopping shot:open-gate wait shot:partial",
        .depth = DEPTH_16,
    };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("snapshots", &play, &got);
    screen_shows(buf_str(&got), "scanning 0%");
    screen_shows(strstr(buf_str(&got), "== l2"), "L2 table of L1[0]");
    screen_shows(strstr(buf_str(&got), "== n"), "when the scan has ended");
    screen_shows(strstr(buf_str(&got), "== header"), "cluster_bits");
    screen_shows(strstr(buf_str(&got), "== stopping"), "stopping");
    screen_shows(strstr(buf_str(&got), "== partial"), "partial scan");
    buf_free(&got);
}

static void a_signal_is_handed_to_the_caller(void **state)
{
    struct play play = { .script = "wait signal:15 q", .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    (void)state;
    assert_int_equal(play_sample("healthy", &play, &got), SIGTERM);
    buf_free(&got);
}

static void the_next_table_is_found_across_empty_l1_entries(void **state)
{
    struct play play = { .script = "wait g type:L2[0][0] Enter ] shot:next ] shot:none [ shot:first",
                         .depth = DEPTH_16 };
    struct builder_options opt = BUILDER_DEFAULTS;
    struct buf got = BUF_INIT;
    struct builder *b;

    (void)state;
    opt.size = UINT64_C(1400) << 20;
    b = builder_new(opt);
    builder_map(b, 0);
    builder_map(b, 650 * 512);
    play_source(builder_source(b), &play, &got);
    screen_shows(strstr(buf_str(&got), "== next"), "L2 table of L1[650]");
    screen_shows(strstr(buf_str(&got), "== none"), "no table beyond this one");
    screen_shows(strstr(buf_str(&got), "== first"), "L2 table of L1[0]");
    buf_free(&got);
    builder_free(b);
}

static void the_mouse_selects_opens_and_scrolls(void **state)
{
    char *got =
        screens_of("snapshots", "wait 4 click:5,3 shot:clicked double:5,3 shot:opened "
                             "wheel:3 shot:scrolled click:1,40 shot:tab");

    (void)state;
    screen_shows(strstr(got, "== clicked"), "2 of 3");
    screen_shows(strstr(got, "== opened"), "L2 table of L1[1]");
    screen_shows(strstr(got, "== scrolled"), "4 of 128");
    free(got);
}

static void help_shows_the_keys_of_the_view_in_front(void **state)
{
    char *got = screens_of("healthy", "wait 6 ? shot:hex q 4 ? shot:tables q shot:back");

    (void)state;
    screen_shows(strstr(got, "== hex"), "Next field or entry");
    screen_shows(strstr(got, "== tables"), "Hide or show unused entries");
    screen_shows(strstr(got, "== back"), "active L1 table");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_are_the_golden_ones),
        cmocka_unit_test(a_tour_has_six_to_ten_steps_and_an_end),
        cmocka_unit_test(any_size_draws_in_every_view),
        cmocka_unit_test(every_key_of_the_table_is_survived_in_every_view),
        cmocka_unit_test(typed_addresses_lead_to_their_places),
        cmocka_unit_test(a_wrong_address_is_told_and_nothing_moves),
        cmocka_unit_test(g_g_goes_to_the_top_and_G_to_the_end),
        cmocka_unit_test(guest_can_be_typed_after_g),
        cmocka_unit_test(backspace_returns_through_all_places),
        cmocka_unit_test(views_show_the_same_place),
        cmocka_unit_test(ctrl_c_closes_a_prompt_and_ends_the_program_without_one),
        cmocka_unit_test(a_key_that_means_nothing_is_named_until_the_next_key),
        cmocka_unit_test(R_scans_again_after_a_scan_was_stopped),
        cmocka_unit_test(n_goes_from_hit_to_hit_until_Esc),
        cmocka_unit_test(hints_in_the_last_line_can_be_clicked),
        cmocka_unit_test(no_line_of_the_help_is_cut),
        cmocka_unit_test(d_in_the_header_shows_only_sizes_and_offsets_as_sizes),
        cmocka_unit_test(the_place_is_what_a_view_has_lit_on_entry),
        cmocka_unit_test(n_walks_round_all_problems_from_any_view),
        cmocka_unit_test(a_scan_that_goes_on_can_be_browsed_and_stopped),
        cmocka_unit_test(a_signal_is_handed_to_the_caller),
        cmocka_unit_test(the_next_table_is_found_across_empty_l1_entries),
        cmocka_unit_test(the_mouse_selects_opens_and_scrolls),
        cmocka_unit_test(help_shows_the_keys_of_the_view_in_front),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
