/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a cluster holds is told by its bytes. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "insight/content.h"
#include "insight/file_types.h"
#include "scan/scan.h"
#include "support/image_builder.h"

/* Every table of the image is taken for what it is. */
static void expect_tables(struct builder_options opt)
{
    static const struct { enum cluster_class cls; enum content_kind kind; } is[] = {
        { CLASS_HEADER, CONTENT_HEADER },       { CLASS_L1_ACTIVE, CONTENT_L1 },
        { CLASS_L1_SNAPSHOT, CONTENT_L1 },      { CLASS_L2, CONTENT_L2 },
        { CLASS_REFTABLE, CONTENT_REFTABLE },   { CLASS_REFBLOCK, CONTENT_REFBLOCK },
        { CLASS_SNAPTABLE, CONTENT_SNAPTABLE }, { CLASS_BITMAP_DIR, CONTENT_BITMAP_DIR },
    };
    struct builder *b = builder_new(opt);
    struct scan_result *scan;
    struct image *img;
    unsigned seen = 0;

    for (uint64_t k = 0; k < 40; k++)
        builder_map(b, k * 3);
    builder_add_snapshot(b, "1", "before");
    builder_map(b, 3);
    if (opt.version == 3)
        builder_add_bitmap(b, "daily", 16, 0);
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    for (uint64_t cl = 0; cl < map_clusters(scan->map); cl++) {
        uint8_t *bytes = malloc((size_t)img->geo.cluster_size);
        struct map_cell cell;
        struct content c;

        map_get(scan->map, cl, &cell);
        assert_true(content_at(img, cl * img->geo.cluster_size, bytes, &c));
        free(bytes);
        for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
            if (is[i].cls != cell.cls)
                continue;
            if (c.kind != is[i].kind)
                fail_msg("cluster %llu is %s and looks like %s", (unsigned long long)cl,
                         class_info(cell.cls)->id, content_info(c.kind)->id);
            seen |= 1u << i;
        }
        if (cell.cls == CLASS_DATA)
            assert_int_not_equal(content_info(c.kind)->group, CONTENT_IS_TABLE);
    }
    assert_int_equal(seen, opt.version == 3 ? 0xff : 0x7f);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void tables_look_like_what_they_are(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    expect_tables(opt);
    opt.version = 2;
    expect_tables(opt);
    opt = BUILDER_DEFAULTS;
    for (opt.refcount_order = 3; opt.refcount_order <= 6; opt.refcount_order++)
        expect_tables(opt);
    opt = BUILDER_DEFAULTS;
    opt.cluster_bits = 16;
    opt.size = UINT64_C(1) << 30;
    opt.extended_l2 = true;
    expect_tables(opt);
}

/* A cluster of 64 KiB made by `make` out of zeros. */
static struct content look_as(void (*make)(uint8_t *bytes), bool closely)
{
    static struct geometry geo;
    const struct header hdr = { .magic = QCOW2_MAGIC, .version = 3, .cluster_bits = 16,
                                .size = UINT64_C(1) << 30, .refcount_order = 4,
                                .header_length = 104 };
    uint8_t *bytes = calloc(1, 65536);
    struct content c;

    assert_non_null(bytes);
    assert_true(geometry_init(&hdr, UINT64_C(1) << 30, &geo, NULL));
    make(bytes);
    content_look(&(struct content_context){ &geo, NULL, closely }, bytes, 65536, &c);
    free(bytes);
    return c;
}

static struct content look(void (*make)(uint8_t *bytes)) { return look_as(make, false); }
static struct content look_closely(void (*make)(uint8_t *bytes)) { return look_as(make, true); }

static void put_le(uint8_t *p, size_t width, uint64_t v)
{
    for (size_t i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> i * 8);
}

static void make_nothing(uint8_t *b) { (void)b; }

static void make_refcounts(uint8_t *b)
{
    for (size_t i = 0; i < 900; i++)
        b[i * 2 + 1] = 1;
}

static void make_wide_refcounts(uint8_t *b)
{
    for (size_t i = 0; i < 900; i++)
        b[i * 4 + 3] = 1;
}

/* Read as inodes, these have a type, links and blocks. */
static void make_pattern(uint8_t *b) { memset(b, 0xc1, 65536); }

static void make_text(uint8_t *b)
{
    for (size_t i = 0; i < 65000; i++)
        b[i] = (uint8_t)"the quick brown fox jumps over the lazy dog\n"[i % 44];
}

static void make_noise(uint8_t *b)
{
    uint32_t x = 1;

    for (size_t i = 0; i < 65536; i++) {
        x = x * 1664525 + 1013904223;
        b[i] = (uint8_t)(x >> 24);
    }
}

static void make_mbr(uint8_t *b)
{
    b[446 + 4] = 0x83;
    put_le(b + 446 + 8, 4, 2048);
    put_le(b + 446 + 12, 4, 100000);
    b[510] = 0x55;
    b[511] = 0xaa;
}

static void make_gpt(uint8_t *b)
{
    make_mbr(b);
    memcpy(b + 512, "EFI PART", 8);
    put_le(b + 512 + 12, 4, 92);
    put_le(b + 512 + 24, 8, 1);
}

static void make_ext(uint8_t *b)
{
    put_le(b, 4, 6400);                     /* a copy, in group 3 */
    put_le(b + 4, 4, 25600);
    put_le(b + 24, 4, 2);
    put_le(b + 32, 4, 32768);
    put_le(b + 56, 2, 0xef53);
    put_le(b + 90, 2, 3);
}

static void make_btrfs(uint8_t *b)
{
    memset(b, 0x77, 48);
    put_le(b + 48, 8, 0x1d04000);
    b[56] = b[63] = 1;
    put_le(b + 96, 4, 10);
}

static void make_xfs(uint8_t *b)
{
    memcpy(b, "XDB3", 4);
    b[8 + 6] = 3;                           /* sector 0x300 */
}

static void make_mft(uint8_t *b)
{
    memcpy(b, "FILE", 4);
    put_le(b + 4, 2, 48);
    put_le(b + 28, 4, 1024);
    put_le(b + 44, 4, 27);
}

static void make_luks(uint8_t *b) { memcpy(b, "LUKS\xba\xbe\0\1", 8); }

static void make_swap(uint8_t *b) { memcpy(b + 4086, "SWAPSPACE2", 10); }

static void bytes_of_every_kind_are_told_apart(void **state)
{
    static const struct {
        void (*make)(uint8_t *bytes);
        enum content_kind kind;
        uint64_t address;
    } cases[] = {
        { make_nothing, CONTENT_ZERO, NO_ADDRESS },
        { make_refcounts, CONTENT_REFBLOCK, NO_ADDRESS },
        { make_wide_refcounts, CONTENT_REFBLOCK, NO_ADDRESS },
        { make_pattern, CONTENT_BYTES, NO_ADDRESS },
        { make_text, CONTENT_TEXT, NO_ADDRESS },
        { make_noise, CONTENT_ENTROPY, NO_ADDRESS },
        { make_mbr, CONTENT_MBR, 0 },
        { make_gpt, CONTENT_GPT, 512 },
        { make_ext, CONTENT_EXT_SUPER, UINT64_C(3) * 32768 * 4096 },
        { make_btrfs, CONTENT_BTRFS, 0x1d04000 },
        { make_xfs, CONTENT_XFS, 0x300 * 512 },
        { make_mft, CONTENT_NTFS_MFT, NO_ADDRESS },
        { make_luks, CONTENT_LUKS, 0 },
        { make_swap, CONTENT_SWAP, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct content c = look(cases[i].make);

        if (c.kind != cases[i].kind)
            fail_msg("%s is taken for %s", content_info(cases[i].kind)->id,
                     content_info(c.kind)->id);
        assert_int_equal(c.address, cases[i].address);
    }
}

static void refcounts_of_another_width_are_told_with_it(void **state)
{
    struct content c = look(make_wide_refcounts);

    (void)state;
    assert_string_equal(c.detail, "refcounts of 32 bits");
}

static void a_deflated_cluster_decodes(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct content c;
    uint8_t bytes[4096];
    uint64_t off;

    (void)state;
    b = builder_new(opt);
    off = builder_map_compressed(b, 7);
    img = builder_open(b);
    assert_int_equal(off % 4096, 0);
    assert_true(content_at(img, off, bytes, &c));
    assert_int_equal(c.kind, CONTENT_COMPRESSED);
    image_close(img);
    builder_free(b);
}

static void any_length_down_to_a_byte_can_be_looked_at(void **state)
{
    struct geometry geo;
    const struct header hdr = { .magic = QCOW2_MAGIC, .version = 3, .cluster_bits = 12,
                                .size = 1 << 20, .refcount_order = 4,
                                .header_length = 104 };

    (void)state;
    assert_true(geometry_init(&hdr, 1 << 20, &geo, NULL));
    for (size_t len = 1; len <= 4096; len += len < 600 ? 1 : 97) {
        uint8_t *bytes = malloc(len);       /* so that a read past it is seen */
        struct content c;

        memset(bytes, 0xa5, len);
        content_look(&(struct content_context){ .geo = &geo }, bytes, len, &c);
        assert_true(c.kind < N_CONTENTS && c.score <= 1000);
        free(bytes);
    }
}

static void make_flac(uint8_t *b) { memcpy(b, "fLaC\0\0\0\x22\x10\0\x10\0", 12); }
static void make_7z(uint8_t *b) { memcpy(b, "7z\xbc\xaf\x27\x1c\0\4", 8); }

static void libmagic_tells_more_files_of_a_single_cluster(void **state)
{
    struct content c;

    (void)state;
    if (!file_types_load()) {
        assert_false(file_types_supported(NULL));
        skip();
    }
    c = look_closely(make_flac);
    assert_int_equal(c.kind, CONTENT_FILE);
    assert_string_equal(c.detail, "FLAC audio");
    assert_string_equal(look_closely(make_7z).detail, "7-Zip archive");
    assert_int_not_equal(look(make_flac).kind, CONTENT_FILE);
    /* What the format's own tables hold stays what it is. */
    assert_int_equal(look_closely(make_refcounts).kind, CONTENT_REFBLOCK);
    assert_int_equal(look_closely(make_nothing).kind, CONTENT_ZERO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_look_like_what_they_are),
        cmocka_unit_test(bytes_of_every_kind_are_told_apart),
        cmocka_unit_test(refcounts_of_another_width_are_told_with_it),
        cmocka_unit_test(a_deflated_cluster_decodes),
        cmocka_unit_test(libmagic_tells_more_files_of_a_single_cluster),
        cmocka_unit_test(any_length_down_to_a_byte_can_be_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
