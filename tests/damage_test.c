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

#include "base/source_backend.h"
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

/* Such an entry reads as data in QEMU, and as zeros to whoever wrote it. */
static void a_zero_flag_in_version_2_is_damage(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct scanned s = { NULL, NULL, NULL };
    struct damage d;

    (void)state;
    opt.version = 2;
    s.b = builder_new(opt);
    builder_set_l2(s.b, 9, OFLAG_ZERO, 0);
    scan(&s);
    damage_find(s.scan, true, &d);
    assert_int_equal(d.n, 1);
    assert_true(covered(&d, 9 * 4096));
    assert_int_equal(d.bytes, 4096);
    damage_free(&d);
    drop(&s);
}

static void damage_of_a_snapshot_is_not_that_of_the_active_disk(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct damage active;
    struct damage snapshot;
    uint64_t past_end = 1 << 21;

    (void)state;
    builder_map(s.b, 0);
    builder_set_l2(s.b, 5, past_end, 0);
    builder_add_snapshot(s.b, "1", "one");
    builder_map(s.b, 600);                      /* in another L2 table */
    builder_set_l2(s.b, 605, past_end, 0);
    builder_map(s.b, 1);                        /* now the active disk has a copy */
    builder_set_l2(s.b, 5, 0, 0);
    scan(&s);
    damage_find(s.scan, true, &active);
    damage_find(s.scan, false, &snapshot);
    assert_int_equal(active.n, 1);
    assert_true(covered(&active, 605 * 4096));
    for (size_t i = 0; i < snapshot.n; i++)
        assert_int_not_equal(snapshot.list[i].layer, LAYER_ACTIVE);
    damage_free(&active);
    damage_free(&snapshot);
    drop(&s);
}

/* Bytes of a builder of which only some take space on disk. */
struct holed { struct source base; const struct builder *b; uint64_t allocated; };

static void holed_close(struct source *src)
{
    source_free_base(src);
}

static void holed_info(struct source *src, struct source_info *out)
{
    out->kind = SOURCE_FILE;
    out->allocated = ((struct holed *)src)->allocated;
}

static void holed_read(struct source *src, struct source_req *req, size_t n)
{
    const struct builder *b = ((struct holed *)src)->b;

    for (size_t i = 0; i < n; i++)
        memcpy(req[i].dst, b->bytes + req[i].off, req[i].got);
}

static struct image *open_holed(const struct builder *b, uint64_t allocated)
{
    static const struct source_ops ops = { .close = holed_close, .info = holed_info,
                                           .read_many = holed_read };
    struct holed *h = calloc(1, sizeof *h);
    struct image *img;

    assert_true(h && source_init_base(&h->base, &ops, "holed", b->len, NULL));
    h->b = b;
    h->allocated = allocated;
    assert_true(image_open(&h->base, NULL, &img, NULL));
    return img;
}

static void with_an_eighth_of_the_disk_in_holes_only_metadata_was_preallocated(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    uint64_t most;

    (void)state;
    for (int apart = 0; apart < 2; apart++) {
        struct builder *b;

        opt.data_file = apart ? "data.raw" : NULL;
        b = builder_new(opt);
        most = opt.size / 8 * 7;
        for (uint64_t g = 0; g < opt.size / 4096; g++)
            builder_map(b, g);
        for (uint64_t less = 0; less < 2; less++) {
            struct image *img = open_holed(b, most - less);

            assert_int_equal(preallocation_from_tables(img),
                             less && !apart ? PREALLOCATION_METADATA : PREALLOCATION_FULL);
            image_close(img);
        }
        builder_free(b);
    }
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
        cmocka_unit_test(a_zero_flag_in_version_2_is_damage),
        cmocka_unit_test(damage_of_a_snapshot_is_not_that_of_the_active_disk),
        cmocka_unit_test(with_an_eighth_of_the_disk_in_holes_only_metadata_was_preallocated),
        cmocka_unit_test(preallocation_by_scan_is_that_by_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
