/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Headers that are not guessed about, values that are not taken, and how much work all
 * that may be. */
#include "config.h"

#include "support/guessed.h"

#include <stdlib.h>

#include "base/limits.h"
#include "qcow2/guess/guess_seek.h"

static void forced_values_win_over_guesses(void **state)
{
    struct image_options opt = { .force_l1_offset = true, .l1_offset = 0x5000,
                                 .force_cluster_bits = true, .cluster_bits = 12 };
    struct builder *b = usual();
    struct image *img = NULL;

    (void)state;
    set(b, "l1_table_offset", 1);
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_int_equal(img->hdr.l1_table_offset, 0x5000);
    assert_guess(img, "l1_table_offset", GUESS_FORCED, 0x5000, "");
    assert_true(guess_of(img, "l1_table_offset")->damaged);
    assert_null(guess_of(img, "cluster_bits"));     /* the file's own value */
    assert_int_equal(guesses_taken(&img->guesses), 0);
    assert_string_equal(img->refused.id, "l1-offset");
    image_close(img);
    set(b, "l1_table_offset", b->l1_off);
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_false(guess_of(img, "l1_table_offset")->damaged);
    assert_null(img->refused.id);
    image_close(img);
    builder_free(b);
}

static void a_forced_place_of_the_refcount_table_keeps_its_length(void **state)
{
    struct builder *b = usual();
    struct image_options opt = { .force_reftable = true,
                                 .reftable_offset = b->reftable_off };
    struct image *img = NULL;

    (void)state;
    set(b, "refcount_table_offset", 1);
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_int_equal(img->hdr.refcount_table_clusters, b->reftable_clusters);
    image_close(img);
    set(b, "refcount_table_clusters", 0);
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_int_equal(img->hdr.refcount_table_clusters, 1);
    image_close(img);
    builder_free(b);
}

static void a_forced_refcount_table_helps_where_the_header_is_lost(void **state)
{
    struct image_options opt = { .force_reftable = true };
    struct builder *b = usual();
    struct image *img = NULL;

    (void)state;
    opt.reftable_offset = builder_alloc(b, 1);
    memcpy(b->bytes + opt.reftable_offset, b->bytes + b->reftable_off, 4096);
    memset(b->bytes + b->reftable_off, 0, 4096);
    builder_set_refcount(b, b->reftable_off / 4096, 0);
    memset(b->bytes, 0, 512);
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_int_equal(img->hdr.version, 3);
    assert_int_equal(img->geo.cluster_bits, 12);
    assert_guess(img, "refcount_table_offset", GUESS_FORCED, opt.reftable_offset, "");
    assert_int_equal(img->hdr.l1_table_offset, b->l1_off);
    image_close(img);
    builder_free(b);
}

/* QEMU opens these: the value stays, a better one is proposed. */
static void what_qemu_opens_is_read_as_qemu_reads_it(void **state)
{
    static const struct { const char *field; uint64_t value; } odd[] = {
        { "refcount_table_offset", 0 }, { "refcount_table_offset", 1 << 30 },
        { "l1_table_offset", 0 }, { "l1_table_offset", 1 << 30 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct builder *b = usual();
        struct scan_result *r = NULL;
        struct image *img;

        set(b, odd[i].field, odd[i].value);
        img = opened(b);
        assert_null(img->refused.id);
        assert_int_equal(*odd[i].field == 'l' ? img->hdr.l1_table_offset
                                              : img->hdr.refcount_table_offset,
                         odd[i].value);
        assert_guess(img, odd[i].field, GUESS_PROPOSED,
                     *odd[i].field == 'l' ? b->l1_off : b->reftable_off,
                     "default layout");
        assert_true(scan_run(img, NULL, NULL, &r, NULL));
        assert_int_equal(r->problems.count[PROBLEM_HEADER_PROPOSED], 1);
        assert_int_equal(r->problems.count[PROBLEM_HEADER_REPLACED], 0);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

static void a_table_with_damaged_entries_stays_where_it_is(void **state)
{
    struct builder *b = usual();
    struct image *img;

    (void)state;
    builder_poke(b, b->l1_off, 8, 0x7123456789abcdef);
    builder_set_refcount(b, 0, 0);
    builder_set_refcount(b, b->reftable_off >> 12, 0);
    img = opened(b);
    assert_int_equal(img->guesses.n, 0);
    image_close(img);
    builder_free(b);
}

static void a_sound_image_is_not_guessed_about(void **state)
{
    (void)state;
    for (uint32_t bits = 9; bits <= 21; bits += 3) {
        for (uint32_t order = 0; order <= 6; order++) {
            struct builder_options o = BUILDER_DEFAULTS;
            struct builder *b;
            struct image *img;
            uint64_t before, after, bytes;

            o.cluster_bits = bits;
            o.refcount_order = order;
            o.extended_l2 = bits >= 14 && order % 2;
            b = builder_new(o);
            img = opened(b);                        /* empty */
            assert_int_equal(img->guesses.n, 0);
            source_counters(img->src, &before, &bytes);
            image_close(img);
            for (uint64_t i = 0; i < 3 && i < b->geo.guest_clusters; i++)
                builder_map(b, i);
            if (order)
                builder_add_snapshot(b, "1", "one");
            img = opened(b);
            assert_int_equal(img->guesses.n, 0);
            source_counters(img->src, &after, &bytes);
            assert_true(after >= before && after <= before + 16);
            image_close(img);
            builder_free(b);
        }
    }
}

static void what_cannot_be_told_is_an_error_that_says_what_to_try(void **state)
{
    struct builder *b = usual();

    (void)state;
    memset(b->bytes + b->reftable_off, 0x55, 0x2000);   /* the block as well */
    set(b, "cluster_bits", 0);
    assert_fails(b, "offset 20 (0x14) is 0");
    assert_fails(b, "--cluster-size=4096");             /* the L1 table tells */
    memset(b->bytes + b->l1_off, 0x55, 0x1000);
    assert_fails(b, "--cluster-size=64k");
    set(b, "cluster_bits", 12);
    set(b, "magic", 1);
    assert_fails(b, "--force");
    memset(b->bytes, 0, 512);
    assert_fails(b, "are zeros");
    memset(b->bytes, 0x55, b->len);
    assert_fails(b, "55 55 55 55 55 55 55 55");
    memset(b->bytes, 0, b->len);
    assert_fails(b, "are zeros");
    builder_free(b);
}

static void other_formats_are_never_guessed_about(void **state)
{
    struct builder *b = usual();

    (void)state;
    memset(b->bytes, 0, 104);
    memcpy(b->bytes, "KDMV", 4);
    assert_fails(b, "VMDK");
    memcpy(b->bytes, "\x1f\x8b\0\0", 4);
    assert_fails(b, "gzip");
    memcpy(b->bytes, "QFI\xfb\0\0\0\1", 8);
    assert_fails(b, "version 1");
    builder_free(b);
}

/* Every cluster looks like an L1 table and like a refcount table, for ever. */
static void work_is_bounded(void **state)
{
    size_t len = 64 << 20;
    uint8_t *bytes = malloc(len);
    struct source *src = NULL;
    struct image *img = NULL;
    uint64_t requests, read;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t target = (i / 8 * 512 + 512) % len;

        for (int k = 0; k < 8; k++)
            bytes[i + (size_t)k] = (uint8_t)(target >> (56 - 8 * k));
    }
    memset(bytes, 0, 512);
    for (int round = 0; round < 2; round++) {
        assert_true(source_open_memory(bytes, len, "hostile", &src, NULL));
        if (!image_open(src, NULL, &img, NULL)) {
            source_counters(src, &requests, &read);
            source_close(src);
        } else {
            source_counters(img->src, &requests, &read);
            image_close(img);
        }
        assert_true(requests >= 1 && requests <= GUESS_READS_MAX + 1000);
        /* once without a header, once with one that knows only its cluster size */
        memcpy(bytes, "QFI\xfb\0\0\0\3", 8);
        bytes[23] = 9;
        bytes[27] = bytes[47] = bytes[55] = 1;
        bytes[103] = 104;
    }
    free(bytes);
}

static bool count_visits(struct seek *s, uint64_t off, const uint8_t *bytes, size_t len,
                         void *data)
{
    (void)s;
    (void)bytes;
    assert_int_equal(len, 64);
    assert_int_equal(off, ++*(uint64_t *)data * 4096);
    return false;
}

static void a_search_ends_at_its_limits(void **state)
{
    struct builder *b = usual();
    struct source *src = builder_source(b);
    struct seek s = { .src = src, .file_size = b->len, .reads_left = 1000 };
    uint64_t clusters = b->len / 4096, visits = 0;
    uint8_t byte;

    (void)state;
    header_decode(b->bytes, b->len, &s.hdr);
    assert_true(seek_geometry(&s));
    seek_sweep(&s, 64, 5, count_visits, &visits);
    assert_int_equal(visits, 5);
    visits = 0;
    seek_sweep(&s, 64, clusters + 5, count_visits, &visits);
    assert_int_equal(visits, clusters - 1);         /* all but the header */
    visits = 0;
    s.reads_left = 4;                               /* one is for finding data */
    seek_sweep(&s, 64, clusters, count_visits, &visits);
    assert_int_equal(visits, 3);
    assert_false(seek_read(&s, 0, &byte, 1));
    s.reads_left = 1;
    assert_true(seek_read(&s, 0, &byte, 1));
    assert_false(seek_read(&s, 0, &byte, 1));
    source_close(src);
    builder_free(b);
}

static void words_and_options_are_those_a_person_can_use(void **state)
{
    struct builder *b = usual();
    struct image *img;
    struct buf text = BUF_INIT;

    (void)state;
    set(b, "l1_table_offset", 0x123);
    img = opened(b);
    guess_text(guess_of(img, "l1_table_offset"), &text);
    assert_string_equal(buf_str(&text), "l1_table_offset is 0x123, which cannot be "
                        "right; guessed 0x3000 (default layout: 2 of 2 entries point to "
                        "tables of clusters in use)");
    buf_reset(&text);
    assert_true(guess_option(guess_of(img, "l1_table_offset"), &text));
    assert_string_equal(buf_str(&text), "--l1-offset=0x3000");
    assert_ptr_equal(guess_at(&img->guesses, 40), guess_of(img, "l1_table_offset"));
    assert_null(guess_at(&img->guesses, 48));
    buf_free(&text);
    image_close(img);
    builder_free(b);
}

/* QEMU reads tables wherever an offset is no negative number, and finds nothing there. */
static void offsets_that_qemu_accepts_are_only_doubted(void **state)
{
    static const char *const field[] = { "l1_table_offset", "refcount_table_offset" };

    (void)state;
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++)
        for (unsigned bit = 62; bit <= 63; bit++) {
            struct builder *b = usual();
            struct image *img;
            const struct guess *g;

            set(b, field[i], UINT64_C(1) << bit);
            img = opened(b);
            g = guess_of(img, field[i]);
            assert_non_null(g);
            assert_int_equal(g->how, bit == 63 ? GUESS_TAKEN : GUESS_PROPOSED);
            image_close(img);
            builder_free(b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forced_values_win_over_guesses),
        cmocka_unit_test(a_forced_place_of_the_refcount_table_keeps_its_length),
        cmocka_unit_test(a_forced_refcount_table_helps_where_the_header_is_lost),
        cmocka_unit_test(what_qemu_opens_is_read_as_qemu_reads_it),
        cmocka_unit_test(a_table_with_damaged_entries_stays_where_it_is),
        cmocka_unit_test(a_sound_image_is_not_guessed_about),
        cmocka_unit_test(what_cannot_be_told_is_an_error_that_says_what_to_try),
        cmocka_unit_test(other_formats_are_never_guessed_about),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(a_search_ends_at_its_limits),
        cmocka_unit_test(words_and_options_are_those_a_person_can_use),
        cmocka_unit_test(offsets_that_qemu_accepts_are_only_doubted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
