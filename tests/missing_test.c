/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables that hold references and could not be read whole: each is named, alone, and leaks are
 * told as such no longer. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "scan/missing.h"
#include "support/image_builder.h"

/* Two L2 tables, a snapshot, a bitmap, and three clusters that nobody refers to. */
static struct builder *everything(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    builder_map(b, 3);
    builder_map(b, 600);
    builder_add_snapshot(b, "1", "one");
    builder_map(b, 3);
    builder_add_bitmap(b, "bitmap", 16, 0);
    builder_alloc(b, 3);
    return b;
}

/* --- the damage; a byte that cannot be read where it returns one --- */

static uint64_t nothing(struct builder *b)
{
    (void)b;
    return NO_ADDRESS;
}

static uint64_t l1_past_the_end(struct builder *b)
{
    builder_poke_field(b, "header", 0, "l1_table_offset", 0x4000000);
    return NO_ADDRESS;
}

static uint64_t l1_too_small(struct builder *b)
{
    /* with every table gone no other size can be guessed */
    builder_poke_field(b, "header", 0, "l1_size", 1);
    memset(b->bytes + b->reftable_off, 0x55, b->len - b->reftable_off);
    return NO_ADDRESS;
}

static uint64_t l1_unreadable(struct builder *b)
{
    return b->l1_off;
}

static uint64_t snapshot_l1_unreadable(struct builder *b)
{
    return b->snapshot[0].l1_off;
}

static uint64_t snapshot_l1_past_the_end(struct builder *b)
{
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "l1_table_offset", 0x4000000);
    return NO_ADDRESS;
}

static uint64_t snapshot_l1_misaligned(struct builder *b)
{
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "l1_table_offset", 0x3200);
    return NO_ADDRESS;
}

static uint64_t snapshot_l1_too_large(struct builder *b)
{
    builder_poke_field(b, "snapshot", builder_snapshot_off(b, 0), "l1_size", 4194305);
    return NO_ADDRESS;
}

static void change_l1_entry(struct builder *b, uint64_t clear, uint64_t set)
{
    uint64_t at = builder_l1_entry_off(b, 1);

    builder_poke(b, at, 8, (builder_peek(b, at, 8) & ~clear) | set);
}

static uint64_t l2_past_the_end(struct builder *b)
{
    change_l1_entry(b, UINT64_MAX, 0x4000000);
    return NO_ADDRESS;
}

static uint64_t l2_misaligned(struct builder *b)
{
    change_l1_entry(b, 0, 0x200);
    return NO_ADDRESS;
}

static uint64_t l1_entry_odd(struct builder *b)
{
    change_l1_entry(b, 0, 2);
    return NO_ADDRESS;
}

static uint64_t l2_unreadable(struct builder *b)
{
    return builder_peek(b, builder_l1_entry_off(b, 1), 8) & ENTRY_OFFSET_MASK;
}

static uint64_t snapshots_past_the_end(struct builder *b)
{
    builder_poke_field(b, "header", 0, "nb_snapshots", 2);
    builder_truncate(b, (size_t)builder_snapshot_off(b, 0) + 48);
    return NO_ADDRESS;
}

static uint64_t snapshots_unreadable(struct builder *b)
{
    return builder_snapshot_off(b, 0);
}

static uint64_t bitmaps_unreadable(struct builder *b)
{
    return builder_bitmap_off(b, 0);
}

static uint64_t bitmap_table_unreadable(struct builder *b)
{
    return b->bitmap[0].table_off;
}

static uint64_t bitmaps_not_vouched_for(struct builder *b)
{
    builder_poke_field(b, "header", 0, "autoclear_features", 0);
    return NO_ADDRESS;
}

static uint64_t extension_too_long(struct builder *b)
{
    builder_poke(b, b->bitmaps_ext_off - 8, 4, 0x12345678);     /* no type that has a length */
    builder_poke(b, b->bitmaps_ext_off - 4, 4, 0x7000);
    return NO_ADDRESS;
}

static unsigned missing_after(uint64_t (*damage)(struct builder *b), bool *leaks_are_told)
{
    struct builder *b = everything();
    uint64_t bad = damage(b);
    struct source *src = builder_source(b);
    struct image *img;
    struct scan_result *r;
    unsigned tables;

    if (bad != NO_ADDRESS)
        assert_true(source_open_failing(src, bad, 512, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    tables = missing_tables(r);
    *leaks_are_told = false;
    for (size_t i = 0; i < r->problems.n; i++) {
        const struct problem *p = &r->problems.list[i];

        if (p->kind == PROBLEM_LEAKED)
            *leaks_are_told |= p->note && strstr(p->note, "perhaps in use");
        else
            assert_true(!p->note || !strstr(p->note, "perhaps in use")
                        || problem_info(p->kind)->severity == SEV_LEAK);
    }
    scan_free(r);
    image_close(img);
    builder_free(b);
    return tables;
}

static void each_table_that_is_missing_is_named_and_no_other(void **state)
{
    static const struct { uint64_t (*damage)(struct builder *b); unsigned tables; } t[] = {
        { nothing, 0 },
        { l1_past_the_end, 1u << MISSING_ACTIVE_L1 },
        { l1_unreadable, 1u << MISSING_ACTIVE_L1 },
        { snapshot_l1_unreadable, 1u << MISSING_SNAPSHOT_L1 },
        { snapshot_l1_past_the_end, 1u << MISSING_SNAPSHOT_L1 },
        { snapshot_l1_misaligned, 1u << MISSING_SNAPSHOT_L1 },
        { snapshot_l1_too_large, 1u << MISSING_SNAPSHOT_L1 },
        { l2_past_the_end, 1u << MISSING_L2 },
        { l2_misaligned, 1u << MISSING_L2 },
        { l1_entry_odd, 1u << MISSING_L2 },
        { l2_unreadable, 1u << MISSING_L2 },
        { snapshots_unreadable, 1u << MISSING_SNAPSHOTS },
        { bitmaps_unreadable, 1u << MISSING_BITMAPS },
        { bitmap_table_unreadable, 1u << MISSING_BITMAPS },
        { bitmaps_not_vouched_for, 1u << MISSING_BITMAPS },
        { extension_too_long, 1u << MISSING_EXTENSIONS | 1u << MISSING_BITMAPS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        bool told;
        unsigned tables = missing_after(t[i].damage, &told);

        if (tables != t[i].tables)
            fail_msg("damage %zu: tables 0x%x, not 0x%x", i, tables, t[i].tables);
        if (told != (tables != 0))
            fail_msg("damage %zu: leaks are %stold as perhaps in use", i, told ? "" : "not ");
    }
}

static void what_is_behind_the_end_of_a_table_is_missing(void **state)
{
    bool told;

    (void)state;
    assert_true(missing_after(snapshots_past_the_end, &told) & 1u << MISSING_SNAPSHOTS);
    assert_true(missing_after(l1_too_small, &told) & 1u << MISSING_ACTIVE_L1);
}

static void missing_tables_are_listed_as_one_writes_a_list(void **state)
{
    static const struct { unsigned tables; const char *text; } t[] = {
        { 0, "" },
        { 1u << MISSING_L2, "L2 tables" },
        { 1u << MISSING_ACTIVE_L1 | 1u << MISSING_L2, "the active L1 table and L2 tables" },
        { 1u << MISSING_ACTIVE_L1 | 1u << MISSING_SNAPSHOTS | 1u << MISSING_BITMAPS,
          "the active L1 table, the snapshot table and the bitmap directory" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct buf text = BUF_INIT;

        missing_text(t[i].tables, &text);
        assert_string_equal(buf_str(&text), t[i].text);
        buf_free(&text);
    }
}

static void while_a_table_is_missing_nothing_advises_to_free_clusters(void **state)
{
    (void)state;
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);
        struct buf usual = BUF_INIT, missing = BUF_INIT;

        problem_advice((enum problem_kind)k, 0, &usual);
        problem_advice((enum problem_kind)k, 1u << MISSING_L2, &missing);
        assert_string_equal(buf_str(&usual), info->advice);
        if (info->severity != SEV_LEAK)
            assert_string_equal(buf_str(&missing), info->advice);
        else if (!strstr(buf_str(&missing), "Do not free")
                 || !strstr(buf_str(&missing), "L2 tables"))
            fail_msg("%s: %s", info->id, buf_str(&missing));
        buf_free(&usual);
        buf_free(&missing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_table_that_is_missing_is_named_and_no_other),
        cmocka_unit_test(what_is_behind_the_end_of_a_table_is_missing),
        cmocka_unit_test(missing_tables_are_listed_as_one_writes_a_list),
        cmocka_unit_test(while_a_table_is_missing_nothing_advises_to_free_clusters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
