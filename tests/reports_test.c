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

#include "support/golden.h"
#include "support/play.h"
#include "support/reports_of.h"

static void put_progress(const struct scan_progress *p, struct out *out)
{
    out_printf(out, "\n=== scan, progress at its end\nphase %d, %" PRIu64 " of %" PRIu64 ", %" PRIu64 " permille\n", p->phase,
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
    for (const struct report_part *p = report_parts; p->name; p++)
        p->put(scan, &out);
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
