/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Rules about header, snapshots and bitmaps: each is broken alone, and then kept as closely
 * as can be. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "qcow2/field.h"
#include "scan/scan.h"
#include "support/image_builder.h"

typedef unsigned long long ull;

/* A sound image; version 2 where a field says so. */
static struct builder *sound(struct builder_options opt)
{
    struct builder *b = builder_new(opt);

    for (uint64_t g = 0; g < 4; g++)
        builder_map(b, g);
    return b;
}

/* The record of this kind at this byte of the header whose text has these words. */
static bool told(struct builder *b, enum problem_kind kind, enum place_kind where,
                 const char *words, struct problem *out)
{
    struct image *img = builder_open(b);
    struct scan_result *r;
    bool found = false;

    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    for (size_t i = 0; i < r->problems.n; i++) {
        const struct problem *p = &r->problems.list[i];
        struct buf text = BUF_INIT;

        problem_text(p, img, &text);
        if (p->kind == kind && p->place.kind == where && strstr(buf_str(&text), words)) {
            found = true;
            *out = *p;
        }
        buf_free(&text);
    }
    scan_free(r);
    image_close(img);
    return found;
}

static const struct rule {
    const char *field;
    uint64_t broken, kept;
    enum problem_kind kind;
    const char *words;
} rules[] = {
    { "refcount_table_clusters", 0, 1, PROBLEM_HEADER_FAULT, "there is no refcount table" },
    { "incompatible_features", 0x20, 0, PROBLEM_UNKNOWN_FEATURE,
      "unknown incompatible features 0x20" },
    { "incompatible_features", INCOMPAT_DIRTY, 0, PROBLEM_DIRTY_BIT, "not closed properly" },
    { "incompatible_features", INCOMPAT_CORRUPT, 0, PROBLEM_CORRUPT_BIT, "said so" },
    { "incompatible_features", INCOMPAT_DATA_FILE, 0, PROBLEM_HEADER_FAULT,
      "its name is missing" },
    { "compatible_features", 2, 1, PROBLEM_HEADER_ODD, "unknown compatible features 0x2" },
    { "autoclear_features", 8, 0, PROBLEM_HEADER_ODD, "unknown autoclear features 0x8" },
    { "autoclear_features", AUTOCLEAR_DATA_FILE_RAW, 0, PROBLEM_HEADER_FAULT,
      "there is no data file" },
    { "autoclear_features", AUTOCLEAR_BITMAPS, 0, PROBLEM_HEADER_FAULT,
      "the bitmaps extension is missing" },
    { "crypt_method", 3, 0, PROBLEM_HEADER_FAULT, "crypt_method 3 is unknown" },
    { "crypt_method", 2, 1, PROBLEM_HEADER_FAULT, "encryption header pointer is missing" },
    { "compression_type", 2, 0, PROBLEM_HEADER_FAULT, "compression_type 2 is unknown" },
    { "compression_type", 1, 0, PROBLEM_HEADER_FAULT, "disagree" },
    { "size", (4 << 20) - 1, (4 << 20) - 512, PROBLEM_HEADER_ODD, "not a multiple of 512" },
    { "backing_file_offset", 4097, 4096, PROBLEM_HEADER_FAULT, "outside the header cluster" },
    { "nb_snapshots", 65537, 0, PROBLEM_SNAPTABLE_FAULT, "more than 65536 snapshots" },
};

static void each_rule_of_the_header_is_told_at_its_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *x = &rules[i];
        struct builder *b = sound(BUILDER_DEFAULTS);
        const struct field *field = field_named(field_table("header"), x->field);
        struct problem p;

        builder_poke_field(b, "header", 0, x->field, x->broken);
        if (!told(b, x->kind, PLACE_HEADER, x->words, &p))
            fail_msg("%s %llu: nothing says '%s'", x->field, (ull)x->broken, x->words);
        if (p.place.file_off != field->off)
            fail_msg("%s: told at byte %llu", x->field, (ull)p.place.file_off);
        builder_poke_field(b, "header", 0, x->field, x->kept);
        if (told(b, x->kind, PLACE_HEADER, x->words, &p))
            fail_msg("%s %llu: wrongly '%s'", x->field, (ull)x->kept, x->words);
        builder_free(b);
    }
}

static void a_second_snapshot_of_one_id_or_name_names_the_first(void **state)
{
    struct builder *b = sound(BUILDER_DEFAULTS);
    struct problem p;

    (void)state;
    builder_add_snapshot(b, "1", "one");
    builder_add_snapshot(b, "2", "same");
    builder_add_snapshot(b, "3", "same");
    assert_true(told(b, PROBLEM_SNAPSHOT_DUPLICATE, PLACE_SNAPSHOT, "same name as snapshot 2",
                     &p));
    assert_int_equal(p.place.i, 2);
    assert_int_equal(p.found, 2);
    assert_false(told(b, PROBLEM_SNAPSHOT_DUPLICATE, PLACE_SNAPSHOT, "same id", &p));
    builder_add_snapshot(b, "1", "four");
    assert_true(told(b, PROBLEM_SNAPSHOT_DUPLICATE, PLACE_SNAPSHOT, "same id as snapshot 1",
                     &p));
    assert_int_equal(p.place.i, 3);
    assert_int_equal(p.found, 1);
    builder_free(b);
}

static const struct {
    const char *field;
    uint64_t broken, kept;
    enum problem_kind kind;
} of_snapshots[] = {
    { "l1_table_offset", 0x1008, 0x1000, PROBLEM_SNAPSHOT_L1_MISALIGNED },
    { "l1_size", 4194305, 4194304, PROBLEM_SNAPSHOT_L1_TOO_LARGE },
    { "l1_size", 1, 2, PROBLEM_SNAPSHOT_L1_SMALL },
};

static void each_rule_of_a_snapshot_is_told_of_that_snapshot(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof of_snapshots / sizeof of_snapshots[0]; i++) {
        struct builder *b = sound(BUILDER_DEFAULTS);
        uint64_t at;
        struct problem p;

        builder_add_snapshot(b, "1", "one");
        builder_add_snapshot(b, "2", "two");
        at = builder_snapshot_off(b, 1);
        builder_poke_field(b, "snapshot", at, of_snapshots[i].field, of_snapshots[i].broken);
        if (!told(b, of_snapshots[i].kind, PLACE_SNAPSHOT, "", &p))
            fail_msg("%s is not told", of_snapshots[i].field);
        assert_int_equal(p.place.i, 1);
        assert_int_equal(p.place.file_off, at);
        assert_int_equal(p.found, of_snapshots[i].broken);
        builder_poke_field(b, "snapshot", at, of_snapshots[i].field, of_snapshots[i].kept);
        if (told(b, of_snapshots[i].kind, PLACE_SNAPSHOT, "", &p))
            fail_msg("%s is told wrongly", of_snapshots[i].field);
        builder_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_of_the_header_is_told_at_its_field),
        cmocka_unit_test(a_second_snapshot_of_one_id_or_name_names_the_first),
        cmocka_unit_test(each_rule_of_a_snapshot_is_told_of_that_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
