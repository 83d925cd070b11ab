/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "reports_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>

#include "inspect/address.h"
#include "report/at.h"
#include "report/check_json.h"
#include "report/classic.h"
#include "report/dump.h"
#include "report/info.h"
#include "report/map_report.h"
#include "report/streams.h"
#include "scan/damage.h"

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

static void put_maps(const struct scan_result *scan, struct out *out)
{
    const struct image *img = scan->img;
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
        assert_true(map_guest(img, LAYER_ACTIVE, &chain, json, out, NULL));
        heading(out, "host map", json ? "JSON" : "text");
        map_host(scan, json, out);
        heading(out, json ? "guest" : "host", "picture");
        assert_true(map_picture(scan, json, LAYER_ACTIVE, &picture, out, NULL));
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

static void put_places(const struct scan_result *scan, struct out *out)
{
    const struct image *img = scan->img;
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

const struct report_part report_parts[] = {
    { "check", put_checks }, { "damage", put_damage }, { "maps", put_maps },
    { "dumps", put_dumps }, { "places", put_places }, { NULL, NULL },
};
