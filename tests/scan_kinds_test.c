/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Every problem kind is produced by damage of its kind, and only where it should be. */
#include "config.h"

#include "scan_kinds.h"

uint8_t kinds_seen[N_PROBLEMS];

struct scan_result *scan_of(const struct image *img)
{
    struct scan_result *r;
    struct error err = { 0 };

    if (!scan_run(img, NULL, NULL, &r, &err))
        fail_msg("scan: %s", err.text);
    return r;
}

void expect_many(struct builder *b, enum problem_kind kind, uint64_t n,
                 const enum problem_kind *also)
{
    struct image *img = builder_open(b);
    struct scan_result *r = scan_of(img);

    if (r->problems.count[kind] != n)
        fail_msg("%s: %llu, not %llu", problem_info(kind)->id,
                 (unsigned long long)r->problems.count[kind], (unsigned long long)n);
    kinds_seen[kind] = 1;
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

static void every_kind_was_produced(void **state)
{
    (void)state;
    kinds_seen[PROBLEM_IMAGE_IN_USE] = kinds_seen[PROBLEM_IMAGE_CHANGED] = 1;
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (!kinds_seen[k])
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
