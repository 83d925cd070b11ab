/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The way from a guest offset to its bytes in one line, and whether a file is newer than what was
 * opened. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/newer.h"
#include "inspect/translate.h"
#include "support/image_builder.h"

#define ARROW " \u2192 "

/* The line must be the one of the format. */
static void expect(const struct image *img, uint32_t layer, uint64_t guest_off, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));

static void expect(const struct image *img, uint32_t layer, uint64_t guest_off, const char *fmt,
                   ...)
{
    struct buf got = BUF_INIT;
    char want[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(want, sizeof want, fmt, ap);
    va_end(ap);
    assert_true(translate_text(img, layer, guest_off, &got));
    assert_string_equal(buf_str(&got), want);
    buf_free(&got);
}

static void each_kind_of_entry_leads_where_its_bytes_are(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b = builder_new(opt);
    uint64_t data = builder_map(b, 5), zero = builder_map_zero(b, 6, true), l2, packed;
    uint64_t stream = builder_map_compressed(b, 7);
    struct image *img;

    (void)state;
    builder_map_zero(b, 8, false);
    l2 = builder_peek(b, b->l1_off, 8) & ENTRY_OFFSET_MASK;
    packed = builder_peek(b, l2 + 7 * 8, 8);
    img = builder_open(b);
    expect(img, 0, 0x5123, "guest 0x5123 = L1[0] L2[5] at 0x%" PRIx64 ": 0x%" PRIx64 ARROW
           "0x%" PRIx64, l2 + 5 * 8, data | OFLAG_COPIED, data + 0x123);
    expect(img, 0, 0x6000, "guest 0x6000 = L1[0] L2[6] at 0x%" PRIx64 ": 0x%" PRIx64 ARROW
           "zeros, cluster 0x%" PRIx64 " kept", l2 + 6 * 8, zero | OFLAG_COPIED | OFLAG_ZERO, zero);
    /* cluster_bits 12: the offset has 58 bits */
    expect(img, 0, 0x7000, "guest 0x7000 = L1[0] L2[7] at 0x%" PRIx64 ": 0x%" PRIx64 ARROW
           "0x%" PRIx64 " (bits 0-57) and %" PRIu64 " more sector%s (bits 58-61)", l2 + 7 * 8,
           packed, stream, packed >> 58 & 15, (packed >> 58 & 15) == 1 ? "" : "s");
    expect(img, 0, 0x8000, "guest 0x8000 = L1[0] L2[8] at 0x%" PRIx64 ": 0x1" ARROW "zeros",
           l2 + 8 * 8);
    expect(img, 0, 0x9000, "guest 0x9000 = L1[0] L2[9] at 0x%" PRIx64 ": 0x0" ARROW
           "nothing stored", l2 + 9 * 8);
    expect(img, 0, 0x200000, "guest 0x200000 = L1[1] at 0x%" PRIx64 ": 0x0" ARROW "no L2 table",
           b->l1_off + 8);
    image_close(img);
    builder_free(b);
}

static void what_is_not_stored_comes_from_the_backing_file(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    uint64_t l2;

    (void)state;
    opt.backing_file = "base";
    b = builder_new(opt);
    builder_map(b, 5);
    builder_add_snapshot(b, "1", "s");
    l2 = builder_peek(b, b->l1_off, 8) & ENTRY_OFFSET_MASK;
    img = builder_open(b);
    expect(img, 0, 0x9000, "guest 0x9000 = L1[0] L2[9] at 0x%" PRIx64 ": 0x0" ARROW
           "backing file", l2 + 9 * 8);
    expect(img, 0, 0x200000, "guest 0x200000 = L1[1] at 0x%" PRIx64 ": 0x0" ARROW
           "no L2 table, backing file", b->l1_off + 8);
    expect(img, 1, 0x200000, "guest 0x200000 of snapshot 1 = L1[1] at 0x%" PRIx64 ": 0x0" ARROW
           "no L2 table, backing file", b->snapshot[0].l1_off + 8);
    image_close(img);
    builder_free(b);
}

static void each_subcluster_goes_its_own_way(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    uint64_t data, l2, bitmap = UINT64_C(1) << 34 | 2;      /* 1 is data, 2 zeros */

    (void)state;
    opt.cluster_bits = 16;
    opt.extended_l2 = true;
    b = builder_new(opt);
    data = builder_map(b, 3);
    builder_set_l2(b, 3, data | OFLAG_COPIED, bitmap);
    l2 = (builder_peek(b, b->l1_off, 8) & ENTRY_OFFSET_MASK) + 3 * 16;
    img = builder_open(b);
    for (unsigned k = 0; k < 4; k++) {
        uint64_t off = 0x30000 + k * 2048 + 7;
        char end[64] = "nothing stored";

        if (k == 1)
            snprintf(end, sizeof end, "0x%" PRIx64, data + k * 2048 + 7);
        else if (k == 2)
            snprintf(end, sizeof end, "zeros, cluster 0x%" PRIx64 " kept", data);
        expect(img, 0, off, "guest 0x%" PRIx64 " = L1[0] L2[3] at 0x%" PRIx64 ": 0x%" PRIx64
               " 0x%016" PRIx64 " subcluster %u" ARROW "%s", off, l2, data | OFLAG_COPIED, bitmap,
               k, end);
    }
    image_close(img);
    builder_free(b);
}

static void with_a_data_file_the_bytes_lie_there(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    uint64_t l2;

    (void)state;
    opt.data_file = "data.raw";
    b = builder_new(opt);
    builder_map(b, 5);
    l2 = builder_peek(b, b->l1_off, 8) & ENTRY_OFFSET_MASK;
    img = builder_open(b);
    expect(img, 0, 0x5001, "guest 0x5001 = L1[0] L2[5] at 0x%" PRIx64 ": 0x8000000000005000"
           ARROW "0x5001 of the data file", l2 + 5 * 8);
    image_close(img);
    builder_free(b);
}

static void beyond_the_tables_there_is_no_way(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct buf got = BUF_INIT;

    (void)state;
    assert_false(translate_text(img, 0, UINT64_C(4) << 20, &got));
    assert_false(translate_text(img, 1, 0, &got));
    assert_int_equal(got.len, 0);
    image_close(img);
    builder_free(b);
}

static void a_file_is_opened_again_only_when_it_has_changed(void **state)
{
    char path[] = "/tmp/qcheck-newer-XXXXXX";
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t stamp = NEWER_STAMP_NONE, before;
    struct source *src;
    struct image *img;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    builder_save(b, path);
    for (int turn = 0; turn < 3; turn++) {
        before = stamp;
        if (turn == 2) {
            builder_map(b, 3);
            builder_save(b, path);          /* longer now */
        }
        assert_true(source_open_file(path, &src, NULL));
        assert_true(newer_open(src, NULL, &stamp, &img, NULL));
        assert_int_equal(img != NULL, turn != 1);
        assert_int_equal(stamp != before, turn != 1);
        image_close(img);
    }
    /* what is no image is told each time, until it is one again */
    before = stamp;
    builder_poke(b, 0, 4, 0x12345678);
    builder_truncate(b, 500);
    builder_save(b, path);
    for (int turn = 0; turn < 2; turn++) {
        assert_true(source_open_file(path, &src, NULL));
        assert_false(newer_open(src, NULL, &stamp, &img, NULL));
        assert_null(img);
        assert_int_equal(stamp, before);
    }
    unlink(path);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_entry_leads_where_its_bytes_are),
        cmocka_unit_test(what_is_not_stored_comes_from_the_backing_file),
        cmocka_unit_test(each_subcluster_goes_its_own_way),
        cmocka_unit_test(with_a_data_file_the_bytes_lie_there),
        cmocka_unit_test(beyond_the_tables_there_is_no_way),
        cmocka_unit_test(a_file_is_opened_again_only_when_it_has_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
