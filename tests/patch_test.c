/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/patch.h"

#include <errno.h>

#include "support/pattern.h"

#define INNER 4000u
#define SPACE 6000u

static struct source *patched(struct source *inner, struct patches *p)
{
    struct source *out;

    assert_true(patches_flatten(p, NULL));
    assert_true(source_open_patched(inner, p, &out, NULL));
    return out;
}

static void patches_read_as_the_file_would_after_them(void **state)
{
    uint8_t *bytes = make_bytes(INNER);
    struct source *inner = memory(bytes, INNER);
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 300; round++) {
        static uint8_t model[SPACE], got[SPACE];
        struct patches p = { 0 };
        struct source *src;
        size_t end = INNER;

        memset(model, 0, sizeof model);
        memcpy(model, bytes, INNER);
        for (int i = 0; i < round % 40; i++) {
            size_t off = (seed = seed * 1103515245 + 12345) / 65536 % (SPACE - 500);
            size_t len = (seed = seed * 1103515245 + 12345) / 65536 % 500;
            size_t from = (seed = seed * 1103515245 + 12345) / 65536 % INNER;

            if (!len)
                continue;
            switch (seed / 65536 % 3) {
            case 0: {
                uint8_t text[500];

                memset(text, i + 1, len);
                patches_write(&p, off, text, len);
                memcpy(model + off, text, len);
                break;
            }
            case 1:
                patches_copy(&p, off, from, len);
                for (size_t k = 0; k < len; k++)
                    model[off + k] = from + k < INNER ? bytes[from + k] : 0;
                break;
            default:
                patches_zero(&p, off, len);
                memset(model + off, 0, len);
            }
            if (off + len > end)
                end = off + len;
        }
        src = patched(inner, &p);
        for (size_t i = 1; i < p.n; i++)
            assert_true(p.list[i - 1].off + p.list[i - 1].len <= p.list[i].off);
        assert_int_equal(source_size(src), end);
        for (size_t at = 0; at < SPACE; at += 777) {
            size_t len = at + 1500 < SPACE ? 1500 : SPACE - at;

            assert_true(source_read(src, at, got, len, NULL));
            assert_memory_equal(got, model + at, len);
        }
        source_close(src);
        patches_free(&p);
    }
    source_close(inner);
    free(bytes);
}

static void appended_patches_win_over_earlier_ones(void **state)
{
    uint8_t *bytes = make_bytes(100), got[4];
    struct source *inner = memory(bytes, 100), *src;
    struct patches a = { 0 }, b = { 0 };

    (void)state;
    patches_write(&a, 10, "aaaa", 4);
    patches_write(&b, 12, "bb", 2);
    patches_set_length(&b, 14);
    patches_append(&a, &b);
    src = patched(inner, &a);
    assert_true(source_read(src, 10, got, 4, NULL));
    assert_memory_equal(got, "aabb", 4);
    assert_int_equal(source_size(src), 14);
    source_close(src);
    source_close(inner);
    patches_free(&a);
    patches_free(&b);
    free(bytes);
}

static void a_set_length_cuts_and_grows(void **state)
{
    uint8_t *bytes = make_bytes(1000), got[20];
    struct source *inner = memory(bytes, 1000), *src;
    struct patches cut = { 0 }, grow = { 0 };
    uint64_t start, end;

    (void)state;
    patches_set_length(&cut, 990);
    src = patched(inner, &cut);
    assert_true(source_read(src, 980, got, 20, NULL));
    assert_bytes(got, 980, 10);
    assert_zeros(got + 10, 10);
    assert_true(source_next_data(src, 0, &start, &end));
    assert_int_equal(end, 990);
    source_close(src);
    patches_set_length(&grow, 5000);
    src = patched(inner, &grow);
    assert_int_equal(source_size(src), 5000);
    assert_false(source_next_data(src, 1000, &start, &end));
    source_close(src);
    source_close(inner);
    patches_free(&cut);
    patches_free(&grow);
    free(bytes);
}

static void a_patch_past_the_end_is_data(void **state)
{
    uint8_t *bytes = make_bytes(1000);
    struct source *inner = memory(bytes, 1000), *src;
    struct patches p = { 0 };
    uint64_t start, end;

    (void)state;
    patches_write(&p, 3000, "x", 1);
    src = patched(inner, &p);
    assert_true(source_next_data(src, 1000, &start, &end));
    assert_int_equal(start, 3000);
    assert_int_equal(end, 3001);
    source_close(src);
    source_close(inner);
    patches_free(&p);
    free(bytes);
}

static void patched_bytes_can_be_read_where_the_storage_fails(void **state)
{
    uint8_t *bytes = make_bytes(8192), got[8192];
    struct source *inner = failing(memory(bytes, 8192), 4096, 512), *src;
    struct source_req req = { .off = 0, .len = sizeof got, .dst = got };
    struct patches p = { 0 };

    (void)state;
    patches_zero(&p, 4096, 512);
    src = patched(inner, &p);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, 0);
    assert_zeros(got + 4096, 512);
    assert_bytes(got + 4608, 4608, 8192 - 4608);
    source_close(src);
    patches_free(&p);

    patches_copy(&p, 100, 4000, 600);
    src = patched(inner, &p);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, EIO);
    assert_int_equal(req.bad.off, 196);
    assert_bytes(got, 0, 100);
    assert_bytes(got + 100, 4000, 96);
    source_close(src);
    source_close(inner);
    patches_free(&p);
    free(bytes);
}

static void a_patch_past_two_to_the_64_is_refused(void **state)
{
    struct patches p = { 0 };

    (void)state;
    patches_zero(&p, UINT64_MAX - 10, 100);
    assert_false(patches_flatten(&p, NULL));
    patches_free(&p);
    patches_copy(&p, 0, UINT64_MAX - 10, 100);
    assert_false(patches_flatten(&p, NULL));
    patches_free(&p);
}

static void patches_are_found_by_the_bytes_they_touch(void **state)
{
    struct patches p = { 0 };

    (void)state;
    patches_zero(&p, 100, 10);
    patches_zero(&p, 200, 10);
    assert_true(patches_flatten(&p, NULL));
    assert_false(patches_touch(&p, 0, 100));
    assert_true(patches_touch(&p, 0, 101));
    assert_true(patches_touch(&p, 109, 1));
    assert_false(patches_touch(&p, 110, 90));
    assert_false(patches_touch(&p, 105, 0));
    assert_false(patches_touch(&p, 210, 1000));
    patches_free(&p);
}

static void patches_are_clipped_where_the_file_is_cut(void **state)
{
    struct patches p = { 0 };

    (void)state;
    patches_zero(&p, 100, 10);
    patches_zero(&p, 200, 10);
    patches_zero(&p, 300, 10);
    assert_true(patches_flatten(&p, NULL));
    patches_clip(&p);
    assert_int_equal(p.n, 3);
    patches_set_length(&p, 205);
    patches_clip(&p);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.list[1].len, 5);
    patches_set_length(&p, 200);
    patches_clip(&p);
    assert_int_equal(p.n, 1);
    patches_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_read_as_the_file_would_after_them),
        cmocka_unit_test(appended_patches_win_over_earlier_ones),
        cmocka_unit_test(a_set_length_cuts_and_grows),
        cmocka_unit_test(a_patch_past_the_end_is_data),
        cmocka_unit_test(patched_bytes_can_be_read_where_the_storage_fails),
        cmocka_unit_test(a_patch_past_two_to_the_64_is_refused),
        cmocka_unit_test(patches_are_found_by_the_bytes_they_touch),
        cmocka_unit_test(patches_are_clipped_where_the_file_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
