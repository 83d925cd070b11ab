/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "inspect/preallocation.h"
#include "scan/damage.h"
#include "support/image_builder.h"
#include "ui/overview.h"

struct scanned {
    struct builder *b;
    struct image *img;
    struct scan_result *scan;
};

static void scan(struct scanned *s)
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

/* Ranges lie apart and add up; is this byte in one of them? */
static bool covered(const struct damage *d, uint64_t byte)
{
    uint64_t sum = 0;
    bool in = false;

    for (size_t i = 0; i < d->n; i++) {
        assert_true(d->list[i].start < d->list[i].end);
        assert_true(i == 0 || d->list[i].layer > d->list[i - 1].layer ||
                    d->list[i].start > d->list[i - 1].end);
        sum += d->list[i].end - d->list[i].start;
        in = in || (byte >= d->list[i].start && byte < d->list[i].end);
    }
    assert_int_equal(sum, d->bytes);
    return in;
}

static bool said(const struct scanned *s, enum problem_kind kind, const char *words)
{
    const struct problems *ps = &s->scan->problems;
    bool found = false;

    for (size_t i = 0; i < ps->n; i++) {
        struct buf text = BUF_INIT;

        if (ps->list[i].kind == kind) {
            problem_text(&ps->list[i], s->img, &text);
            found = found || strstr(buf_str(&text), words);
        }
        buf_free(&text);
    }
    return found;
}

static void a_cluster_with_two_users_is_lost_for_both(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct damage d;
    uint64_t host;

    (void)state;
    host = builder_map(s.b, 3);
    builder_set_l2(s.b, 9, host | OFLAG_COPIED, 0);
    scan(&s);
    damage_find(s.scan, true, &d);
    assert_int_equal(d.n, 2);
    assert_int_equal(d.bytes, 2 * 4096);
    assert_true(covered(&d, 3 * 4096));
    assert_true(covered(&d, 10 * 4096 - 1));
    assert_false(covered(&d, 4 * 4096));
    assert_int_equal(scan_guest_bytes_damaged(s.scan), d.bytes);
    assert_true(said(&s, PROBLEM_DOUBLE_ALLOCATION,
                     "guest 12 KiB - 16 KiB and 36 KiB - 40 KiB"));
    damage_free(&d);
    drop(&s);
}

static void neighbours_are_one_range(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct damage d;

    (void)state;
    builder_map(s.b, 0);
    builder_set_l2(s.b, 5, UINT64_C(1) << 40, 0);       /* past the end of the file */
    builder_set_l2(s.b, 6, UINT64_C(1) << 40, 0);
    builder_set_l2(s.b, 8, UINT64_C(1) << 40, 0);
    scan(&s);
    damage_find(s.scan, true, &d);
    assert_int_equal(d.n, 2);
    assert_true(covered(&d, 5 * 4096) && covered(&d, 7 * 4096 - 1) && covered(&d, 8 * 4096));
    assert_false(covered(&d, 7 * 4096));
    assert_int_equal(d.bytes, 3 * 4096);
    damage_free(&d);
    drop(&s);
}

static void ranges_end_with_the_disk(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct scanned s = { NULL, NULL, NULL };
    struct damage d;

    (void)state;
    opt.size = 10 * 4096 + 512;
    s.b = builder_new(opt);
    builder_set_l2(s.b, 10, UINT64_C(1) << 40, 0);
    scan(&s);
    damage_find(s.scan, true, &d);
    assert_int_equal(d.bytes, 512);
    assert_true(said(&s, PROBLEM_DATA_PAST_END, "guest 0xa000 - 0xa200"));
    damage_free(&d);
    drop(&s);
}

static void a_sound_image_has_no_damage(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct damage d;

    (void)state;
    builder_map(s.b, 0);
    (void)builder_alloc(s.b, 2);                        /* leaks lose nothing */
    scan(&s);
    for (int active = 0; active < 2; active++) {
        damage_find(s.scan, active, &d);
        assert_int_equal(d.n, 0);
        assert_int_equal(d.bytes, 0);
        damage_free(&d);
    }
    drop(&s);
}

static void preallocation_by_scan_is_that_by_tables(void **state)
{
    (void)state;
    for (unsigned mapped = 1020; mapped <= 1024; mapped++) {
        struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };

        for (uint64_t g = 0; g < mapped; g++)
            builder_map(s.b, g);
        scan(&s);
        assert_int_equal(preallocation_from_scan(s.scan), preallocation_from_tables(s.img));
        assert_int_equal(preallocation_from_scan(s.scan),
                         mapped == 1024 ? PREALLOCATION_FULL : PREALLOCATION_OFF);
        s.scan->partial = true;                         /* the rest was not looked at */
        if (mapped < 1024)
            assert_int_equal(preallocation_from_scan(s.scan), PREALLOCATION_UNKNOWN);
        drop(&s);
    }
}

static const char *overview_text(const struct scanned *s, const char *label)
{
    static struct overview o;
    struct insight *x;
    struct ui ui = { .img = s->img, .scan = s->scan, .problem = NO_PROBLEM, .search = "" };

    assert_true(insight_find(s->scan, NULL, &x, NULL));
    ui.insight = x;
    overview_make(&o, &ui, false);
    insight_free(x);
    for (size_t i = 0; i < o.n; i++)
        if (strcmp(o.line[i].label, label) == 0)
            return o.line[i].text;
    fail_msg("the overview has no '%s'", label);
    return "";
}

static void the_end_of_the_image_is_a_guess_after_a_stopped_scan(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };

    (void)state;
    builder_map(s.b, 0);
    scan(&s);
    assert_null(strstr(overview_text(&s, "end of image"), "not before"));
    s.scan->partial = true;
    assert_non_null(strstr(overview_text(&s, "end of image"), "not before"));
    drop(&s);
}

static void the_overview_names_the_ranges_it_adds_up(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };

    (void)state;
    builder_map(s.b, 0);
    builder_set_l2(s.b, 4, UINT64_C(1) << 40, 0);
    builder_set_l2(s.b, 8, UINT64_C(1) << 40, 0);
    scan(&s);
    assert_string_equal(overview_text(&s, "guest disk"), "8 KiB lost or not to be trusted: "
                        "16 KiB \u2013 20 KiB, 32 KiB \u2013 36 KiB");
    drop(&s);
    s.b = builder_new(BUILDER_DEFAULTS);
    for (uint64_t g = 0; g < 6; g += 2)
        builder_set_l2(s.b, g, UINT64_C(1) << 40, 0);
    scan(&s);
    assert_string_equal(overview_text(&s, "guest disk"),
                        "12 KiB lost or not to be trusted: 3 ranges in 0 B \u2013 20 KiB");
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_with_two_users_is_lost_for_both),
        cmocka_unit_test(neighbours_are_one_range),
        cmocka_unit_test(ranges_end_with_the_disk),
        cmocka_unit_test(a_sound_image_has_no_damage),
        cmocka_unit_test(the_end_of_the_image_is_a_guess_after_a_stopped_scan),
        cmocka_unit_test(the_overview_names_the_ranges_it_adds_up),
        cmocka_unit_test(preallocation_by_scan_is_that_by_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
