/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A snapshot table that is lost. It may still be in the file, or older copies of it; else the
 * L1 tables of the snapshots are, and get new names. */
#include "config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage.h"
#include "plan/room.h"
#include "plan/snapshot_table.h"

#define FOUND_MAX   4096            /* L1 tables, and entries */

/* An entry of a snapshot table, somewhere in the file. */
struct entry_found {
    uint64_t off, table_off;        /* bytes of the file */
    struct snapshot_seen seen;
    unsigned long id;
    bool counted;                   /* its table has a refcount */
};

struct snapshot_l1 {
    uint64_t off, n;                /* entries, up to the last one in use at least */
};

struct snapshot_work {
    struct salvage *s;
    struct orphans o;
    struct snapshot_l1 *l1;            /* owned */
    struct entry_found *entry;      /* owned */
    size_t n_l1, n_entries;
    uint8_t *bytes;                 /* owned: a cluster */
    struct buf table;               /* as it is to be */
    size_t n_kept, n_named, n_made;
};

/* --- what reads like an L1 table --- */

const struct orphan *orphan_at(const struct orphans *o, uint64_t off)
{
    size_t lo;

    BISECT(lo, o->n, mid, o->list[mid].off >= off);
    return lo < o->n && o->list[lo].off == off ? &o->list[lo] : NULL;
}

static const struct l2_table *table_at(const struct scan_result *scan, uint64_t off)
{
    size_t lo;

    BISECT(lo, scan->l2 ? scan->n_l2 : 0, mid, scan->l2[mid].off >= off);
    return scan->l2 && lo < scan->n_l2 && scan->l2[lo].off == off ? &scan->l2[lo] : NULL;
}

bool orphan_reads_like_l1(const struct trial *t, const struct orphans *o,
                          const struct orphan *it, uint8_t *bytes, struct l1_fit *out)
{
    const struct geometry *geo = &t->img->geo;
    size_t n = (size_t)u64_min(geo->cluster_size / 8, L1_LOOKED_MAX), led = 0;
    uint64_t most = u64_max(geo->l1_needed, t->img->hdr.l1_size);       /* 0: not known */

    *out = (struct l1_fit){ 0 };
    if ((it->kind != ORPHAN_L2 && !geo->extended_l2)
        || !source_read(t->img->src, it->off, bytes, (size_t)geo->cluster_size, NULL))
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t e = be64(bytes + i * 8), off = e & ENTRY_OFFSET_MASK, stored;
        const struct l2_table *table;
        const struct orphan *lone;
        struct map_cell cell;

        if (!e)
            continue;
        out->used++;
        out->end = i + 1;
        if (!(e & L1_RESERVED_MASK) && off && !(off & (geo->cluster_size - 1))) {
            lone = orphan_at(o, off);
            table = table_at(t->scan, off);
            led += table || (lone && lone->kind == ORPHAN_L2);
            out->active += table && table->n_active && table->l1_index == i;
            map_get(t->scan->map, geo_cluster_of(geo, off), &cell);
            out->owed += image_stored_refcount(t->img, geo_cluster_of(geo, off), &stored)
                == STORED_OK && stored > cell.counted;
        }
        if (out->used >= 16 && led * 2 < out->used)
            return false;
    }
    /* One of the tables may be damaged. */
    return led && (led * 10 >= out->used * 9 || (led > 1 && led + 1 == out->used))
        && (!most || out->used <= most);
}

/* A table that is out of use does not count: by the refcounts somebody else refers to what it
 * leads to; where these are lost as well, it leads elsewhere than the active one. */
static bool of_a_snapshot(const struct snapshot_work *w, const struct l1_fit *fit)
{
    if (w->o.refcounts_known)
        return fit->owed * 10 >= fit->used * 9;
    return (w->s->header_lost || w->s->t->img->snaps.announced) && fit->active < fit->used;
}

/* Where the table starts of which this cluster is part: told by entries that the active one
 * has as well. */
static uint64_t l1_start(const struct snapshot_work *w, uint64_t off)
{
    const struct geometry *geo = &w->s->t->img->geo;
    uint64_t per = geo->cluster_size / 8;

    for (uint64_t i = 0; i < per; i++) {
        const struct l2_table *table = table_at(w->s->t->scan, be64(w->bytes + i * 8)
                                                & ENTRY_OFFSET_MASK);
        uint64_t before = table ? table->l1_index / per << geo->cluster_bits : 0;

        if (table && table->n_active && table->l1_index % per == i && before < off)
            return off - before;
    }
    return off;
}

static bool find_l1_tables(struct snapshot_work *w, struct error *err)
{
    const struct trial *t = w->s->t;
    const struct geometry *geo = &t->img->geo;
    uint64_t end = 0;

    w->l1 = calloc(FOUND_MAX, sizeof *w->l1);
    for (size_t i = 0; w->l1 && i < w->o.n && w->n_l1 < FOUND_MAX; i++) {
        const struct orphan *o = &w->o.list[i];
        struct snapshot_l1 *last = w->n_l1 ? &w->l1[w->n_l1 - 1] : NULL;
        struct l1_fit fit;

        if (!o->counted || !orphan_reads_like_l1(t, &w->o, o, w->bytes, &fit)
            || !of_a_snapshot(w, &fit))
            continue;
        if (last && o->off < end) {         /* its next cluster */
            last->n = u64_max(last->n, (o->off - last->off) / 8 + fit.end);
            continue;
        }
        last = &w->l1[w->n_l1++];
        last->off = l1_start(w, o->off);
        last->n = u64_max((o->off - last->off) / 8 + fit.end, geo->l1_needed);
        last->n = u64_min(last->n, (geo->file_size - last->off) / 8);
        end = last->off + round_up(last->n * 8, geo->cluster_size);
    }
    return w->l1 || err_set(err, ERR_NOMEM, "out of memory");
}

/* --- entries that are still in the file --- */

static void note_entries(struct snapshot_work *w, uint64_t table_off, bool counted)
{
    const struct image *img = w->s->t->img;
    struct entry_found e = { .off = table_off, .table_off = table_off, .counted = counted };
    char id[32] = "";

    while (w->n_entries < FOUND_MAX && snapshot_seems(img->src, &img->geo, e.off, &e.seen)) {
        memset(id, 0, sizeof id);
        (void)source_read(img->src, e.off + 40 + e.seen.extra_len, id,
                          (size_t)u64_min(e.seen.id_size, sizeof id - 1), NULL);
        e.id = strtoul(id, NULL, 10);
        w->entry[w->n_entries++] = e;
        e.off = round_up(e.off + e.seen.len, 8);
    }
}

static bool find_entries(struct snapshot_work *w, struct error *err)
{
    const struct image *img = w->s->t->img;

    w->entry = calloc(FOUND_MAX, sizeof *w->entry);
    if (!w->entry)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < w->o.n; i++) {
        uint8_t head[16];
        uint64_t l1;

        if (!source_read(img->src, w->o.list[i].off, head, sizeof head, NULL))
            continue;
        l1 = be64(head);
        if (l1 && l1 < img->geo.file_size && !(l1 & (img->geo.cluster_size - 1))
            && be_load(head + 8, 4) && be_load(head + 12, 2))
            note_entries(w, w->o.list[i].off, w->o.list[i].counted);
    }
    return true;
}

/* --- the table as it was --- */

static bool has_l1(const struct snapshot_work *w, uint64_t off)
{
    for (size_t i = 0; i < w->n_l1; i++)
        if (w->l1[i].off == off)
            return true;
    return false;
}

/* The one with most entries that lead to an L1 table that was found; 0: none. */
static uint64_t best_table(const struct snapshot_work *w, size_t *n_entries)
{
    uint64_t best = 0;
    size_t most = 0;

    for (size_t i = 0, end; i < w->n_entries; i = end) {
        size_t good = 0;

        for (end = i; end < w->n_entries && w->entry[end].table_off == w->entry[i].table_off;
             end++)
            good += has_l1(w, w->entry[end].seen.l1_off);
        if (w->entry[i].counted && good > most) {
            most = good;
            best = w->entry[i].table_off;
            *n_entries = end - i;
        }
    }
    return most == w->n_l1 ? best : 0;
}

static bool take_table(struct snapshot_work *w, uint64_t off, size_t n, struct error *err)
{
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step = salvage_step(w->s, err);

    if (!step)
        return false;
    edit_header(&step->patches, "nb_snapshots", n);
    edit_header(&step->patches, "snapshots_offset", off);
    buf_printf(&title, "Take the table of %zu snapshot%s at 0x%" PRIx64 ", which nobody refers "
               "to.", n, n == 1 ? "" : "s", off);
    buf_printf(&why, "Its entries lead to the L1 tables that have no owner (%s).",
               w->o.refcounts_known ? "likely" : "possible");
    return salvage_take(w->s, step, &title, &why, err);
}

/* --- a new one --- */

static bool is_kept(const struct snapshot_work *w, uint64_t l1_off)
{
    const struct image *img = w->s->t->img;

    for (size_t i = 0; i < img->snaps.n; i++)
        if (!snapshot_entry_lost(img, &img->snaps.list[i])
            && img->snaps.list[i].l1_table_offset == l1_off)
            return true;
    return false;
}

static bool keep_entries(struct snapshot_work *w, unsigned long *next_id, struct error *err)
{
    const struct image *img = w->s->t->img;

    for (size_t i = 0; i < img->snaps.n; i++) {
        const struct snapshot *s = &img->snaps.list[i];

        if (snapshot_entry_lost(img, s))
            continue;
        if (!snapshot_table_carry(img, s, &w->table, err))
            return false;
        if (strtoul(s->id, NULL, 10) >= *next_id)
            *next_id = strtoul(s->id, NULL, 10) + 1;
        w->n_kept++;
    }
    return true;
}

/* The entry that an older table has for that L1 table; NULL: none. */
static const struct entry_found *entry_for(const struct snapshot_work *w, uint64_t l1_off)
{
    const struct entry_found *best = NULL;

    for (size_t i = 0; i < w->n_entries; i++)
        if (w->entry[i].seen.l1_off == l1_off)
            best = &w->entry[i];
    return best;
}

static void make_entry(struct snapshot_work *w, const struct snapshot_l1 *l1, unsigned long id)
{
    const struct image *img = w->s->t->img;
    char id_text[24], name[40];
    struct snapshot s = {
        .l1_table_offset = l1->off, .l1_size = l1->n, .disk_size = img->hdr.size,
        .id = id_text, .name = name,
    };

    s.id_size = (uint64_t)snprintf(id_text, sizeof id_text, "%lu", id);
    s.name_size = (uint64_t)snprintf(name, sizeof name, "rescued-%lu", id);
    snapshot_table_make(&s, &w->table);
    w->n_made++;
}

static bool add_entries(struct snapshot_work *w, unsigned long next_id, struct error *err)
{
    const struct image *img = w->s->t->img;

    for (size_t i = 0; i < w->n_l1; i++) {
        const struct entry_found *e = entry_for(w, w->l1[i].off);

        if (e && e->id >= next_id && e->id < ULONG_MAX)
            next_id = e->id + 1;
    }
    for (size_t i = 0; i < w->n_l1; i++) {
        const struct entry_found *e = entry_for(w, w->l1[i].off);

        if (is_kept(w, w->l1[i].off))
            continue;
        if (e) {
            struct snapshot s = {
                .entry_off = e->off, .extra_data_size = e->seen.extra_len,
                .id_size = e->seen.len - e->seen.extra_len - 40, .disk_size = img->hdr.size,
            };

            if (!snapshot_table_carry(img, &s, &w->table, err))
                return false;
            w->n_named++;
        } else {
            make_entry(w, &w->l1[i], next_id++);
        }
    }
    return true;
}

/* A table that fits into the cluster of the old one, which nothing else uses, goes there. */
static bool write_over(const struct snapshot_work *w, size_t n, struct patches *out)
{
    const struct image *img = w->s->t->img;
    uint64_t off = img->hdr.snapshots_offset;
    struct map_cell cell;

    if (!img->snaps.announced || snapshots_offset_bad(&img->geo, off, 1)
        || w->table.len > img->geo.cluster_size
        || !range_inside(off, img->geo.cluster_size, img->geo.file_size))
        return false;
    map_get(w->s->t->scan->map, geo_cluster_of(&img->geo, off), &cell);
    if ((cell.owners & OWNER_KINDS) != OWNER_SNAPTABLE)
        return false;
    patches_zero(out, off, img->geo.cluster_size);
    patches_write(out, off, w->table.data, w->table.len);
    if (n != img->hdr.nb_snapshots)
        edit_header(out, "nb_snapshots", n);
    return true;
}

static bool write_table(struct snapshot_work *w, struct error *err)
{
    struct buf title = BUF_INIT, why = BUF_INIT;
    size_t n = w->n_kept + w->n_named + w->n_made;
    struct plan_step *step;
    struct room room;
    bool ok;

    step = salvage_step(w->s, err);
    if (!step)
        return false;
    room_init(&room, w->s->t);
    room.only_empty = true;
    ok = write_over(w, n, &step->patches)
        || snapshot_table_write(&room, &w->table, n, &step->patches, err);
    room_free(&room);
    if (!ok)
        return false;
    buf_printf(&title, "Write a snapshot table with %zu snapshot%s whose L1 tables were found.", n,
               n == 1 ? "" : "s");
    buf_printf(&why, "Nobody refers to these L1 tables%s (%s).", w->o.refcounts_known
               ? ", but by the refcounts something refers to what they lead to" : "",
               w->o.refcounts_known ? "likely" : "possible");
    if (w->n_kept)
        buf_printf(&why, " Entries that could be read: %zu.", w->n_kept);
    if (w->n_named)
        buf_printf(&why, " Entries from an older copy of the table: %zu.", w->n_named);
    if (w->n_made)
        buf_printf(&why, " Snapshots of which only the L1 table is known, called rescued-NUMBER: "
                   "%zu; their date is lost, and their size taken to be that of the disk.",
                   w->n_made);
    return salvage_take(w->s, step, &title, &why, err);
}

static bool compose(struct snapshot_work *w, struct error *err)
{
    unsigned long next_id = 1;

    return keep_entries(w, &next_id, err) && add_entries(w, next_id, err)
        && (!(w->n_named + w->n_made) || write_table(w, err));
}

bool salvage_snapshots(struct salvage *s, struct error *err)
{
    struct snapshot_work w = { .s = s, .table = BUF_INIT };
    uint64_t table;
    size_t n = 0;
    bool ok;

    w.bytes = malloc((size_t)s->t->img->geo.cluster_size);
    ok = w.bytes || err_set(err, ERR_NOMEM, "out of memory");
    ok = ok && orphans_collect(s->t, true, &w.o, err) && find_l1_tables(&w, err);
    if (ok && w.n_l1) {
        ok = find_entries(&w, err);
        table = ok ? best_table(&w, &n) : 0;
        if (ok)
            ok = table ? take_table(&w, table, n, err) : compose(&w, err);
    }
    orphans_free(&w.o);
    buf_free(&w.table);
    free(w.l1);
    free(w.entry);
    free(w.bytes);
    return ok;
}
