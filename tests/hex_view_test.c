/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Bytes of the file and of the guest disk, and what is said of them. */
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

#include "support/image_builder.h"
#include "support/play.h"
#include "support/screens.h"

static void hex_of_a_place_without_bytes_says_where_they_come_from(void **state)
{
    char *over = screens_of("overlay",
                            "wait g type:guest_0xa00 Enter Enter shot:backing");
    char *zero = screens_of("snapshots",
                            "wait g type:L2[2][100] Enter Enter shot:zeros j x shot:x "
                                      "Backspace shot:back");
    char *cut = screens_of("truncated",
                           "wait g type:L2[2][1] Enter Enter shot:cut j Backspace "
                                     "shot:back");

    (void)state;
    screen_shows(over, "Read from the backing file");
    screen_shows(strstr(zero, "== zeros"), "Reads as zeros");
    screen_shows(strstr(zero, "== zeros"), "not in the file");
    screen_shows(strstr(cut, "== cut"), "past the end of the file");
    screen_shows(strstr(cut, "== back"), "L2 table of L1[2]");
    free(cut);
    free(zero);
    free(over);
}

static void the_guest_disk_in_hex_reads_what_the_tables_say(void **state)
{
    static const char script[] = "wait g type:guest_0xa00 Enter 6 T wait shot:guest";
    struct play play = { .script = script, .depth = DEPTH_16, .backing = true };
    char *closed = screens_of("overlay", script);
    char *snap = screens_of("snapshots", "wait 4 t t Enter Enter x T wait shot:guest");
    char *none = screens_of("snapshots", "wait 6 T wait shot:start T shot:file");
    struct buf open = BUF_INIT;

    (void)state;
    play_sample("overlay", &play, &open);
    screen_shows(closed, "in a file that is not open");
    screen_shows(closed, "?? ??");
    screen_shows(buf_str(&open), "guest 0x00000a00");
    screen_shows(buf_str(&open), "of the backing file");
    screen_shows(snap, ", snapshot 1");
    screen_shows(snap, "of snapshot 1 = L1[0] L2[0]");
    screen_shows(none, "the disk from its start");
    screen_shows(none, "guest 0x00000000");
    buf_free(&open);
    free(none);
    free(snap);
    free(closed);
}

static void the_guest_disk_in_hex_never_waits_for_storage(void **state)
{
    struct play play = { .script = "6 T shot:coming shot:open-gate wait shot:there",
                         .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("healthy", &play, &got);
    screen_shows(strstr(buf_str(&got), "== coming"), "\u00b7\u00b7 \u00b7\u00b7");
    screen_shows(strstr(buf_str(&got), "== there"), "guest 0x00000000");
    buf_free(&got);
}

/* From each view to each other, without moving there: x must open the byte that the place
 * line names. The line itself must be about what is lit, which the golden screens show. */
static void hex_opens_what_is_lit_after_every_change_of_views(void **state)
{
    (void)state;
    for (int from = 1; from <= 6; from++) {
        for (int to = 1; to <= 6; to++) {
            char script[120], lit[200], hex[200];
            char *got;

            snprintf(script, sizeof script, "wait %d j j %d shot:lit x shot:hex", from, to);
            got = screens_of("many", script);
            screens_place_line(got, "lit", lit);
            screens_place_line(got, "hex", hex);
            assert_string_equal(lit, hex);
            free(got);
        }
    }
}

static void a_byte_is_returned_to_from_the_entry_that_tells_about_it(void **state)
{
    char *got = screens_of("snapshots",
                           "wait g type:0x9010 Enter 6 shot:a 4 shot:b 6 shot:c");

    (void)state;
    screen_shows(strstr(got, "== a"), "file 0x9010");
    screen_shows(strstr(got, "== b"), "refcount block 0 entry 36");
    screen_shows(strstr(got, "== c"), "file 0x9010");
    free(got);
}

static void unreadable_bytes_are_shown_as_such(void **state)
{
    struct play play = { .script = "wait 6 g type:0x1000 Enter wait shot:x",
                         .depth = DEPTH_16 };
    struct source *file;
    struct source *src;
    struct buf got = BUF_INIT;
    const char *top = getenv("top_srcdir");
    char path[4096];

    (void)state;
    snprintf(path, sizeof path, "%s/data/samples/snapshots.qcow2", top ? top : ".");
    assert_true(source_open_file(path, &file, NULL));
    assert_true(source_open_failing(file, 0x1000, 512, &src, NULL));
    play_source(src, &play, &got);
    screen_shows(buf_str(&got), "0000001000  ?? ?? ??");
    buf_free(&got);
}

static void a_name_cut_by_the_end_of_the_file_is_shown_as_far_as_it_is_there(void **state)
{
    struct play play = { .script = "wait g type:snap_1 Enter shot:x", .depth = DEPTH_16 };
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct buf got = BUF_INIT;
    uint64_t at, end;

    (void)state;
    builder_add_snapshot(b, "1", "monday");
    at = builder_snapshot_off(b, 0);
    end = at + 40 + builder_peek(b, at + 36, 4) + builder_peek(b, at + 12, 2);
    builder_poke(b, at + 14, 2, 60000);             /* name_size */
    builder_truncate(b, end + 6);
    play_source(builder_source(b), &play, &got);
    screen_shows(buf_str(&got), " monday  ");
    buf_free(&got);
    builder_free(b);
}

static void the_place_of_a_guest_byte_is_its_own_where_storage_is_shared(void **state)
{
    struct play play = { .script = "wait 6 T g type:guest_0x6010 Enter wait shot:x",
                         .depth = DEPTH_16 };
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct buf got = BUF_INIT;
    uint64_t data = builder_map(b, 4);

    (void)state;
    builder_set_l2(b, 6, data, 0);
    play_source(builder_source(b), &play, &got);
    screen_shows(buf_str(&got), " guest 24 KiB \u2013 28 KiB ");
    buf_free(&got);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_of_a_place_without_bytes_says_where_they_come_from),
        cmocka_unit_test(the_guest_disk_in_hex_reads_what_the_tables_say),
        cmocka_unit_test(the_guest_disk_in_hex_never_waits_for_storage),
        cmocka_unit_test(hex_opens_what_is_lit_after_every_change_of_views),
        cmocka_unit_test(a_byte_is_returned_to_from_the_entry_that_tells_about_it),
        cmocka_unit_test(unreadable_bytes_are_shown_as_such),
        cmocka_unit_test(the_place_of_a_guest_byte_is_its_own_where_storage_is_shared),
        cmocka_unit_test(a_name_cut_by_the_end_of_the_file_is_shown_as_far_as_it_is_there),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
