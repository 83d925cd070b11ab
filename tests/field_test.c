/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "qcow2/image.h"
#include "support/image_builder.h"

static void every_table_can_be_found_and_is_complete(void **state)
{
    static const char *const ids[] = {
        "header", "header-ext", "feature-name", "bitmaps-ext", "crypto-ext", "l1-entry",
        "l2-entry", "l2-entry-extended", "compressed-descriptor", "reftable-entry",
        "snapshot", "snapshot-extra", "bitmap-dir-entry", "bitmap-table-entry",
    };
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_non_null(field_table(ids[i]));
    assert_null(field_table("nothing"));
    for (const struct field_table *t; (t = field_table_at(n)) != NULL; n++) {
        assert_ptr_equal(field_table(t->id), t);
        assert_non_null(t->title);
        assert_non_null(t->spec);
        for (size_t i = 0; i < t->n; i++) {
            const struct field *f = &t->field[i];

            assert_true(f->since == 2 || f->since == 3);
            assert_non_null(f->meaning);
            assert_true(f->meaning[strlen(f->meaning) - 1] == '.');
            assert_ptr_equal(field_named(t, f->name), f);
            if (f->kind == FIELD_ENUM)
                assert_non_null(f->names);
        }
    }
    assert_int_equal(n, sizeof ids / sizeof ids[0]);
}

static void fields_of_fixed_width_follow_each_other_without_gap(void **state)
{
    const struct field_table *t;

    (void)state;
    for (size_t k = 0; (t = field_table_at(k)) != NULL; k++) {
        unsigned end = 0;

        if (t->bits)
            continue;
        for (size_t i = 0; i < t->n; i++) {
            if (!t->field[i].width)
                continue;
            assert_int_equal(t->field[i].off, end);
            end += t->field[i].width;
        }
    }
}

static void assert_all_bits_described(const struct field_table *t)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->field[i];
        uint64_t mask = UINT64_MAX >> (64 - f->width) << f->off;

        assert_true(f->off + f->width <= 64);
        assert_int_equal(seen & mask, 0);
        seen |= mask;
    }
    assert_int_equal(seen, UINT64_MAX);
}

static void bits_of_a_word_belong_to_exactly_one_field(void **state)
{
    const struct field_table *t;

    (void)state;
    for (size_t k = 0; (t = field_table_at(k)) != NULL; k++)
        if (t->bits)
            assert_all_bits_described(t);
    for (uint32_t bits = 9; bits <= 21; bits++)
        assert_all_bits_described(field_table_compressed(bits));
}

static uint64_t value_of(const char *table, const char *field, const uint8_t *bytes,
                         size_t len)
{
    const struct field_table *t = field_table(table);

    return field_value(t, field_named(t, field), bytes, len);
}

static void values_are_taken_from_their_bits(void **state)
{
    const uint8_t l1[8] = { 0x81, 0, 0, 0, 0, 0x04, 0x02, 0x03 };

    (void)state;
    assert_int_equal(value_of("l1-entry", "copied", l1, 8), 1);
    assert_int_equal(value_of("l1-entry", "reserved", l1, 8), 1);
    assert_int_equal(value_of("l1-entry", "l2_offset", l1, 8), 0x40200);
    assert_int_equal(value_of("l1-entry", "reserved_low", l1, 8), 3);
    assert_int_equal(value_of("header", "version", l1, 8), 0x40203);
    assert_int_equal(value_of("header", "version", l1, 6), 0x40000);
    assert_int_equal(value_of("header", "size", l1, 8), 0);
}

static void compressed_descriptors_agree_with_the_decoder(void **state)
{
    const uint64_t raw = UINT64_C(0x6a5b4c3d2e1f1234);
    uint8_t bytes[16] = { 0x6a, 0x5b, 0x4c, 0x3d, 0x2e, 0x1f, 0x12, 0x34 };

    (void)state;
    for (uint32_t bits = 9; bits <= 21; bits++) {
        const struct field_table *t = field_table_compressed(bits);
        struct header h = { .version = 3, .cluster_bits = bits };
        struct geometry g;
        struct l2_entry e;
        uint64_t sectors;

        assert_true(geometry_init(&h, 0, &g, NULL));
        l2_decode(&g, bytes, &e);
        assert_int_equal(e.raw, raw);
        assert_int_equal(field_value(t, field_named(t, "host_offset"), bytes, 8),
                         e.host_off);
        sectors = field_value(t, field_named(t, "additional_sectors"), bytes, 8);
        assert_int_equal((sectors + 1) * 512 - (e.host_off & 511), e.host_len);
    }
}

static void assert_described(const char *table, const char *field, uint64_t value,
                             const char *wanted)
{
    struct buf out = BUF_INIT;

    field_describe(field_named(field_table(table), field), value, &out);
    assert_string_equal(buf_str(&out), wanted);
    buf_free(&out);
}

static void values_are_put_into_words(void **state)
{
    (void)state;
    assert_described("header", "magic", 0x514649fb, "QFI\\xfb");
    assert_described("header", "magic", 0, "not the magic QFI\\xfb");
    assert_described("header", "version", 3, "3");
    assert_described("header", "cluster_bits", 16, "16 (64 KiB)");
    assert_described("header", "cluster_bits", 99, "99 (absurd)");
    assert_described("header", "refcount_order", 4, "4 (16 bits)");
    assert_described("header", "refcount_order", 0, "0 (1 bit)");
    assert_described("header", "size", 1 << 30, "1073741824 (1 GiB)");
    assert_described("header", "backing_file_size", 1, "1 byte");
    assert_described("header", "l1_size", 8192, "8,192");
    assert_described("header", "l1_table_offset", 0x30000, "0x30000 (196608)");
    assert_described("header", "l1_table_offset", 0, "0");
    assert_described("header", "crypt_method", 2, "2 (LUKS)");
    assert_described("header", "crypt_method", 7, "7 (unknown)");
    assert_described("header", "incompatible_features", 0, "none");
    assert_described("header", "incompatible_features", 0x51,
                     "dirty, extended L2 entries, unknown bit 6");
    assert_described("header", "padding", 0, "0");
    assert_described("header", "padding", 5, "0x5, must be 0");
    assert_described("header-ext", "type", 0x23852875, "0x23852875 (bitmaps)");
    assert_described("l2-entry", "copied", 1, "set");
    assert_described("l2-entry", "zero", 0, "clear");
    assert_described("l2-entry-extended", "allocated", 0x8000000f, "0-3, 31");
    assert_described("snapshot", "date_sec", 1700000000, "2023-11-14 22:13:20 UTC");
    assert_described("snapshot", "vm_clock_nsec", 1500000000, "1.500000000 s");
    assert_described("snapshot", "name", 0, "");
}

/* --- parts --- */

static const struct part *part_named(const struct parts *p, const char *table,
                                     const char *field, uint32_t index)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].table->id, table) == 0 &&
            strcmp(p->list[i].field->name, field) == 0 && p->list[i].index == index)
            return &p->list[i];
    return NULL;
}

static void the_header_area_is_cut_into_parts(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct parts p;
    const struct part *part;
    uint64_t end = 0;

    (void)state;
    o.backing_file = "base";
    b = builder_new(o);
    builder_add_bitmap(b, "bm", 16, 0);
    img = builder_open(b);
    assert_true(parts_of_header(img, &p));
    part = part_named(&p, "header", "l1_table_offset", 0);
    assert_int_equal(part->off, 40);
    assert_int_equal(part->len, 8);
    assert_int_equal(part->value, b->l1_off);
    assert_int_equal(part->field->target, TARGET_L1_TABLE);
    part = part_named(&p, "header-ext", "type", 0);
    assert_int_equal(part->off, 112);
    assert_int_equal(part->value, EXT_BITMAPS);
    part = part_named(&p, "bitmaps-ext", "bitmap_directory_offset", 0);
    assert_int_equal(part->off, b->bitmaps_ext_off + 16);
    assert_int_equal(part->value, b->bitmap_dir_off);
    assert_null(part_named(&p, "header-ext", "data", 0));
    part = part_named(&p, "header-ext", "type", 1);             /* the end mark */
    assert_int_equal(part->value, EXT_END);
    part = part_named(&p, "header", "backing_file_name", 0);
    assert_int_equal(part->len, 4);
    assert_memory_equal(img->head + part->off, "base", 4);
    for (size_t i = 0; i < p.n; i++) {
        assert_int_equal(p.list[i].off, end);                   /* no gap, no overlap */
        end += p.list[i].len;
    }
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

static void a_version_2_header_has_no_parts_of_version_3(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct parts p;

    (void)state;
    o.version = 2;
    b = builder_new(o);
    img = builder_open(b);
    assert_true(parts_of_header(img, &p));
    assert_null(part_named(&p, "header", "refcount_order", 0));
    assert_int_equal(part_named(&p, "header-ext", "type", 0)->off, 72);
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

static void a_longer_header_shows_what_is_unknown(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct parts p;
    const struct part *part;

    (void)state;
    builder_poke_field(b, "header", 0, "header_length", 128);
    img = builder_open(b);
    assert_true(parts_of_header(img, &p));
    part = part_named(&p, "header", "unknown", 0);
    assert_int_equal(part->off, 112);
    assert_int_equal(part->len, 16);
    parts_free(&p);
    image_close(img);
    builder_poke_field(b, "header", 0, "header_length", 106);
    img = builder_open(b);
    assert_true(parts_of_header(img, &p));
    assert_int_equal(part_named(&p, "header", "padding", 0)->len, 1);
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

static void feature_names_are_cut_record_by_record(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct parts p;
    const struct part *part;

    (void)state;
    builder_poke(b, 112, 4, EXT_FEATURE_NAMES);
    builder_poke(b, 116, 4, 100);                               /* two and a rest */
    builder_poke(b, 120 + 49, 1, 3);
    img = builder_open(b);
    assert_true(parts_of_header(img, &p));
    part = part_named(&p, "feature-name", "bit", 1);
    assert_int_equal(part->off, 120 + 49);
    assert_int_equal(part->value, 3);
    assert_int_equal(part_named(&p, "feature-name", "name", 0)->len, 46);
    assert_null(part_named(&p, "feature-name", "bit", 2));
    part = part_named(&p, "header-ext", "data", 0);
    assert_int_equal(part->off, 120 + 96);
    assert_int_equal(part->len, 4);
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

static void snapshot_entries_are_cut_into_parts(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct parts p;
    const struct part *part;
    uint64_t at;

    (void)state;
    builder_add_snapshot(b, "1", "first");
    builder_add_snapshot(b, "22", "second");
    at = builder_snapshot_off(b, 1);
    img = builder_open(b);
    assert_true(parts_of_snapshot(img, 1, &p));
    part = part_named(&p, "snapshot", "l1_table_offset", 1);
    assert_int_equal(part->off, at);
    assert_int_equal(part->value, b->snapshot[1].l1_off);
    assert_int_equal(part_named(&p, "snapshot-extra", "disk_size", 1)->value,
                     b->opt.size);
    part = part_named(&p, "snapshot", "id_str", 1);
    assert_int_equal(part->off, at + 64);
    assert_int_equal(part->len, 2);
    part = part_named(&p, "snapshot", "name", 1);
    assert_int_equal(part->off, at + 66);
    assert_int_equal(part->len, 6);
    assert_null(part_named(&p, "snapshot-extra", "unknown", 1));
    parts_free(&p);
    image_close(img);
    builder_poke_field(b, "snapshot", at, "extra_data_size", 20);
    img = builder_open(b);
    assert_true(parts_of_snapshot(img, 1, &p));
    assert_null(part_named(&p, "snapshot-extra", "icount", 1));
    part = part_named(&p, "snapshot-extra", "unknown", 1);
    assert_int_equal(part->off, at + 56);
    assert_int_equal(part->len, 4);
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

static void bitmap_entries_are_cut_into_parts(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct parts p;
    const struct part *part;

    (void)state;
    builder_add_bitmap(b, "daily", 16, BITMAP_AUTO);
    img = builder_open(b);
    assert_true(parts_of_bitmap(img, 0, &p));
    part = part_named(&p, "bitmap-dir-entry", "flags", 0);
    assert_int_equal(part->off, b->bitmap_dir_off + 12);
    assert_int_equal(part->value, BITMAP_AUTO);
    part = part_named(&p, "bitmap-dir-entry", "name", 0);
    assert_int_equal(part->off, b->bitmap_dir_off + 24);
    assert_int_equal(part->len, 5);
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

static void the_name_of_a_bitmap_follows_its_extra_data(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct parts p;
    uint64_t at;

    (void)state;
    builder_add_bitmap(b, "sixteen-letters.", 16, 0);
    at = builder_bitmap_off(b, 0);
    builder_poke_field(b, "bitmap-dir-entry", at, "extra_data_size", 8);
    builder_poke_field(b, "bitmap-dir-entry", at, "name_size", 8);
    img = builder_open(b);
    assert_true(parts_of_bitmap(img, 0, &p));
    assert_string_equal(p.list[p.n - 2].field->name, "extra_data");
    assert_int_equal(p.list[p.n - 2].off, at + 24);
    assert_string_equal(p.list[p.n - 1].field->name, "name");
    assert_int_equal(p.list[p.n - 1].off, at + 32);
    assert_int_equal(p.list[p.n - 1].len, 8);
    parts_free(&p);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_can_be_found_and_is_complete),
        cmocka_unit_test(fields_of_fixed_width_follow_each_other_without_gap),
        cmocka_unit_test(bits_of_a_word_belong_to_exactly_one_field),
        cmocka_unit_test(values_are_taken_from_their_bits),
        cmocka_unit_test(compressed_descriptors_agree_with_the_decoder),
        cmocka_unit_test(values_are_put_into_words),
        cmocka_unit_test(the_header_area_is_cut_into_parts),
        cmocka_unit_test(a_version_2_header_has_no_parts_of_version_3),
        cmocka_unit_test(a_longer_header_shows_what_is_unknown),
        cmocka_unit_test(feature_names_are_cut_record_by_record),
        cmocka_unit_test(snapshot_entries_are_cut_into_parts),
        cmocka_unit_test(bitmap_entries_are_cut_into_parts),
        cmocka_unit_test(the_name_of_a_bitmap_follows_its_extra_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
