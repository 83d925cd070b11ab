/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/decompress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "support/image_builder.h"

static struct l2_entry entry_of(struct builder *b, uint64_t guest_cluster)
{
    uint64_t off = builder_l2_entry_off(b, guest_cluster);
    struct l2_entry e;

    l2_decode(&b->geo, b->bytes + off, &e);
    assert_int_equal(e.type, L2_COMPRESSED);
    return e;
}

static void clusters_of_every_size_come_back_whole(void **state)
{
    (void)state;
    for (uint32_t bits = 9; bits <= 21; bits += 3) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;
        struct image *img;
        uint8_t *out;
        size_t cs = (size_t)1 << bits;

        o.cluster_bits = bits;
        b = builder_new(o);
        builder_map_compressed(b, 0);
        builder_map_compressed(b, 1);
        img = builder_open(b);
        out = malloc(cs);
        for (uint8_t g = 0; g < 2; g++) {
            struct l2_entry e = entry_of(b, g);

            memset(out, 0xee, cs);
            assert_true(cluster_decompress(img, e.host_off, e.host_len, out, NULL));
            assert_int_equal(out[0], g);
            assert_int_equal(out[cs / 2 - 1], g);
            assert_int_equal(out[cs / 2], 0x5a);
            assert_int_equal(out[cs - 1], 0x5a);
        }
        free(out);
        image_close(img);
        builder_free(b);
    }
}

static void assert_broken(struct builder *b, uint64_t off, uint64_t len, const char *word)
{
    struct image *img = builder_open(b);
    uint8_t *out = malloc((size_t)b->geo.cluster_size);
    struct error err;

    assert_false(cluster_decompress(img, off, len, out, &err));
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
    free(out);
    image_close(img);
}

static void broken_streams_are_refused_with_a_reason(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct l2_entry e;
    uint8_t byte;

    (void)state;
    builder_map_compressed(b, 3);
    e = entry_of(b, 3);
    assert_broken(b, e.host_off, 5, "only");                /* cut short */
    assert_broken(b, e.host_off, 0, "no length");
    byte = (uint8_t)builder_peek(b, e.host_off, 1);
    builder_poke(b, e.host_off, 1, 0x07);               /* a block type that is none */
    assert_broken(b, e.host_off, e.host_len, "damaged");
    builder_poke(b, e.host_off, 1, byte);
    assert_broken(b, b->len, 512, "after the end");
    assert_broken(b, UINT64_MAX, UINT64_MAX, "after the end");
    builder_free(b);
}

static void a_stream_that_runs_past_the_file_is_read_as_far_as_it_goes(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct l2_entry e;
    struct image *img;
    uint8_t out[4096];

    (void)state;
    builder_map_compressed(b, 0);
    e = entry_of(b, 0);
    builder_truncate(b, (size_t)e.host_off + 100);          /* the data is shorter */
    img = builder_open(b);
    assert_true(cluster_decompress(img, e.host_off, e.host_len, out, NULL));
    image_close(img);
    builder_free(b);
}

static void an_unreadable_stream_is_an_io_error(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct source *src = NULL;
    struct image *img = NULL;
    struct l2_entry e;
    uint8_t out[4096];
    struct error err;

    (void)state;
    builder_map_compressed(b, 0);
    e = entry_of(b, 0);
    assert_true(source_open_failing(builder_source(b), e.host_off, 1, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    assert_false(cluster_decompress(img, e.host_off, e.host_len, out, &err));
    assert_int_equal(err.code, ERR_IO);
    image_close(img);
    builder_free(b);
}

static void zstd_clusters_come_back_whole_or_are_refused(void **state)
{
#ifdef HAVE_ZSTD
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    uint8_t plain[8192], out[4096];
    uint64_t off;
    size_t len;
    struct error err;

    (void)state;
    o.zstd = true;
    b = builder_new(o);
    off = builder_alloc(b, 1);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i / 100);
    len = ZSTD_compress(b->bytes + off, 4096, plain, 4096, 3);
    assert_false(ZSTD_isError(len));
    img = builder_open(b);
    assert_true(cluster_decompress(img, off, 4096, out, NULL));     /* zeros follow */
    assert_memory_equal(out, plain, 4096);
    assert_false(cluster_decompress(img, off, len - 1, out, &err));
    b->bytes[off + len / 2] ^= 0xff;
    b->bytes[off] ^= 0xff;
    assert_false(cluster_decompress(img, off, 4096, out, &err));
    assert_non_null(strstr(err.text, "damaged"));
    len = ZSTD_compress(b->bytes + off, 4096, plain, 8192, 3);
    assert_false(cluster_decompress(img, off, 4096, out, &err));
    assert_non_null(strstr(err.text, "more than"));
    image_close(img);
    builder_free(b);
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_of_every_size_come_back_whole),
        cmocka_unit_test(broken_streams_are_refused_with_a_reason),
        cmocka_unit_test(a_stream_that_runs_past_the_file_is_read_as_far_as_it_goes),
        cmocka_unit_test(an_unreadable_stream_is_an_io_error),
        cmocka_unit_test(zstd_clusters_come_back_whole_or_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
