/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2/decompress.h"
#include "support/image_builder.h"
#include "ui/hex_guest.h"
#include "ui/hex_search.h"

/* The hit after or before *pos, which becomes it; false: none. */
static bool next(const struct image *img, const char *text, int dir, struct hex_pos *pos,
                 bool *wrapped)
{
    struct task_run run = { 0 };
    struct needle n;
    struct hex_hit hit;

    assert_true(needle_parse(text, &n, NULL));
    if (!hex_search(img, &n, pos, dir, &run, &hit, NULL))
        return false;
    *pos = hit.pos;
    *wrapped = hit.wrapped;
    return true;
}

static void search_goes_from_hit_to_hit_and_once_round(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = builder_map(b, 3);
    struct hex_pos pos = { 0, false, 0 };
    struct image *img;
    bool wrapped;

    (void)state;
    memcpy(b->bytes + data + 100, "needle", 6);
    memcpy(b->bytes + data + 3000, "needle", 6);
    img = builder_open(b);
    assert_true(next(img, "needle", 1, &pos, &wrapped));
    assert_int_equal(pos.off, data + 100);
    assert_false(wrapped);
    assert_true(next(img, "hex 6e 65 65 64", 1, &pos, &wrapped));
    assert_int_equal(pos.off, data + 3000);
    assert_false(wrapped);
    assert_true(next(img, "needle", 1, &pos, &wrapped));
    assert_int_equal(pos.off, data + 100);
    assert_true(wrapped);
    assert_true(next(img, "needle", -1, &pos, &wrapped));
    assert_int_equal(pos.off, data + 3000);
    assert_true(wrapped);
    assert_true(next(img, "needle", -1, &pos, &wrapped));
    assert_int_equal(pos.off, data + 100);
    assert_false(wrapped);
    assert_false(next(img, "nowhere to be found", 1, &pos, &wrapped));
    image_close(img);
    builder_free(b);
}

static void the_only_hit_is_found_again(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = builder_map(b, 3);
    struct hex_pos pos = { data + 100, false, 0 };
    struct image *img;
    bool wrapped;

    (void)state;
    memcpy(b->bytes + data + 100, "needle", 6);
    img = builder_open(b);
    for (int dir = -1; dir <= 1; dir += 2) {
        assert_true(next(img, "needle", dir, &pos, &wrapped));
        assert_int_equal(pos.off, data + 100);
        assert_true(wrapped);
    }
    image_close(img);
    builder_free(b);
}

static void a_needle_across_the_border_of_two_reads_is_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    bool wrapped;

    (void)state;
    builder_truncate(b, (3 << 20) + 100);
    memcpy(b->bytes + (1 << 20) - 2, "border", 6);
    img = builder_open(b);
    for (uint64_t from = (1 << 20) - 9; from < (1 << 20) + 9; from++) {
        struct hex_pos pos = { from, false, 0 };

        assert_true(next(img, "border", from % 2 ? 1 : -1, &pos, &wrapped));
        assert_int_equal(pos.off, (1 << 20) - 2);
    }
    image_close(img);
    builder_free(b);
}

static void hits_past_the_256_first_mib_are_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct hex_pos pos = { 0, false, 0 };
    uint64_t far = UINT64_C(300) << 20;
    struct image *img;
    bool wrapped;

    (void)state;
    builder_truncate(b, far + 4096);
    memcpy(b->bytes + far, "needle", 6);
    img = builder_open(b);
    assert_true(next(img, "needle", 1, &pos, &wrapped));
    assert_int_equal(pos.off, far);
    image_close(img);
    builder_free(b);
}

/* The same on the guest's disk. */
static bool next_guest(const struct image *img, const char *text, int dir, uint64_t *at,
                       bool *wrapped)
{
    struct task_run run = { 0 };
    struct hex_hit hit = { .wrapped = false };
    struct needle n;
    struct disk *d;
    bool found;

    assert_true(needle_parse(text, &n, NULL));
    assert_true(disk_open(img, (struct disk_layer){ LAYER_ACTIVE, false }, NULL, &d, NULL));
    found = guest_search(d, &n, *at, dir, &run, &hit, NULL);
    *wrapped = hit.wrapped;
    if (found)
        *at = hit.pos.off;
    disk_close(d);
    return found;
}

static void the_guest_disk_is_searched_in_its_own_order(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    uint64_t high, low, at = 0, rest;
    bool wrapped;

    (void)state;
    opt.size = UINT64_C(1) << 40;
    b = builder_new(opt);
    high = builder_map(b, UINT64_C(200) << 20);     /* earlier in the file, later on the disk */
    low = builder_map(b, 3);
    memcpy(b->bytes + high + 100, "needle", 6);
    memcpy(b->bytes + low + 4093, "nee", 3);
    rest = builder_map(b, 4);                       /* moves the bytes */
    memcpy(b->bytes + rest, "dle", 3);
    img = builder_open(b);
    for (int dir = -1; dir <= 1; dir += 2) {
        at = 3 * 4096 + 4093;
        assert_true(next_guest(img, "needle", dir, &at, &wrapped));
        assert_int_equal(at, (UINT64_C(200) << 32) + 100);
        assert_int_equal(wrapped, dir < 0);
        assert_true(next_guest(img, "needle", dir, &at, &wrapped));
        assert_int_equal(at, 3 * 4096 + 4093);
        assert_int_equal(wrapped, dir > 0);
    }
    assert_false(next_guest(img, "nowhere to be found", 1, &at, &wrapped));
    image_close(img);
    builder_free(b);
}

/* Some bytes that a compressed cluster has when it is decompressed, as a needle. */
static void needle_of_stream(const struct image *img, uint64_t off, char out[80])
{
    uint8_t *plain = malloc((size_t)img->geo.cluster_size);

    assert_non_null(plain);
    assert_true(cluster_decompress(img, off, img->geo.cluster_size, plain, NULL));
    strcpy(out, "hex");
    for (int i = 0; i < 16; i++)
        sprintf(out + strlen(out), " %02x", plain[1000 + i]);
    free(plain);
}

static void compressed_clusters_are_looked_into(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct hex_pos pos = { 0, false, 0 };
    struct image *img;
    uint64_t second;
    char text[80];
    bool wrapped, in_second = false;

    (void)state;
    builder_map_compressed(b, 4);
    second = builder_map_compressed(b, 6);
    img = builder_open(b);
    needle_of_stream(img, second, text);
    for (int i = 0; i < 4096; i++) {
        struct hex_pos was = pos;

        assert_true(next(img, text, 1, &pos, &wrapped));
        if (wrapped)
            break;
        assert_true(pos.off > was.off || (pos.off == was.off && pos.in > was.in) ||
                    (pos.off == was.off && !was.in_stream));
        in_second = in_second || (pos.in_stream && pos.off == second && pos.in == 1000);
    }
    assert_true(in_second);
    image_close(img);
    builder_free(b);
}

static void a_cancelled_search_says_so(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct task_run run = { .cancel = true };
    struct hex_pos from = { 0, false, 0 };
    struct hex_hit hit;
    struct needle n;
    struct error err;

    (void)state;
    assert_true(needle_parse("QFI", &n, NULL));
    assert_false(hex_search(img, &n, &from, 1, &run, &hit, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    image_close(img);
    builder_free(b);
}

static void bytes_are_typed_in_pairs(void **state)
{
    struct needle n;
    struct error err;

    (void)state;
    assert_false(needle_parse("hex 6", &n, &err));
    assert_non_null(strstr(err.text, "typed like this"));
    assert_false(needle_parse("hex ", &n, &err));
    assert_true(needle_parse("hex 51 4649 fb", &n, &err));
    assert_int_equal(n.len, 4);
    assert_memory_equal(n.bytes, "QFI\xfb", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_goes_from_hit_to_hit_and_once_round),
        cmocka_unit_test(the_guest_disk_is_searched_in_its_own_order),
        cmocka_unit_test(the_only_hit_is_found_again),
        cmocka_unit_test(a_needle_across_the_border_of_two_reads_is_found),
        cmocka_unit_test(hits_past_the_256_first_mib_are_found),
        cmocka_unit_test(compressed_clusters_are_looked_into),
        cmocka_unit_test(a_cancelled_search_says_so),
        cmocka_unit_test(bytes_are_typed_in_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
