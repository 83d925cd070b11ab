/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the reports say about the samples, word by word: tests/golden/NAME.report. Causes and
 * the verdict are left out here; other tests judge them. UPDATE_GOLDEN=1 writes the files anew. */
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

#include "inspect/address.h"
#include "report/at.h"
#include "report/check_json.h"
#include "report/classic.h"
#include "report/dump.h"
#include "report/info.h"
#include "report/map_report.h"
#include "report/streams.h"
#include "scan/damage.h"
#include "support/golden.h"
#include "support/play.h"

#define NAME "sample"

static void heading(struct out *out, const char *what, const char *form)
{
    out_printf(out, "\n=== %s, %s\n", what, form);
}

static void put_checks(const struct scan_result *scan, struct out *out)
{
    uint32_t all = (UINT32_C(1) << N_STREAMS) - 1;      /* debugging messages tell times */
    struct classic classic = { .streams = all & ~STREAM_BIT(DEBUG), .out = out, .err = *out,
                               .name = NAME };
    struct check_json json = { .filename = NAME, .scan = scan, .metadata = true,
                               .status = scan_exit_status(scan) };

    heading(out, "check", "text");
    assert_true(classic_report(&classic, scan, NULL));
    heading(out, "check", "JSON");
    assert_true(check_json_write(&json, out, NULL));
}

/* As text they are part of the classic report. */
static void put_dumps(const struct scan_result *scan, struct out *out)
{
    static const struct {
        const char *name;
        bool (*dump)(struct dump *d, struct error *err);
    } t[] = {
        { "header", dump_header }, { "l1", dump_l1 }, { "l2", dump_l2 },
        { "refcount table", dump_reftable }, { "refcounts", dump_refcounts },
        { "snapshots", dump_snapshots }, { "bitmaps", dump_bitmaps }, { "ranges", dump_ranges },
    };

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct dump d;

        if (t[i].dump == dump_l2 && scan->stats.active.normal > 50)
            continue;           /* long, and nothing new in it */
        heading(out, t[i].name, "JSON");
        assert_true(dump_begin(&d, scan, out, true, NULL));
        d.all_layers = true;
        d.used = true;
        assert_true(t[i].dump(&d, NULL));
        dump_end_record(&d);
        dump_end(&d);
    }
}

static void put_maps(const struct image *img, const struct scan_result *scan, struct out *out)
{
    const struct picture picture = { .columns = 60, .rows = 4 };
    struct chain chain;
    struct info info;

    assert_true(chain_open(NAME, img, false, &chain, NULL));
    info_gather(NAME, img, &chain, &info);
    heading(out, "info", "text");
    info_text(&info, out);
    heading(out, "info", "JSON");
    info_json(&info, out);
    for (int json = 0; json < 2; json++) {
        heading(out, "guest map", json ? "JSON" : "text");
        assert_true(map_guest(img, &chain, json, out, NULL));
        heading(out, "host map", json ? "JSON" : "text");
        map_host(scan, json, out);
        heading(out, json ? "guest" : "host", "picture");
        assert_true(map_picture(scan, json, &picture, out, NULL));
    }
    chain_close(&chain);
}

static void put_damage(const struct scan_result *scan, struct out *out)
{
    for (int active = 0; active < 2; active++) {
        struct damage d;

        heading(out, "damage", active ? "active" : "snapshots");
        damage_find(scan, active, &d);
        for (size_t i = 0; i < d.n; i++)
            out_printf(out, "layer %u: %" PRIu64 " - %" PRIu64 "\n", d.list[i].layer,
                       d.list[i].start, d.list[i].end);
        damage_free(&d);
    }
}

static void put_places(const struct image *img, const struct scan_result *scan,
                       struct out *out)
{
    static const char *const typed[] = {
        "header 24", "L1[0]", "L1[9]", "L2[0][3]", "L2[1][4]", "guest 70000", "rt 0", "rb 0 20",
        "end", "3c", "9c", "0x811", "snap 1", "snap 2 L2[0][3]", "bitmap 1", "bitmap 1 0",
    };
    struct problem_index *index;

    assert_true(problem_index_new(scan, &index, NULL));
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        struct place place;
        struct error err;
        struct at at;
        struct jw j = JW_INIT(out);

        heading(out, "at", typed[i]);
        if (!address_parse(img, NULL, typed[i], &place, &err)) {
            out_printf(out, "%s\n", err.text);
            continue;
        }
        if (!at_look(scan, index, &place, &at, &err)) {
            out_printf(out, "%s\n", err.text);
            continue;
        }
        at_text(&at, img, out);
        at_json(&at, img, &j);
        out_puts(out, "\n");
        at_free(&at);
    }
    problem_index_free(index);
}

static void put_progress(const struct scan_progress *p, struct out *out)
{
    heading(out, "scan", "progress at its end");
    out_printf(out, "phase %d, %" PRIu64 " of %" PRIu64 ", %" PRIu64 " permille\n", p->phase,
               p->done, p->total, p->overall);
}

static char *reports_of(const char *sample)
{
    struct scan_options opt = { .threads = 1 };
    struct scan_progress progress = { 0 };
    struct source *src;
    uint8_t *bytes = sample_load(sample, &src);
    struct scan_result *scan;
    struct image *img;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct out out = { f, 0 };

    assert_non_null(f);
    assert_true(image_open(src, NULL, &img, NULL));
    assert_true(scan_run(img, &opt, &progress, &scan, NULL));
    put_progress(&progress, &out);
    put_checks(scan, &out);
    put_damage(scan, &out);
    put_maps(img, scan, &out);
    put_dumps(scan, &out);
    put_places(img, scan, &out);
    fclose(f);
    scan_free(scan);
    image_close(img);
    free(bytes);
    return text;
}

static void reports_are_the_golden_ones(void **state)
{
    static const char *const samples[] = {
        "bad-bitmap", "bad-snapshot", "bitmaps", "compressed", "double-table", "extended-l2",
        "header", "many", "mixed", "overlay", "snapshots", "truncated",
    };

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char *got = reports_of(samples[i]);
        char file[64];

        snprintf(file, sizeof file, "%s.report", samples[i]);
        golden_compare_file(file, got);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_the_golden_ones),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
