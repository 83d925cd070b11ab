/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What reports say beyond those of reports_test: of a guest's disk, of its files, of plans, of
 * figures, and of tables with every choice of what to list: word by word, in golden files.
 * UPDATE_GOLDEN=1 writes them anew. */
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

#include "insight/figures.h"
#include "plan/planner.h"
#include "report/disk_dump.h"
#include "report/disk_fields.h"
#include "report/dump.h"
#include "report/figures_report.h"
#include "report/files_report.h"
#include "report/plan_report.h"
#include "support/golden.h"
#include "support/play.h"

struct said { FILE *f; char *text; size_t len; struct out out; };

static void said_begin(struct said *s)
{
    *s = (struct said){ .f = open_memstream(&s->text, &s->len) };
    assert_non_null(s->f);
    s->out.f = s->f;
}

static void said_end(struct said *s, const char *file)
{
    fclose(s->f);
    golden_compare_file(file, s->text);
    free(s->text);
}

/* --- a guest's disk --- */

/* Each byte another one than its neighbours, so that fields read at the wrong place show. */
static void fill(uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(i * 7 + i / 256 + 33);
}

static void fields_are_told_where_their_magic_stands(void **state)
{
    static const struct { size_t at; const char *magic; size_t len; } t[] = {
        { 510, "\x55\xaa", 2 }, { 512, "EFI PART", 8 }, { 1024 + 56, "\x53\xef", 2 },
        { 0, "XFSB", 4 }, { 65536 + 64, "_BHRfS_M", 8 }, { 3, "NTFS    ", 8 },
        { 82, "FAT32   ", 8 }, { 54, "FAT16   ", 8 }, { 512, "LABELONE", 8 },
        { 0, "LUKS\xba\xbe", 6 }, { 4086, "SWAPSPACE2", 10 },
    };
    const size_t len = 65536 + 512;
    uint8_t *bytes = malloc(len);
    struct said s;

    (void)state;
    assert_non_null(bytes);
    said_begin(&s);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        fill(bytes, len);
        memcpy(bytes + t[i].at, t[i].magic, t[i].len);
        disk_fields(0, bytes, len, &s.out);
        /* A partition has no partition table, and what is cut off is not told. */
        disk_fields(1 << 20, bytes, len, &s.out);
        out_printf(&s.out, "cut:\n");
        disk_fields(1 << 20, bytes, t[i].at + t[i].len, &s.out);
    }
    said_end(&s, "disk-fields.said");
    free(bytes);
}

static void bytes_are_shown_with_the_state_of_each_run(void **state)
{
    struct disk_span span[] = {
        { .off = 0x1005, .len = 43, .state = DISK_DATA, .host_off = 0x50005 },
        { .off = 0x1030, .len = 64, .state = DISK_ZERO, .host_off = NO_ADDRESS },
        { .off = 0x1070, .len = 3, .state = DISK_DATA, .depth = 2, .compressed = true,
          .host_off = 0x7fff },
        { .off = 0x1073, .len = 45, .state = DISK_DAMAGED, .why = "l2-entry-past-end",
          .host_off = NO_ADDRESS },
    };
    const struct disk_spans spans = { span, sizeof span / sizeof span[0], 4 };
    uint8_t bytes[155];
    struct said s;

    (void)state;
    fill(bytes, sizeof bytes);
    memset(bytes + 43, 0, 64);
    memset(bytes + 110, 'x', 45);
    bytes[1] = 0x7e;
    bytes[2] = 0x7f;
    bytes[3] = ' ';
    said_begin(&s);
    disk_dump(0x1005, bytes, sizeof bytes, &spans, &s.out);
    disk_dump(0, bytes, 0, &(struct disk_spans)DISK_SPANS_INIT, &s.out);
    disk_dump(32, bytes + 43, 48, &(struct disk_spans)DISK_SPANS_INIT, &s.out);
    said_end(&s, "disk-bytes.said");
}

/* --- its files --- */

static struct volume volume(enum volume_kind kind, uint32_t parent, const char *name,
                            const char *type)
{
    struct volume v = { .kind = kind, .parent = parent, .len = 64 << 20, .used = 12345678,
                        .lack = { [LACK_LOST] = 65536, [LACK_UNMAPPED] = 131072 } };

    snprintf(v.name, sizeof v.name, "%s", name);
    snprintf(v.type, sizeof v.type, "%s", type);
    return v;
}

static void put_items(const struct volumes *v, struct said *s)
{
    struct volume_items list = VOLUME_ITEMS_INIT;
    struct jw j = JW_INIT(&s->out);

    files_lacking(v, &list, false, &s->out);
    files_lacking(v, &list, true, &s->out);
    for (unsigned k = 0; k < N_ITEM_KINDS; k++) {
        struct volume_item item = {
            .volume = k % 5, .kind = (enum volume_item_kind)k, .flags = k % 8, .id = 3 + k,
            .size = k == 1 ? NO_ADDRESS : 1000 * k, .count = 42113, .first = 4096 * k, .file_off = k ? 512 * k : NO_ADDRESS,
            .lack = { [LACK_LOST] = k % 3 * 4096, [LACK_DOUBTFUL] = k % 4 * 1024,
                      [LACK_UNMAPPED] = k % 2 * 512 },
            .path = k == 2 ? "/bad\x1b[31m name" : "/var/lib/x" };

        assert_true(volume_items_add(&list, &item));
        files_at(v, (17 << 20) + 9000000 * k, k == 4 ? NULL : &item, &s->out);
        files_line(v, &item, &s->out);
    }
    volume_items_sort(&list);
    list.left_out = 1234;
    files_lacking(v, &list, false, &s->out);
    list.left_out = 0;
    files_lacking(v, &list, true, &s->out);
    jw_object(&j, NULL);
    files_json_volumes(&j, v);
    jw_array(&j, "items");
    for (size_t i = 0; i < list.n; i++)
        files_json_item(&j, v, &list.item[i]);
    jw_close(&j);
    jw_close(&j);
    volume_items_free(&list);
}

static void files_and_volumes_are_told(void **state)
{
    struct volume_extent extents[] = {
        { 0, 0, 128 << 20 }, { 0, 1 << 20, 32 << 20 }, { 0, 33 << 20, 32 << 20 },
        { 0, 40 << 20, 4 << 20 }, { 4 << 20, 50 << 20, 4 << 20 }, { 0, 70 << 20, 8 << 20 },
    };
    struct volume v[] = {
        volume(VOLUME_DISK, 0, "sda", "gpt"), volume(VOLUME_PARTITION, 0, "sda1", "ntfs"),
        volume(VOLUME_PARTITION, 0, "sda2", "LVM2_member"),
        volume(VOLUME_LOGICAL, 2, "vg/a-long-name-of-a-volume", "ext4"),
        volume(VOLUME_PARTITION, 0, "sda3", ""),
    };
    struct volumes list = { v, sizeof v / sizeof v[0] };
    struct said s;

    (void)state;
    for (size_t i = 0; i < list.n; i++) {
        v[i].extents = &extents[i < 3 ? i : i == 3 ? 3 : 5];
        v[i].n_extents = i == 3 ? 2 : 1;
        v[i].len = i == 3 ? 8 << 20 : extents[i < 3 ? i : 5].len;
    }
    v[2].used = NO_ADDRESS;
    snprintf(v[3].label, sizeof v[3].label, "root\x1b");
    snprintf(v[3].uuid, sizeof v[3].uuid, "0123-4567");
    snprintf(v[4].note, sizeof v[4].note, "cannot be read: \x07");
    said_begin(&s);
    files_volumes(&list, false, &s.out);
    files_volumes(&list, true, &s.out);
    put_items(&list, &s);
    v[0].lack[LACK_DOUBTFUL] = v[1].lack[LACK_DOUBTFUL] = 20480;
    files_volumes(&list, false, &s.out);
    put_items(&list, &s);
    said_end(&s, "files.said");
}

/* --- samples --- */

struct sample { uint8_t *bytes; struct image *img; struct scan_result *scan; };

static void sample_open(struct sample *s, const char *name)
{
    struct scan_options opt = { .threads = 1 };
    struct source *src;

    s->bytes = sample_load(name, &src);
    assert_true(image_open(src, NULL, &s->img, NULL));
    assert_true(scan_run(s->img, &opt, NULL, &s->scan, NULL));
}

static void sample_close(struct sample *s)
{
    scan_free(s->scan);
    image_close(s->img);
    free(s->bytes);
}

static void put_plan(const char *name, const char *goal, struct said *s)
{
    struct planner_options how = { .accept_loss = true, .entries = ENTRIES_ZERO };
    struct trial_options opt = { .scan = { .threads = 1 } };
    struct sample sample;
    struct plan plan = { 0 };
    struct trial *t;
    struct error err;

    sample_open(&sample, name);
    assert_true(trial_open(sample.img->src, &opt, NULL, &t, NULL));
    out_printf(&s->out, "\n=== %s, %s\n", name, goal);
    if (planner_run(&plan, t, goal, &how, &err)) {
        planner_note_outcome(&plan, t);
        plan_report(&plan, source_size(sample.img->src), t, "FILE", &s->out);
        if (plan.n)
            plan_report(&plan, source_size(sample.img->src), t, NULL, &s->out);
    } else {
        out_printf(&s->out, "%s\n", err.text);
    }
    plan_free(&plan);
    trial_close(t);
    sample_close(&sample);
}

static void plans_are_told(void **state)
{
    static const char *const goals[] = { "repair", "refcounts", "leaks", "copied", "entries",
                                         "reused", "compact", "discard" };
    static const char *const names[] = { "healthy", "leak", "misaligned", "double-data",
                                         "refcount-zero", "truncated", "snapshots", "many" };
    struct said s;

    (void)state;
    said_begin(&s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t k = 0; k < sizeof goals / sizeof goals[0]; k++)
            put_plan(names[i], goals[k], &s);
    said_end(&s, "plans.said");
}

static void figures_are_told(void **state)
{
    static const char *const names[] = { "healthy", "snapshots", "overlay", "compressed",
                                         "truncated", "extended-l2", "bitmaps", "many" };
    struct said s;

    (void)state;
    said_begin(&s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (int deep = 0; deep < 2; deep++) {
            struct figures_options opt = { .deep = deep, .incomplete = i == 4 };
            struct sample sample;
            struct figures f = { 0 };
            struct jw j = JW_INIT(&s.out);

            sample_open(&sample, names[i]);
            out_printf(&s.out, "\n=== %s%s\n", names[i], deep ? ", deep" : "");
            figures_of_header(sample.img, &f);
            figures_text(&f, sample.img, &s.out);
            assert_true(figures_of_scan(sample.scan, &opt, &f, NULL));
            figures_text(&f, sample.img, &s.out);
            jw_object(&j, NULL);
            figures_json(&f, sample.img, &j);
            jw_close(&j);
            out_printf(&s.out, "\n");
            figures_free(&f);
            sample_close(&sample);
        }
    said_end(&s, "figures.said");
}

/* --- tables --- */

static void put_dump(const struct sample *sample, bool (*dump)(struct dump *d, struct error *err),
                     unsigned choice, bool json, struct said *s)
{
    struct dump d;

    assert_true(dump_begin(&d, sample->scan, &s->out, json, NULL));
    d.used = choice & 1;
    d.all_layers = choice & 2;
    d.one_layer = choice == 4;
    d.layer = 1;
    d.no_usage = choice & 4;
    d.hide_refcounts = choice;
    if (choice == 5) {
        d.from = 3 * sample->img->geo.cluster_size - 1;
        d.to = 7 * sample->img->geo.cluster_size + 1;
    }
    d.snapshot_rows_max = choice == 2 ? 2 : 0;
    out_printf(&s->out, "\n--- choice %u\n", choice);
    assert_true(dump(&d, NULL));
    if (json)
        dump_end_record(&d);
    dump_end(&d);
}

static void tables_are_told_as_asked_for(void **state)
{
    static bool (*const dumps[])(struct dump *d, struct error *err) = {
        dump_header, dump_l1, dump_l2, dump_reftable, dump_refcounts, dump_snapshots,
        dump_bitmaps, dump_ranges,
    };
    static const char *const names[] = { "snapshots", "mixed" };
    struct said s;

    (void)state;
    said_begin(&s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sample sample;

        sample_open(&sample, names[i]);
        for (size_t k = 0; k < sizeof dumps / sizeof dumps[0]; k++) {
            out_printf(&s.out, "\n=== %s, table %zu\n", names[i], k);
            for (unsigned choice = 0; choice < 6; choice++)
                if (choice != 4 || sample.img->snaps.n)
                    put_dump(&sample, dumps[k], choice, false, &s);
            put_dump(&sample, dumps[k], 5, true, &s);
        }
        sample_close(&sample);
    }
    said_end(&s, "tables.said");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_told_where_their_magic_stands),
        cmocka_unit_test(bytes_are_shown_with_the_state_of_each_run),
        cmocka_unit_test(files_and_volumes_are_told),
        cmocka_unit_test(plans_are_told),
        cmocka_unit_test(figures_are_told),
        cmocka_unit_test(tables_are_told_as_asked_for),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
