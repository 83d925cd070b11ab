/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan_kinds.h"

void header_faults(void **state)
{
    /* lost: the tables are destroyed as well, so that nothing can be guessed */
    static const struct {
        const char *field;
        uint64_t value;
        bool lost;
        enum problem_kind kind;
    } t[] = {
        { "version", 7, false, PROBLEM_HEADER_REPLACED },
        { "header_length", 90, false, PROBLEM_HEADER_REPLACED },
        { "refcount_order", 9, false, PROBLEM_HEADER_REPLACED },
        { "refcount_order", 9, true, PROBLEM_HEADER_FAULT },
        { "l1_size", 1, false, PROBLEM_HEADER_REPLACED },
        { "l1_size", 1, true, PROBLEM_L1_TOO_SMALL },
        { "l1_size", 5000000, false, PROBLEM_HEADER_REPLACED },
        { "l1_size", 5000000, true, PROBLEM_HEADER_LIMIT },
        { "l1_table_offset", 5, true, PROBLEM_HEADER_FAULT },
        { "refcount_table_offset", 5, true, PROBLEM_HEADER_FAULT },
        { "size", UINT64_MAX, false, PROBLEM_HEADER_LIMIT },
        { "incompatible_features", 1, false, PROBLEM_DIRTY_BIT },
        { "incompatible_features", 2, false, PROBLEM_CORRUPT_BIT },
        { "incompatible_features", 64, false, PROBLEM_UNKNOWN_FEATURE },
        { "compatible_features", 4, false, PROBLEM_HEADER_ODD },
        { "crypt_method", 3, false, PROBLEM_HEADER_FAULT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct builder *b = basic();
        struct image *img;
        struct scan_result *r;

        builder_poke_field(b, "header", 0, t[i].field, t[i].value);
        if (t[i].lost)
            memset(b->bytes + b->reftable_off, 0x55, b->len - b->reftable_off);
        img = builder_open(b);
        r = scan_of(img);
        if (!r->problems.count[t[i].kind])
            fail_msg("%s = %llu: no %s", t[i].field, (unsigned long long)t[i].value,
                     problem_info(t[i].kind)->id);
        kinds_seen[t[i].kind] = 1;
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

void a_forced_value_is_noted(void **state)
{
    struct image_options opt = { .force_l1_size = true, .l1_size = 1 };
    struct builder *b = basic();
    struct image *img = NULL;
    struct scan_result *r;

    (void)state;
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    r = scan_of(img);
    assert_int_equal(r->problems.count[PROBLEM_HEADER_FORCED], 1);
    assert_int_equal(r->problems.count[PROBLEM_HEADER_REPLACED], 0);
    kinds_seen[PROBLEM_HEADER_FORCED] = 1;
    scan_free(r);
    image_close(img);
    builder_free(b);
}

void extension_and_bitmap_faults(void **state)
{
    struct builder *b = basic();

    (void)state;
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmaps_ext_off + 4, 4, 1);
    EXPECT(b, HEADER_EXTENSION, 1, END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmaps_ext_off, 4, 2);
    EXPECT(b, BITMAP_DIR_FAULT, 1, END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke_field(b, "bitmap-dir-entry", builder_bitmap_off(b, 0), "type", 9);
    EXPECT(b, BITMAP_FAULT, 1, END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke(b, b->bitmap[0].table_off, 8, 2);
    EXPECT(b, BITMAP_ENTRY, 1, P(LEAKED), END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, 0);
    builder_poke_field(b, "header", 0, "autoclear_features", 0);
    EXPECT(b, BITMAPS_INCONSISTENT, 1, P(LEAKED), END);
    b = basic();
    builder_add_bitmap(b, "bm", 16, BITMAP_IN_USE);
    EXPECT(b, BITMAP_IN_USE_FLAG, 1, END);
}

void silent_damage(void **state)
{
    struct builder *b = basic();
    struct builder_options opt = options();

    (void)state;
    builder_truncate(b, b->len - 1024);
    EXPECT(b, TAIL_TRUNCATED, 1, END);
    opt.version = 2;
    b = fresh(opt);
    builder_set_l2(b, 9, OFLAG_ZERO, 0);
    EXPECT(b, V2_ZERO_FLAG, 1, END);
    opt = options();
    opt.data_file = "data.raw";
    b = fresh(opt);
    builder_set_l2(b, 5, OFLAG_COPIED | 0x9000, 0);
    EXPECT(b, DATA_FILE_OFFSET, 1, END);
    opt = options();
    opt.size = 5 * 4096;
    opt.l1_size = 1;
    b = fresh(opt);
    builder_map(b, 9);
    EXPECT(b, PAST_DISK_END, 1, END);
}

/* Whatever the number of clusters before it, and however much is missing. */
void a_last_cluster_that_is_cut_short_is_told(void **state)
{
    static const size_t missing[] = { 1, 512, 2048, 4095 };

    (void)state;
    for (uint64_t n = 8; n < 12; n++) {
        for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
            struct builder *b = basic();

            for (uint64_t g = 8; g < n; g++)
                builder_map(b, g);
            builder_truncate(b, b->len - missing[i]);
            EXPECT(b, TAIL_TRUNCATED, 1, END);
        }
    }
}

/* The rest of it reads as zeros, or is not asked for. */
void a_cut_that_loses_nothing_is_no_problem(void **state)
{
    for (int what = 0; what < 3; what++) {
        struct builder *b = basic();
        struct image *img;
        struct scan_result *r;

        (void)state;
        if (what == 0)
            builder_map_zero(b, 20, true);
        else if (what == 1)
            builder_map_compressed(b, 20);
        else
            builder_alloc(b, 1);            /* a leak */
        builder_truncate(b, b->len - 16);
        img = builder_open(b);
        r = scan_of(img);
        assert_int_equal(r->problems.count[PROBLEM_TAIL_TRUNCATED], 0);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

void unreadable_tables(void **state)
{
    struct builder *b = basic();
    uint64_t at = builder_l2_entry_off(b, 0) & ~UINT64_C(4095);
    struct source *src;
    struct image *img;
    struct scan_result *r;

    (void)state;
    assert_true(source_open_failing(builder_source(b), at, 512, &src, NULL));
    assert_true(image_open(src, &(struct image_options){ 0 }, &img, NULL));
    r = scan_of(img);
    assert_int_equal(r->problems.count[PROBLEM_UNREADABLE], 1);
    assert_int_equal(scan_exit_status(r), 1);
    kinds_seen[PROBLEM_UNREADABLE] = 1;
    scan_free(r);
    image_close(img);
    builder_free(b);
}

void files_that_are_not_there(void **state)
{
    static const struct { enum side_state state; enum problem_kind kind; int status; } t[] = {
        { SIDE_MISSING, PROBLEM_SIDE_FILE, 1 }, { SIDE_UNFIT, PROBLEM_SIDE_FILE, 1 },
        { SIDE_SHORT, PROBLEM_DATA_FILE_SHORT, 0 }, { SIDE_THERE, N_PROBLEMS, 0 },
        { SIDE_UNKNOWN, N_PROBLEMS, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct builder *b = builder_new(BUILDER_DEFAULTS);
        struct image *img = builder_open(b);
        struct scan_result *r;

        img->data_there.state = t[i].state;
        r = scan_of(img);
        for (int k = 0; k < N_PROBLEMS; k++)
            assert_int_equal(r->problems.count[k], k == (int)t[i].kind);
        if (t[i].kind != N_PROBLEMS)
            kinds_seen[t[i].kind] = 1;
        assert_int_equal(scan_exit_status(r), t[i].status);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

/* Needs a second process or a file that changes: shown by the end-to-end tests. */
