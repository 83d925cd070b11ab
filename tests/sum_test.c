/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Sums of disks, and disks that are encrypted: with keys that open, and headers that lie. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "disk/crypt.h"
#include "disk/sum.h"
#include "support/image_builder.h"

#define CLUSTER 4096u
#define GIB     (UINT64_C(1) << 30)

#ifdef HAVE_LIBCRYPTO

struct ranges { struct disk *d; uint64_t end; unsigned n; uint8_t first[DIGEST_LEN]; };

static void take_range(void *ctx, uint64_t off, uint64_t len, const uint8_t sum[DIGEST_LEN])
{
    struct ranges *r = ctx;

    assert_int_equal(off, r->end);
    r->end += len;
    if (!r->n++)
        memcpy(r->first, sum, DIGEST_LEN);
}

static struct image *a_disk(struct builder *b)
{
    builder_map(b, 0);
    builder_map(b, 5);
    builder_map_zero(b, 6, false);
    builder_map(b, (b->opt.size - 1) / CLUSTER);
    return builder_open(b);
}

static void sum(const struct image *img, unsigned threads, struct ranges *r,
                struct sum_result *out)
{
    struct sum_options opt = { .threads = threads, .range = r ? take_range : NULL, .ctx = r };
    _Atomic uint64_t done = 0;
    _Atomic bool cancel = false;
    struct disk *d;

    assert_true(disk_open(img, (struct disk_layer){ LAYER_ACTIVE, false }, NULL, &d, NULL));
    assert_true(sum_disk(d, &opt, &done, &cancel, out, NULL));
    assert_int_equal(done, disk_size(d));
    disk_close(d);
}

/* The digest of what disk_read gives of [0, len). */
static void sum_of_reads(const struct image *img, uint64_t len, uint8_t out[DIGEST_LEN])
{
    static uint8_t bytes[CLUSTER];
    struct digest *g;
    struct disk *d;

    assert_true(disk_open(img, (struct disk_layer){ LAYER_ACTIVE, false }, NULL, &d, NULL));
    assert_true(digest_new(&g, NULL));
    for (uint64_t at = 0; at < len; at += sizeof bytes) {
        size_t n = (size_t)u64_min(len - at, sizeof bytes);

        assert_true(disk_read(d, at, bytes, n, NULL, NULL));
        digest_add(g, bytes, n);
    }
    digest_end(g, out);
    disk_close(d);
}

static void the_sum_is_that_of_the_bytes_read(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    uint8_t wanted[DIGEST_LEN];
    struct sum_result r;
    struct builder *b;
    struct image *img;

    (void)state;
    opt.size = (4 << 20) - 1536;        /* ends within a cluster */
    b = builder_new(opt);
    img = a_disk(b);
    sum_of_reads(img, opt.size, wanted);
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        sum(img, threads, NULL, &r);
        assert_memory_equal(r.sum, wanted, DIGEST_LEN);
    }
    assert_int_equal(r.bytes[DISK_DATA], 3 * CLUSTER - 1536);
    assert_int_equal(r.bytes[DISK_ZERO], CLUSTER);
    image_close(img);
    builder_free(b);
}

static void ranges_follow_each_other_and_end_with_the_disk(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct ranges r = { .n = 0 };
    uint8_t wanted[DIGEST_LEN];
    struct sum_result whole;
    struct builder *b;
    struct image *img;

    (void)state;
    opt.size = GIB + CLUSTER;
    b = builder_new(opt);
    img = a_disk(b);
    sum(img, 2, &r, &whole);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.end, opt.size);
    sum_of_reads(img, GIB, wanted);
    assert_memory_equal(r.first, wanted, DIGEST_LEN);
    assert_memory_not_equal(r.first, whole.sum, DIGEST_LEN);
    image_close(img);
    builder_free(b);
}

static void what_is_lost_counts_as_zeros_and_is_told(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS), *same = builder_new(BUILDER_DEFAULTS);
    struct sum_result lost, zeros;
    struct image *img, *zero;

    (void)state;
    builder_set_l2(b, 1, 512 | OFLAG_COPIED, 0);        /* misaligned */
    img = a_disk(b);
    zero = a_disk(same);
    sum(img, 2, NULL, &lost);
    sum(zero, 2, NULL, &zeros);
    assert_memory_equal(lost.sum, zeros.sum, DIGEST_LEN);
    assert_int_equal(lost.bytes[DISK_DAMAGED], CLUSTER);
    assert_int_equal(zeros.bytes[DISK_DAMAGED], 0);
    image_close(img);
    image_close(zero);
    builder_free(b);
    builder_free(same);
}

static void a_sum_that_is_cancelled_is_none(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = a_disk(b);
    struct sum_options opt = { .threads = 2 };
    _Atomic uint64_t done = 0;
    _Atomic bool cancel = true;
    struct sum_result r;
    struct error err;
    struct disk *d;

    (void)state;
    assert_true(disk_open(img, (struct disk_layer){ LAYER_ACTIVE, false }, NULL, &d, NULL));
    assert_false(sum_disk(d, &opt, &done, &cancel, &r, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    disk_close(d);
    image_close(img);
    builder_free(b);
}

/* Old AES: AES-128 in CBC mode, the key is the pass phrase, the vector the number of the
 * sector. */
static void old_aes_decrypts_by_phrase_and_sector(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint8_t one[CRYPT_SECTOR], two[CRYPT_SECTOR], both[2 * CRYPT_SECTOR] = { 0 };
    struct crypt *c, *copy;
    struct image *img;

    (void)state;
    builder_poke_field(b, "header", 0, "crypt_method", 1);
    img = builder_open(b);
    assert_true(crypt_open(img, "sesame", 6, &c, NULL));
    assert_true(crypt_copy(c, &copy, NULL));
    memset(one, 0, sizeof one);
    memset(two, 0, sizeof two);
    assert_true(crypt_decrypt(c, 65536, 0, one, sizeof one));
    assert_true(crypt_decrypt(copy, 65536, CRYPT_SECTOR, two, sizeof two));
    assert_true(crypt_decrypt(c, 65536, 0, both, sizeof both));
    assert_memory_equal(both, one, sizeof one);
    assert_memory_equal(both + sizeof one, two, sizeof two);
    /* The vectors of sectors 0 and 1 differ in their first byte alone; blocks after the first
     * are chained to zeros. */
    assert_int_equal(one[0] ^ two[0], 1);
    assert_memory_equal(one + 1, two + 1, sizeof one - 1);
    assert_memory_equal(one, one + 16, 16);
    crypt_close(c);
    crypt_close(copy);
    image_close(img);
    builder_free(b);
}

static void a_luks_header_of_any_bytes_opens_with_no_phrase(void **state)
{
    /* Magic, version 1, and the name of the cipher. */
    static const uint8_t luks[40] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1, 'a', 'e', 's' };
    struct builder_options opt = BUILDER_DEFAULTS;
    struct crypt *c;
    struct error err;

    (void)state;
    opt.crypto_len = 1 << 20;
    for (unsigned round = 0; round < 64; round++) {
        struct builder *b = builder_new(opt);
        uint8_t *head = b->bytes + b->crypto_off;
        struct image *img;

        for (unsigned i = 0; i < 1024; i++)
            head[i] = (uint8_t)((i * 2654435761u + round * 40503u) >> (round % 13));
        if (round % 2)
            memcpy(head, luks, sizeof luks);
        img = builder_open(b);
        assert_false(crypt_open(img, "sesame", 6, &c, &err));
        assert_true(err.text[0]);
        image_close(img);
        builder_free(b);
    }
}

#else

static void without_libcrypto_there_is_no_sum(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct sum_options opt = { .threads = 1 };
    _Atomic uint64_t done = 0;
    _Atomic bool cancel = false;
    struct sum_result r;
    struct disk *d;

    (void)state;
    assert_true(disk_open(img, (struct disk_layer){ LAYER_ACTIVE, false }, NULL, &d, NULL));
    assert_false(sum_disk(d, &opt, &done, &cancel, &r, NULL));
    disk_close(d);
    image_close(img);
    builder_free(b);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef HAVE_LIBCRYPTO
        cmocka_unit_test(the_sum_is_that_of_the_bytes_read),
        cmocka_unit_test(ranges_follow_each_other_and_end_with_the_disk),
        cmocka_unit_test(what_is_lost_counts_as_zeros_and_is_told),
        cmocka_unit_test(a_sum_that_is_cancelled_is_none),
        cmocka_unit_test(old_aes_decrypts_by_phrase_and_sector),
        cmocka_unit_test(a_luks_header_of_any_bytes_opens_with_no_phrase),
#else
        cmocka_unit_test(without_libcrypto_there_is_no_sum),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
