/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The rules by which QEMU refuses bitmaps, at their borders. */
#include "config.h"

#include "base/limits.h"
#include "support/refusal.h"

static void set_bitmaps(struct builder *b, const char *field, uint64_t value)
{
    builder_poke_field(b, "bitmaps-ext", b->bitmaps_ext_off, field, value);
}

static struct builder *with_bitmap(void)
{
    struct builder *b = plain();

    builder_add_bitmap(b, "bm", 12, 0);
    return b;
}

static void the_bitmaps_extension_is_judged(void **state)
{
    struct builder *b = with_bitmap();

    (void)state;
    set_bitmaps(b, "reserved", 1);
    assert_refused(b, "bitmaps-ext-reserved", "reserved");
    set(b, "autoclear_features", 0);                    /* then it is ignored ... */
    assert_accepted(b);
    builder_poke(b, b->bitmaps_ext_off - 4, 4, 32);
    assert_refused(b, "bitmaps-ext-length", "32");      /* ... but for its length */
    builder_poke(b, b->bitmaps_ext_off - 4, 4, 24);
    set(b, "autoclear_features", 1);
    set_bitmaps(b, "reserved", 0);
    set_bitmaps(b, "nb_bitmaps", 0);
    assert_refused(b, "bitmaps-none", "no bitmap");
    set_bitmaps(b, "nb_bitmaps", BITMAPS_MAX + 1);
    assert_refused(b, "bitmaps-too-many", "65536");
    set_bitmaps(b, "nb_bitmaps", 1);
    set_bitmaps(b, "bitmap_directory_offset", b->bitmap_dir_off + 512);
    assert_refused(b, "bitmap-dir-offset", "aligned");
    set_bitmaps(b, "bitmap_directory_offset", b->bitmap_dir_off);
    set_bitmaps(b, "bitmap_directory_size", BITMAP_DIR_MAX + 1);
    assert_refused(b, "bitmap-dir-too-large", "67107841");
    builder_free(b);
}

static void the_bitmap_directory_is_judged(void **state)
{
    struct builder *b = with_bitmap();

    (void)state;
    set_bitmaps(b, "bitmap_directory_size", 0);
    assert_refused(b, "bitmap-dir-empty", "size 0");
    set_bitmaps(b, "bitmap_directory_size", 31);
    assert_refused(b, "bitmap-dir-broken", "past its end");
    set_bitmaps(b, "bitmap_directory_size", 32);
    set_bitmaps(b, "nb_bitmaps", 2);
    assert_refused(b, "bitmap-dir-count", "fewer");
    set_bitmaps(b, "nb_bitmaps", 1);
    set_bitmaps(b, "bitmap_directory_size", 64);
    assert_refused(b, "bitmap-dir-count", "more");
    set_bitmaps(b, "bitmap_directory_size", 32);
    set_bitmaps(b, "bitmap_directory_offset", UINT64_C(1) << 40);
    assert_refused(b, "bitmap-dir-past-end", "0x10000000000");
    builder_free(b);
}

static void bitmap_entries_are_judged(void **state)
{
    struct builder *b = with_bitmap();
    uint64_t at = builder_bitmap_off(b, 0);

    (void)state;
    builder_poke_field(b, "bitmap-dir-entry", at, "type", 7);
    assert_refused(b, "bitmap-constraints", "bitmap 'bm': its type");
    builder_poke_field(b, "bitmap-dir-entry", at, "type", 1);
    builder_poke_field(b, "bitmap-dir-entry", at, "extra_data_size", 1);
    assert_refused(b, "bitmap-extra-data", "1 bytes");
    builder_poke_field(b, "bitmap-dir-entry", at, "extra_data_size", 0);
    builder_poke_field(b, "bitmap-dir-entry", at, "bitmap_table_size", 2);
    assert_refused(b, "bitmap-table-size", "2 entries; the disk needs 1");
    builder_poke_field(b, "bitmap-dir-entry", at, "flags", BITMAP_IN_USE);
    assert_accepted(b);                                 /* not looked at when in use */
    builder_free(b);
}

static void bitmap_table_entries_are_judged(void **state)
{
    static const uint64_t bad[] = { 2, UINT64_C(1) << 56, 0x5001, 0x5200 };
    struct builder *b = with_bitmap();
    uint64_t table = b->bitmap[0].table_off, at = builder_bitmap_off(b, 0);

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        builder_poke(b, table, 8, bad[i]);
        builder_poke_field(b, "bitmap-dir-entry", at, "flags", 0);
        assert_refused(b, "bitmap-table-entry", "'bm'");
        builder_poke_field(b, "bitmap-dir-entry", at, "flags", BITMAP_IN_USE);
        assert_check_refused(b, "bitmap-table-entry", "in use");
    }
    builder_poke(b, table, 8, 1);                       /* all ones */
    assert_check_refused(b, NULL, NULL);
    builder_poke_field(b, "bitmap-dir-entry", at, "flags", 0);
    assert_accepted(b);
    builder_poke_field(b, "bitmap-dir-entry", at, "bitmap_table_offset", READ_OFFSET_MAX);
    assert_refused(b, "bitmap-table-unreadable", "past all");
    builder_poke_field(b, "bitmap-dir-entry", at, "bitmap_table_offset",
                       READ_OFFSET_MAX - 4096);
    assert_accepted(b);
    builder_free(b);
}

static void a_bitmap_name_may_come_twice_only_when_the_later_is_in_use(void **state)
{
    struct builder *b = with_bitmap();
    uint64_t at;

    (void)state;
    builder_add_bitmap(b, "bm", 12, 0);
    at = builder_bitmap_off(b, 1);
    assert_refused(b, "bitmap-name-twice", "'bm'");
    builder_poke_field(b, "bitmap-dir-entry", at, "flags", BITMAP_IN_USE);
    assert_accepted(b);
    builder_poke_field(b, "bitmap-dir-entry", at, "flags", 0);
    builder_poke(b, at + 25, 1, 0);                     /* "b\0": names end at a NUL */
    assert_accepted(b);
    builder_poke(b, builder_bitmap_off(b, 0) + 25, 1, 0);
    assert_refused(b, "bitmap-name-twice", "'b\\x00'");
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bitmaps_extension_is_judged),
        cmocka_unit_test(the_bitmap_directory_is_judged),
        cmocka_unit_test(bitmap_entries_are_judged),
        cmocka_unit_test(bitmap_table_entries_are_judged),
        cmocka_unit_test(a_bitmap_name_may_come_twice_only_when_the_later_is_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
