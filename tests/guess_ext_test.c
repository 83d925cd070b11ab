/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where the header ends and how long its extensions are, when the header is wrong about it: what
 * the image needs must be among them. */
#include "config.h"

#include "support/guessed.h"

static struct builder_options options(void)
{
    return BUILDER_DEFAULTS;
}

static struct builder *with_luks(void)
{
    struct builder_options o = options();

    o.crypto_len = 5000;
    return built(o);
}

static struct builder *with_data_file(void)
{
    struct builder_options o = options();

    o.data_file = "data.raw";
    return built(o);
}

static struct builder *with_bitmap(void)
{
    struct builder *b = built(options());

    builder_add_bitmap(b, "daily", 16, 0);
    return b;
}

static bool has_luks(const struct image *img) { return img->ext.has_crypto; }
static bool has_data_file(const struct image *img) { return img->data_file != NULL; }
static bool has_bitmap(const struct image *img) { return img->bitmaps.n == 1; }

static const struct {
    struct builder *(*make)(void);
    bool (*has)(const struct image *img);
} kinds[] = {
    { with_luks, has_luks }, { with_data_file, has_data_file }, { with_bitmap, has_bitmap },
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static void a_header_length_past_the_extensions_is_replaced(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++)
        for (uint64_t length = 105; length < 4096 * 2; length += 1333) {
            struct builder *b = kinds[k].make();
            uint64_t was = builder_peek(b, 100, 4);
            struct image *img;

            set(b, "header_length", length | 4096);
            img = opened(b);
            assert_true(kinds[k].has(img));
            assert_guess(img, "header_length", GUESS_TAKEN, was, "header extensions follow");
            image_close(img);
            builder_free(b);
        }
}

static void an_extension_that_is_too_long_has_its_length_replaced(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct builder *b = kinds[k].make();
        uint64_t at = builder_peek(b, 100, 4) + 4, was = builder_peek(b, at, 4);
        struct image *img;

        builder_poke(b, at, 4, 0x7000);
        img = opened(b);
        assert_true(kinds[k].has(img));
        assert_true(img->guesses.n >= 1);
        assert_int_equal(img->guesses.list[0].found, 0x7000);
        assert_int_equal(img->guesses.list[0].value, was);
        image_close(img);
        builder_free(b);
    }
}

static void sound_headers_are_left_alone(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct builder *b = kinds[k].make();
        struct image *img = opened(b);

        assert_true(kinds[k].has(img));
        assert_int_equal(img->guesses.n, 0);
        image_close(img);
        builder_free(b);
    }
}

static void a_header_length_is_not_made_up_where_no_list_follows(void **state)
{
    struct builder *b = built(options());
    struct image *img;

    (void)state;
    set(b, "header_length", 4);
    for (uint64_t off = 104; off < b->geo.cluster_size; off += 8)
        builder_poke(b, off, 8, UINT64_MAX);
    img = opened(b);
    assert_null(guess_of(img, "header_length"));
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_length_past_the_extensions_is_replaced),
        cmocka_unit_test(an_extension_that_is_too_long_has_its_length_replaced),
        cmocka_unit_test(sound_headers_are_left_alone),
        cmocka_unit_test(a_header_length_is_not_made_up_where_no_list_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
