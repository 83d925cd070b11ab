/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Files that are no qcow2 images are recognised by the bytes their formats are known by. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2/sniff.h"
#include "support/image_builder.h"

#define FILE_LEN (128u << 10)
#define END(n)   (FILE_LEN - (n))

static const struct kind { size_t off; const char *bytes; size_t len; const char *said; } kinds[] = {
    { 0, "KDMV", 4, "VMDK" }, { 0, "COWD", 4, "VMDK" }, { 0, "vhdxfile", 8, "VHDX" },
    { 0, "conectix", 8, "VHD image" }, { END(512), "conectix", 8, "VHD image" },
    { 64, "\x7f\x10\xda\xbe", 4, "VDI" }, { 0, "QED\0", 4, "QED" },
    { 0, "WithoutFreeSpace", 16, "Parallels" }, { 0, "WithouFreSpacExt", 16, "Parallels" },
    { 0, "Bochs Virtual HD Image", 22, "Bochs" }, { 0, "<!DOCTYPE", 9, "web page" },
    { 0, "QFI\xc3\xbb", 5, "iconv -f UTF-8" }, { 0, "QFI\xef\xbf\xbd", 6, "get the file again" },
    { 0, "FQ\xfb" "I", 4, "conv=swab" }, { 0, "UUZJ+w", 6, "base64 -d" },
    { 0, "<?xml", 5, "an XML document" }, { 0, "{\"", 2, "JSON" },
    { 0, "version https://git-lfs", 23, "git lfs pull" },
    { 0, "# Disk DescriptorFile", 21, "VMDK descriptor" }, { 0, "<html", 5, "web page" },
    { 0, "#!/bin/sh\n#V2.0 Format\n", 23, "cloop" }, { END(512), "koly", 4, "DMG" },
    { 0, "\x1f\x8b", 2, "gzip" }, { 0, "\xfd" "7zXZ\0", 6, "xz" },
    { 0, "\x28\xb5\x2f\xfd", 4, "zstd" }, { 0, "BZh", 3, "bzip2" },
    { 0, "\x04\x22\x4d\x18", 4, "lz4" }, { 0, "LZIP", 4, "lzip" },
    { 0, "7z\xbc\xaf\x27\x1c", 6, "7z" }, { 0, "PK\x03\x04", 4, "zip" },
    { 257, "ustar", 5, "tar" }, { 0, "LUKS\xba\xbe", 6, "LUKS" },
    { 32769, "CD001", 5, "ISO 9660" }, { 512, "EFI PART", 8, "GPT" },
    { 4096, "EFI PART", 8, "GPT" }, { 1080, "\x53\xef", 2, "ext2/3/4" },
    { 0, "XFSB", 4, "XFS" }, { 65600, "_BHRfS_M", 8, "btrfs" }, { 3, "NTFS    ", 8, "NTFS" },
    { 82, "FAT32", 5, "FAT" }, { 54, "FAT1", 4, "FAT" }, { 0, "hsqs", 4, "squashfs" },
    { 512, "LABELONE", 8, "LVM" }, { 4086, "SWAPSPACE2", 10, "swap" },
    { 510, "\x55\xaa", 2, "boot sector" }, { 0, "\x7f" "ELF", 4, "program" },
};

/* What is said of these bytes; the caller frees it. */
static char *said_of(const uint8_t *bytes, size_t len, enum sniff *kind)
{
    struct buf text = BUF_INIT;
    struct source *src;

    assert_true(source_open_memory(bytes, len, "file", &src, NULL));
    *kind = sniff_describe(src, &text);
    source_close(src);
    return buf_take(&text);
}

static void each_format_is_told_by_its_bytes_at_their_place_only(void **state)
{
    uint8_t *file = calloc(1, FILE_LEN);

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *k = &kinds[i];

        for (int away = -1; away <= 1; away++) {
            enum sniff kind;
            char *said;

            if (k->off == 0 && away < 0)
                continue;
            memset(file, 0, FILE_LEN);
            file[200] = 1;              /* not all zeros */
            memcpy(file + k->off + away, k->bytes, k->len);
            said = said_of(file, FILE_LEN, &kind);
            if ((strstr(said, k->said) != NULL) != (away == 0))
                fail_msg("%s, %d bytes away: %s", k->said, away, said);
            assert_int_equal(kind == SNIFF_UNKNOWN, away != 0);
            free(said);
        }
        memset(file, 0, FILE_LEN);
        file[200] = 1;
        memcpy(file + k->off, k->bytes, k->len - 1);    /* all but the last byte */
        if (k->bytes[k->len - 1]) {
            enum sniff kind;
            char *said = said_of(file, FILE_LEN, &kind);

            if (strstr(said, k->said))
                fail_msg("cut short: %s", said);
            free(said);
        }
    }
    free(file);
}

static void a_footer_is_told_in_a_file_as_long_as_itself_and_in_no_shorter_one(void **state)
{
    uint8_t file[512] = "koly";

    (void)state;
    for (size_t len = 511; len <= 512; len++) {
        enum sniff kind;
        char *said = said_of(file, len, &kind);

        assert_int_equal(strstr(said, "DMG") != NULL, len == 512);
        free(said);
    }
}

static void what_is_known_of_nothing_is_said(void **state)
{
    uint8_t bytes[4096] = { 0 };
    enum sniff kind;
    char *said = said_of(bytes, 0, &kind);

    (void)state;
    assert_string_equal(said, "it is empty");
    free(said);
    said = said_of(bytes, 71, &kind);
    assert_non_null(strstr(said, "only 71 bytes"));
    assert_int_equal(kind, SNIFF_OTHER);
    free(said);
    said = said_of(bytes, 1, &kind);
    assert_non_null(strstr(said, "only 1 byte,"));
    free(said);
    said = said_of(bytes, 72, &kind);
    assert_non_null(strstr(said, "zeros"));
    assert_int_equal(kind, SNIFF_UNKNOWN);
    free(said);
    bytes[71] = 1;
    said = said_of(bytes, 72, &kind);
    assert_non_null(strstr(said, "begins with the bytes 00 00 00 00 00 00 00 00 instead"));
    free(said);
}

/* The image with n bytes before it, one byte of its header changed; is it found? */
static bool found_behind(const struct builder *b, size_t n, size_t field, uint8_t value)
{
    uint8_t *file = calloc(1, n + b->len);
    struct source *src;
    uint64_t off = 0;
    bool found;

    assert_non_null(file);
    memcpy(file + n, b->bytes, b->len);
    if (field)
        file[n + field] = value;
    assert_true(source_open_memory(file, n + b->len, "file", &src, NULL));
    found = sniff_find_header(src, &off);
    source_close(src);
    free(file);
    if (found)
        assert_int_equal(off, n);
    return found;
}

static void a_header_behind_other_bytes_is_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    (void)state;
    builder_map(b, 0);
    assert_false(found_behind(b, 0, 0, 0));             /* that is no other place */
    assert_true(found_behind(b, 512, 0, 0));
    assert_false(found_behind(b, 511, 0, 0));
    assert_false(found_behind(b, 768, 0, 0));
    assert_true(found_behind(b, 65536, 0, 0));
    assert_true(found_behind(b, SNIFF_SEARCH, 0, 0));
    assert_false(found_behind(b, SNIFF_SEARCH + 512, 0, 0));
    assert_true(found_behind(b, 512, 7, 2));            /* version */
    assert_false(found_behind(b, 512, 7, 1));
    assert_false(found_behind(b, 512, 7, 4));
    assert_true(found_behind(b, 512, 23, 9));           /* cluster_bits */
    assert_false(found_behind(b, 512, 23, 8));
    assert_true(found_behind(b, 512, 23, 21));
    assert_false(found_behind(b, 512, 23, 22));
    assert_false(found_behind(b, 512, 47, 1));          /* l1_table_offset */
    assert_false(found_behind(b, 512, 43, 1));
    assert_false(found_behind(b, 512, 55, 1));          /* refcount_table_offset */
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_is_told_by_its_bytes_at_their_place_only),
        cmocka_unit_test(a_footer_is_told_in_a_file_as_long_as_itself_and_in_no_shorter_one),
        cmocka_unit_test(what_is_known_of_nothing_is_said),
        cmocka_unit_test(a_header_behind_other_bytes_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
