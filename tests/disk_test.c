/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The guest's disk, read from images built in memory. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "disk/disk.h"
#include "support/image_builder.h"

#define CLUSTER 4096u

static struct disk *open_disk(const struct image *img)
{
    struct disk *d;

    assert_true(disk_open(img, (struct disk_layer){ LAYER_ACTIVE, false }, NULL, &d, NULL));
    return d;
}

/* The image of a builder, opened; the builder is gone with close_all. */
struct opened { struct builder *b; struct image *img; struct disk *d; };

static struct opened open_all(struct builder *b)
{
    struct opened o = { b, builder_open(b), NULL };

    o.d = open_disk(o.img);
    return o;
}

static void close_all(struct opened *o)
{
    disk_close(o->d);
    image_close(o->img);
    builder_free(o->b);
}

static void fill(struct builder *b, uint64_t off, uint8_t value)
{
    memset(b->bytes + off, value, CLUSTER);
}

static void mapped_cluster_reads_as_stored_and_the_rest_as_holes(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = builder_map(b, 3);
    struct disk_spans spans = DISK_SPANS_INIT;
    uint8_t bytes[5 * CLUSTER];
    struct opened o;

    (void)state;
    fill(b, data, 0x5a);
    o = open_all(b);
    assert_int_equal(disk_size(o.d), 4 << 20);
    assert_true(disk_read(o.d, 2 * CLUSTER, bytes, sizeof bytes, &spans, NULL));
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], i / CLUSTER == 1 ? 0x5a : 0);
    assert_int_equal(spans.n, 3);
    assert_int_equal(spans.list[0].state, DISK_HOLE);
    assert_int_equal(spans.list[1].state, DISK_DATA);
    assert_int_equal(spans.list[1].off, 3 * CLUSTER);
    assert_int_equal(spans.list[1].len, CLUSTER);
    assert_int_equal(spans.list[1].host_off, data);
    assert_int_equal(spans.list[2].state, DISK_HOLE);
    disk_spans_free(&spans);
    close_all(&o);
}

static void runs_cover_the_disk_without_gaps(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct disk_span s;
    uint64_t at = 0;
    struct opened o;

    (void)state;
    builder_map(b, 0);
    builder_map(b, 7);
    builder_map(b, 600);
    o = open_all(b);
    while (disk_next(o.d, at, UINT64_MAX, &s)) {
        assert_int_equal(s.off, at);
        assert_true(s.len > 0);
        at += s.len;
    }
    assert_int_equal(at, disk_size(o.d));
    close_all(&o);
}

static void nothing_mapped_is_damage_where_the_table_is_lost(void **state)
{
    const struct disk_gone gone[] = { { 2 * CLUSTER, 4 * CLUSTER, "l2-wiped" },
                                      { 6 * CLUSTER + 512, 6 * CLUSTER + 1024, "l2-zeroed-pages" } };
    const struct disk_options opt = { .gone = gone, .n_gone = 2 };
    static const struct { uint64_t off, len; enum disk_state state; const char *why; } want[] = {
        { 0, 2 * CLUSTER, DISK_HOLE, NULL },
        { 2 * CLUSTER, CLUSTER, DISK_DAMAGED, "l2-wiped" },
        { 3 * CLUSTER, CLUSTER, DISK_DATA, NULL },      /* what is mapped is there */
        { 4 * CLUSTER, 2 * CLUSTER + 512, DISK_HOLE, NULL },
        { 6 * CLUSTER + 512, 512, DISK_DAMAGED, "l2-zeroed-pages" },
        { 6 * CLUSTER + 1024, (4 << 20) - 6 * CLUSTER - 1024, DISK_HOLE, NULL },
    };
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct disk_span s;
    uint64_t at = 0;
    struct opened o;

    (void)state;
    builder_map(b, 3);
    o = open_all(b);
    disk_close(o.d);
    assert_true(disk_open(o.img, (struct disk_layer){ LAYER_ACTIVE, false }, &opt, &o.d, NULL));
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(disk_next(o.d, at, UINT64_MAX, &s));
        assert_int_equal(s.off, want[i].off);
        assert_int_equal(s.len, want[i].len);
        assert_int_equal(s.state, want[i].state);
        if (want[i].why)
            assert_string_equal(s.why, want[i].why);
        at += s.len;
    }
    assert_int_equal(at, disk_size(o.d));
    close_all(&o);
}

static void reading_past_the_end_gives_zeros_without_a_span(void **state)
{
    struct opened o = open_all(builder_new(BUILDER_DEFAULTS));
    struct disk_spans spans = DISK_SPANS_INIT;
    uint8_t bytes[64];

    (void)state;
    memset(bytes, 1, sizeof bytes);
    assert_true(disk_read(o.d, disk_size(o.d), bytes, sizeof bytes, &spans, NULL));
    assert_int_equal(spans.n, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
    close_all(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapped_cluster_reads_as_stored_and_the_rest_as_holes),
        cmocka_unit_test(runs_cover_the_disk_without_gaps),
        cmocka_unit_test(nothing_mapped_is_damage_where_the_table_is_lost),
        cmocka_unit_test(reading_past_the_end_gives_zeros_without_a_span),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
