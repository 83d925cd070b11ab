/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/edit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/source.h"
#include "qcow2/place.h"

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

bool edit_carry(struct source *src, uint64_t off, uint64_t len, struct buf *out,
                struct error *err)
{
    uint8_t *bytes;
    bool ok;

    if (!range_inside(off, len, source_size(src)))
        return err_set(err, ERR_FORMAT, "the entry at 0x%llx reaches past the end of the file",
                       (unsigned long long)off);
    bytes = malloc(len ? (size_t)len : 1);
    if (!bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    ok = source_read(src, off, bytes, (size_t)len, err);
    if (ok)
        buf_add(out, bytes, (size_t)len);
    while (ok && out->len % 8 && !out->failed)
        buf_putc(out, '\0');
    free(bytes);
    return ok && (!out->failed || err_set(err, ERR_NOMEM, "out of memory"));
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

void edit_entry_means(const struct image *img, const struct place *p, uint64_t value,
                      struct buf *out)
{
    uint64_t off = value & ENTRY_OFFSET_MASK;

    if (p->kind == PLACE_L2) {
        enum l2_type type = l2_type_of(&img->geo, value);

        buf_printf(out, " (%s", l2_type_name(type));
        if (type == L2_COMPRESSED)
            off = compressed_off(&img->geo, value);
        if (type != L2_UNALLOCATED && type != L2_ZERO_PLAIN)
            buf_printf(out, " at 0x%" PRIx64, off);
        buf_puts(out, ")");
        if (type == L2_COMPRESSED || type == L2_UNALLOCATED || type == L2_ZERO_PLAIN)
            return;
    } else {
        if (p->kind == PLACE_REFTABLE)
            off = value & REFTABLE_OFFSET_MASK;
        buf_puts(out, !off ? " (none)" : p->kind == PLACE_REFTABLE ? " (refcount block)"
                 : " (L2 table)");
    }
    if (off & (img->geo.cluster_size - 1))
        buf_puts(out, " - not the start of a cluster");
    else if (off >= img->geo.file_size && off)
        buf_puts(out, " - past the end of the file");
}

void edit_bitmap_text(uint64_t bitmap, struct buf *out)
{
    buf_printf(out, "0x%" PRIx64 " (%d zero, %d allocated)", bitmap,
               __builtin_popcountll(bitmap >> 32), __builtin_popcountll((uint32_t)bitmap));
}
