/* Headers destroyed in part: what is guessed, what is left alone, and how much work that
 * is. */
#include "qcow2/guess.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "scan/scan.h"
#include "support/image_builder.h"

static void set(struct builder *b, const char *field, uint64_t value)
{
    builder_poke_field(b, "header", 0, field, value);
}

/* An image with three L2 tables in use. */
static struct builder *built(struct builder_options o)
{
    struct builder *b = builder_new(o);
    uint64_t per_l2 = b->geo.l2_entries, clusters = b->geo.guest_clusters;

    for (uint64_t i = 1; i < b->reftable_clusters; i++)     /* one, as from qemu-img */
        builder_set_refcount(b, b->reftable_off / b->geo.cluster_size + i, 0);
    set(b, "refcount_table_clusters", 1);
    for (uint64_t t = 0; t < 3; t++)
        for (uint64_t i = 0; i < 3; i++)
            if (t * per_l2 + i < clusters)
                builder_map(b, t * per_l2 + i);
    return b;
}

static struct builder *usual(void)
{
    return built(BUILDER_DEFAULTS);
}

static const struct guess *guess_of(const struct image *img, const char *field)
{
    for (size_t i = 0; i < img->guesses.n; i++)
        if (strcmp(img->guesses.list[i].field, field) == 0)
            return &img->guesses.list[i];
    return NULL;
}

static void assert_guess(const struct image *img, const char *field, enum guess_how how,
                         uint64_t value, const char *why)
{
    const struct guess *g = guess_of(img, field);

    if (!g)
        fail_msg("nothing was guessed about %s", field);
    assert_int_equal(g->how, how);
    assert_int_equal(g->value, value);
    if (!strstr(g->why, why))
        fail_msg("%s: '%s' does not say '%s'", field, g->why, why);
}

/* The image scans as the sound one did: no problem but those with the header. */
static void assert_scans_clean(const struct image *img)
{
    struct scan_result *r = NULL;
    struct error err;

    if (!scan_run(img, NULL, NULL, &r, &err))
        fail_msg("%s", err.text);
    for (int k = 0; k < N_PROBLEMS; k++)
        if (r->problems.count[k] && k != PROBLEM_HEADER_REPLACED &&
            problem_info((enum problem_kind)k)->severity != SEV_NOTE)
            fail_msg("%s: %s", problem_info((enum problem_kind)k)->id,
                     img->guesses.n ? img->guesses.list[img->guesses.n - 1].field : "");
    assert_int_equal(r->problems.count[PROBLEM_HEADER_REPLACED],
                     guesses_taken(&img->guesses));
    scan_free(r);
}

static struct image *opened(const struct builder *b)
{
    struct image *img = NULL;
    struct error err = { ERR_NONE, 0, "" };

    if (!image_open(builder_source(b), NULL, &img, &err))
        fail_msg("%s", err.text);
    return img;
}

static void assert_fails(const struct builder *b, const char *word)
{
    struct source *src = builder_source(b);
    struct image *img = NULL;
    struct error err = { ERR_NONE, 0, "" };

    assert_false(image_open(src, NULL, &img, &err));
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
    source_close(src);
}

/* Damages one field of an image of this make: the value is found again. */
static void check_field(struct builder_options o, const char *field, uint64_t bad,
                        uint64_t good)
{
    struct builder *b = built(o);
    struct image *img;

    set(b, field, bad);
    img = opened(b);
    assert_guess(img, field, GUESS_TAKEN, good, "");
    assert_int_equal(img->guesses.n, 1);
    assert_int_equal(img->guesses.list[0].found, bad);
    assert_non_null(img->refused.id);
    assert_scans_clean(img);
    image_close(img);
    builder_free(b);
}

static void each_field_destroyed_alone_is_found_again(void **state)
{
    static const uint32_t bits[] = { 9, 12, 16, 21 };

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;

        o.cluster_bits = bits[i];
        o.size = UINT64_C(3) << (2 * bits[i] - 3);      /* three L2 tables */
        b = built(o);
        check_field(o, "magic", 0x51464900, 0x514649fb);
        check_field(o, "version", 0x30000, 3);
        check_field(o, "cluster_bits", 200, bits[i]);
        check_field(o, "refcount_order", 7, 4);
        check_field(o, "l1_table_offset", b->l1_off + 8, b->l1_off);
        check_field(o, "l1_table_offset", UINT64_C(1) << 63 | b->l1_off, b->l1_off);
        check_field(o, "l1_size", 0, 3);
        check_field(o, "l1_size", UINT32_MAX, 3);
        check_field(o, "refcount_table_offset", b->reftable_off + 1, b->reftable_off);
        check_field(o, "refcount_table_clusters", UINT32_MAX, 1);
        builder_free(b);
    }
}

static void every_width_of_refcounts_is_told(void **state)
{
    (void)state;
    for (uint32_t order = 0; order <= 6; order++) {
        struct builder_options o = BUILDER_DEFAULTS;

        o.refcount_order = order;
        check_field(o, "refcount_order", 0xffff, order);
        check_field(o, "cluster_bits", 0xffff, 12);
        check_field(o, "refcount_table_offset", 3, 0x1000);
    }
}

static void a_damaged_version_2_is_not_read_as_version_3(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;

    (void)state;
    o.version = 2;
    check_field(o, "version", 0x01000002, 2);
}

static void the_size_of_the_disk_is_at_least_what_is_mapped(void **state)
{
    struct builder *b = usual();
    struct image *img;

    (void)state;
    set(b, "size", UINT64_MAX);
    img = opened(b);
    /* guest cluster 2 of the second L2 table is the last: 4 MiB need two of them */
    assert_guess(img, "size", GUESS_PROPOSED, (512 + 3) * 4096, "at least");
    assert_true(img->hdr.size == UINT64_MAX);       /* nothing hangs on it */
    image_close(img);
    set(b, "size", 0);
    img = opened(b);                                /* which QEMU opens */
    assert_int_equal(img->guesses.n, 0);
    image_close(img);
    set(b, "l1_size", 0);
    set(b, "magic", 0);
    img = opened(b);                                /* else all would be VM state */
    assert_guess(img, "size", GUESS_TAKEN, (512 + 3) * 4096, "at least");
    image_close(img);
    builder_free(b);
}

static void a_header_wiped_altogether_is_made_anew(void **state)
{
    static const uint32_t bits[] = { 9, 12, 16, 21 };

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        for (int fill = 0; fill < 2; fill++) {
            struct builder_options o = BUILDER_DEFAULTS;
            struct builder *b;
            struct image *img;

            o.cluster_bits = bits[i];
            o.size = UINT64_C(3) << (2 * bits[i] - 3);
            b = built(o);
            memset(b->bytes, 0, 512);
            if (fill)
                memset(b->bytes, 0x11, 104);
            img = opened(b);
            assert_int_equal(img->geo.cluster_bits, bits[i]);
            assert_int_equal(img->hdr.l1_table_offset, b->l1_off);
            assert_int_equal(img->hdr.refcount_table_offset, b->reftable_off);
            assert_int_equal(img->geo.l1_entries, 3);
            assert_int_equal(img->hdr.size,
                             (2 * b->geo.l2_entries + 3) * b->geo.cluster_size);
            assert_string_equal(img->refused.id, "magic");
            assert_scans_clean(img);
            image_close(img);
            builder_free(b);
        }
    }
}

/* Copies n clusters to the end of the file, with their refcounts, and frees the old
 * ones. */
static uint64_t moved(struct builder *b, uint64_t off, uint64_t n)
{
    uint64_t cs = b->geo.cluster_size, to = builder_alloc(b, n);

    memcpy(b->bytes + to, b->bytes + off, (size_t)(n * cs));
    memset(b->bytes + off, 0, (size_t)(n * cs));
    return to;
}

static void free_clusters(struct builder *b, uint64_t off, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        builder_set_refcount(b, off / b->geo.cluster_size + i, 0);
}

static void tables_that_moved_are_found_by_search(void **state)
{
    (void)state;
    for (uint32_t bits = 9; bits <= 16; bits++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;
        struct image *img;
        uint64_t l1, reftable;

        o.cluster_bits = bits;
        o.size = UINT64_C(3) << (2 * bits - 3);
        b = built(o);
        l1 = moved(b, b->l1_off, 1);
        free_clusters(b, b->l1_off, 1);
        reftable = builder_alloc(b, 1);
        free_clusters(b, b->reftable_off, 1);
        memcpy(b->bytes + reftable, b->bytes + b->reftable_off,
               (size_t)b->geo.cluster_size);
        memset(b->bytes + b->reftable_off, 0, (size_t)b->geo.cluster_size);
        set(b, "l1_table_offset", 1);
        set(b, "refcount_table_offset", 1);
        img = opened(b);
        assert_guess(img, "l1_table_offset", GUESS_TAKEN, l1, "found by search");
        assert_guess(img, "refcount_table_offset", GUESS_TAKEN, reftable,
                     "found by search: 1 entry points");
        assert_scans_clean(img);
        image_close(img);
        set(b, "cluster_bits", 0);
        img = opened(b);
        assert_guess(img, "cluster_bits", GUESS_TAKEN, bits, "found by search");
        assert_scans_clean(img);
        image_close(img);
        builder_free(b);
    }
}

static void the_default_layout_is_named_as_such(void **state)
{
    struct builder *b = usual();
    struct image *img;

    (void)state;
    set(b, "l1_table_offset", 1);
    set(b, "refcount_table_offset", 1);
    img = opened(b);
    assert_int_equal(b->l1_off, 3 * 4096);
    assert_guess(img, "l1_table_offset", GUESS_TAKEN, b->l1_off, "default layout");
    assert_guess(img, "refcount_table_offset", GUESS_TAKEN, b->reftable_off,
                 "default layout");
    image_close(img);
    builder_free(b);
}

/* The builder clears the flags of a shared table in both; a snapshot's copy keeps in its
 * file the flags of the time when it was taken. */
static void the_table_of_a_snapshot_is_not_taken_for_the_active_one(void **state)
{
    struct builder *b = usual();
    struct image *img;
    uint64_t l1, off;

    (void)state;
    builder_add_snapshot(b, "1", "one");
    off = b->snapshot[0].l1_off;
    for (uint64_t i = 0; i < 2; i++)
        builder_poke(b, off + i * 8, 8, builder_peek(b, off + i * 8, 8) | OFLAG_COPIED);
    builder_map(b, 7);                              /* copies an L2 table */
    l1 = moved(b, b->l1_off, 1);                    /* behind the snapshot's */
    free_clusters(b, b->l1_off, 1);
    set(b, "l1_table_offset", 1);
    img = opened(b);
    assert_guess(img, "l1_table_offset", GUESS_TAKEN, l1, "found by search");
    assert_scans_clean(img);
    image_close(img);
    set(b, "nb_snapshots", 0);                      /* nobody says whose it is */
    img = opened(b);
    assert_guess(img, "l1_table_offset", GUESS_TAKEN, l1, "found by search");
    image_close(img);
    builder_free(b);
}

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
            assert_in_range(after, before, before + 16);
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
        assert_in_range(requests, 1, GUESS_READS_MAX + 1000);
        /* once without a header, once with one that knows only its cluster size */
        memcpy(bytes, "QFI\xfb\0\0\0\3", 8);
        bytes[23] = 9;
        bytes[27] = bytes[47] = bytes[55] = 1;
        bytes[103] = 104;
    }
    free(bytes);
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
                        "right; guessed 0x3000: default layout: 2 of 2 entries point to "
                        "tables of clusters in use");
    buf_reset(&text);
    assert_true(guess_option(guess_of(img, "l1_table_offset"), &text));
    assert_string_equal(buf_str(&text), "--l1-offset=0x3000");
    assert_ptr_equal(guess_at(&img->guesses, 40), guess_of(img, "l1_table_offset"));
    assert_null(guess_at(&img->guesses, 48));
    buf_free(&text);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_destroyed_alone_is_found_again),
        cmocka_unit_test(every_width_of_refcounts_is_told),
        cmocka_unit_test(a_damaged_version_2_is_not_read_as_version_3),
        cmocka_unit_test(the_size_of_the_disk_is_at_least_what_is_mapped),
        cmocka_unit_test(a_header_wiped_altogether_is_made_anew),
        cmocka_unit_test(tables_that_moved_are_found_by_search),
        cmocka_unit_test(the_default_layout_is_named_as_such),
        cmocka_unit_test(the_table_of_a_snapshot_is_not_taken_for_the_active_one),
        cmocka_unit_test(forced_values_win_over_guesses),
        cmocka_unit_test(a_forced_place_of_the_refcount_table_keeps_its_length),
        cmocka_unit_test(what_qemu_opens_is_read_as_qemu_reads_it),
        cmocka_unit_test(a_table_with_damaged_entries_stays_where_it_is),
        cmocka_unit_test(a_sound_image_is_not_guessed_about),
        cmocka_unit_test(what_cannot_be_told_is_an_error_that_says_what_to_try),
        cmocka_unit_test(other_formats_are_never_guessed_about),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(words_and_options_are_those_a_person_can_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
