/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Overview, map, problems and "who points here": golden screens at several sizes with and
 * without colour, and behaviour that can be said in a sentence. */
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

#include "qcow2/spec.h"
#include "scan/guest.h"
#include "support/play.h"
#include "support/screens.h"
#include "ui/keys.h"

#define EVERY_SIZE(keys) \
    "wait " keys " wait shot:80x24 size:200x60 wait shot:200x60 size:40x10 shot:40x10 " \
    "size:1x1 shot:1x1"

static const struct golden_screen golden[] = {
    { "overview-dark",
      "many",
      { .script = EVERY_SIZE("1"), .depth = DEPTH_256, .roles = true } },
    { "overview-mono", "snapshots", { .script = EVERY_SIZE("1"), .theme = THEME_MONO } },
    { "overview-wiped", "l2-wiped", { .script = "wait shot:leaks", .depth = DEPTH_16 } },
    { "overview-refused",
      "header",
      { .script = "wait shot:refused", .depth = DEPTH_16 } },
    { "map-dark",
      "many",
      { .script = EVERY_SIZE("2 j j l l"), .depth = DEPTH_256, .roles = true } },
    { "map-mono", "many", { .script = EVERY_SIZE("2 j l"), .theme = THEME_MONO } },
    { "map-ascii",
      "compressed",
      { .script = EVERY_SIZE("2 v"), .depth = DEPTH_8, .ascii = true } },
    { "map-guest",
      "many",
      { .script = "wait 2 t wait l l shot:classes f wait shot:jumps f shot:references f "
                  "shot:order f v v shot:letters + + shot:zoomed y shot:hilbert",
        .depth = DEPTH_256 } },
    { "map-zones",
      "files",
      { .script = "wait 2 wait t wait shot:borders f f f f f wait shot:file-systems v v v wait "
                  "shot:letters", .depth = DEPTH_256, .files = true } },
    { "map-content",
      "many",
      { .script = "wait 2 f f f f wait shot:in-sight - - wait D wait shot:all size:120x40 wait "
                  "shot:120x40 size:20x6 shot:20x6", .depth = DEPTH_16 } },
    { "problems-dark",
      "double-data",
      { .script = EVERY_SIZE("3 j Enter"), .depth = DEPTH_16, .roles = true } },
    { "problems-mono", "many", { .script = EVERY_SIZE("3 j j j"), .theme = THEME_MONO } },
    { "disk-dark",
      "files",
      { .script = EVERY_SIZE("7 j j"), .depth = DEPTH_256, .roles = true, .files = true } },
    { "disk-mono", "files", { .script = EVERY_SIZE("7 wait Tab j"), .theme = THEME_MONO,
                              .files = true } },
    { "disk-layers",
      "files",
      { .script = "wait 7 wait G Tab L wait shot:snapshot Tab Enter wait size:120x40 "
                  "Tab Tab wait shot:120x40 Tab j Enter wait shot:tables x T wait shot:hex",
        .depth = DEPTH_16, .files = true } },
    { "disk-none", "healthy", { .script = "wait 7 wait shot:no-volumes", .files = true } },
    { "referrers-dark",
      "snapshots",
      { .script = EVERY_SIZE("g type:5c Enter r"), .depth = DEPTH_16, .roles = true } },
    { "referrers-mono",
      "double-data",
      { .script = EVERY_SIZE("4 g type:L2[1][4] Enter r wait Tab"),
        .theme = THEME_MONO } },
};

static void screens_are_the_golden_ones(void **state)
{
    (void)state;
    play_golden(golden, sizeof golden / sizeof golden[0], DEPTH_MONO);
}

/* --- overview --- */

static void lines_of_the_overview_lead_to_their_places(void **state)
{
    char *got =
        screens_plain("many",
                      "wait Enter shot:cause Backspace j j j j j j j j Enter shot:guest "
                      "Backspace j Enter shot:kind Backspace G k k k k Enter shot:later");

    (void)state;
    shot_shows(screens_shot(got, "cause"), "L1[");
    shot_shows(screens_shot(got, "guest"), "L1[2] L2[0]");
    shot_shows(screens_shot(got, "kind"),
                 "What to do: ");
    shot_shows_not(screens_shot(got, "later"), "Corrupt:");
    free(got);
}

/* --- problems --- */

static void both_owners_of_a_cluster_are_links(void **state)
{
    char *got =
        screens_plain("double-data",
                      "wait 3 c j j Enter j Enter shot:first Backspace j j "
                      "Enter shot:second");

    (void)state;
    shot_shows(screens_shot(got, "first"), "L1[0] L2[4]");
    shot_shows(screens_shot(got, "second"), "L1[1] L2[4]");
    free(got);
}

static void problems_are_filtered_by_severity_text_and_guest_range(void **state)
{
    char *got = screens_plain("many", "wait 3 c f shot:corruptions f shot:leaks F "
                                "/ type:l2-reserved Enter shot:text F "
                                "/ type:guest_0x28000-0x28200 Enter shot:guest F "
                                "/ type:guest_x Enter shot:wrong shot:all");

    (void)state;
    shot_shows(screens_shot(got, "corruptions"), "85  all kinds");
    shot_shows(screens_shot(got, "leaks"), "27  all kinds");
    shot_shows_not(screens_shot(got, "leaks"), "Compressed cluster lies");
    shot_shows(screens_shot(got, "text"), "25  all kinds");
    shot_shows(screens_shot(got, "guest"), "L1[5] L2[0]");
    shot_shows_not(screens_shot(got, "guest"), "L1[5] L2[1]:");
    shot_shows(screens_shot(got, "wrong"), "Not a guest range");
    shot_shows(screens_shot(got, "all"), "114  all kinds");
    free(got);
}

/* The text of a problem is longer than the screen has room for: it says so and scrolls. */
static void what_to_do_can_be_read_at_any_size(void **state)
{
    char *keys = screens_plain("l2-overwritten",
                               "size:60x16 wait 3 c j shot:first Tab End shot:end "
                                           "Home shot:home Tab shot:places");
    char *mouse = screens_plain("l2-overwritten",
                                "size:60x16 wait 3 c j wheel:30,9,5 shot:end "
                                            "wheel:-30,9,5 shot:home");

    (void)state;
    shot_shows(screens_shot(keys, "first"), "\u25bc");
    shot_shows_not(screens_shot(keys, "first"), "Specification:");
    shot_shows(screens_shot(keys, "end"), "Specification:");
    shot_shows_not(screens_shot(keys, "home"), "Specification:");
    shot_shows(screens_shot(keys, "places"), "1 of ");
    shot_shows(screens_shot(mouse, "end"), "Specification:");
    shot_shows_not(screens_shot(mouse, "home"), "Specification:");
    free(keys);
    free(mouse);
}

static void next_problem_is_selected_in_the_list(void **state)
{
    char *got = screens_plain("many", "wait 3 f f N shot:a N shot:b");

    (void)state;
    shot_shows(screens_shot(got, "b"), "114  all problems");
    shot_shows_not(screens_shot(got, "b"), "only]");      /* the filter would hide it */
    free(got);
}

/* Causes stand on the first screen; Enter shows what explains them, Enter again goes to the
 * first proof. */
static void a_cause_is_seen_without_a_key_and_its_proof_after_two(void **state)
{
    static const struct { const char *sample, *cause, *proof; } wrong[] = {
        { "l2-overwritten", "An L2 table was overwritten with refcounts", "L1[1]" },
        { "l2-wiped", "An L2 table was wiped", "L1[" },
        { "leak", "Clusters without an owner", "cluster " },
        { "double-data", "A cluster is used by two guest ranges", "L2[" },
        { "truncated", "The file was cut short", "" },
        { "refcount-zero", "Refcounts", "cluster " },
        { "many", "An L2 table was overwritten with refcounts", "L1[5]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *got = screens_plain(wrong[i].sample,
                            "wait shot:overview Enter shot:cause Enter shot:proof");
        const char *place = strstr(screens_shot(got, "proof"), "\n| file ");

        shot_shows(screens_shot(got, "overview"), wrong[i].cause);
        shot_shows(screens_shot(got, "cause"), wrong[i].cause);
        shot_shows(screens_shot(got, "cause"), " proof ");
        assert_non_null(place);
        shot_shows(place, wrong[i].proof);
        free(got);
    }
}

static void subclusters_are_whole_or_not_there(void **state)
{
    char *got = screens_plain("extended-l2",
                              "wait 4 Enter j j shot:80 size:120x30 shot:120 "
                                       "size:60x20 shot:60");
    static const char strip[] = "00000000\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7"
                                "\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7"
                                "\u00b7\u00b7\u00b7\u00b7\u00b7";

    (void)state;
    shot_shows(screens_shot(got, "80"), strip);
    shot_shows(screens_shot(got, "120"), strip);
    shot_shows_not(screens_shot(got, "60"), "00000000\u00b7");
    shot_shows(screens_shot(got, "80"), "8 zeros, 24 unallocated");
    shot_shows_not(screens_shot(got, "80"), "\u00b7 unallocated");
    free(got);
}

static void problems_change_between_causes_and_kinds(void **state)
{
    char *got = screens_plain("l2-overwritten",
                              "wait 3 shot:causes c shot:kinds j Enter j c shot:back");

    (void)state;
    shot_shows(screens_shot(got, "causes"),
               "20  An L2 table was overwritten with refcounts");
    shot_shows(screens_shot(got, "causes"), "20 of 20 explained");
    shot_shows(screens_shot(got, "kinds"), "10  Leaked cluster");
    shot_shows(screens_shot(got, "back"),
               "20  An L2 table was overwritten with refcounts");
    free(got);
}

static void nothing_in_the_overview_is_cut(void **state)
{
    char *got = screens_plain("many", "wait size:80x90 shot:80 size:120x60 shot:120 "
                                "size:200x60 shot:200");

    (void)state;
    shot_shows_not(screens_shot(got, "80"), "\u2026");
    shot_shows_not(screens_shot(got, "120"), "\u2026");
    shot_shows_not(screens_shot(got, "200"), "\u2026");
    shot_shows(screens_shot(got, "120"), "Single table entries are broken");
    free(got);
}

static void sizes_follow_the_scan_and_are_counted_anew_with_it(void **state)
{
    struct play play = { .script = "shot:before shot:open-gate wait shot:after R wait "
                              "shot:again", .cols = 120, .rows = 60,
                         .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("snapshots", &play, &got);
    shot_shows(screens_shot(buf_str(&got), "before"), "can grow to");
    shot_shows_not(screens_shot(buf_str(&got), "before"), "as new qcow2");
    shot_shows(screens_shot(buf_str(&got), "after"), "as new qcow2");
    shot_shows(screens_shot(buf_str(&got), "after"), "deleting it frees");
    shot_shows(screens_shot(buf_str(&got), "again"), "as new qcow2");
    buf_free(&got);
}

static void a_stopped_scan_says_nothing_about_shrinking(void **state)
{
    struct play play = { .script = "Esc shot:open-gate wait shot:partial", .rows = 90,
                         .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("snapshots", &play, &got);
    shot_shows(screens_shot(buf_str(&got), "partial"), "can grow to");
    shot_shows_not(screens_shot(buf_str(&got), "partial"), "can shrink to");
    shot_shows_not(screens_shot(buf_str(&got), "partial"), "being counted");
    buf_free(&got);
}

/* --- tables --- */

static void heads_of_columns_sort_at_a_click(void **state)
{
    char *got = screens_plain("many",
                              "wait 4 Enter shot:entries s wait shot:target click:3,3 wait "
                                "shot:index click:3,44 wait shot:again s wait shot:problems "
                                "s wait shot:raw s wait shot:refs s wait shot:full s wait shot:round");

    (void)state;
    shot_shows(screens_shot(got, "entries"), "index\u25b2");
    shot_shows(screens_shot(got, "target"), "points to\u25b2");
    shot_shows_not(screens_shot(got, "target"), "index\u25b2");
    shot_shows(screens_shot(got, "index"), "index\u25b2");
    shot_shows(screens_shot(got, "again"), "points to\u25b2");
    shot_shows(screens_shot(got, "problems"), "problem\u25b2");
    shot_shows(screens_shot(got, "raw"), "raw\u25b2");
    shot_shows(screens_shot(got, "refs"), "refs\u25b2");
    shot_shows(screens_shot(got, "full"), "index\u25b2");         /* no such column in an L2 table */
    shot_shows(screens_shot(got, "round"), "points to\u25b2");
    free(got);
}

static void lists_are_sorted_by_their_columns(void **state)
{
    char *got = screens_plain("snapshots",
                              "wait 4 t t shot:number s shot:name / type:install Enter "
                                     "shot:found Enter wait shot:opened Backspace s shot:date s s s s "
                                     "click:3,10 shot:click t s s shot:bitmaps");
    const char *name = screens_shot(got, "name");

    (void)state;
    shot_shows(screens_shot(got, "number"), "id\u25b2");
    shot_shows(name, "name\u25b2");
    assert_true(strstr(name, "before-upgrade") < strstr(name, "installed"));
    shot_shows(screens_shot(got, "found"), "2 of 2");
    shot_shows(screens_shot(got, "opened"), "snapshot 1, L1 table");
    shot_shows(screens_shot(got, "date"), "taken (UTC)\u25b2");
    shot_shows(screens_shot(got, "click"), "name\u25b2");
    shot_shows(screens_shot(got, "bitmaps"), "Sorted by flags");
    free(got);
}

/* --- the place line --- */

static void parts_of_the_place_line_can_be_clicked(void **state)
{
    char *got = screens_plain("snapshots",
                              "wait 4 Enter shot:entry click:22,3 shot:bytes click:22,16 "
                                     "shot:map Backspace Backspace shot:back click:22,52 "
                                     "shot:guest click:22,79 shot:nowhere");

    (void)state;
    shot_shows(screens_shot(got, "bytes"), "| 0000006800  00");
    shot_shows(screens_shot(got, "map"), "file by class");
    shot_shows(screens_shot(got, "back"), "L2 table of L1[0]");
    shot_shows(screens_shot(got, "guest"), "L2 table of L1[0]");
    shot_shows(screens_shot(got, "guest"), "guest 0 B");
    free(got);
}

/* --- hints --- */

/* The screen `name` without the last line, where the hints are. */
static char *body_of(const char *screens, const char *name)
{
    const char *at = screens_shot(screens, name) + strlen(name) + 4;
    const char *end = strstr(at, "\n== ");

    return strndup(at, end ? (size_t)(end - at) : strlen(at));
}

/* Every key in the hint line changes what is shown, or says why it does not. */
static void every_hint_does_something_in_its_view(void **state)
{
    static const char *const to[] = {
        [VIEW_OVERVIEW] = "1", [VIEW_MAP] = "2", [VIEW_PROBLEMS] = "3",
        [VIEW_TABLES] = "4", [VIEW_HEADER] = "5", [VIEW_HEX] = "6", [VIEW_DISK] = "7",
        [VIEW_PLAN] = "4 e Ctrl-U type:0 Enter wait e Ctrl-U type:1 Enter wait 8",
        [VIEW_CHANGES] = "4 e Ctrl-U type:0 Enter wait 9 wait",
        [VIEW_REFERRERS] = "g type:5c Enter r", [VIEW_HELP] = "?",
    };
    static const char *const samples[] = { "healthy", "many" };

    (void)state;
    for (unsigned view = 0; view < N_VIEWS; view++) {
        const struct key_row *hint[64];
        size_t n = key_hints((enum view_id)view, hint, 64);

        for (size_t i = 0; i < n * 2; i++) {
            const struct key_row *row = hint[i / 2];
            struct buf script = BUF_INIT;
            char *got;
            char *before;
            char *after;

            if (row->action == ACT_QUIT)
                continue;
            buf_printf(&script, "wait %s wait shot:before %.*s wait shot:after", to[view],
                       (int)strcspn(row->keys, " "), row->keys);
            got = screens_plain(samples[i % 2], buf_str(&script));
            before = body_of(got, "before");
            after = body_of(got, "after");
            if (strcmp(before, after) == 0)
                fail_msg("\"%s\" does nothing: %s, on %s\n%s", row->hint,
                         buf_str(&script), samples[i % 2], after);
            free(before);
            free(after);
            free(got);
            buf_free(&script);
        }
    }
}

static void what_a_key_cannot_do_here_is_not_hinted_at(void **state)
{
    static const struct { const char *sample, *script, *there, *not_there; } t[] = {
        { "many", "g type:0x28 Enter 6", "Enter follow", "x hex" },
        { "many", "g type:0xa00 Enter 6", "q quit", "Enter follow" },
        { "many", "g type:0x8 Enter 6", "q quit", "z decompress" },
        { "compressed", "g type:0xc00 Enter 6", "q quit", "x hex" },
        { "many", "r", "Enter go", "Tab other" },
        { "many", "g type:L1[0] Enter 4 r", "Tab other", "r who points" },
        { "healthy", "8", "q quit", "w save" },
        { "healthy", "3", "q quit", "f filter" },
        { "healthy", "2", "q quit", "n problem" },
        { "many", "2", "n problem", "x nothing" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct buf script = BUF_INIT;
        char *got;
        const char *hints;

        buf_printf(&script, "size:160x40 wait %s wait shot:it", t[i].script);
        got = screens_plain(t[i].sample, buf_str(&script));
        hints = strstr(screens_shot(got, "it"), "? help");
        while (hints && hints > got && hints[-1] != '\n')
            hints--;
        if (!hints || !strstr(hints, t[i].there) || strstr(hints, t[i].not_there))
            fail_msg("%s, %s: %s", t[i].sample, t[i].script, hints ? hints : got);
        free(got);
        buf_free(&script);
    }
}

/* --- who points here --- */

static void tab_changes_to_the_cluster_an_entry_points_to(void **state)
{
    char *got =
        screens_plain("double-data",
                      "wait 4 g type:L2[1][4] Enter r wait shot:table Tab wait "
                      "shot:data j Enter shot:there");

    (void)state;
    shot_shows(screens_shot(got, "table"), "1 place points here");
    shot_shows(screens_shot(got, "data"), "2 places point here");
    shot_shows(screens_shot(got, "there"), "L2 table of L1[1]");
    free(got);
}

static void nothing_points_to_a_leaked_cluster(void **state)
{
    char *got = screens_plain("l2-overwritten", "wait g type:18c Enter r wait shot:x");

    (void)state;
    shot_shows(screens_shot(got, "x"), "leaked");
    free(got);
}

/* --- hex --- */

static void the_byte_under_the_cursor_stays_while_layers_change(void **state)
{
    char *got = screens_plain("snapshots",
                              "wait 6 g type:guest_1K Enter wait T wait Right Right Right "
                                     "wait shot:now L wait shot:then");

    (void)state;
    shot_shows(screens_shot(got, "now"), "guest 0x403 = ");
    shot_shows(screens_shot(got, "then"), "guest 0x403 of snapshot 1 = ");
    free(got);
}

/* --- disk --- */

/* Plays on a copy of a sample in which a guest offset leads past the end of the file. */
static char *screens_astray(const char *sample, uint64_t guest_off, const char *script)
{
    struct play play = { .script = script, .depth = DEPTH_MONO, .theme = THEME_MONO,
                         .files = true };
    struct buf got = BUF_INIT;
    struct source *src;
    struct guest_hit hit;
    struct image *img;
    uint8_t *bytes = sample_load(sample, &src);
    size_t len = (size_t)source_size(src);

    assert_true(image_open(src, &(struct image_options){ 0 }, &img, NULL));
    assert_true(guest_lookup(img, LAYER_ACTIVE, guest_off, &hit, NULL));
    assert_true(range_inside(hit.l2_off, 8, len));
    be_store(bytes + hit.l2_off, 8, OFLAG_COPIED | UINT64_C(1) << 40);
    image_close(img);
    assert_true(source_open_memory(bytes, len, "astray", &src, NULL));
    play_source(src, &play, &got);
    free(bytes);
    return buf_take(&got);
}

static void bytes_of_which_a_lost_bitmap_would_tell_are_not_called_free(void **state)
{
    static const char script[] = "wait g type:guest_1M Enter wait shot:there";
    char *sound = screens_astray("files", 0xa800, script);        /* of a file */
    char *lost = screens_astray("files", 0x48c00, script);       /* bitmap of blocks */

    (void)state;
    shot_shows(screens_shot(sound, "there"), "sda2 ext2: free space");
    shot_shows(screens_shot(lost, "there"), "sda2 ext2");
    shot_shows_not(screens_shot(lost, "there"), "free space");
    free(sound);
    free(lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_are_the_golden_ones),
        cmocka_unit_test(lines_of_the_overview_lead_to_their_places),
        cmocka_unit_test(both_owners_of_a_cluster_are_links),
        cmocka_unit_test(problems_are_filtered_by_severity_text_and_guest_range),
        cmocka_unit_test(what_to_do_can_be_read_at_any_size),
        cmocka_unit_test(next_problem_is_selected_in_the_list),
        cmocka_unit_test(a_cause_is_seen_without_a_key_and_its_proof_after_two),
        cmocka_unit_test(subclusters_are_whole_or_not_there),
        cmocka_unit_test(problems_change_between_causes_and_kinds),
        cmocka_unit_test(nothing_in_the_overview_is_cut),
        cmocka_unit_test(sizes_follow_the_scan_and_are_counted_anew_with_it),
        cmocka_unit_test(a_stopped_scan_says_nothing_about_shrinking),
        cmocka_unit_test(heads_of_columns_sort_at_a_click),
        cmocka_unit_test(lists_are_sorted_by_their_columns),
        cmocka_unit_test(parts_of_the_place_line_can_be_clicked),
        cmocka_unit_test(every_hint_does_something_in_its_view),
        cmocka_unit_test(what_a_key_cannot_do_here_is_not_hinted_at),
        cmocka_unit_test(tab_changes_to_the_cluster_an_entry_points_to),
        cmocka_unit_test(nothing_points_to_a_leaked_cluster),
        cmocka_unit_test(the_byte_under_the_cursor_stays_while_layers_change),
        cmocka_unit_test(bytes_of_which_a_lost_bitmap_would_tell_are_not_called_free),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
