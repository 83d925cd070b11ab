/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/field.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "qcow2/field_tables.h"
#include "qcow2/spec.h"

typedef unsigned long long ull;

static const struct field_table *const TABLES[] = {
    &FIELDS_HEADER, &FIELDS_HEADER_EXT, &FIELDS_FEATURE_NAME, &FIELDS_BITMAPS_EXT,
    &FIELDS_CRYPTO_EXT, &FIELDS_L1_ENTRY, &FIELDS_L2_ENTRY, &FIELDS_L2_ENTRY_EXTENDED,
    &FIELDS_COMPRESSED[16 - CLUSTER_BITS_MIN], &FIELDS_REFTABLE_ENTRY, &FIELDS_SNAPSHOT,
    &FIELDS_SNAPSHOT_EXTRA, &FIELDS_BITMAP_DIR_ENTRY, &FIELDS_BITMAP_TABLE_ENTRY,
};

const struct field_table *field_table_at(size_t i)
{
    return i < sizeof TABLES / sizeof TABLES[0] ? TABLES[i] : NULL;
}

const struct field_table *field_table(const char *id)
{
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++)
        if (strcmp(TABLES[i]->id, id) == 0)
            return TABLES[i];
    return NULL;
}

const struct field_table *field_table_compressed(uint32_t cluster_bits)
{
    assert(cluster_bits >= CLUSTER_BITS_MIN && cluster_bits <= CLUSTER_BITS_MAX);
    return &FIELDS_COMPRESSED[cluster_bits - CLUSTER_BITS_MIN];
}

const struct field *field_named(const struct field_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->field[i].name, name) == 0)
            return &t->field[i];
    return NULL;
}

/* `width` bytes at `off`, zeros where `len` does not reach. */
static uint64_t load(const uint8_t *bytes, size_t len, size_t off, size_t width)
{
    uint64_t v = 0;

    for (size_t i = 0; i < width; i++)
        v = v << 8 | (off + i < len ? bytes[off + i] : 0);
    return v;
}

uint64_t field_value(const struct field_table *t, const struct field *f,
                     const uint8_t *bytes, size_t len)
{
    uint64_t word;

    if (!t->bits)
        return f->width <= 8 ? load(bytes, len, f->off, f->width) : 0;
    word = load(bytes, len, 0, t->word) >> f->off;
    if (f->width < 64)
        word &= (UINT64_C(1) << f->width) - 1;
    return f->kind == FIELD_OFFSET ? word << f->off : word;
}

static const char *name_of(const struct field *f, uint64_t value)
{
    for (const struct field_name *n = f->names; n && n->name; n++)
        if (n->value == value)
            return n->name;
    return NULL;
}

static void describe_log2(uint64_t value, bool bits, struct buf *out)
{
    char text[TEXT_NUM];

    buf_printf(out, "%llu (", (ull)value);
    if (value > 63)
        buf_puts(out, "absurd");
    else if (bits)
        buf_printf(out, "%llu bit%s", 1ull << value, value ? "s" : "");
    else
        buf_puts(out, text_size(text, UINT64_C(1) << value));
    buf_putc(out, ')');
}

/* The set bits by name; those of a mask without names as numbers and ranges. */
static void describe_mask(const struct field *f, uint64_t value, struct buf *out)
{
    const char *comma = "";

    if (!value)
        buf_puts(out, "none");
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = name_of(f, bit);
        unsigned last = bit;

        if (!(value >> bit & 1))
            continue;
        buf_puts(out, comma);
        comma = ", ";
        if (name) {
            buf_puts(out, name);
        } else if (f->names) {
            buf_printf(out, "unknown bit %u", bit);
        } else {
            while (last < 63 && value >> (last + 1) & 1)
                last++;
            buf_printf(out, last > bit ? "%u-%u" : "%u", bit, last);
            bit = last;
        }
    }
}

static void describe_time(uint64_t value, struct buf *out)
{
    char text[TEXT_NUM];

    if (value > UINT32_MAX)
        buf_printf(out, "%llu", (ull)value);
    else
        buf_printf(out, "%s UTC", text_utc(text, (int64_t)value));
}

void field_describe(const struct field *f, uint64_t value, struct buf *out)
{
    char text[TEXT_NUM];
    const char *name;

    switch (f->kind) {
    case FIELD_NUMBER:
        buf_printf(out, "%llu", (ull)value);
        break;
    case FIELD_BYTES:
        if (value < 1024)
            buf_printf(out, "%llu byte%s", (ull)value, value == 1 ? "" : "s");
        else
            buf_printf(out, "%llu (%s)", (ull)value, text_size(text, value));
        break;
    case FIELD_COUNT:
        buf_puts(out, text_group(text, value));
        break;
    case FIELD_OFFSET:
        if (value < 10)
            buf_printf(out, "%llu", (ull)value);
        else
            buf_printf(out, "0x%llx (%llu)", (ull)value, (ull)value);
        break;
    case FIELD_LOG2:
    case FIELD_LOG2_BITS:
        describe_log2(value, f->kind == FIELD_LOG2_BITS, out);
        break;
    case FIELD_ENUM:
        name = name_of(f, value);
        if (value > 0xffff)
            buf_printf(out, "0x%llx (%s)", (ull)value, name ? name : "unknown");
        else
            buf_printf(out, "%llu (%s)", (ull)value, name ? name : "unknown");
        break;
    case FIELD_MASK:
        describe_mask(f, value, out);
        break;
    case FIELD_MAGIC:
        buf_puts(out, value == QCOW2_MAGIC ? "QFI\\xfb" : "not the magic QFI\\xfb");
        break;
    case FIELD_TIME:
        describe_time(value, out);
        break;
    case FIELD_NSEC:
        buf_printf(out, "%llu.%09llu s", (ull)(value / 1000000000),
                   (ull)(value % 1000000000));
        break;
    case FIELD_TEXT:
        break;
    case FIELD_RESERVED:
        if (value)
            buf_printf(out, "0x%llx, must be 0", (ull)value);
        else
            buf_putc(out, '0');
        break;
    case FIELD_FLAG:
        buf_puts(out, value ? "set" : "clear");
        break;
    }
}
