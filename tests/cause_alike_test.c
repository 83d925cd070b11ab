/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Each cause has a sample that shows it, and an image that only looks like it. Three causes
 * lie in the storage and not in the bytes of a file: images are made for those. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insight/cause.h"
#include "support/alike.h"

/* --- look-alikes --- */

static struct image *one_value_of_the_header(void)
{
    full();
    set_bit("l1_size", 2);
    return open_built();
}

static struct image *features_that_may_be_ignored(void)
{
    full();
    set_bit("compatible_features", UINT64_C(1) << 40);
    set_bit("autoclear_features", UINT64_C(1) << 40);
    return open_built();
}

/* The L1 table in the last cluster of a file that ends with its last entry. */
static struct image *l1_ends_with_the_file(void)
{
    uint64_t off;

    full();
    off = builder_alloc(built, 1);
    memcpy(built->bytes + off, built->bytes + built->l1_off, N_TABLES * 8);
    builder_set_refcount(built, built->l1_off >> 12, 0);
    set_bit("l1_table_offset", off);
    builder_truncate(built, off + N_TABLES * 8);
    return open_built();
}

/* The table at its old place counts as free, and nothing lies over the new one. */
static struct image *resized_at_rest(void)
{
    uint64_t off;

    full();
    off = builder_alloc(built, 1);
    memcpy(built->bytes + off, built->bytes + built->l1_off, 4096);
    builder_set_refcount(built, built->l1_off >> 12, 0);
    set_bit("l1_table_offset", off);
    return open_built();
}

static struct image *one_entry_of_l1(void)
{
    uint64_t at;

    full();
    at = builder_l1_entry_off(built, 2);
    builder_poke(built, at, 8, builder_peek(built, at, 8) | 2);
    return open_built();
}

/* A table without an owner: it maps what another table maps as well. */
static struct image *table_of_a_deleted_snapshot(void)
{
    uint64_t off;

    full();
    off = builder_alloc(built, 1);
    memcpy(built->bytes + off, built->bytes + table(1), 4096);
    builder_set_refcount(built, off >> 12, 0);
    return open_built();
}

/* What they held is not found a little further on. */
static struct image *tables_overwritten(void)
{
    full();
    for (uint64_t t = 3; t < N_TABLES; t++)
        fill(table(t), 4096, 0x2074686520666f78);
    return open_built();
}

static struct image *data_like(uint64_t word)
{
    full();
    fill(entry(512) & ENTRY_OFFSET_MASK, 4096, word);
    return open_built();
}

static struct image *refcounts_in_the_data(void) { return data_like(0x0001000100010001); }
static struct image *text_in_the_data(void) { return data_like(0x2074686520666f78); }

static struct image *all_discarded(void)
{
    full();
    for (uint64_t k = 0; k < 24; k++)
        discard(512 + k);
    return open_built();
}

/* A table of two pages: one all zeros, one all used. */
static struct image *page_discarded(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    opt.cluster_bits = 13;
    opt.size = 8 << 20;
    make(opt);
    for (uint64_t k = 512; k < 1024; k++)
        builder_map_zero(built, k, false);
    return open_built();
}

static struct image *cut(void)
{
    full();
    builder_truncate(built, built->len - 9 * 4096);
    return open_built();
}

static struct image *longer_device(void)
{
    full();
    builder_truncate(built, built->len + 4096 * 9 + 512);
    return open_built();
}

static struct image *both_kinds_of_zeros(void)
{
    full();
    builder_map_zero(built, 3, true);
    builder_map_zero(built, 7, false);
    return open_built();
}

static struct image *one_stream_is_broken(void)
{
    make(BUILDER_DEFAULTS);
    for (uint64_t k = 0; k < 12; k++)
        builder_map_compressed(built, k);
    fill(builder_map_compressed(built, 12) & ~UINT64_C(7), 16, UINT64_MAX);
    return open_built();
}

/* A LUKS header with one slot, and noise for its key material. */
static struct image *sound_luks(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    uint64_t at, noise = 1;

    opt.crypto_len = 64 << 10;
    make(opt);
    at = built->crypto_off;
    memcpy(built->bytes + at, "LUKS\xba\xbe\0\1" "aes", 11);
    builder_poke(built, at + 108, 4, 32);               /* key bytes */
    builder_poke(built, at + 208, 4, 0x00ac71f3);       /* active */
    builder_poke(built, at + 248, 4, 8);                /* sector of its key material */
    builder_poke(built, at + 252, 4, 1000);             /* stripes */
    for (uint64_t i = 4096; i < opt.crypto_len; i += 8) {
        noise = noise * UINT64_C(6364136223846793005) + 1442695040888963407;
        builder_poke(built, at + i, 8, noise ^ noise >> 29);
    }
    return open_built();
}

static struct image *overlay(bool whole)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    opt.backing_file = "base.qcow2";
    opt.size = 64 << 12;
    make(opt);
    for (uint64_t k = 0; k < (whole ? 64 : 8); k++)
        builder_map(built, k);
    return open_built();
}

static struct image *base_is_there(void)
{
    struct image *img = overlay(false);

    img->backing_there.state = SIDE_THERE;
    return img;
}

static struct image *nothing_is_read_from_the_base(void) { return overlay(true); }

static struct image *base_with_a_format(void)
{
    struct image *img = overlay(false);

    img->backing_format = strdup("qcow2");
    return img;
}

static struct image *data_file_is_there(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct image *img;

    opt.data_file = "data.raw";
    make(opt);
    builder_map(built, 3);
    img = open_built();
    img->data_there = (struct side_file){ SIDE_THERE, false, opt.size, 0 };
    return img;
}

static struct image *shared_with_a_snapshot(void)
{
    full();
    builder_add_snapshot(built, "1", "monday");
    builder_map(built, 100);
    return open_built();
}

static struct image *streams_side_by_side(void)
{
    make(BUILDER_DEFAULTS);
    for (uint64_t k = 0; k < 12; k++)
        builder_map_compressed(built, k);
    return open_built();
}

static struct image *table_not_counted_yet(void)
{
    full();
    builder_set_refcount(built, table(1) >> 12, 0);
    set_bit("incompatible_features", INCOMPAT_DIRTY);
    set_bit("compatible_features", COMPAT_LAZY_REFCOUNTS);
    return open_built();
}

static struct image *not_counted_yet(void)
{
    full();
    for (uint64_t t = 0; t < N_TABLES; t++)
        for (uint64_t k = 0; k < 24; k++)
            builder_set_refcount(built, (entry(t * 512 + k) & ENTRY_OFFSET_MASK) >> 12, 0);
    set_bit("incompatible_features", INCOMPAT_DIRTY);
    return open_built();
}

static struct image *leaks_at_the_end(void)
{
    full();
    builder_alloc(built, 6);
    return open_built();
}

static struct image *lost_and_not_dirty(void)
{
    full();
    lost_refcounts();
    return open_built();
}

static struct image *refcount_too_high(void)
{
    full();
    builder_set_refcount(built, entry(5) >> 12 & 0xffffff, 2);
    builder_set_l2(built, 5, entry(5) & ~OFLAG_COPIED, 0);
    return open_built();
}

static struct image *two_snapshots(void)
{
    full();
    builder_add_snapshot(built, "1", "monday");
    builder_map(built, 3);
    builder_add_snapshot(built, "2", "");
    return open_built();
}

static struct image *disabled_bitmap(void)
{
    full();
    builder_add_bitmap(built, "daily", 16, 0);
    return open_built();
}

static struct image *dirty(void)
{
    full();
    set_bit("incompatible_features", INCOMPAT_DIRTY);
    return open_built();
}

static struct image *snapshot_and_bitmap(void)
{
    full();
    builder_add_snapshot(built, "1", "monday");
    builder_add_bitmap(built, "daily", 16, BITMAP_AUTO);
    return open_built();
}

static struct image *dirty_and_zeros_behind(void)
{
    full();
    set_bit("incompatible_features", INCOMPAT_DIRTY);
    behind(12, 0);
    return open_built();
}

/* The super block of ext4 where a disk without partitions has it. */
static struct image *file_system_without_partitions(void)
{
    uint64_t at;

    full();
    at = entry(0) & ENTRY_OFFSET_MASK;
    fill(at, 4096, 0);
    builder_poke(built, at + 1024 + 56, 2, 0x53ef);
    return open_built();
}

static struct image *free_space_with_content(void)
{
    full();
    discard(5);
    return open_built();
}

static struct image *zeros_behind(void)
{
    full();
    behind(12, 0);
    return open_built();
}

static struct image *a_third_is_free(void)
{
    full();
    for (uint64_t k = 0; k < 24; k++)
        discard(2 * 512 + k);
    return open_built();
}

static struct image *zeros_without_bytes(void)
{
    full();
    builder_map_zero(built, 100, true);
    return open_built();
}

/* --- for each cause --- */

static const struct example {
    struct image *(*shows)(void);           /* where there is no sample; NULL: this system
                                               cannot either */
    struct image *(*alike)(void);
    bool deep;
} examples[] = {
    [CAUSE_OF_IN_USE] = { held_for_writing, held_for_reading, false },
    [CAUSE_OF_UNREADABLE] = { a_table_cannot_be_read, only_data_cannot_be_read, false },
    [CAUSE_OF_HEADER_OVERWRITTEN] = { NULL, one_value_of_the_header, false },
    [CAUSE_OF_HEADER_VALUES] = { NULL, features_that_may_be_ignored, false },
    [CAUSE_OF_L1_POINTER] = { NULL, l1_ends_with_the_file, false },
    [CAUSE_OF_LIVE_RESIZE] = { NULL, resized_at_rest, false },
    [CAUSE_OF_L1_OVERWRITTEN] = { NULL, one_entry_of_l1, false },
    [CAUSE_OF_MAPPING_VANISHED] = { NULL, table_of_a_deleted_snapshot, false },
    [CAUSE_OF_SHIFTED] = { NULL, tables_overwritten, false },
    [CAUSE_OF_L2_REFCOUNTS] = { NULL, refcounts_in_the_data, false },
    [CAUSE_OF_L2_OVERWRITTEN] = { NULL, text_in_the_data, false },
    [CAUSE_OF_L2_WIPED] = { NULL, all_discarded, false },
    [CAUSE_OF_L2_PAGES] = { NULL, page_discarded, false },
    [CAUSE_OF_COPIED_RUNNING] = { NULL, cut, false },
    [CAUSE_OF_CUT_SHORT] = { NULL, longer_device, false },
    [CAUSE_OF_BROKEN_ENTRIES] = { NULL, both_kinds_of_zeros, false },
    [CAUSE_OF_COMPRESSION_TYPE] = { NULL, one_stream_is_broken, false },
    [CAUSE_OF_BROKEN_STREAMS] = { NULL, streams_side_by_side, true },
    [CAUSE_OF_LUKS_HEADER] = { NULL, sound_luks, false },
    [CAUSE_OF_BASE_MISSING] = { NULL, base_is_there, false },
    [CAUSE_OF_DATA_FILE] = { NULL, data_file_is_there, false },
    [CAUSE_OF_TABLE_REUSED] = { NULL, shared_with_a_snapshot, false },
    [CAUSE_OF_TWO_WRITERS] = { NULL, shared_with_a_snapshot, false },
    [CAUSE_OF_TWICE_USED] = { NULL, streams_side_by_side, false },
    [CAUSE_OF_ARMED_TABLE] = { NULL, table_not_counted_yet, false },
    [CAUSE_OF_REFCOUNTS_LOST] = { NULL, not_counted_yet, false },
    [CAUSE_OF_NO_SPACE] = { NULL, leaks_at_the_end, false },
    [CAUSE_OF_REFCOUNTS_BEHIND] = { NULL, lost_and_not_dirty, false },
    [CAUSE_OF_REFCOUNTS_WRONG] = { NULL, refcount_too_high, false },
    [CAUSE_OF_COPIED_FLAGS] = { NULL, shared_with_a_snapshot, false },
    [CAUSE_OF_SNAPSHOT_TABLE] = { NULL, two_snapshots, false },
    [CAUSE_OF_BITMAPS] = { NULL, disabled_bitmap, false },
    [CAUSE_OF_FEATURE] = { NULL, features_that_may_be_ignored, false },
    [CAUSE_OF_CORRUPT_BIT] = { NULL, dirty, false },
    [CAUSE_OF_SNAPSHOTS_AND_BITMAP] = { NULL, snapshot_and_bitmap, false },
    [CAUSE_OF_BASE_NOT_SEEN] = { NULL, nothing_is_read_from_the_base, false },
    [CAUSE_OF_BASE_FORMAT] = { NULL, base_with_a_format, false },
    [CAUSE_OF_UNFLUSHED] = { NULL, dirty_and_zeros_behind, false },
    [CAUSE_OF_GUEST_IS_FILE] = { NULL, file_system_without_partitions, false },
    [CAUSE_OF_HOST_HOLES] = { three_holes, preallocated, false },
    [CAUSE_OF_LEFT_OVERS] = { NULL, free_space_with_content, false },
    [CAUSE_OF_OLD_TAIL] = { NULL, zeros_behind, false },
    [CAUSE_OF_BLOATED] = { NULL, a_third_is_free, false },
    [CAUSE_OF_ZEROS_STORED] = { NULL, zeros_without_bytes, true },
};

/* The files that samples name are looked for by the commands; of these two each is known. */
static struct image *open_sample(const char *name)
{
    const char *top = getenv("top_srcdir");
    struct source *src;
    struct image *img;
    char path[4096];

    snprintf(path, sizeof path, "%s/data/samples/%s.qcow2", top ? top : ".", name);
    assert_true(source_open_file(path, &src, NULL));
    img = open_source(src);
    if (strcmp(name, "lost-base") == 0)
        img->backing_there.state = SIDE_MISSING;
    if (strcmp(name, "lost-data-file") == 0)
        img->data_there.state = SIDE_MISSING;
    return img;
}

/* Is the cause among those of the image? Takes it; `all` gets the ids of all. */
static bool told(struct image *img, enum cause_kind kind, bool deep, char *all, size_t room)
{
    struct insight_options opt = { .deep = deep };
    struct scan_result *scan;
    struct insight *x;
    bool found = false;

    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    assert_true(insight_find(scan, &opt, &x, NULL));
    *all = '\0';
    for (size_t i = 0; i < x->n; i++) {
        found |= x->list[i].kind == kind;
        snprintf(all + strlen(all), room - strlen(all), " %s", cause_info(x->list[i].kind)->id);
    }
    insight_free(x);
    scan_free(scan);
    end(img);
    return found;
}

static void every_cause_is_told_of_the_image_that_shows_it(void **state)
{
    (void)state;
    for (int k = 0; k < N_CAUSES; k++) {
        const struct example *e = &examples[k];
        const struct cause_info *info = cause_info((enum cause_kind)k);
        struct image *img;
        char all[1024];

        if (!info->sample && !e->shows)
            fail_msg("no image shows %s", info->id);
        img = info->sample ? open_sample(info->sample) : e->shows();
        if (img && !told(img, (enum cause_kind)k, e->deep, all, sizeof all))
            fail_msg("%s is not told of %s, but%s", info->id,
                     info->sample ? info->sample : "its image", all);
    }
}

static void every_cause_is_silent_on_what_only_looks_like_it(void **state)
{
    (void)state;
    for (int k = 0; k < N_CAUSES; k++) {
        const char *id = cause_info((enum cause_kind)k)->id;
        struct image *img;
        char all[1024];

        if (!examples[k].alike)
            fail_msg("nothing looks like %s", id);
        img = examples[k].alike();
        if (img && told(img, (enum cause_kind)k, examples[k].deep, all, sizeof all))
            fail_msg("%s is told of its look-alike", id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_is_told_of_the_image_that_shows_it),
        cmocka_unit_test(every_cause_is_silent_on_what_only_looks_like_it),
    };

    _Static_assert(sizeof examples / sizeof examples[0] == N_CAUSES, "one row for each");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
