/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/dump.h"
#include "qcow2/names.h"

struct l2_stats {
    uint64_t tables, unallocated, zero_plain, zero_alloc, normal, compressed;
    uint64_t unaligned, invalid, copied_wrong;
};

/* One walk over the L2 tables of a layer. */
struct l2_walk {
    struct dump *d;
    uint32_t layer;
    uint64_t l1_index, l2_off;  /* of the table being printed */
    uint64_t *l1;               /* DUMP_BATCH entries */
    struct l2_entry *entry;     /* DUMP_BATCH entries */
    uint64_t empty, n_empty;    /* entries that follow each other, not printed yet */
    struct l2_stats one, all;
    struct data_memo memo;
};

static bool in_this_file(const struct l2_walk *w, const struct l2_entry *e)
{
    return l2_entry_has_host(e) && !(w->d->img->geo.data_file && e->type != L2_COMPRESSED);
}

static void judge(const struct l2_walk *w, const struct l2_entry *e, struct l2_stats *st)
{
    uint64_t stored;

    st->unallocated += e->type == L2_UNALLOCATED;
    st->zero_plain += e->type == L2_ZERO_PLAIN;
    st->zero_alloc += e->type == L2_ZERO_ALLOC;
    st->normal += e->type == L2_NORMAL;
    st->compressed += e->type == L2_COMPRESSED;
    st->invalid += l2_entry_invalid(&w->d->img->geo, e);
    if (e->type != L2_NORMAL && e->type != L2_ZERO_ALLOC)
        return;
    st->unaligned += e->host_off % w->d->img->geo.cluster_size != 0;
    if (w->layer != LAYER_ACTIVE || w->d->img->geo.data_file)
        return;
    if (stored_get(&w->d->stored, geo_cluster_of(&w->d->img->geo, e->host_off),
                   &stored) <= STORED_NO_BLOCK)
        st->copied_wrong += e->copied != (stored == 1);
}

static void add(struct l2_stats *to, const struct l2_stats *st)
{
    to->tables++;
    to->unallocated += st->unallocated;
    to->zero_plain += st->zero_plain;
    to->zero_alloc += st->zero_alloc;
    to->normal += st->normal;
    to->compressed += st->compressed;
    to->unaligned += st->unaligned;
    to->invalid += st->invalid;
    to->copied_wrong += st->copied_wrong;
}

static void row_text(struct l2_walk *w, uint64_t j, uint64_t guest,
                     const struct l2_entry *e, const struct problem_hits *found)
{
    struct out *out = w->d->out;

    out_puts(out, "  [");
    out_dec(out, w->l1_index);
    out_puts(out, "][");
    out_dec(out, j);
    out_puts(out, "] guest 0x");
    out_hex(out, guest, 1);
    out_puts(out, "  0x");
    out_hex(out, e->raw, 16);
    if (w->d->img->geo.extended_l2) {
        out_puts(out, " ");
        out_hex(out, e->bitmap, 16);
    }
    out_puts(out, "  ");
    out_puts(out, l2_type_name(e->type));
    if (l2_entry_has_host(e)) {
        out_puts(out, " at 0x");
        out_hex(out, e->host_off, 1);
        if (e->type == L2_COMPRESSED)
            out_printf(out, ", %" PRIu64 " bytes", e->host_len);
        if (e->copied)
            out_puts(out, "  copied");
    }
    if (in_this_file(w, e))
        dump_refcount_text(w->d, e->host_off);
    hits_text(found, out);
    out_puts(out, "\n");
}

static void row_json(struct l2_walk *w, uint64_t j, uint64_t guest,
                     const struct l2_entry *e, const struct problem_hits *found)
{
    struct jw *jw = &w->d->jw;

    dump_line(w->d, "l2-entry");
    jw_u64(jw, "layer", w->layer);
    jw_u64(jw, "l1-index", w->l1_index);
    jw_u64(jw, "l2-index", j);
    jw_u64(jw, "file-offset", w->l2_off + j * w->d->img->geo.l2_entry_size);
    jw_u64(jw, "guest-offset", guest);
    jw_hex(jw, "raw", e->raw);
    if (w->d->img->geo.extended_l2)
        jw_hex(jw, "subclusters", e->bitmap);
    jw_text(jw, "entry", l2_type_id(e->type));
    if (l2_entry_has_host(e)) {
        jw_u64(jw, "host-offset", e->host_off);
        if (e->type == L2_COMPRESSED)
            jw_u64(jw, "host-length", e->host_len);
        jw_bool(jw, "copied", e->copied);
    }
    if (in_this_file(w, e))
        dump_refcount_json(w->d, e->host_off);
    hits_json(found, jw);
    dump_line_end(w->d);
}

static void stats_json(struct l2_walk *w, const struct l2_stats *st)
{
    struct jw *jw = &w->d->jw;

    jw_u64(jw, "unallocated", st->unallocated);
    jw_u64(jw, "zero-plain", st->zero_plain);
    jw_u64(jw, "zero-allocated", st->zero_alloc);
    jw_u64(jw, "normal", st->normal);
    jw_u64(jw, "compressed", st->compressed);
    jw_u64(jw, "unaligned", st->unaligned);
    jw_u64(jw, "invalid", st->invalid);
    if (w->layer == LAYER_ACTIVE)
        jw_u64(jw, "copied-mismatch", st->copied_wrong);
    dump_line_end(w->d);
}

static void stats_text(struct l2_walk *w, const struct l2_stats *st)
{
    out_printf(w->d->out,
               "unallocated %" PRIu64 ", zero %" PRIu64 ", allocated zero %" PRIu64
               ", data %" PRIu64 ", compressed %" PRIu64 ", unaligned %" PRIu64
               ", invalid %" PRIu64,
               st->unallocated, st->zero_plain, st->zero_alloc, st->normal,
               st->compressed, st->unaligned, st->invalid);
    if (w->layer == LAYER_ACTIVE)
        out_printf(w->d->out, ", COPIED mismatches %" PRIu64, st->copied_wrong);
    out_puts(w->d->out, "\n");
}

static void table_end(struct l2_walk *w)
{
    if (w->d->json) {
        dump_line(w->d, "l2-table");
        jw_u64(&w->d->jw, "layer", w->layer);
        jw_u64(&w->d->jw, "l1-index", w->l1_index);
        jw_u64(&w->d->jw, "offset", w->l2_off);
        stats_json(w, &w->one);
    } else {
        out_printf(w->d->out, "  L2 table %" PRIu64 " at 0x%" PRIx64 ": ", w->l1_index,
                   w->l2_off);
        stats_text(w, &w->one);
    }
    add(&w->all, &w->one);
}

/* Prints the empty entries before this one: those that follow each other are one line. */
static void empty_run(struct l2_walk *w)
{
    struct dump *d = w->d;
    const struct geometry *geo = &d->img->geo;
    uint64_t first = w->empty, n = w->n_empty;
    uint64_t guest = geo_guest_off(geo, w->l1_index, first);

    w->n_empty = 0;
    if (!n)
        return;
    if (d->json) {
        dump_line(d, "l2-entry");
        jw_u64(&d->jw, "layer", w->layer);
        jw_u64(&d->jw, "l1-index", w->l1_index);
        jw_u64(&d->jw, "l2-index", first);
        if (n > 1)
            jw_u64(&d->jw, "entries", n);
        jw_u64(&d->jw, "file-offset", w->l2_off + first * geo->l2_entry_size);
        jw_u64(&d->jw, "guest-offset", guest);
        jw_hex(&d->jw, "raw", 0);
        if (geo->extended_l2)
            jw_hex(&d->jw, "subclusters", 0);
        jw_text(&d->jw, "entry", l2_type_id(L2_UNALLOCATED));
        dump_line_end(d);
        return;
    }
    out_printf(d->out, "  [%" PRIu64 "][%" PRIu64, w->l1_index, first);
    if (n > 1)
        out_printf(d->out, " - %" PRIu64, first + n - 1);
    out_printf(d->out, "] guest 0x%" PRIx64 "  %s\n", guest, l2_type_name(L2_UNALLOCATED));
}

/* Entries [first, end) are empty, without problems. */
static void add_empty(struct l2_walk *w, uint64_t first, uint64_t end)
{
    const struct geometry *geo = &w->d->img->geo;
    uint64_t start = geo_guest_off(geo, w->l1_index, 0);

    if (w->d->from > start)
        first = u64_max(first, (w->d->from - start) >> geo->cluster_bits);
    end = u64_min(end, div_up(w->d->to - start, geo->cluster_size));
    if (first >= end)
        return;
    w->one.unallocated += end - first;
    if (w->d->used)
        return;
    if (!w->n_empty)
        w->empty = first;
    w->n_empty += end - first;
}

static void row(struct l2_walk *w, uint64_t j, const struct l2_entry *e)
{
    struct dump *d = w->d;
    const struct geometry *geo = &d->img->geo;
    uint64_t guest = geo_guest_off(geo, w->l1_index, j);
    struct problem_hits found = { .n = 0 };

    if (guest >= d->to || (guest < d->from && d->from - guest >= geo->cluster_size))
        return;
    problem_index_bytes(d->index, w->l2_off + j * geo->l2_entry_size, 1, &found);
    if (in_this_file(w, e))
        problem_index_clusters(d->index, geo_cluster_of(geo, e->host_off), 1, &found);
    if (!e->raw && !e->bitmap && !found.n) {
        add_empty(w, j, j + 1);
        return;
    }
    empty_run(w);
    judge(w, e, &w->one);
    if (d->json)
        row_json(w, j, guest, e, &found);
    else
        row_text(w, j, guest, e, &found);
}

static void one_table(struct l2_walk *w)
{
    const struct geometry *geo = &w->d->img->geo;
    const uint64_t n_batches = div_up(geo->l2_entries, DUMP_BATCH);
    uint64_t b = 0;

    w->one = (struct l2_stats){ 0 };
    while (b < n_batches && out_ok(w->d->out)) {
        /* What lies in holes is not read. */
        uint64_t data = source_next_unit(w->d->img->src, &w->memo, w->l2_off,
                                         DUMP_BATCH * geo->l2_entry_size, b, n_batches);
        uint64_t j = data * DUMP_BATCH;
        size_t n = data < n_batches ? (size_t)u64_min(DUMP_BATCH, geo->l2_entries - j) : 0;
        struct error why;

        if (data > b)
            add_empty(w, b * DUMP_BATCH, u64_min(j, geo->l2_entries));
        if (n && !image_read_l2(w->d->img, w->l2_off, j, n, w->entry, &why))
            dump_lost(w->d, &why);
        for (size_t k = 0; k < n; k++)
            row(w, j + k, &w->entry[k]);
        b = data + 1;
    }
    empty_run(w);
    table_end(w);
}

static void layer(struct l2_walk *w)
{
    struct dump *d = w->d;
    const struct geometry *geo = &d->img->geo;
    struct data_memo memo = { 0, 0, 0 };
    struct error why;
    struct layer_l1 l1;

    w->all = (struct l2_stats){ 0 };
    dump_layer_heading(d, w->layer);
    image_layer_l1(d->img, w->layer, &l1);
    for (uint64_t i = 0; i < l1.present && out_ok(d->out); i++) {
        if (i % DUMP_BATCH == 0)
            i = source_next_unit(d->img->src, &memo, l1.off, DUMP_BATCH * 8, i / DUMP_BATCH,
                                 div_up(l1.present, DUMP_BATCH)) * DUMP_BATCH;
        if (i >= l1.present)
            break;
        if (i % DUMP_BATCH == 0 &&
            !image_read_l1(d->img, l1.off, i,
                           (size_t)u64_min(DUMP_BATCH, l1.present - i), w->l1, &why))
            dump_lost(d, &why);
        w->l1_index = i;
        w->l2_off = w->l1[i % DUMP_BATCH] & ENTRY_OFFSET_MASK;
        if (!w->l2_off || geo_guest_off(geo, i, 0) >= d->to ||
            geo_guest_off(geo, i + 1, 0) <= d->from)
            continue;
        one_table(w);
    }
    if (d->json) {
        dump_line(d, "l2-total");
        jw_u64(&d->jw, "layer", w->layer);
        jw_u64(&d->jw, "tables", w->all.tables);
        stats_json(w, &w->all);
    } else {
        out_printf(d->out, "  %" PRIu64 " L2 tables: ", w->all.tables);
        stats_text(w, &w->all);
    }
}

bool dump_l2(struct dump *d, struct error *err)
{
    struct l2_walk w = { .d = d };
    bool ok;

    w.l1 = calloc(DUMP_BATCH, sizeof *w.l1);
    w.entry = calloc(DUMP_BATCH, sizeof *w.entry);
    ok = (w.l1 && w.entry) || err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t t = 0; ok && t < dump_layers(d); t++) {
        w.layer = t;
        if (dump_wants_layer(d, t))
            layer(&w);
    }
    free(w.l1);
    free(w.entry);
    return ok;
}
