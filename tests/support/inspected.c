/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspected.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>

#include "inspect/preallocation.h"
#include "inspect/table.h"
#include "inspect/translate.h"
#include "inspect/usage.h"
#include "report/dump.h"

#define BYTES_APART 37          /* bytes of the file that are looked at */
#define ROWS_MAX    64          /* of a table: its first ones, and its last */
#define LAYERS_MAX  3u
#define TABLES_MAX  5u          /* L2 tables of a layer, refcount blocks, bitmaps */

static void put_place(const struct place *p, struct out *out)
{
    out_printf(out, " %d:%" PRIu32 ":%" PRIu64 ":%" PRIu64 ":%" PRIx64 ":%" PRIx64, p->kind,
               p->layer, p->i, p->j, p->file_off, p->guest_off);
}

/* --- bytes --- */

static void put_site(const struct image *img, const struct site *s, struct out *out)
{
    struct buf text = BUF_INIT;
    struct place target;
    const char *why = "";

    site_text(img, s, &text);
    out_printf(out, " %" PRIx64 "+%" PRIx64 " %" PRIx64 "%s %s", s->start, s->len, s->value,
               s->unreadable ? " unreadable" : "", buf_str(&text));
    if (s->place.kind == PLACE_NONE)
        out_puts(out, " nothing");
    else if (site_target(img, s, &target, &why))
        put_place(&target, out);
    else
        out_printf(out, " (%s)", why);
    put_place(&s->place, out);
    out_printf(out, " %" PRIu64 "\n", site_place_len(img, &s->place));
    buf_free(&text);
}

static void put_sites(const struct scan_result *scan, struct out *out)
{
    struct place hint = { .kind = PLACE_NONE };

    for (uint64_t off = 0; off < scan->img->geo.file_size + 2 * BYTES_APART;
         off += BYTES_APART) {
        struct site s;

        site_at(scan->img, off % 5 ? scan : NULL, off % 3 ? &hint : NULL, off, &s);
        out_printf(out, "%" PRIx64, off);
        put_site(scan->img, &s, out);
        hint = s.place;
    }
}

/* --- tables --- */

static void put_row(const struct table_row *r, struct out *out)
{
    out_printf(out, "%" PRIu64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %d %d%d > %" PRIx64 "+%" PRIx64,
               r->index, r->off, r->raw, r->bitmap, r->type, r->unreadable, r->used,
               r->target_off, r->target_len);
    if (r->has_counts)
        out_printf(out, " %" PRIu64 "/%" PRIu64 " %d%d", r->stored_known ? r->stored : 0,
                   r->counted_known ? r->counted : 0, r->stored_known, r->counted_known);
    if (r->problems)
        out_printf(out, " ! %zu %zu", r->problems, r->problem);
    for (int i = 0; r->has_strip && i < STRIP; i++)
        out_printf(out, " %u%s", r->strip[i], r->strip_bad[i] ? "!" : "");
    out_puts(out, "\n");
}

static void put_rows(const struct known *k, const struct table *t, struct out *out)
{
    uint64_t index[ROWS_MAX] = { 0 };
    struct table_row row[ROWS_MAX];
    size_t n = 0;

    for (uint64_t i = 0; i < t->n && n < ROWS_MAX / 2; i++)
        index[n++] = i;
    for (uint64_t i = u64_max(n, t->n - u64_min(t->n, ROWS_MAX / 2)); i < t->n; i++)
        index[n++] = i;
    table_read(k, t, index, n, row);
    for (size_t i = 0; i < n; i++) {
        struct place p = table_place(k->img, t, index[i]);
        struct table back;
        uint64_t at;

        put_row(&row[i], out);
        put_place(&p, out);
        if (i % 7 == 0 && table_of_place(k, &p, &back, &at))
            out_printf(out, " back %d %" PRIu64 " %" PRIx64 " %" PRIu64 "\n", back.kind, back.i,
                       back.off, at);
    }
}

/* Entries that problems concern, and rows in each order. */
static void put_orders(const struct known *k, const struct table *t, struct out *out)
{
    const struct problems *problems = &k->scan->problems;
    struct table_span *span = calloc(problems->n + 1, sizeof *span);
    struct table_wish w = { .spans = span };
    struct task_run run = { .cancel = false };

    assert_non_null(span);
    for (size_t i = 0; i < problems->n; i++)
        if (table_problem_rows(k->img, t, &problems->list[i], &span[w.n_spans].first,
                               &span[w.n_spans].last)) {
            out_printf(out, "rows %" PRIu64 "-%" PRIu64 "\n", span[w.n_spans].first,
                       span[w.n_spans].last);
            w.n_spans++;
        }
    for (int o = 0; o < 2 * N_TABLE_ORDERS; o++) {
        struct table_listing l;

        w.order = (enum table_order)(o / 2);
        w.used_only = o % 2;
        if (t->n > 100000 || !table_has_order(k->img, t->kind, w.order) ||
            !table_list_rows(k->img, t, &w, &run, &l, NULL))
            continue;
        out_printf(out, "%s %d: %zu", table_order_name(w.order), w.used_only, l.n);
        for (size_t i = 0; i < l.n && i < 40; i++)
            out_printf(out, " %" PRIu32, l.row[i]);
        for (uint64_t i = 0; l.row_of && i < t->n && i < 40; i++)
            out_printf(out, " %" PRIu32, l.row_of[i]);
        out_puts(out, "\n");
        table_listing_free(&l);
    }
    free(span);
}

static void put_quests(const struct known *k, const struct table *t, struct out *out)
{
    for (uint64_t c = 1; c < 12 && t->n && t->n <= 100000; c++) {
        struct table_quest q = { .table = *t, .index = c * 5 % t->n,
                                 .wanted = (c << k->img->geo.cluster_bits) + c,
                                 .dir = c % 2 ? 1 : -1 };
        struct task_run run = { .cancel = false };

        if (table_find(k->img, &q, &run, NULL))
            out_printf(out, "found %" PRIu64 ": %d %" PRIu32 " %" PRIu64 " %" PRIu64 "%s\n", c,
                       q.table.kind, q.table.layer, q.table.i, q.index,
                       q.wrapped ? " wrapped" : "");
    }
}

static void put_table(const struct known *k, enum table_kind kind, uint32_t layer, uint64_t i,
                      struct out *out)
{
    struct table t = { .kind = kind, .layer = layer, .i = i };
    struct buf title = BUF_INIT;

    table_resolve(k->img, &t);
    table_title(k->img, &t, &title);
    out_printf(out, "== %s %" PRIx64 " %" PRIu64 " %s\n", buf_str(&title), t.off, t.n,
               t.off == NO_ADDRESS && t.why ? t.why : "");
    buf_free(&title);
    if (t.off == NO_ADDRESS)
        return;
    put_rows(k, &t, out);
    put_orders(k, &t, out);
    put_quests(k, &t, out);
}

static void put_tables(const struct scan_result *scan, struct out *out)
{
    struct known k = { .img = scan->img, .scan = scan };
    struct problem_index *index;

    assert_true(problem_index_new(scan, &index, NULL));
    k.index = index;
    for (uint32_t layer = 0; layer <= u64_min(scan->img->snaps.n, LAYERS_MAX); layer++) {
        put_table(&k, TABLE_L1, layer, 0, out);
        for (uint64_t i = 0; i < TABLES_MAX; i++)
            put_table(&k, TABLE_L2, layer, i, out);
    }
    put_table(&k, TABLE_REFTABLE, 0, 0, out);
    put_table(&k, TABLE_SNAPSHOTS, 0, 0, out);
    put_table(&k, TABLE_BITMAPS, 0, 0, out);
    for (uint64_t i = 0; i < TABLES_MAX; i++) {
        put_table(&k, TABLE_REFBLOCK, 0, i, out);
        put_table(&k, TABLE_BITMAP, 0, i, out);
    }
    for (uint64_t c = 0; c < scan->img->geo.n_clusters + 3; c += 3) {
        const struct place p = { .kind = PLACE_CLUSTER, .i = c, .file_off = NO_ADDRESS,
                                 .guest_off = NO_ADDRESS };
        struct table t;
        uint64_t row;

        if (table_of_place(&k, &p, &t, &row))
            out_printf(out, "%" PRIu64 " in %d %" PRIu64 " %" PRIu64 "\n", c, t.kind, t.i, row);
    }
    problem_index_free(index);
}

/* --- snapshots and the guest's disk --- */

static void put_layers(const struct scan_result *scan, struct out *out)
{
    const struct image *img = scan->img;
    uint64_t left = usage_bytes_max(img), cs = img->geo.cluster_size;

    out_printf(out, "preallocation %s, %s\n",
               preallocation_name(preallocation_from_tables(img)),
               preallocation_name(preallocation_from_scan(scan)));
    for (size_t i = 0; i < img->snaps.n && i < LAYERS_MAX; i++) {
        struct usage u;

        if (usage_of_snapshot(scan, i, &left, &u, NULL))
            out_printf(out, "%zu: %" PRIu64 " %" PRIu64 " %" PRIu64 " | %" PRIu64 " %" PRIu64
                       " %" PRIu64 " %" PRIu64 " %" PRIu64 " | %" PRIu64 " %" PRIu64 " | %" PRIu64
                       " %" PRIu64 " | %" PRIu64 " %" PRIu64 " %d, %" PRIu64 " left\n", i,
                       u.l2_tables, u.l2_unaligned, u.l1_invalid, u.unallocated, u.zero_plain,
                       u.zero_alloc, u.normal, u.compressed, u.unaligned, u.invalid, u.same,
                       u.diverged, u.alone_data, u.alone_tables, u.partial, left);
    }
    for (uint32_t layer = 0; layer <= u64_min(img->snaps.n, LAYERS_MAX); layer++)
        for (uint64_t g = 0; g < 64; g++) {
            struct buf text = BUF_INIT;

            /* each subcluster once or twice */
            if (translate_text(img, layer, g * (cs + cs / 64) + g, &text))
                out_printf(out, "%s\n", buf_str(&text));
            buf_free(&text);
        }
}

/* --- listings, with each choice of what to list --- */

static void put_listing(const struct scan_result *scan, unsigned choice, struct out *out)
{
    static bool (*const dump[])(struct dump *d, struct error *err) = {
        dump_l1, dump_l2, dump_refcounts, dump_snapshots, dump_bitmaps, dump_ranges,
    };
    uint64_t size = scan->img->geo.size;

    for (size_t i = 0; i < sizeof dump / sizeof dump[0]; i++) {
        struct dump d;

        assert_true(dump_begin(&d, scan, out, choice & 1, NULL));
        d.used = choice & 2;
        d.one_layer = choice & 4 && scan->img->snaps.n;
        d.layer = d.one_layer ? 1 : 0;
        d.hide_refcounts = choice & 4 ? choice & 3 : 0;
        d.snapshot_rows_max = choice & 4 ? 3 : 0;
        if (choice & 2) {               /* dump_refcounts takes file bytes */
            d.from = size / 5 & ~UINT64_C(511);
            d.to = size / 5 * 3 & ~UINT64_C(511);
        }
        out_printf(out, "== listing %zu, %u: %d\n", i, choice, dump[i](&d, NULL));
        if (choice & 1)
            dump_end_record(&d);
        dump_end(&d);
    }
}

static void put_listings(const struct scan_result *scan, struct out *out)
{
    if (scan->img->geo.size > UINT64_C(1) << 30 || scan->stats.active.normal > 300)
        return;                         /* long, and nothing new in it */
    for (unsigned choice = 0; choice < 8; choice++)
        put_listing(scan, choice, out);
}

const struct report_part inspected_parts[] = {
    { "sites", put_sites }, { "tables", put_tables }, { "layers", put_layers },
    { "listings", put_listings }, { NULL, NULL },
};
