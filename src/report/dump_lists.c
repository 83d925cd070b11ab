/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The small structures: header, snapshots, bitmaps. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "qcow2/field.h"
#include "report/dump.h"
#include "qcow2/names.h"
#include "inspect/usage.h"

/* One field of a structure that was cut into parts. */
static void field_row(struct dump *d, const struct part *p, const uint8_t *bytes)
{
    bool number = p->field->width && p->field->width <= 8;
    struct problem_hits found = { .n = 0 };
    struct buf text = BUF_INIT;

    problem_index_bytes(d->index, p->off, 1, &found);
    if (number)
        guess_describe(&d->scan->img->guesses, p, &text);
    if (d->json) {
        dump_line(d, "field");
        jw_text(&d->jw, "structure", p->table->id);
        jw_u64(&d->jw, "index", p->index);
        jw_text(&d->jw, "field", p->field->name);
        jw_u64(&d->jw, "offset", p->off);
        jw_u64(&d->jw, "length", p->len);
        if (number)
            jw_hex(&d->jw, "raw", p->value);
        if (number)
            jw_bytes(&d->jw, "text", buf_str(&text), text.len);
        else if (bytes)
            jw_bytes(&d->jw, "text", bytes, strnlen((const char *)bytes, (size_t)p->len));
        hits_json(&found, &d->jw);
        dump_line_end(d);
    } else {
        out_printf(d->out, "  0x%06" PRIx64 "  %-26s ", p->off, p->field->name);
        if (number)
            out_printf(d->out, "0x%0*" PRIx64 "  %s", (int)p->len * 2, p->value,
                       buf_str(&text));
        else if (bytes)
            out_visible(d->out, bytes, strnlen((const char *)bytes, (size_t)p->len));
        else
            out_printf(d->out, "%" PRIu64 " bytes", p->len);
        hits_text(&found, d->out);
        out_puts(d->out, "\n");
    }
    buf_free(&text);
}

static void fields(struct dump *d, const struct parts *parts)
{
    for (size_t i = 0; i < parts->n && out_ok(d->out); i++) {
        const struct part *p = &parts->list[i], *above = i ? p - 1 : NULL;
        const uint8_t *bytes = range_inside(p->off, p->len, d->img->head_len)
                             ? d->img->head + p->off : NULL;

        if (!d->json && (!above || p->table != above->table || p->index != above->index))
            out_printf(d->out, "%s\n", p->table->title);
        field_row(d, p, bytes);
    }
}

bool dump_header(struct dump *d, struct error *err)
{
    struct parts parts;

    if (!parts_of_header(d->img, &parts))
        return err_set(err, ERR_NOMEM, "out of memory");
    fields(d, &parts);
    parts_free(&parts);
    return true;
}

static void usage_json(struct jw *j, const struct usage *u)
{
    jw_u64(j, "l2-tables", u->l2_tables);
    jw_u64(j, "l2-unaligned", u->l2_unaligned);
    jw_u64(j, "l1-invalid", u->l1_invalid);
    jw_u64(j, "unallocated", u->unallocated);
    jw_u64(j, "zero-plain", u->zero_plain);
    jw_u64(j, "zero-allocated", u->zero_alloc);
    jw_u64(j, "normal", u->normal);
    jw_u64(j, "compressed", u->compressed);
    jw_u64(j, "unaligned", u->unaligned);
    jw_u64(j, "invalid", u->invalid);
    jw_u64(j, "same-as-active", u->same);
    jw_u64(j, "diverged", u->diverged);
    jw_u64(j, "alone-data-clusters", u->alone_data);
    jw_u64(j, "alone-table-clusters", u->alone_tables);
    jw_u64(j, "freed-if-deleted-clusters", u->alone_data + u->alone_tables);
    if (u->partial)
        jw_bool(j, "usage-partial", true);
}

static void snapshot_json(struct dump *d, size_t i, const struct usage *u)
{
    const struct snapshot *s = &d->img->snaps.list[i];
    struct problem_hits found = { .n = 0 };

    problem_index_bytes(d->index, s->entry_off, 1, &found);
    dump_line(d, "snapshot");
    jw_u64(&d->jw, "layer", i + 1);
    jw_bytes(&d->jw, "id", s->id, snapshot_id_len(s));
    jw_bytes(&d->jw, "name", s->name, snapshot_name_len(s));
    jw_u64(&d->jw, "file-offset", s->entry_off);
    jw_u64(&d->jw, "length", s->entry_len);
    jw_u64(&d->jw, "l1-offset", s->l1_table_offset);
    jw_u64(&d->jw, "l1-entries", s->l1_size);
    jw_u64(&d->jw, "date-sec", s->date_sec);
    jw_u64(&d->jw, "date-nsec", s->date_nsec);
    jw_u64(&d->jw, "vm-clock-nsec", s->vm_clock_nsec);
    jw_u64(&d->jw, "vm-state-size", s->vm_state_size);
    jw_u64(&d->jw, "disk-size", s->disk_size);
    jw_address(&d->jw, "icount", s->icount);
    jw_u64(&d->jw, "extra-data-size", s->extra_data_size);
    usage_json(&d->jw, u);
    hits_json(&found, &d->jw);
    dump_line_end(d);
}

static void snapshot_text(struct dump *d, size_t i, const struct usage *u)
{
    const struct snapshot *s = &d->img->snaps.list[i];
    struct problem_hits found = { .n = 0 };
    char size[TEXT_NUM], disk[TEXT_NUM];

    problem_index_bytes(d->index, s->entry_off, 1, &found);
    out_printf(d->out, "Snapshot %zu, id ", i + 1);
    out_visible(d->out, s->id, snapshot_id_len(s));
    out_puts(d->out, ", ");
    out_visible(d->out, s->name, snapshot_name_len(s));
    hits_text(&found, d->out);
    out_printf(d->out,
               "\n  entry at 0x%" PRIx64 ", %" PRIu64 " bytes; L1 table at 0x%" PRIx64
               ", %" PRIu64 " entries; disk %s, VM state %s\n",
               s->entry_off, s->entry_len, s->l1_table_offset, s->l1_size,
               text_size(disk, s->disk_size), text_size(size, s->vm_state_size));
    if (d->no_usage)
        return;
    if (u->partial)
        out_puts(d->out, "  too many tables to look at all of them; what was looked at:\n");
    out_printf(d->out, "  %" PRIu64 " L2 tables (%" PRIu64 " unaligned, %" PRIu64
               " invalid L1 entries)\n", u->l2_tables, u->l2_unaligned, u->l1_invalid);
    out_printf(d->out,
               "  entries: unallocated %" PRIu64 ", zero %" PRIu64
               ", allocated zero %" PRIu64 ", data %" PRIu64 ", compressed %" PRIu64
               ", unaligned %" PRIu64 ", invalid %" PRIu64 "\n",
               u->unallocated, u->zero_plain, u->zero_alloc, u->normal, u->compressed,
               u->unaligned, u->invalid);
    out_printf(d->out, "  shared with the active layer %" PRIu64 ", diverged %" PRIu64
               " guest clusters\n", u->same, u->diverged);
    out_printf(
        d->out,
        "  held by it alone: %" PRIu64 " clusters of data, %" PRIu64
        " of tables; deleting it frees %s\n",
        u->alone_data, u->alone_tables,
        text_size(size, (u->alone_data + u->alone_tables) << d->img->geo.cluster_bits));
}

bool dump_snapshots(struct dump *d, struct error *err)
{
    struct usage use = { 0 };
    uint64_t bytes_left = usage_bytes_max(d->img);

    for (size_t i = 0; i < d->img->snaps.n && out_ok(d->out); i++) {
        if (d->one_layer && d->layer != i + 1)
            continue;
        if (!d->no_usage && !usage_of_snapshot(d->scan, i, &bytes_left, &use, err))
            return false;
        if (d->json)
            snapshot_json(d, i, &use);
        else
            snapshot_text(d, i, &use);
    }
    return true;
}

static void bitmap_heading(struct dump *d, size_t i)
{
    const struct bitmap *b = &d->img->bitmaps.list[i];
    struct problem_hits found = { .n = 0 };

    problem_index_bytes(d->index, b->entry_off, 1, &found);
    if (d->json) {
        dump_line(d, "bitmap");
        jw_u64(&d->jw, "index", i);
        jw_bytes(&d->jw, "name", b->name, bitmap_name_len(b));
        jw_u64(&d->jw, "file-offset", b->entry_off);
        jw_u64(&d->jw, "length", b->entry_len);
        jw_u64(&d->jw, "table-offset", b->table_offset);
        jw_u64(&d->jw, "table-entries", b->table_size);
        jw_u64(&d->jw, "bitmap-type", b->type);
        jw_hex(&d->jw, "flags", b->flags);
        jw_u64(&d->jw, "granularity-bits", b->granularity_bits);
        jw_bool(&d->jw, "valid", b->sound);
        if (b->fault)
            jw_text(&d->jw, "fault", b->fault);
        hits_json(&found, &d->jw);
        dump_line_end(d);
        return;
    }
    out_printf(d->out, "Bitmap %zu, ", i + 1);
    out_visible(d->out, b->name, bitmap_name_len(b));
    out_printf(d->out,
               ": table at 0x%" PRIx64 ", %" PRIu64 " entries, granularity 2^%u%s%s",
               b->table_offset, b->table_size, b->granularity_bits,
               b->flags & BITMAP_AUTO ? ", enabled" : ", disabled",
               b->flags & BITMAP_IN_USE ? ", in use" : "");
    if (b->fault)
        out_printf(d->out, "; not valid: %s", b->fault);
    hits_text(&found, d->out);
    out_puts(d->out, "\n");
}

struct bitmap_dump { size_t i; uint64_t off, span; };

static uint64_t bitmap_guest(const struct bitmap_dump *b, uint64_t j)
{
    uint64_t guest;

    return u64_mul(j, b->span, &guest) ? guest : UINT64_MAX;
}

static void bitmap_row(struct dump *d, void *ctx, uint64_t j, uint64_t e,
                       struct problem_hits *found)
{
    const struct bitmap_dump *b = ctx;
    uint64_t off = e & ENTRY_OFFSET_MASK, at = b->off + j * 8, guest = bitmap_guest(b, j);
    const char *what = off                         ? "serialized"
                       : e & BITMAP_ENTRY_ALL_ONES ? "all-ones"
                                                   : "all-zeros";

    if (d->json) {
        dump_line(d, "bitmap-entry");
        jw_u64(&d->jw, "bitmap", b->i);
        jw_u64(&d->jw, "index", j);
        jw_u64(&d->jw, "file-offset", at);
        jw_hex(&d->jw, "raw", e);
        jw_text(&d->jw, "entry", what);
        jw_address(&d->jw, "guest-offset", guest);
        if (off) {
            jw_u64(&d->jw, "host-offset", off);
            dump_refcount_json(d, off);
        }
        hits_json(found, &d->jw);
        dump_line_end(d);
        return;
    }
    out_printf(d->out, "  [%" PRIu64 "] guest 0x%" PRIx64 "  0x%016" PRIx64 "  %s", j,
               guest, e, what);
    if (off) {
        out_printf(d->out, " at 0x%" PRIx64, off);
        dump_refcount_text(d, off);
    }
    hits_text(found, d->out);
    out_puts(d->out, "\n");
}

static void bitmap_empty(struct dump *d, void *ctx, uint64_t first, uint64_t n)
{
    const struct bitmap_dump *b = ctx;

    if (d->json) {
        dump_line(d, "bitmap-entry");
        jw_u64(&d->jw, "bitmap", b->i);
        jw_u64(&d->jw, "index", first);
        if (n > 1)
            jw_u64(&d->jw, "entries", n);
        jw_u64(&d->jw, "file-offset", b->off + first * 8);
        jw_hex(&d->jw, "raw", 0);
        jw_text(&d->jw, "entry", "all-zeros");
        jw_address(&d->jw, "guest-offset", bitmap_guest(b, first));
        dump_line_end(d);
    } else if (n == 1) {
        out_printf(d->out, "  [%" PRIu64 "] guest 0x%" PRIx64 "  all-zeros\n", first,
                   bitmap_guest(b, first));
    } else {
        out_printf(d->out, "  [%" PRIu64 " - %" PRIu64 "] guest 0x%" PRIx64 "  all-zeros\n",
                   first, first + n - 1, bitmap_guest(b, first));
    }
}

/* Guest bytes that one entry of a bitmap table stands for. */
static uint64_t bitmap_span(const struct dump *d, const struct bitmap *b)
{
    uint32_t bits = b->granularity_bits + d->img->geo.cluster_bits + 3;

    return b->granularity_bits < 40 && bits < 63 ? UINT64_C(1) << bits
                                                 : UINT64_C(1) << 63;
}

static void bitmap_table(struct dump *d, size_t i)
{
    const struct bitmap *b = &d->img->bitmaps.list[i];
    uint64_t max = BITMAP_TABLE_BYTES_MAX >> d->img->geo.cluster_bits;
    struct bitmap_dump bd = { i, b->table_offset, bitmap_span(d, b) };
    struct dump_words w = { .off = b->table_offset, .ctx = &bd, .row = bitmap_row,
                            .empty = bitmap_empty };

    w.end = image_entries_present(d->img, b->table_offset, u64_min(b->table_size, max));
    w.end = u64_min(w.end, div_up(d->to, bd.span));
    w.first = u64_min(d->from / bd.span, w.end);
    dump_words(d, &w);
}

bool dump_bitmaps(struct dump *d, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < d->img->bitmaps.n && out_ok(d->out); i++) {
        bitmap_heading(d, i);
        bitmap_table(d, i);
    }
    return true;
}
