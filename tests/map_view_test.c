/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The map of the file and of the guest disk: search, zoom, linked cursors, styles. */
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

static void classes_of_the_overview_lead_to_the_map(void **state)
{
    char *got = screens_plain("leak",
                              "wait shot:0 Enter Backspace j j j j j Enter shot:map");

    (void)state;
    shot_shows(screens_shot(got, "map"), " by class");
    free(got);
}

static void search_in_the_map_finds_the_next_of_a_class(void **state)
{
    char *got =
        screens_plain("snapshots", "wait 2 / type:l Enter shot:first / Enter shot:second "
                             "\\ shot:back / type:snapshot_table Enter shot:name "
                             "/ type:nonsense Enter shot:none");

    (void)state;
    shot_shows(screens_shot(got, "first"), "L2 table");
    shot_shows(screens_shot(got, "name"), "Names, times and L1 tables");
    shot_shows(screens_shot(got, "none"), "is no class");
    free(got);
}

static void search_wraps_round_the_guest_disk(void **state)
{
    char *got = screens_plain("many", "wait 2 t wait G / type:D Enter shot:first "
                                "g g \\ shot:last / type:V Enter shot:none");

    (void)state;
    shot_shows(screens_shot(got, "first"), "data");
    shot_shows(screens_shot(got, "last"), "data");
    shot_shows(screens_shot(got, "none"), "is no class");
    free(got);
}

static void enter_zooms_and_at_one_to_one_opens(void **state)
{
    char *got = screens_plain(
        "many", "wait 2 t wait shot:wide Enter shot:zoomed t j j j Enter shot:open");

    (void)state;
    shot_shows(screens_shot(got, "wide"), "1.5 KiB (3 clusters)");
    shot_shows(screens_shot(got, "zoomed"), "1 KiB (2 clusters)");
    shot_shows_not(screens_shot(got, "open"), " by class");
    free(got);
}

static void zoom_keeps_the_cluster_under_the_cursor(void **state)
{
    char *got = screens_plain(
        "many", "wait 2 t wait g type:guest_0x28000 Enter shot:there + shot:in - - "
                "shot:out 0 shot:all");
    static const char *const names[] = { "there", "in", "out", "all" };

    (void)state;
    for (int i = 0; i < 4; i++)
        shot_shows(screens_shot(got, names[i]), "guest 0x28000");
    free(got);
}

static void wheel_zooms_around_the_mouse(void **state)
{
    char *got = screens_plain("many",
                              "wait 2 t wait wheel:-3,6,10 shot:in wheel:3,6,10 shot:out");

    (void)state;
    shot_shows(screens_shot(got, "in"), "1 KiB (2 clusters)");
    shot_shows(screens_shot(got, "out"), "1.5 KiB (3 clusters)");
    free(got);
}

static void cursors_of_both_maps_are_linked(void **state)
{
    struct play play = { .script = "wait 2 wait g type:9c Enter shot:file t j shot:guest",
                         .cols = 130, .rows = 40, .theme = THEME_MONO, .roles = true };
    struct buf got = BUF_INIT;

    (void)state;
    play_sample("double-data", &play, &got);
    /* One host cluster, two guest clusters: both are named and marked. */
    shot_shows(screens_shot(buf_str(&got), "file"), "L1[0] L2[4]");
    shot_shows(screens_shot(buf_str(&got), "file"), "L1[1] L2[4]");
    shot_shows(screens_shot(buf_str(&got), "file"), "+reverse+underline");
    shot_shows(screens_shot(buf_str(&got), "guest"), "guest 0x");
    buf_free(&got);
}

static void map_of_a_running_scan_is_hatched_and_can_be_walked(void **state)
{
    struct play play = {
        .script = "shot:overview 2 shot:map j l + - 0 f f f f v y t shot:guest t r "
                  "shot:look Esc "
                  "shot:stopped 3 shot:problems 1 Esc shot:open-gate wait shot:partial 2 "
                  "shot:rest",
        .depth = DEPTH_16,
    };
    struct buf got = BUF_INIT;

    (void)state;
    play_gated("many", &play, &got);
    shot_shows(screens_shot(buf_str(&got), "overview"), "Scanning: ");
    shot_shows(screens_shot(buf_str(&got), "map"), "?");
    shot_shows(screens_shot(buf_str(&got), "guest"), "when the scan has ended");
    shot_shows(screens_shot(buf_str(&got), "look"), "Esc stops");
    shot_shows(screens_shot(buf_str(&got), "stopped"), "Stopped.");
    shot_shows(screens_shot(buf_str(&got), "problems"), "The scan is running");
    shot_shows(screens_shot(buf_str(&got), "partial"), "Not finished");
    shot_shows(screens_shot(buf_str(&got), "rest"), "not scanned");
    buf_free(&got);
}

/* The message names what is on the screen: a small map has no half blocks. */
static void v_names_the_style_that_is_drawn(void **state)
{
    char *got = screens_plain("healthy", "wait 2 v shot:a v shot:b v shot:c");

    (void)state;
    shot_shows_not(got, "Style: half blocks");
    shot_shows(screens_shot(got, "a"), "Style: blocks");
    shot_shows(screens_shot(got, "b"), "Style: letters");
    shot_shows(screens_shot(got, "c"), "Style: blocks");
    free(got);
}

static void content_of_a_cluster_is_told_in_map_and_hex(void **state)
{
    char *got = screens_plain("l2-overwritten",
                              "wait g type:L1[1] Enter Enter shot:table x shot:hex "
                                          "2 shot:map g type:0xa00 Enter 2 shot:data");

    (void)state;
    shot_shows(screens_shot(got, "hex"), "cluster looks like a refcount block");
    shot_shows(screens_shot(got, "map"), "looks like a refcount block");
    shot_shows(screens_shot(got, "data"), "looks like text");
    free(got);
}

static void map_in_the_overview_leads_to_the_map(void **state)
{
    char *got = screens_plain("leak",
                              "wait size:200x60 shot:overview click:56,3 shot:map");

    (void)state;
    shot_shows(screens_shot(got, "overview"), "Map of the file, 1 cell = ");
    shot_shows(screens_shot(got, "map"), "file by class");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_of_the_overview_lead_to_the_map),
        cmocka_unit_test(search_in_the_map_finds_the_next_of_a_class),
        cmocka_unit_test(search_wraps_round_the_guest_disk),
        cmocka_unit_test(enter_zooms_and_at_one_to_one_opens),
        cmocka_unit_test(zoom_keeps_the_cluster_under_the_cursor),
        cmocka_unit_test(wheel_zooms_around_the_mouse),
        cmocka_unit_test(cursors_of_both_maps_are_linked),
        cmocka_unit_test(map_of_a_running_scan_is_hatched_and_can_be_walked),
        cmocka_unit_test(v_names_the_style_that_is_drawn),
        cmocka_unit_test(content_of_a_cluster_is_told_in_map_and_hex),
        cmocka_unit_test(map_in_the_overview_leads_to_the_map),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
