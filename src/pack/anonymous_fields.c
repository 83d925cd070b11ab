/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "pack/anonymous.h"

/* All ones from the highest to the lowest bit of v: past the same limits, aligned alike. */
static uint64_t all_ones(uint64_t v)
{
    uint64_t lowest = v & (~v + 1);

    for (unsigned shift = 1; shift < 64; shift *= 2)
        v |= v >> shift;
    return v & ~(lowest - 1);
}

/* Bits without a name become the lowest of them. */
static uint64_t plain_mask(const struct field *f, uint64_t v)
{
    uint64_t known = 0, rest;

    for (const struct field_name *n = f->names; n && n->name; n++)
        known |= UINT64_C(1) << (n->value & 63);
    rest = v & ~known;
    return (v & known) | (rest & (~rest + 1));
}

static bool has_name(const struct field *f, uint64_t v)
{
    for (const struct field_name *n = f->names; n && n->name; n++)
        if (n->value == v)
            return true;
    return false;
}

/* A number that only something else could be: its upper bytes are in use, and more than half
 * of all. Sizes and clocks hardly get that far, other bytes nearly always do. */
static bool unlikely(uint64_t v, uint64_t width)
{
    uint64_t used = 0, top = 0;

    for (uint64_t i = 0; i < width; i++, v >>= 8) {
        if (!(v & 255))
            continue;
        top = i + 1;
        used++;
    }
    return width >= 4 && top > width - (width > 4 ? 2 : 1) && used > width / 2;
}

uint64_t anonymous_value(const struct field *f, uint64_t v)
{
    uint64_t ones = v ? all_ones(v) : 0;

    switch (f->kind) {
    case FIELD_RESERVED:
        return v ? 1 : 0;
    case FIELD_MASK:
        return plain_mask(f, v);
    case FIELD_ENUM:
        return has_name(f, v) ? v : ones;
    case FIELD_NSEC:
        if (f->width == 4)
            return v < 1000000000 ? v : ones;
        return v >> 60 ? ones : v;          /* a clock of more than 36 years */
    case FIELD_NUMBER: case FIELD_BYTES: case FIELD_COUNT: case FIELD_OFFSET:
    case FIELD_LOG2: case FIELD_LOG2_BITS:
        return unlikely(v, f->width) ? ones : v;
    default:
        return v;
    }
}

void anonymous_fields(const struct parts *parts, struct patches *out, struct anonymous *told)
{
    for (size_t i = 0; i < parts->n; i++) {
        const struct part *p = &parts->list[i];
        uint64_t plain = p->value;
        uint8_t bytes[8];

        if (p->field->width && p->len <= sizeof bytes)
            plain = anonymous_value(p->field, p->value);
        if (plain == p->value)
            continue;
        be_store(bytes, (size_t)p->len, plain);
        patches_write(out, p->off, bytes, (size_t)p->len);
        told->entries++;
    }
}
