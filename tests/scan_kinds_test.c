/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Every problem kind is produced by damage of its kind, and only where it should be. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "scan/scan.h"
#include "support/image_builder.h"

static uint8_t seen[N_PROBLEMS];

static struct scan_result *scan_of(const struct image *img)
{
    struct scan_result *r;
    struct error err = { 0 };

    if (!scan_run(img, NULL, NULL, &r, &err))
        fail_msg("scan: %s", err.text);
    return r;
}

/* Scans the image; it must have `n` problems of `kind` (exact), and every other kind it
 * has must be in `also` (ends with N_PROBLEMS). */
static void expect_many(struct builder *b, enum problem_kind kind, uint64_t n,
                        const enum problem_kind *also)
{
    struct image *img = builder_open(b);
    struct scan_result *r = scan_of(img);

    if (r->problems.count[kind] != n)
        fail_msg("%s: %llu, not %llu", problem_info(kind)->id,
                 (unsigned long long)r->problems.count[kind], (unsigned long long)n);
    seen[kind] = 1;
    for (int k = 0; k < N_PROBLEMS; k++) {
        bool allowed = k == (int)kind;

        for (const enum problem_kind *a = also; a && *a != N_PROBLEMS; a++)
            allowed |= k == (int)*a;
        if (r->problems.count[k] && !allowed)
            fail_msg("%s: also %s", problem_info(kind)->id,
                     problem_info((enum problem_kind)k)->id);
    }
    for (size_t i = 0; i < r->problems.n; i++) {
        struct buf text = BUF_INIT;

        problem_text(&r->problems.list[i], img, &text);
        assert_true(text.len > 0 && !strchr(buf_str(&text), '\n'));
        buf_free(&text);
    }
    scan_free(r);
    image_close(img);
    builder_free(b);
}

#define EXPECT(b, kind, n, ...) \
    expect_many(b, PROBLEM_##kind, n, (const enum problem_kind[]){ __VA_ARGS__ })
#define P(kind) PROBLEM_##kind
#define END N_PROBLEMS

static struct builder *basic(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    for (uint64_t g = 0; g < 8; g++)
        builder_map(b, g);
    return b;
}

static struct builder *fresh(struct builder_options opt)
{
    struct builder *b = builder_new(opt);

    builder_map(b, 0);
    return b;
}

static struct builder_options options(void)
{
    return BUILDER_DEFAULTS;
}

static void sound_images_have_no_problem(void **state)
{
    (void)state;
    for (uint32_t bits = 9; bits <= 21; bits += 3) {
        for (uint32_t order = 0; order <= 6; order++) {
            struct builder_options opt = options();
            struct builder *b;
            struct image *img;
            struct scan_result *r;

            opt.cluster_bits = bits;
            opt.refcount_order = order;
            opt.size = 64 << 20;
            b = fresh(opt);
            builder_map_zero(b, 3, true);
            builder_map_zero(b, 4, false);
            builder_map_compressed(b, 5);
            builder_map_compressed(b, 6);
            if (order > 1) {
                builder_add_snapshot(b, "1", "one");
                builder_map(b, 7);
                builder_add_bitmap(b, "bm", 16, 0);
            }
            img = builder_open(b);
            r = scan_of(img);
            for (size_t i = 0; i < r->problems.n; i++)
                if (!(order == 0 && r->problems.list[i].kind == PROBLEM_REFCOUNT_OVERFLOW))
                    fail_msg("%u %u: %s", bits, order,
                             problem_info(r->problems.list[i].kind)->id);
            scan_free(r);
            image_close(img);
            builder_free(b);
        }
    }
}

static void entries_past_the_end(void **state)
{
    struct builder *b = basic();

    (void)state;
    builder_set_l2(b, 9, OFLAG_COPIED | 0x4000000, 0);
    EXPECT(b, DATA_PAST_END, 1, P(DATA_COPIED), END);
    b = basic();
    builder_poke(b, builder_l1_entry_off(b, 1), 8, 0x4000000);
    EXPECT(b, L2_PAST_END, 1, END);
    b = basic();
    builder_set_l2(b, 9, OFLAG_COMPRESSED | 0x4000000, 0);
    EXPECT(b, COMPRESSED_PAST_END, 1, END);
    b = basic();
    builder_poke_field(b, "header", 0, "l1_table_offset", 0x4000000);
    EXPECT(b, L1_PAST_END, 1, P(LEAKED), P(HEADER_PROPOSED), END);
    b = basic();
    builder_poke_field(b, "header", 0, "l1_table_offset", 0);
    EXPECT(b, HEADER_PROPOSED, 1, P(LEAKED), P(OVERLAP), P(L1_RESERVED), P(L2_PAST_END),
           P(L2_MISALIGNED), P(REFCOUNT_LOW), END);
    b = basic();
    builder_poke_field(b, "header", 0, "refcount_table_offset", 0x4000000);
    EXPECT(b, REFTABLE_PAST_END, 1, P(REFCOUNT_ZERO), P(L2_COPIED), P(DATA_COPIED),
           P(HEADER_PROPOSED), END);
    b = basic();
    builder_poke(b, b->reftable_off + 8, 8, 0x4000000);
    EXPECT(b, REFBLOCK_PAST_END, 1, END);
    b = basic();
    builder_poke_field(b, "header", 0, "nb_snapshots", 2);
    builder_poke_field(b, "header", 0, "snapshots_offset", 0x4000000);
    EXPECT(b, SNAPTABLE_PAST_END, 1, P(SNAPSHOT_INCOMPLETE), P(SNAPTABLE_FAULT), END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmap[0].table_off, 8, 0x4000000);
    EXPECT(b, BITMAP_PAST_END, 1, P(LEAKED), END);
}

static void luks_area_past_the_end(void **state)
{
    struct builder_options opt = options();
    struct builder *b;

    (void)state;
    opt.crypto_len = 5000;
    b = fresh(opt);
    builder_truncate(b, b->len);
    {
        struct image *img = builder_open(b);
        uint64_t at = img->ext.crypto_at->data_off;

        image_close(img);
        builder_poke(b, at, 8, 0x4000000);
    }
    EXPECT(b, CRYPTO_PAST_END, 1, P(LEAKED), END);
}

static void reserved_bits_and_alignment(void **state)
{
    struct builder *b = basic();
    uint64_t e;

    (void)state;
    e = builder_peek(b, builder_l1_entry_off(b, 0), 8);
    builder_poke(b, builder_l1_entry_off(b, 0), 8, e | UINT64_C(1) << 60);
    EXPECT(b, L1_RESERVED, 1, END);
    b = basic();
    builder_poke(b, builder_l1_entry_off(b, 1), 8, 0x600);
    EXPECT(b, L2_MISALIGNED, 1, P(L1_RESERVED), P(DATA_PAST_END), P(L2_RESERVED), P(OVERLAP),
           P(REFCOUNT_LOW), P(REFCOUNT_ZERO), P(DATA_MISALIGNED), P(DOUBLE_ALLOCATION),
           P(COMPRESSED_PAST_END), P(REFBLOCK_SHARED), P(DATA_COPIED), P(L2_COPIED), END);
    b = basic();
    builder_set_l2(b, 20, 0x10, 0);
    EXPECT(b, L2_RESERVED, 1, END);
    b = basic();
    e = builder_peek(b, builder_l2_entry_off(b, 3), 8);
    builder_set_l2(b, 3, e + 512, 0);
    EXPECT(b, DATA_MISALIGNED, 1, P(REFCOUNT_LOW), P(DOUBLE_ALLOCATION), END);
    b = basic();
    e = builder_map_zero(b, 12, true);
    builder_set_l2(b, 12, OFLAG_COPIED | OFLAG_ZERO | (e + 512), 0);
    EXPECT(b, ZERO_MISALIGNED, 1, P(REFCOUNT_LOW), P(REFCOUNT_ZERO), P(TAIL_TRUNCATED),
           P(DOUBLE_ALLOCATION), END);
}

static void compressed_descriptors(void **state)
{
    struct builder *b = basic();
    struct builder_options opt = options();
    uint64_t e;

    (void)state;
    builder_map_compressed(b, 30);
    e = builder_peek(b, builder_l2_entry_off(b, 30), 8);
    builder_set_l2(b, 30, e | OFLAG_COPIED, 0);
    EXPECT(b, COMPRESSED_COPIED, 1, END);

    opt.data_file = "data.raw";
    b = fresh(opt);
    builder_set_l2(b, 5, OFLAG_COMPRESSED | 0x3000, 0);
    EXPECT(b, COMPRESSED_DATA_FILE, 1, END);

    opt = options();
    opt.extended_l2 = true;
    opt.cluster_bits = 16;
    b = fresh(opt);
    builder_map_compressed(b, 5);
    e = builder_peek(b, builder_l2_entry_off(b, 5), 8);
    builder_set_l2(b, 5, e, 1);
    EXPECT(b, COMPRESSED_SUBCLUSTERS, 1, P(LEAKED), END);

    /* The stream ends with the file, but the descriptor claims more. */
    b = basic();
    e = builder_map_compressed(b, 30);
    builder_set_l2(b, 30, (builder_peek(b, builder_l2_entry_off(b, 30), 8)
                           & ~(UINT64_C(15) << 58)) | UINT64_C(7) << 58, 0);
    builder_truncate(b, (e & ~UINT64_C(511)) + 512);
    EXPECT(b, STREAM_PAST_END, 1, P(REFCOUNT_ZERO), END);
}

static void subclusters(void **state)
{
    struct builder_options opt = options();
    struct builder *b;
    uint64_t e;

    (void)state;
    opt.extended_l2 = true;
    opt.cluster_bits = 16;
    b = fresh(opt);
    e = builder_peek(b, builder_l2_entry_off(b, 0), 8);
    builder_set_l2(b, 0, e, 0x1ffffffff);
    EXPECT(b, SUBCLUSTER_CONFLICT, 1, END);
    b = fresh(opt);
    builder_set_l2(b, 2, 0, 4);
    EXPECT(b, SUBCLUSTER_UNALLOCATED, 1, END);
    b = fresh(opt);
    e = builder_peek(b, builder_l2_entry_off(b, 0), 8);
    builder_set_l2(b, 0, e | OFLAG_ZERO, builder_peek(b, builder_l2_entry_off(b, 0) + 8, 8));
    EXPECT(b, EXTENDED_ZERO_FLAG, 1, END);
}

static void refcounts(void **state)
{
    struct builder *b = basic();
    struct builder_options opt = options();
    uint64_t cl = builder_peek(b, builder_l2_entry_off(b, 2), 8) << 1 >> 13;

    (void)state;
    builder_set_refcount(b, cl, 0);
    EXPECT(b, REFCOUNT_ZERO, 1, P(DATA_COPIED), END);
    b = basic();
    builder_set_refcount(b, cl, 5);
    EXPECT(b, REFCOUNT_HIGH, 1, P(DATA_COPIED), END);
    b = basic();
    builder_add_snapshot(b, "1", "s");
    builder_set_refcount(b, cl, 1);
    EXPECT(b, REFCOUNT_LOW, 1, P(DATA_COPIED), END);
    b = basic();
    builder_alloc(b, 3);
    EXPECT(b, LEAKED, 3, END);
    b = basic();
    builder_set_l2(b, 3, builder_peek(b, builder_l2_entry_off(b, 2), 8), 0);
    EXPECT(b, DOUBLE_ALLOCATION, 1, P(REFCOUNT_LOW), P(LEAKED), END);
    b = basic();
    builder_set_l2(b, 3, OFLAG_COPIED | b->l1_off, 0);
    EXPECT(b, OVERLAP, 1, P(REFCOUNT_LOW), P(LEAKED), END);
    opt.refcount_order = 0;
    b = fresh(opt);
    builder_set_l2(b, 1, builder_peek(b, builder_l2_entry_off(b, 0), 8), 0);
    EXPECT(b, REFCOUNT_OVERFLOW, 1, P(DOUBLE_ALLOCATION), END);
    b = basic();
    builder_set_refcount(b, b->len / 4096 + 10, 3);
    EXPECT(b, REFCOUNT_PAST_END, 1, END);
}

static void copied_flags(void **state)
{
    struct builder *b = basic();
    uint64_t at;

    (void)state;
    at = builder_l1_entry_off(b, 0);
    builder_poke(b, at, 8, builder_peek(b, at, 8) & ~OFLAG_COPIED);
    EXPECT(b, L2_COPIED, 1, END);
    b = basic();
    at = builder_l2_entry_off(b, 4);
    builder_poke(b, at, 8, builder_peek(b, at, 8) & ~OFLAG_COPIED);
    EXPECT(b, DATA_COPIED, 1, END);
}

static void refcount_structures(void **state)
{
    struct builder *b = basic();

    (void)state;
    builder_poke(b, b->reftable_off + 8, 8, 0x1);
    EXPECT(b, REFTABLE_RESERVED, 1, END);
    b = basic();
    builder_poke(b, b->reftable_off, 8, builder_peek(b, b->reftable_off, 8) + 512);
    EXPECT(b, REFBLOCK_MISALIGNED, 1, P(REFCOUNT_UNREADABLE), END);
    b = basic();
    builder_poke(b, b->reftable_off, 8, builder_peek(b, b->reftable_off, 8) + 512);
    EXPECT(b, REFCOUNT_UNREADABLE, b->len / 4096, P(REFBLOCK_MISALIGNED), END);
    b = basic();
    builder_poke(b, b->reftable_off + 8, 8, builder_peek(b, b->reftable_off, 8));
    EXPECT(b, REFBLOCK_SHARED, 1, P(REFCOUNT_LOW), END);
}

static void snapshots(void **state)
{
    struct builder *b = basic();
    struct builder_options opt = options();

    (void)state;
    builder_add_snapshot(b, "1", "s");
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "l1_table_offset", 0x3200);
    EXPECT(b, SNAPSHOT_L1_MISALIGNED, 1, P(LEAKED), P(REFCOUNT_HIGH), P(L2_COPIED), END);
    b = basic();
    builder_add_snapshot(b, "1", "s");
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "l1_size", 4194305);
    EXPECT(b, SNAPSHOT_L1_TOO_LARGE, 1, P(LEAKED), P(REFCOUNT_HIGH), END);
    b = basic();
    builder_add_snapshot(b, "1", "s");
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "extra_data_size", 8);
    EXPECT(b, SNAPSHOT_INCOMPLETE, 1, END);
    b = basic();
    builder_add_snapshot(b, "1", "s");
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "l1_size", 1);
    EXPECT(b, SNAPSHOT_L1_SMALL, 1, END);
    b = basic();
    builder_add_snapshot(b, "1", "s");
    builder_add_snapshot(b, "1", "t");
    EXPECT(b, SNAPSHOT_DUPLICATE, 1, END);
    b = basic();
    builder_poke_field(b, "header", 0, "nb_snapshots", 70000);
    EXPECT(b, SNAPTABLE_FAULT, 1, END);
    b = basic();
    builder_add_snapshot(b, "1", "s");
    builder_poke_field(b, "snapshot-extra", builder_snapshot_off(b, 0) + 40,
                       "vm_state_size_large", 5000);
    EXPECT(b, VM_STATE, 1, END);
    opt.data_file = "data.raw";
    b = fresh(opt);
    builder_poke_field(b, "header", 0, "nb_snapshots", 1);
    builder_poke_field(b, "header", 0, "snapshots_offset", b->len);
    EXPECT(b, SNAPSHOT_DATA_FILE, 1, P(SNAPSHOT_INCOMPLETE), P(SNAPTABLE_PAST_END),
           P(SNAPTABLE_FAULT), P(TAIL_TRUNCATED), P(REFCOUNT_ZERO), END);
}

static void header_faults(void **state)
{
    /* lost: the tables are destroyed as well, so that nothing can be guessed */
    static const struct {
        const char *field;
        uint64_t value;
        bool lost;
        enum problem_kind kind;
    } t[] = {
        { "version", 7, false, PROBLEM_HEADER_REPLACED },
        { "header_length", 90, false, PROBLEM_HEADER_REPLACED },
        { "refcount_order", 9, false, PROBLEM_HEADER_REPLACED },
        { "refcount_order", 9, true, PROBLEM_HEADER_FAULT },
        { "l1_size", 1, false, PROBLEM_HEADER_REPLACED },
        { "l1_size", 1, true, PROBLEM_L1_TOO_SMALL },
        { "l1_size", 5000000, false, PROBLEM_HEADER_REPLACED },
        { "l1_size", 5000000, true, PROBLEM_HEADER_LIMIT },
        { "l1_table_offset", 5, true, PROBLEM_HEADER_FAULT },
        { "refcount_table_offset", 5, true, PROBLEM_HEADER_FAULT },
        { "size", UINT64_MAX, false, PROBLEM_HEADER_LIMIT },
        { "incompatible_features", 1, false, PROBLEM_DIRTY_BIT },
        { "incompatible_features", 2, false, PROBLEM_CORRUPT_BIT },
        { "incompatible_features", 64, false, PROBLEM_UNKNOWN_FEATURE },
        { "compatible_features", 4, false, PROBLEM_HEADER_ODD },
        { "crypt_method", 3, false, PROBLEM_HEADER_FAULT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct builder *b = basic();
        struct image *img;
        struct scan_result *r;

        builder_poke_field(b, "header", 0, t[i].field, t[i].value);
        if (t[i].lost)
            memset(b->bytes + b->reftable_off, 0x55, b->len - b->reftable_off);
        img = builder_open(b);
        r = scan_of(img);
        if (!r->problems.count[t[i].kind])
            fail_msg("%s = %llu: no %s", t[i].field, (unsigned long long)t[i].value,
                     problem_info(t[i].kind)->id);
        seen[t[i].kind] = 1;
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

static void a_forced_value_is_noted(void **state)
{
    struct image_options opt = { .force_l1_size = true, .l1_size = 1 };
    struct builder *b = basic();
    struct image *img = NULL;
    struct scan_result *r;

    (void)state;
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    r = scan_of(img);
    assert_int_equal(r->problems.count[PROBLEM_HEADER_FORCED], 1);
    assert_int_equal(r->problems.count[PROBLEM_HEADER_REPLACED], 0);
    seen[PROBLEM_HEADER_FORCED] = 1;
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void extension_and_bitmap_faults(void **state)
{
    struct builder *b = basic();

    (void)state;
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmaps_ext_off + 4, 4, 1);
    EXPECT(b, HEADER_EXTENSION, 1, END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmaps_ext_off, 4, 2);
    EXPECT(b, BITMAP_DIR_FAULT, 1, END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke_field(b, "bitmap-dir-entry", builder_bitmap_off(b, 0), "type", 9);
    EXPECT(b, BITMAP_FAULT, 1, END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmap[0].table_off, 8, 2);
    EXPECT(b, BITMAP_ENTRY, 1, P(LEAKED), END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke_field(b, "header", 0, "autoclear_features", 0);
    EXPECT(b, BITMAPS_INCONSISTENT, 1, P(LEAKED), END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, BITMAP_IN_USE);
    EXPECT(b, BITMAP_IN_USE_FLAG, 1, END);
}

static void silent_damage(void **state)
{
    struct builder *b = basic();
    struct builder_options opt = options();

    (void)state;
    builder_truncate(b, b->len - 1024);
    EXPECT(b, TAIL_TRUNCATED, 1, END);
    opt.version = 2;
    b = fresh(opt);
    builder_set_l2(b, 9, OFLAG_ZERO, 0);
    EXPECT(b, V2_ZERO_FLAG, 1, END);
    opt = options();
    opt.data_file = "data.raw";
    b = fresh(opt);
    builder_set_l2(b, 5, OFLAG_COPIED | 0x9000, 0);
    EXPECT(b, DATA_FILE_OFFSET, 1, END);
    opt = options();
    opt.size = 5 * 4096;
    opt.l1_size = 1;
    b = fresh(opt);
    builder_map(b, 9);
    EXPECT(b, PAST_DISK_END, 1, END);
}

/* Whatever the number of clusters before it, and however much is missing. */
static void a_last_cluster_that_is_cut_short_is_told(void **state)
{
    static const size_t missing[] = { 1, 512, 2048, 4095 };

    (void)state;
    for (uint64_t n = 8; n < 12; n++) {
        for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
            struct builder *b = basic();

            for (uint64_t g = 8; g < n; g++)
                builder_map(b, g);
            builder_truncate(b, b->len - missing[i]);
            EXPECT(b, TAIL_TRUNCATED, 1, END);
        }
    }
}

/* The rest of it reads as zeros, or is not asked for. */
static void a_cut_that_loses_nothing_is_no_problem(void **state)
{
    for (int what = 0; what < 3; what++) {
        struct builder *b = basic();
        struct image *img;
        struct scan_result *r;

        (void)state;
        if (what == 0)
            builder_map_zero(b, 20, true);
        else if (what == 1)
            builder_map_compressed(b, 20);
        else
            builder_alloc(b, 1);            /* a leak */
        builder_truncate(b, b->len - 16);
        img = builder_open(b);
        r = scan_of(img);
        assert_int_equal(r->problems.count[PROBLEM_TAIL_TRUNCATED], 0);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

static void unreadable_tables(void **state)
{
    struct builder *b = basic();
    uint64_t at = builder_l2_entry_off(b, 0) & ~UINT64_C(4095);
    struct source *src;
    struct image *img;
    struct scan_result *r;

    (void)state;
    assert_true(source_open_failing(builder_source(b), at, 512, &src, NULL));
    assert_true(image_open(src, &(struct image_options){ 0 }, &img, NULL));
    r = scan_of(img);
    assert_int_equal(r->problems.count[PROBLEM_UNREADABLE], 1);
    assert_int_equal(scan_exit_status(r), 1);
    seen[PROBLEM_UNREADABLE] = 1;
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void files_that_are_not_there(void **state)
{
    static const struct { enum side_state state; enum problem_kind kind; int status; } t[] = {
        { SIDE_MISSING, PROBLEM_SIDE_FILE, 1 }, { SIDE_UNFIT, PROBLEM_SIDE_FILE, 1 },
        { SIDE_SHORT, PROBLEM_DATA_FILE_SHORT, 0 }, { SIDE_THERE, N_PROBLEMS, 0 },
        { SIDE_UNKNOWN, N_PROBLEMS, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct builder *b = builder_new(BUILDER_DEFAULTS);
        struct image *img = builder_open(b);
        struct scan_result *r;

        img->data_there.state = t[i].state;
        r = scan_of(img);
        for (int k = 0; k < N_PROBLEMS; k++)
            assert_int_equal(r->problems.count[k], k == (int)t[i].kind);
        if (t[i].kind != N_PROBLEMS)
            seen[t[i].kind] = 1;
        assert_int_equal(scan_exit_status(r), t[i].status);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

/* Needs a second process or a file that changes: shown by the end-to-end tests. */
static void every_kind_was_produced(void **state)
{
    (void)state;
    seen[PROBLEM_IMAGE_IN_USE] = seen[PROBLEM_IMAGE_CHANGED] = 1;
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (!seen[k])
            fail_msg("no test produced %s", problem_info((enum problem_kind)k)->id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_images_have_no_problem),
        cmocka_unit_test(entries_past_the_end),
        cmocka_unit_test(luks_area_past_the_end),
        cmocka_unit_test(reserved_bits_and_alignment),
        cmocka_unit_test(compressed_descriptors),
        cmocka_unit_test(subclusters),
        cmocka_unit_test(refcounts),
        cmocka_unit_test(copied_flags),
        cmocka_unit_test(refcount_structures),
        cmocka_unit_test(snapshots),
        cmocka_unit_test(header_faults),
        cmocka_unit_test(a_forced_value_is_noted),
        cmocka_unit_test(extension_and_bitmap_faults),
        cmocka_unit_test(silent_damage),
        cmocka_unit_test(a_last_cluster_that_is_cut_short_is_told),
        cmocka_unit_test(a_cut_that_loses_nothing_is_no_problem),
        cmocka_unit_test(unreadable_tables),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(every_kind_was_produced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
