/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is told of causes, of differences, of many images, of packs and exports, and what
 * `explain` says: word by word, in golden files. UPDATE_GOLDEN=1 writes them anew. */
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

#include "report/causes.h"
#include "report/classic.h"
#include "report/diff_report.h"
#include "report/explain.h"
#include "report/export_report.h"
#include "report/fleet_report.h"
#include "report/html_report.h"
#include "report/pack_report.h"
#include "report/streams.h"
#include "report/watch_report.h"
#include "support/golden.h"
#include "support/play.h"

struct told { FILE *f; char *text; size_t len; struct out out; };

static void told_begin(struct told *t)
{
    *t = (struct told){ .f = open_memstream(&t->text, &t->len) };
    assert_non_null(t->f);
    t->out.f = t->f;
}

/* Copies `text` without what lies between `from` and `to`, both of which are left out. */
static void leave_out(const char *text, const char *from, const char *to, struct buf *out)
{
    const char *found, *end;

    while ((found = strstr(text, from)) && (end = strstr(found + strlen(from), to))) {
        buf_add(out, text, (size_t)(found - text));
        text = end + strlen(to);
    }
    buf_puts(out, text);
}

/* Without the version of the program, and without charts and colours, which have tests of
 * their own. */
static void told_end(struct told *t, const char *file)
{
    static const char *const out[][2] = {
        { "<svg", "</svg>" }, { "<style>", "</style>" }, { PACKAGE_STRING, "" },
    };

    fclose(t->f);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        struct buf kept = BUF_INIT;

        leave_out(t->text, out[i][0], out[i][1], &kept);
        free(t->text);
        t->text = buf_take(&kept);
        assert_non_null(t->text);
    }
    golden_compare_file(file, t->text);
    free(t->text);
}

/* A sample with all that is known of it. */
struct known {
    const char *name;
    uint8_t *bytes;
    struct image *img;
    struct scan_result *scan;
    struct insight *insight;
};

static void say_instead(char **text, const char *what, size_t i)
{
    char short_one[64];

    snprintf(short_one, sizeof short_one, "%s %zu <&> said in a line of words.", what, i + 1);
    free(*text);
    *text = strdup(short_one);
    assert_non_null(*text);
}

/* Prose is judged elsewhere; here it is how it is laid out. */
static void without_prose(struct insight *x)
{
    for (size_t i = 0; i < x->n; i++) {
        struct cause *c = &x->list[i];

        say_instead(&c->text, "cause", i);
        for (size_t k = 0; k < c->n_steps; k++)
            say_instead(&c->step[k], "step", k);
        for (size_t k = 0; k < c->n_evidence; k++)
            if (c->evidence[k].text[0])
                snprintf(c->evidence[k].text, sizeof c->evidence[k].text, "evidence %zu", k);
    }
    say_instead(&x->verdict.text, "verdict", 0);
    for (size_t k = 0; k < x->verdict.n_steps; k++)
        say_instead(&x->verdict.step[k], "step of the verdict", k);
}

static struct known know(const char *sample)
{
    const struct scan_options opt = { .threads = 1 };
    const struct insight_options look = { .name = "IMAGE" };
    struct known k = { .name = sample };
    struct source *src;

    k.bytes = sample_load(sample, &src);
    assert_true(image_open(src, NULL, &k.img, NULL));
    assert_true(scan_run(k.img, &opt, NULL, &k.scan, NULL));
    for (int p = 0; p < N_PHASES; p++)
        k.scan->stats.seconds[p] = 0.25 * p;
    assert_true(insight_find(k.scan, &look, &k.insight, NULL));
    without_prose(k.insight);
    return k;
}

static void forget(struct known *k)
{
    insight_free(k->insight);
    scan_free(k->scan);
    image_close(k->img);
    free(k->bytes);
}

static const char *const damaged[] = {
    "many", "healthy", "snapshots", "two-writers", "lost-base", "l1-overwritten", "old-tail",
};
#define N_DAMAGED (sizeof damaged / sizeof damaged[0])

static void causes_are_told_in_text_and_json(void **state)
{
    struct told t;

    (void)state;
    told_begin(&t);
    for (size_t i = 0; i < N_DAMAGED; i++) {
        struct known k = know(damaged[i]);
        struct jw j = JW_INIT(&t.out);

        out_printf(&t.out, "\n=== %s\n", damaged[i]);
        causes_text(k.insight, &t.out);
        if (i % 3 == 0) {
            jw_object(&j, NULL);
            causes_json(k.insight, &j);
            jw_close(&j);
        }
        forget(&k);
    }
    told_end(&t, "causes.said");
}

static void kinds_and_causes_are_explained(void **state)
{
    const enum problem_kind kinds[] = { PROBLEM_LEAKED, PROBLEM_L2_RESERVED };
    const enum cause_kind causes[] = { CAUSE_OF_TWO_WRITERS, CAUSE_OF_BLOATED };
    struct told t;

    (void)state;
    told_begin(&t);
    explain_list(&t.out);
    for (size_t i = 0; i < 2; i++) {
        struct jw j = JW_INIT(&t.out);

        out_puts(&t.out, "\n===\n");
        explain_kind(kinds[i], &t.out);
        causes_explain(causes[i], &t.out);
        causes_explain_json(causes[i], &j);
    }
    explain_json(kinds, 2, causes, 2, &t.out);
    explain_json(kinds, 0, causes, 1, &t.out);
    told_end(&t, "explain.said");
}

/* Two samples as if one were the other later. */
static void told_of_two(const char *a, const char *b, struct told *t)
{
    struct known k[2] = { know(a), know(b) };
    struct difference d;
    struct diff_report diff = { a, b, { k[0].scan, k[0].insight, LAYER_ACTIVE, false },
                                { k[1].scan, k[1].insight, LAYER_ACTIVE, false }, &d };
    struct watch_report watch = { .number = 7, .when = 1790000000, .scan = k[1].scan,
                                  .file_before = k[0].img->geo.file_size, .diff = &d,
                                  .written = strcmp(a, b) == 0 };

    out_printf(&t->out, "\n=== %s, then %s\n", a, b);
    assert_true(difference_find(&diff.a, &diff.b, &d, NULL));
    diff_text(&diff, &t->out);
    diff_json(&diff, &t->out);
    watch_text(&watch, &t->out);
    watch_json(&watch, &t->out);
    watch.diff = NULL;
    watch_text(&watch, &t->out);
    watch_json(&watch, &t->out);
    difference_free(&d);
    forget(&k[0]);
    forget(&k[1]);
}

static void differences_are_told(void **state)
{
    struct told t;

    (void)state;
    told_begin(&t);
    told_of_two("healthy", "healthy", &t);
    told_of_two("healthy", "l2-overwritten", &t);
    told_of_two("leak", "healthy", &t);
    told_of_two("snapshots", "many", &t);
    told_of_two("many", "truncated", &t);
    told_of_two("bitmaps", "two-writers", &t);
    told_end(&t, "diff.said");
}

static void many_images_are_told_in_lines_and_metrics(void **state)
{
    static char n[6][32] = { "healthy", "many", "leak", "leak-again", "odd \"name\"\\ \x1b\n\xff",
                             "stopped" };
    char *const name[] = { n[0], n[1], n[2], n[3], n[4], n[5] };
    struct fleet_result r[6];
    struct told t;

    (void)state;
    memset(r, 0, sizeof r);
    told_begin(&t);
    for (size_t i = 0; i < 4; i++) {
        struct known k = know(i == 3 ? "leak" : name[i]);

        fleet_fill(k.scan, k.insight, &r[i]);
        r[i].status = scan_exit_status(k.scan);
        forget(&k);
    }
    fleet_fail("cannot open: \x1b[31m", NULL, &r[4]);
    fleet_fail("ended by signal 9", "magic", &r[5]);
    for (size_t i = 0; i < 6; i++)
        fleet_line(name[i], &r[i], &t.out);
    fleet_metrics(name, r, 6, 1790000000, &t.out);
    fleet_metrics(name, r, 0, 1, &t.out);
    told_end(&t, "fleet.said");
}

static void tell_of_pack(const char *sample, const char *kept, bool anonymous, struct told *t)
{
    const struct pack_size size = { .image = 1 << 20, .stored = 70000, .pack = 4321 };
    struct known k = know(sample), other = know(kept);
    struct keep keep;
    struct pack_report r = { .scan = k.scan, .insight = k.insight, .kept = other.scan,
                             .keep = &keep, .anonymous = anonymous };

    assert_true(keep_find(k.scan, anonymous, &keep, NULL));
    if (strcmp(sample, kept) != 0)
        r.foreign = (struct anonymous){ .names = 3, .extra_bytes = 40, .tables = 9, .entries = 77,
                                        .table_off = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    out_printf(&t->out, "\n=== %s, %s, %s\n", sample, kept, anonymous ? "anonymous" : "names kept");
    pack_manifest_write(&r, &t->out);
    pack_report_write(&r, "the.qpack", &size, &t->out);
    out_printf(&t->out, "same: %d\n", pack_report_same(&r));
    keep_free(&keep);
    forget(&k);
    forget(&other);
}

static void packs_are_told(void **state)
{
    struct told t;

    (void)state;
    told_begin(&t);
    for (int anonymous = 0; anonymous < 2; anonymous++) {
        tell_of_pack("snapshots", "snapshots", anonymous, &t);
        tell_of_pack("bitmaps", "bitmaps", anonymous, &t);
        tell_of_pack("overlay", "overlay", anonymous, &t);
        tell_of_pack("luks-lost", "luks-lost", anonymous, &t);
        tell_of_pack("lost-data-file", "lost-data-file", anonymous, &t);
        tell_of_pack("many", "truncated", anonymous, &t);
    }
    told_end(&t, "pack.said");
}

static void exports_are_told(void **state)
{
    struct disk_span span[] = {
        { .off = 0, .len = 512, .state = DISK_DAMAGED, .why = "l2-entry-past-end",
          .host_off = 0x5000 },
        { .off = 65536, .len = 1, .state = DISK_DAMAGED, .depth = 2, .host_off = NO_ADDRESS },
    };
    struct export_result r = { .size = 1 << 20, .lost = { span, 2, 2 }, .written = 777,
                               .complete = true };
    struct told t;

    (void)state;
    for (int i = 0; i < N_DISK_STATES; i++)
        r.bytes[i] = 1000 + (uint64_t)i;
    told_begin(&t);
    export_json("a\x1b", "out.raw", (struct disk_layer){ .layer = 0 }, false, &r, NULL, &t.out);
    r.lost.n = 0;
    r.lost_cut = true;
    r.complete = false;
    export_json("b", "out.qcow2", (struct disk_layer){ .layer = 2, .vm_state = true }, true, &r, NULL,
                &t.out);
    told_end(&t, "export.said");
}

static void statistics_are_told(void **state)
{
    struct known k = know("leak");
    struct scan_stats *s = &k.scan->stats;
    struct told t;

    (void)state;
    s->entries = 1234567;
    s->requests = 89;
    s->bytes_read = 10 << 20;
    s->peak_memory = 3 << 20;
    s->threads = 2;
    told_begin(&t);
    for (unsigned choice = 0; choice < 4; choice++) {
        struct classic c = { .streams = choice & 1 ? STREAM_BIT(DEBUG) : 0, .out = &t.out,
                             .err = t.out, .name = "leak", .stats = choice & 2 };

        out_printf(&t.out, "=== %u\n", choice);
        assert_true(classic_report(&c, k.scan, NULL));
    }
    forget(&k);
    told_end(&t, "stats.said");
}

static void pages_are_written(void **state)
{
    static const char *const samples[] = { "many", "healthy", "bad-snapshot" };
    struct told t;

    (void)state;
    told_begin(&t);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct known k = know(samples[i]);
        struct buf page = BUF_INIT;
        struct chain chain;
        struct info info;
        struct html_report r = { "dir/a <b> & c", k.scan, k.insight, &info,
                                 "2026-11-26 00:05 UTC", scan_exit_status(k.scan) };

        assert_true(chain_open("sample", k.img, false, &chain, NULL));
        info_gather("sample", k.img, &chain, &info);
        assert_true(html_report_write(&r, &page, NULL));
        out_puts(&t.out, buf_str(&page));
        buf_free(&page);
        chain_close(&chain);
        forget(&k);
    }
    told_end(&t, "pages.said");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_are_told_in_text_and_json),
        cmocka_unit_test(kinds_and_causes_are_explained),
        cmocka_unit_test(differences_are_told),
        cmocka_unit_test(many_images_are_told_in_lines_and_metrics),
        cmocka_unit_test(packs_are_told),
        cmocka_unit_test(exports_are_told),
        cmocka_unit_test(statistics_are_told),
        cmocka_unit_test(pages_are_written),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
