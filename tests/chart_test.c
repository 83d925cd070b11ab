/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/num.h"
#include "picture/chart_draw.h"
#include "picture/markup.h"
#include "support/image_builder.h"

/* --- markup --- */

static void nothing_in_text_acts_as_markup(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    markup_text(&b, "<a href=\"x\">&'\n\t\x1b\x7f");
    assert_string_equal(buf_str(&b), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\n\t"
                        "\xef\xbf\xbd\xef\xbf\xbd");
    buf_free(&b);
}

/* A sequence cut in its middle, a surrogate, a C1 control, U+FFFE. */
static void what_no_document_may_hold_is_replaced(void **state)
{
    static const char *const bytes[] = { "\xe2\x82", "\xed\xa0\x80", "\xc2\x9b",
                                         "\xef\xbf\xbe", "\xff" };

    (void)state;
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        struct buf b = BUF_INIT;

        markup_text(&b, bytes[i]);
        assert_true(b.len >= 3 && b.len % 3 == 0);
        for (size_t k = 0; k < b.len; k += 3)
            assert_memory_equal(b.data + k, "\xef\xbf\xbd", 3);
        buf_free(&b);
    }
}

static void text_in_any_script_stays(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    markup_text(&b, "gr\xc3\xb6\xc3\x9f""e \xe2\x82\xac \xf0\x9f\x90\x84");
    assert_string_equal(buf_str(&b), "gr\xc3\xb6\xc3\x9f""e \xe2\x82\xac \xf0\x9f\x90\x84");
    buf_free(&b);
}

/* --- charts --- */

struct scanned { struct builder *b; struct image *img; struct scan_result *scan; };

static void scan_it(struct scanned *s)
{
    s->img = builder_open(s->b);
    assert_true(scan_run(s->img, NULL, NULL, &s->scan, NULL));
}

static void drop(struct scanned *s)
{
    scan_free(s->scan);
    image_close(s->img);
    builder_free(s->b);
}

/* Whatever the size, cells follow each other without gap to the end. */
static void cells_cover_all_clusters_once(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };

    (void)state;
    for (uint64_t i = 0; i < 300; i += 2)
        builder_map(s.b, i);
    scan_it(&s);
    for (unsigned columns = 1; columns < 40; columns += 3) {
        for (int space = 0; space < N_SPACES; space++) {
            struct chart_options opt = { .space = (enum map_space)space, .columns = columns,
                                         .hilbert = columns % 2, .title = "t" };
            struct chart *c;
            uint64_t at = 0;

            assert_true(chart_make(s.scan, &opt, &c, NULL));
            for (size_t i = 0; i < c->n; i++) {
                assert_int_equal(c->cell[i].first, at);
                at += c->cell[i].n;
            }
            assert_int_equal(at, c->clusters);
            assert_true(c->n <= curve_cells(&c->curve));
            chart_free(c);
        }
    }
    drop(&s);
}

static void cells_too_small_for_a_picture_are_refused(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct chart_options opt = { .space = SPACE_GUEST, .per_cell = 1, .columns = 1,
                                 .title = "t" };
    struct chart *c;
    struct error err;
    struct scanned s;

    (void)state;
    o.size = (uint64_t)(CHART_ROWS_MAX + 1) << o.cluster_bits;
    s.b = builder_new(o);
    scan_it(&s);
    assert_false(chart_make(s.scan, &opt, &c, &err));
    assert_int_equal(err.code, ERR_USAGE);
    drop(&s);
}

static void empty_disk_has_a_picture(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct scanned s;
    struct chart_options opt = { .space = SPACE_GUEST, .title = "t" };
    struct buf svg = BUF_INIT;
    struct chart *c;

    (void)state;
    o.size = 0;
    s.b = builder_new(o);
    scan_it(&s);
    assert_true(chart_make(s.scan, &opt, &c, NULL));
    assert_int_equal(c->n, 0);
    chart_svg(c, THEME_AUTO, &svg);
    assert_non_null(strstr(buf_str(&svg), "</svg>"));
    buf_free(&svg);
    chart_free(c);
    drop(&s);
}

/* Letters stand on their colour with a contrast of at least 3, for large text. */
static double luminance(uint32_t rgb)
{
    static const double weight[3] = { 0.0722, 0.7152, 0.2126 };
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        double v = (rgb >> i * 8 & 255) / 255.0;

        sum += weight[i] * v * v;
    }
    return sum;
}

static void letters_can_be_read_on_every_paint(void **state)
{
    (void)state;
    for (int p = 0; p < N_PALETTES; p++) {
        for (unsigned paint = 0; paint < N_PAINTS; paint++) {
            double a = luminance(palette_rgb((enum palette)p, paint));
            double b = luminance(chart_ink_on((enum palette)p, paint));
            double ratio = a > b ? (a + 0.05) / (b + 0.05) : (b + 0.05) / (a + 0.05);

            assert_true(ratio >= 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_text_acts_as_markup),
        cmocka_unit_test(what_no_document_may_hold_is_replaced),
        cmocka_unit_test(text_in_any_script_stays),
        cmocka_unit_test(cells_cover_all_clusters_once),
        cmocka_unit_test(cells_too_small_for_a_picture_are_refused),
        cmocka_unit_test(empty_disk_has_a_picture),
        cmocka_unit_test(letters_can_be_read_on_every_paint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
