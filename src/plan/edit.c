/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/edit.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

void edit_field(struct patches *step, const char *table, uint64_t at, const char *field,
                uint64_t value)
{
    const struct field_table *t = field_table(table);
    const struct field *f = t ? field_named(t, field) : NULL;
    uint8_t bytes[8];

    assert(f && !t->bits && f->width > 0 && f->width <= 8);
    be_store(bytes, f->width, value);
    patches_write(step, at + f->off, bytes, f->width);
}

void edit_entry(struct patches *step, uint64_t off, uint64_t value)
{
    uint8_t bytes[8];

    be_store(bytes, 8, value);
    patches_write(step, off, bytes, 8);
}

void edit_difference(struct patches *step, uint64_t off, const uint8_t *old,
                             const uint8_t *now, size_t len)
{
    const size_t unit = 8;

    for (size_t at = 0; at < len;) {
        size_t end;

        if (memcmp(old + at, now + at, unit) == 0) {
            at += unit;
            continue;
        }
        for (end = at; end < len && memcmp(old + end, now + end, unit) != 0; end += unit)
            ;
        patches_write(step, off + at, now + at, end - at);
        at = end;
    }
}
