/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L1 tables. */
#include "config.h"

#include <inttypes.h>

#include "report/dump.h"

struct l1_stats { uint64_t used, unused, unaligned, invalid; };

static void row_text(struct dump *d, uint64_t i, uint64_t guest, uint64_t e,
                     const struct problem_hits *found)
{
    uint64_t l2 = e & ENTRY_OFFSET_MASK;

    out_printf(d->out, "  [%" PRIu64 "] guest 0x%" PRIx64 "  0x%016" PRIx64, i, guest, e);
    if (l2) {
        out_printf(d->out, "  L2 table at 0x%" PRIx64 " (cluster %" PRIu64 ")%s", l2,
                   geo_cluster_of(&d->img->geo, l2), e & OFLAG_COPIED ? "  copied" : "");
        dump_refcount_text(d, l2);
    } else if (e) {
        out_puts(d->out, "  no offset");
    } else {
        out_puts(d->out, "  empty");
    }
    hits_text(found, d->out);
    out_puts(d->out, "\n");
}

static void row_json(struct dump *d, uint32_t layer, uint64_t i, uint64_t at,
                     uint64_t guest, uint64_t e, const struct problem_hits *found)
{
    uint64_t l2 = e & ENTRY_OFFSET_MASK;

    dump_line(d, "l1-entry");
    jw_u64(&d->jw, "layer", layer);
    jw_u64(&d->jw, "index", i);
    jw_u64(&d->jw, "file-offset", at);
    jw_u64(&d->jw, "guest-offset", guest);
    jw_hex(&d->jw, "raw", e);
    if (l2) {
        jw_u64(&d->jw, "l2-offset", l2);
        jw_bool(&d->jw, "copied", e & OFLAG_COPIED);
        dump_refcount_json(d, l2);
    }
    hits_json(found, &d->jw);
    dump_line_end(d);
}

static void judge(const struct geometry *geo, uint64_t e, struct l1_stats *st)
{
    uint64_t l2 = e & ENTRY_OFFSET_MASK;

    st->used += e != 0;
    st->unaligned += l2 % geo->cluster_size != 0;
    st->invalid += (e & L1_RESERVED_MASK) != 0;
}

static void totals(struct dump *d, uint32_t layer, const struct l1_stats *st)
{
    if (d->json) {
        dump_line(d, "l1-table");
        jw_u64(&d->jw, "layer", layer);
        jw_u64(&d->jw, "used", st->used);
        jw_u64(&d->jw, "unused", st->unused);
        jw_u64(&d->jw, "unaligned", st->unaligned);
        jw_u64(&d->jw, "invalid", st->invalid);
        dump_line_end(d);
    } else {
        out_printf(d->out, "  used %" PRIu64 ", unused %" PRIu64 ", unaligned %" PRIu64
                   ", invalid %" PRIu64 "\n", st->used, st->unused, st->unaligned,
                   st->invalid);
    }
}

struct l1_dump { uint32_t layer; uint64_t off; struct l1_stats st; };

static void row(struct dump *d, void *ctx, uint64_t i, uint64_t e, struct problem_hits *found)
{
    struct l1_dump *l1 = ctx;
    const struct geometry *geo = &d->img->geo;

    judge(geo, e, &l1->st);
    if (e & ENTRY_OFFSET_MASK)
        problem_index_clusters(d->index, geo_cluster_of(geo, e & ENTRY_OFFSET_MASK), 1, found);
    if (d->json)
        row_json(d, l1->layer, i, l1->off + i * 8, geo_guest_off(geo, i, 0), e, found);
    else
        row_text(d, i, geo_guest_off(geo, i, 0), e, found);
}

/* Empty entries that follow each other are one line. */
static void empty_run(struct dump *d, void *ctx, uint64_t first, uint64_t n)
{
    const struct l1_dump *l1 = ctx;

    if (d->json) {
        dump_line(d, "l1-entry");
        jw_u64(&d->jw, "layer", l1->layer);
        jw_u64(&d->jw, "index", first);
        if (n > 1)
            jw_u64(&d->jw, "entries", n);
        jw_u64(&d->jw, "file-offset", l1->off + first * 8);
        jw_u64(&d->jw, "guest-offset", geo_guest_off(&d->img->geo, first, 0));
        jw_hex(&d->jw, "raw", 0);
        dump_line_end(d);
    } else if (n == 1) {
        out_printf(d->out, "  [%" PRIu64 "] empty\n", first);
    } else {
        out_printf(d->out, "  [%" PRIu64 " - %" PRIu64 "] empty\n", first, first + n - 1);
    }
}

static void print_layer(struct dump *d, uint32_t layer)
{
    const struct geometry *geo = &d->img->geo;
    struct l1_dump dump = { .layer = layer };
    struct dump_words w = { .ctx = &dump, .row = row, .empty = empty_run };
    struct layer_l1 l1;

    dump_layer_heading(d, layer);
    image_layer_l1(d->img, layer, &l1);
    dump.off = w.off = l1.off;
    w.end = u64_min(l1.n, div_up(d->to, geo->l2_span));
    w.first = u64_min(d->from / geo->l2_span, w.end);
    dump_words(d, &w);
    dump.st.unused = w.end - w.first - dump.st.used;
    totals(d, layer, &dump.st);
}

/* Thousands of snapshots may claim the same bytes as their L1 tables. */
static bool too_many_rows(const struct dump *d, uint32_t layer, uint64_t *rows)
{
    struct layer_l1 l1;

    image_layer_l1(d->img, layer, &l1);
    *rows += l1.present;
    if (*rows <= d->snapshot_rows_max)
        return false;
    out_printf(d->out, "The L1 tables of %u more snapshots are too long to be listed "
               "here; qcheck dump l1 --snapshot=ID lists one.\n",
               dump_layers(d) - layer);
    return true;
}

bool dump_l1(struct dump *d, struct error *err)
{
    uint64_t rows = 0;

    (void)err;
    for (uint32_t t = 0; t < dump_layers(d); t++) {
        if (!dump_wants_layer(d, t))
            continue;
        if (t && d->snapshot_rows_max && too_many_rows(d, t, &rows))
            break;
        print_layer(d, t);
    }
    return true;
}
