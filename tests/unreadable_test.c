/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Failing storage: one bad sector in each structure of an image, and what the scan says. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan/engine.h"
#include "scan/scan.h"
#include "support/image_builder.h"

#define SECTOR  512
#define CLUSTER 4096

static struct builder *everything(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.size = UINT64_C(512) << 20;         /* 256 L1 entries, two refcount blocks */
    b = builder_new(opt);
    builder_map(b, 3);
    builder_map(b, 100);
    builder_map(b, 512 * 200);
    builder_add_snapshot(b, "1", "first");
    builder_map(b, 3);                      /* the snapshot keeps the old L2 table */
    builder_add_bitmap(b, "bitmap", 16, 0);
    return b;
}

static struct scan_result *scan_with_bad(struct builder *b, uint64_t off, uint64_t len,
                                         struct image **img)
{
    struct scan_result *r = NULL;
    struct source *src;

    assert_true(source_open_failing(builder_source(b), off, len, &src, NULL));
    assert_true(image_open(src, &(struct image_options){ 0 }, img, NULL));
    assert_true(scan_run(*img, NULL, NULL, &r, NULL));
    return r;
}

static const struct problem *only_unreadable(const struct scan_result *r)
{
    const struct problem *found = NULL;

    assert_int_equal(r->problems.count[PROBLEM_UNREADABLE], 1);
    for (size_t i = 0; i < r->problems.n; i++)
        if (r->problems.list[i].kind == PROBLEM_UNREADABLE)
            found = &r->problems.list[i];
    assert_non_null(found);
    return found;
}

/* One sector at `off` cannot be read: that, and only that, is what is reported. */
static void check_sector(struct builder *b, uint64_t off, const char *held, uint64_t guest_off,
                         uint64_t guest_len)
{
    struct image *img;
    struct scan_result *r = scan_with_bad(b, off, SECTOR, &img);
    const struct problem *p = only_unreadable(r);
    struct buf text = BUF_INIT;
    char bytes[64];

    assert_int_equal(p->host_off, off);
    assert_int_equal(p->found, SECTOR);
    assert_int_equal(p->guest_off, guest_off);
    if (guest_off != NO_ADDRESS)
        assert_int_equal(p->guest_len, guest_len);
    problem_text(p, img, &text);
    snprintf(bytes, sizeof bytes, "512 B at 0x%llx", (unsigned long long)off);
    if (!strstr(buf_str(&text), bytes) || !strstr(buf_str(&text), held))
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", buf_str(&text), bytes, held);
    assert_int_equal(scan_exit_status(r), 1);
    buf_free(&text);
    scan_free(r);
    image_close(img);
}

static void a_bad_sector_of_the_header_cluster(void **state)
{
    struct builder *b = everything();

    (void)state;
    check_sector(b, 1024, "header cluster", NO_ADDRESS, 0);
    builder_free(b);
}

static void a_bad_sector_of_the_active_l1_table(void **state)
{
    struct builder *b = everything();
    uint64_t span = 512 * CLUSTER;

    (void)state;
    check_sector(b, b->l1_off + SECTOR, "L1[64]: ", 64 * span, 64 * span);
    check_sector(b, b->l1_off + SECTOR, "L1 table, entries 64 - 127", 64 * span, 64 * span);
    builder_free(b);
}

static void a_bad_sector_of_a_snapshots_l1_table(void **state)
{
    struct builder *b = everything();
    uint64_t span = 512 * CLUSTER;

    (void)state;
    check_sector(b, b->snapshot[0].l1_off, "snapshot 1 L1[0]: ", 0, 64 * span);
    builder_free(b);
}

static void a_bad_sector_of_an_l2_table(void **state)
{
    struct builder *b = everything();
    uint64_t table = builder_l2_entry_off(b, 512 * 200);

    (void)state;
    check_sector(b, table + 2 * SECTOR, "L2 table, entries 128 - 191",
                 UINT64_C(512) * 200 * CLUSTER + 128 * CLUSTER, 64 * CLUSTER);
    builder_free(b);
}

static void a_bad_sector_of_an_extended_l2_table(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    uint64_t table;

    (void)state;
    opt.cluster_bits = 14;
    opt.extended_l2 = true;
    b = builder_new(opt);
    table = builder_l2_entry_off(b, 0);
    builder_map(b, 3);
    check_sector(b, table + SECTOR, "L2 table, entries 32 - 63", 32 << 14, 32 << 14);
    builder_free(b);
}

static void a_bad_sector_of_the_refcount_table(void **state)
{
    struct builder *b = everything();

    (void)state;
    check_sector(b, b->reftable_off, "refcount table, entries 0 - 63", NO_ADDRESS, 0);
    builder_free(b);
}

static void a_bad_sector_of_a_refcount_block(void **state)
{
    struct builder *b = everything();

    (void)state;
    check_sector(b, builder_refblock_off(b, 0) + SECTOR,
                 "the refcounts of clusters 0 - 2047", NO_ADDRESS, 0);
    builder_free(b);
}

static void a_bad_sector_of_the_snapshot_table(void **state)
{
    struct builder *b = everything();
    struct image *img;
    struct scan_result *r;
    const struct problem *p;

    (void)state;
    /* Entries are read field by field: as far as the bad sector is asked for. */
    r = scan_with_bad(b, b->snapshots_off, SECTOR, &img);
    p = only_unreadable(r);
    assert_int_equal(p->host_off, b->snapshots_off);
    assert_true(p->found > 0 && p->found <= SECTOR);
    assert_string_equal(p->note, "snapshot table");
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void a_bad_sector_of_the_bitmap_directory_or_a_bitmap_table(void **state)
{
    struct builder *b = everything();
    struct image *img;
    struct scan_result *r;
    const struct problem *p;

    (void)state;
    r = scan_with_bad(b, b->bitmap_dir_off, SECTOR, &img);
    p = only_unreadable(r);
    assert_int_equal(p->host_off, b->bitmap_dir_off);
    assert_string_equal(p->note, "bitmap directory");
    scan_free(r);
    image_close(img);
    r = scan_with_bad(b, b->bitmap[0].table_off, SECTOR, &img);
    p = only_unreadable(r);
    assert_int_equal(p->host_off, b->bitmap[0].table_off);
    assert_string_equal(p->note, "bitmap table, entries 0 - 0");
    assert_int_equal(p->place.kind, PLACE_BITMAP_TABLE);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* Data is not read, so a bad sector there costs nothing. */
static void a_bad_sector_of_guest_data_is_not_noticed(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = builder_map(b, 3);
    struct image *img;
    struct scan_result *r = scan_with_bad(b, data, CLUSTER, &img);

    (void)state;
    assert_int_equal(r->problems.n, 0);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* What is not in the bad sector is judged as ever, and nothing is made up about what is. */
static void the_rest_of_a_table_is_checked(void **state)
{
    struct builder *b = everything();
    uint64_t table = builder_l2_entry_off(b, 512 * 200);
    struct image *img;
    struct scan_result *r;

    (void)state;
    builder_poke(b, builder_l2_entry_off(b, 512 * 200 + 300), 8, 0x0000000000000200);
    r = scan_with_bad(b, table + 2 * SECTOR, SECTOR, &img);
    assert_int_equal(r->problems.count[PROBLEM_DATA_MISALIGNED], 1);
    assert_int_equal(r->problems.count[PROBLEM_LEAKED], 0);
    scan_free(r);
    image_close(img);
    r = scan_with_bad(b, b->reftable_off, SECTOR, &img);
    assert_int_equal(r->problems.count[PROBLEM_REFCOUNT_ZERO], 0);
    assert_true(r->problems.count[PROBLEM_REFCOUNT_UNREADABLE] > 0);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* Two bad sectors of one table are one record that reaches from the first to the last. */
static void two_bad_sectors_are_one_range(void **state)
{
    struct builder *b = everything();
    uint64_t table = builder_l2_entry_off(b, 512 * 200);
    struct source *inner, *src;
    struct scan_result *r = NULL;
    const struct problem *p;
    struct image *img;

    (void)state;
    assert_true(source_open_failing(builder_source(b), table + SECTOR, SECTOR, &inner, NULL));
    assert_true(source_open_failing(inner, table + 4 * SECTOR, SECTOR, &src, NULL));
    assert_true(image_open(src, &(struct image_options){ 0 }, &img, NULL));
    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    p = only_unreadable(r);
    assert_int_equal(p->host_off, table + SECTOR);
    assert_int_equal(p->found, 4 * SECTOR);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* An entry is lost when a single one of its bytes is. */
static void a_refcount_table_entry_is_lost_with_any_of_its_bytes(void **state)
{
    const uint64_t table = 0x3000, entry = 5;
    struct image img = { .hdr = { .refcount_table_offset = table } };

    (void)state;
    assert_false(reftable_entry_lost(&img, 0));
    for (uint64_t off = table + entry * 8 - 12; off < table + entry * 8 + 12; off++)
        for (uint64_t len = 1; len < 20; len++) {
            bool lost = false;

            img.reftable_bad = (struct source_span){ off, len };
            for (uint64_t b = table + entry * 8; b < table + entry * 8 + 8; b++)
                lost = lost || (b >= off && b < off + len);
            assert_int_equal(reftable_entry_lost(&img, entry), lost);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_sector_of_the_header_cluster),
        cmocka_unit_test(a_bad_sector_of_the_active_l1_table),
        cmocka_unit_test(a_bad_sector_of_a_snapshots_l1_table),
        cmocka_unit_test(a_bad_sector_of_an_l2_table),
        cmocka_unit_test(a_bad_sector_of_an_extended_l2_table),
        cmocka_unit_test(a_bad_sector_of_the_refcount_table),
        cmocka_unit_test(a_bad_sector_of_a_refcount_block),
        cmocka_unit_test(a_bad_sector_of_the_snapshot_table),
        cmocka_unit_test(a_bad_sector_of_the_bitmap_directory_or_a_bitmap_table),
        cmocka_unit_test(a_bad_sector_of_guest_data_is_not_noticed),
        cmocka_unit_test(the_rest_of_a_table_is_checked),
        cmocka_unit_test(a_refcount_table_entry_is_lost_with_any_of_its_bytes),
        cmocka_unit_test(two_bad_sectors_are_one_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
