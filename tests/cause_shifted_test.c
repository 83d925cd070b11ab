/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Files of which a part lies elsewhere than it should. */
#include "config.h"

#include "support/expect_cause.h"

#include <stdio.h>
#include <stdlib.h>

#define TABLES 8

/* Tables with 24 clusters of noise in each. */
static struct builder *noisy(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    uint64_t word = 1;
    struct builder *b;

    opt.size = TABLES * (UINT64_C(2) << 20);
    b = builder_new(opt);
    for (uint64_t k = 0; k < TABLES * 24; k++) {
        uint64_t off = builder_map(b, k / 24 * 512 + k % 24);

        for (uint64_t i = 0; i < 4096; i += 8) {
            word = word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            builder_poke(b, off + i, 8, word ^ word >> 29);
        }
    }
    return b;
}

/* Host byte amid the data of the third table. */
static uint64_t middle(struct builder *b)
{
    return (builder_peek(b, builder_l2_entry_off(b, 2 * 512 + 9), 8) & ENTRY_OFFSET_MASK) + 1000;
}

static void take_out(struct builder *b, uint64_t at, uint64_t n)
{
    memmove(b->bytes + at, b->bytes + at + n, b->len - at - n);
    builder_truncate(b, b->len - n);
}

static void put_in(struct builder *b, uint64_t at, const void *bytes, uint64_t n)
{
    uint64_t rest = b->len - at;

    builder_truncate(b, b->len + n);
    memmove(b->bytes + at + n, b->bytes + at, rest);
    memcpy(b->bytes + at, bytes, n);
}

/* The first cause, which is this one: its steps in one string; the caller frees it. Takes b. */
static char *steps_of(struct builder *b)
{
    char *all = calloc(1, 8192);
    struct image *img = builder_open(b);
    struct scan_result *scan;
    struct insight *x = look(img, &scan);

    assert_int_equal(x->n, 1);
    assert_int_equal(x->list[0].kind, CAUSE_OF_SHIFTED);
    assert_int_equal(x->list[0].confidence, CONFIDENCE_CERTAIN);
    assert_int_equal(x->explained, x->problems);
    assert_int_equal(x->verdict.data_lost, ANSWER_YES);
    for (size_t i = 0; i < x->list[0].n_steps; i++)
        snprintf(all + strlen(all), 8192 - strlen(all), "%s\n", x->list[0].step[i]);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
    return all;
}

static void bytes_that_are_missing_are_counted(void **state)
{
    static const uint64_t missing[] = { 1, 512, 4096, 5000, 30 * 4096 };

    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct builder *b = noisy();
        uint64_t had = b->len;
        char *all, want[64];

        take_out(b, middle(b), missing[i]);
        snprintf(want, sizeof want, "should have %llu bytes", (unsigned long long)had);
        all = steps_of(b);
        assert_non_null(strstr(all, want));
        free(all);
    }
}

/* Does taking out what the steps say give back the bytes that were there before? */
static void expect_back(const void *bytes, uint64_t n)
{
    struct builder *sound = noisy(), *b = noisy();
    unsigned long long head, tail;
    const char *at;
    char *all;

    put_in(b, middle(sound), bytes, n);
    all = steps_of(b);
    at = strstr(all, "{ head -c ");
    assert_non_null(at);
    head = strtoull(at + strlen("{ head -c "), NULL, 10);
    at = strstr(at, "tail -c +");
    assert_non_null(at);
    tail = strtoull(at + strlen("tail -c +"), NULL, 10) - 1;
    assert_int_equal(tail - head, n);
    b = noisy();
    put_in(b, middle(sound), bytes, n);
    take_out(b, head, tail - head);
    assert_int_equal(b->len, sound->len);
    assert_memory_equal(b->bytes, sound->bytes, sound->len);
    free(all);
    builder_free(b);
    builder_free(sound);
}

static void a_piece_that_comes_twice_is_found_to_the_byte(void **state)
{
    static const uint64_t n[] = { 512, 4096, 7777, 40 * 4096 };
    struct builder *b = noisy();

    (void)state;
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        expect_back(b->bytes + middle(b) - n[i], n[i]);
    builder_free(b);
}

static void zeros_that_were_put_in_are_found_to_the_byte(void **state)
{
    static const uint8_t zeros[20000];

    (void)state;
    expect_back(zeros, sizeof zeros);
}

static void a_file_that_was_sent_as_text_is_told(void **state)
{
    struct builder *b = noisy();
    uint64_t n = 0, rest;
    uint8_t *was;
    char *all;

    (void)state;
    for (uint64_t i = 0; i < b->len; i++)
        n += b->bytes[i] == '\n';
    rest = b->len;
    was = malloc(rest);
    assert_non_null(was);
    memcpy(was, b->bytes, rest);
    builder_truncate(b, rest + n);
    for (uint64_t i = 0, k = 0; i < rest; i++) {
        if (was[i] == '\n')
            b->bytes[k++] = '\r';
        b->bytes[k++] = was[i];
    }
    free(was);
    all = steps_of(b);
    assert_non_null(strstr(all, "binary mode"));
    assert_non_null(strstr(all, "sed 's/\\r$//'"));
    free(all);
}

static void tables_that_are_overwritten_are_not_elsewhere(void **state)
{
    struct builder *b = noisy();

    (void)state;
    for (uint64_t t = 3; t < TABLES; t++)
        memcpy(b->bytes + table(b, t), b->bytes + table(b, t) + 2 * 4096, 4096);
    expect(b, CAUSE_OF_L2_OVERWRITTEN, ANSWER_YES, ANSWER_NO);
}

/* Those that the disk has lie as far from the snapshot's as these from each other. */
static void copies_of_tables_are_not_elsewhere(void **state)
{
    struct builder *b = noisy();
    uint64_t noise = middle(b), was[TABLES];

    (void)state;
    builder_add_snapshot(b, "1", "a");
    for (uint64_t t = 0; t < TABLES; t++) {
        was[t] = table(b, t);
        for (uint64_t k = 0; k < 24; k++)
            fill(b, builder_map(b, t * 512 + k), 4096, UINT64_C(0x0badc0de00000001) * (k + 1));
    }
    for (uint64_t t = 2; t < TABLES; t++)
        memcpy(b->bytes + was[t], b->bytes + noise, 4096);
    expect(b, CAUSE_OF_L2_OVERWRITTEN, ANSWER_PERHAPS, ANSWER_NO);
}

/* The only table that is missed lies a mebibyte on: a bit of its address was turned over. */
static void one_table_elsewhere_is_no_shift(void **state)
{
    struct builder *b = noisy();
    uint64_t off = table(b, TABLES - 1);

    (void)state;
    while (builder_alloc(b, 1) != off + (1 << 20))
        ;
    memcpy(b->bytes + off + (1 << 20), b->bytes + off, 4096);
    memcpy(b->bytes + off, b->bytes + middle(b), 4096);
    expect(b, CAUSE_OF_BROKEN_ENTRIES, ANSWER_YES, ANSWER_NO);
}

/* A file that lacks its end has all else where it should be. */
static void a_file_cut_short_is_not_shifted(void **state)
{
    struct builder *b = noisy();

    (void)state;
    builder_truncate(b, middle(b));
    expect(b, CAUSE_OF_CUT_SHORT, ANSWER_YES, ANSWER_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_missing_are_counted),
        cmocka_unit_test(a_piece_that_comes_twice_is_found_to_the_byte),
        cmocka_unit_test(zeros_that_were_put_in_are_found_to_the_byte),
        cmocka_unit_test(a_file_that_was_sent_as_text_is_told),
        cmocka_unit_test(tables_that_are_overwritten_are_not_elsewhere),
        cmocka_unit_test(copies_of_tables_are_not_elsewhere),
        cmocka_unit_test(one_table_elsewhere_is_no_shift),
        cmocka_unit_test(a_file_cut_short_is_not_shifted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
