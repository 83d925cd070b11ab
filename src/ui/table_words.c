/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A row of a table in words, for the line below the list. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "qcow2/spec.h"
#include "ui/table_draw.h"

static void say_counts(const struct table_row *r, struct buf *out)
{
    if (!r->has_counts)
        return;
    if (r->stored_known)
        buf_printf(out, "; refcount stored %" PRIu64, r->stored);
    else
        buf_puts(out, r->coming ? "; stored refcount being read"
                                       : "; stored refcount unreadable");
    if (r->counted_known)
        buf_printf(out, ", counted %" PRIu64, r->counted);
    else if (r->target_off != NO_ADDRESS)
        buf_puts(out, ", not counted yet");
}

static void say_listed(const struct table_look *look, const struct table_row *r,
                       struct buf *out)
{
    const struct image *img = look->ui->img;
    char size[TEXT_NUM];

    if (look->table->kind == TABLE_SNAPSHOTS) {
        const struct snapshot *s = &img->snaps.list[r->index];

        buf_printf(out,
                   ": entry at 0x%" PRIx64 ", L1 table at 0x%" PRIx64 ", %" PRIu64 " %s",
                   s->entry_off, s->l1_table_offset, s->l1_size,
                   s->l1_size == 1 ? "entry" : "entries");
    } else {
        const struct bitmap *b = &img->bitmaps.list[r->index];

        buf_printf(out, ": table at 0x%" PRIx64 ", %" PRIu64 " %s", b->table_offset,
                   b->table_size, b->table_size == 1 ? "entry" : "entries");
        if (b->granularity_bits < 64)
            buf_printf(out, ", one bit for %s",
                       text_size(size, UINT64_C(1) << b->granularity_bits));
        if (b->fault)
            buf_printf(out, "; %s", b->fault);
    }
}

/* "subclusters: 3 stored, 8 zeros, 21 not here" of an extended entry. */
static void say_subclusters(const struct table_row *r, struct buf *out)
{
    int stored = __builtin_popcount((uint32_t)r->bitmap);
    int zero = __builtin_popcount((uint32_t)(r->bitmap >> SUBCLUSTERS));
    int both = __builtin_popcount((uint32_t)(r->bitmap & r->bitmap >> SUBCLUSTERS));

    buf_printf(out, "; subclusters: %d stored, %d zeros, %d unallocated", stored - both,
               zero - both, SUBCLUSTERS - stored - zero + both);
    if (both)
        buf_printf(out, ", %d both stored and zeros", both);
}

void table_row_text(const struct table_look *look, const struct table_row *r,
                    struct buf *out)
{
    static const char *const table[N_TABLE_KINDS] = {
        [TABLE_L1] = "l1-entry",
        [TABLE_L2] = "l2-entry",
        [TABLE_REFTABLE] = "reftable-entry",
        [TABLE_BITMAP] = "bitmap-table-entry",
    };
    struct place place = table_place(look->ui->img, look->table, r->index);

    place_text(&place, out);
    if (look->table->kind == TABLE_SNAPSHOTS || look->table->kind == TABLE_BITMAPS) {
        say_listed(look, r, out);
        return;
    }
    if (r->unreadable) {
        buf_puts(out, r->coming ? ": being read" : ": cannot be read");
        return;
    }
    if (table[look->table->kind]) {
        bool compressed = look->table->kind == TABLE_L2 && r->type == L2_COMPRESSED;

        buf_puts(out, ": ");
        site_bits(compressed ? field_table_compressed(look->ui->img->geo.cluster_bits)
                             : field_table(table[look->table->kind]), r->raw, out);
        if (compressed)
            buf_printf(out, " (at most %" PRIu64 " bytes)", r->target_len);
        if (look->table->kind == TABLE_L2 && !compressed)
            buf_printf(out, " \u00b7 %s",
                       r->type == L2_UNALLOCATED && r->bitmap ? "no cluster"
                                                               : l2_type_name(r->type));
        if (look->table->kind == TABLE_L2 && look->ui->img->geo.extended_l2 && !compressed &&
            r->bitmap)
            say_subclusters(r, out);
    }
    say_counts(r, out);
}
