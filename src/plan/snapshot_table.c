/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A snapshot table that QEMU does not take, although each of its entries can be read: extra
 * data that is missing, or of an impossible length, and an offset without a table. Entries that
 * are lost are dropped, where loss is accepted. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "plan/edit.h"
#include "plan/planner.h"
#include "plan/room.h"
#include "plan/snapshot_table.h"

#define FIXED       40              /* bytes of an entry before its extra data */
#define EXTRA_SIZE  36              /* where its length stands */
#define EXTRA_MIN   16              /* that version 3 must have */

static bool stored_extra(const struct image *img, const struct snapshot *s, uint64_t *out,
                         struct error *err)
{
    uint8_t bytes[4];

    if (!source_read(img->src, s->entry_off + EXTRA_SIZE, bytes, 4, err))
        return false;
    *out = be32(bytes);
    return true;
}

/* Does QEMU take the entries as they are? */
static bool entries_good(const struct image *img, bool *good, struct error *err)
{
    *good = true;
    for (size_t i = 0; i < img->snaps.n; i++) {
        const struct snapshot *s = &img->snaps.list[i];
        uint64_t stored;

        if (!stored_extra(img, s, &stored, err))
            return false;
        *good &= stored == s->extra_data_size
            && (img->geo.version < 3 || stored >= EXTRA_MIN);
    }
    return true;
}

static void pad(struct buf *table)
{
    while (table->len % 8 && !table->failed)
        buf_putc(table, '\0');
}

bool snapshot_table_carry(const struct image *img, const struct snapshot *s, struct buf *table,
                          struct error *err)
{
    uint64_t extra = s->extra_data_size, wanted = extra;
    size_t names = (size_t)(s->id_size + s->name_size);
    uint8_t *bytes;

    if (img->geo.version >= 3)
        wanted = u64_max(wanted, EXTRA_MIN);
    bytes = calloc(1, FIXED + (size_t)wanted + names);
    if (!bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!source_read(img->src, s->entry_off, bytes, FIXED, err)
        || !source_read(img->src, s->entry_off + FIXED, bytes + FIXED, (size_t)extra, err)
        || !source_read(img->src, s->entry_off + FIXED + extra, bytes + FIXED + wanted, names,
                        err)) {
        free(bytes);
        return false;
    }
    be_store(bytes + EXTRA_SIZE, 4, wanted);
    if (wanted > extra) {
        be_store(bytes + FIXED, 8, s->vm_state_size);
        be_store(bytes + FIXED + 8, 8, s->disk_size);
    }
    buf_add(table, bytes, FIXED + (size_t)wanted + names);
    pad(table);
    free(bytes);
    return !table->failed || err_set(err, ERR_NOMEM, "out of memory");
}

void snapshot_table_make(const struct snapshot *s, struct buf *table)
{
    uint8_t bytes[FIXED + EXTRA_MIN] = { 0 };

    be_store(bytes, 8, s->l1_table_offset);
    be_store(bytes + 8, 4, s->l1_size);
    be_store(bytes + 12, 2, s->id_size);
    be_store(bytes + 14, 2, s->name_size);
    be_store(bytes + EXTRA_SIZE, 4, EXTRA_MIN);
    be_store(bytes + FIXED + 8, 8, s->disk_size);
    buf_add(table, bytes, sizeof bytes);
    buf_add(table, s->id, (size_t)s->id_size);
    buf_add(table, s->name, (size_t)s->name_size);
    pad(table);
}

bool snapshot_table_write(struct room *room, const struct buf *table, size_t n,
                          struct patches *out, struct error *err)
{
    const struct geometry *geo = &room->trial->img->geo;
    uint64_t first, off;

    if (!room_take(room, div_up(table->len, geo->cluster_size), &first, err))
        return false;
    off = first << geo->cluster_bits;
    patches_zero(out, off, round_up(table->len, geo->cluster_size));
    patches_write(out, off, table->data, table->len);
    edit_header(out, "snapshots_offset", off);
    if (n != room->trial->img->hdr.nb_snapshots)
        edit_header(out, "nb_snapshots", n);
    room_set_length(room, out);
    return true;
}

/* Entries of zeros are what is left of a table that is lost: they say nothing. */
static bool readable(const struct snapshots *s)
{
    if (s->n != s->announced || s->bad.len
        || (s->end != SNAPSHOTS_COMPLETE && s->end != SNAPSHOTS_EXTRA_TOO_LARGE))
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].id_cut || (!s->list[i].id_size && !s->list[i].l1_size)
            || s->list[i].extra_data_size > SNAPSHOT_EXTRA_MAX)
            return false;
    return true;
}

bool snapshot_entry_lost(const struct image *img, const struct snapshot *s)
{
    return s->id_cut || (!s->id_size && !s->l1_size)
        || s->extra_data_size > SNAPSHOT_EXTRA_MAX
        || s->l1_table_offset & (img->geo.cluster_size - 1)
        || s->l1_table_offset >= img->geo.file_size;
}

static size_t n_kept(const struct image *img)
{
    size_t n = 0;

    for (size_t i = 0; i < img->snaps.n; i++)
        n += !snapshot_entry_lost(img, &img->snaps.list[i]);
    return n;
}

/* The table with all its entries, or with those that are not lost. */
static bool new_table(struct trial *t, bool drop, struct patches *round, struct error *err)
{
    const struct image *img = t->img;
    struct buf table = BUF_INIT;
    struct room room;
    size_t n = 0;
    bool ok = true;

    room_init(&room, t);
    for (size_t i = 0; ok && i < img->snaps.n; i++) {
        if (drop && snapshot_entry_lost(img, &img->snaps.list[i]))
            continue;
        ok = snapshot_table_carry(img, &img->snaps.list[i], &table, err);
        n++;
    }
    ok = ok && snapshot_table_write(&room, &table, n, round, err);
    room_free(&room);
    buf_free(&table);
    return ok;
}

/* A number of snapshots where there is no table, and no cluster that could be theirs. */
static bool number_alone(const struct trial *t)
{
    const struct header *hdr = &t->img->hdr;
    const uint64_t *count = t->scan->problems.count;

    return hdr->nb_snapshots && !hdr->snapshots_offset && !count[PROBLEM_LEAKED]
        && !count[PROBLEM_REFCOUNT_HIGH];
}

static bool no_snapshots(struct trial *t, struct plan_step *step, struct error *err)
{
    struct patches round = { 0 };
    struct buf title = BUF_INIT;

    edit_header(&round, "nb_snapshots", 0);
    buf_puts(&title, "Set the number of snapshots to 0: there is no snapshot table.");
    return planner_say(&step->why, "No cluster is left over that could be theirs.", err)
        && planner_take(t, step, &round, &title, err);
}

static bool drop_lost(struct trial *t, struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    uint64_t kept = n_kept(img), announced = img->snaps.announced;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    bool ok = true;

    if (kept == announced)
        return true;
    for (size_t i = 0; ok && i < img->snaps.n; i++)
        if (snapshot_entry_lost(img, &img->snaps.list[i]))
            ok = plan_step_add_loss(step, (uint32_t)i + 1, 0, img->snaps.list[i].disk_size)
                || err_set(err, ERR_NOMEM, "out of memory");
    if (kept) {
        ok = ok && new_table(t, true, &round, err);
    } else {
        edit_header(&round, "snapshots_offset", 0);
        edit_header(&round, "nb_snapshots", 0);
    }
    buf_printf(&title, "Drop %llu of %llu snapshots, whose entries are lost.",
               (unsigned long long)(announced - kept), (unsigned long long)announced);
    step->title = buf_take(&title);
    step->cost = strdup("What only these snapshots held is free space from then on.");
    ok = ok && (step->title || err_set(err, ERR_NOMEM, "out of memory"))
        && planner_take_all(t, step, &round, err);
    patches_free(&round);
    return ok;
}

bool planner_snapshot_table(struct trial *t, const struct planner_options *opt,
                            struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    struct patches round = { 0 };
    bool good = true, ok;

    if (number_alone(t))
        return no_snapshots(t, step, err);
    if (!img->snaps.announced) {
        if (!snapshots_offset_bad(&img->geo, img->hdr.snapshots_offset, 0))
            return true;
        edit_header(&round, "snapshots_offset", 0);
        step->title = strdup("Clear the offset of the snapshot table: there are no snapshots.");
    } else {
        if (!readable(&img->snaps))
            return !opt->accept_loss || drop_lost(t, step, err);
        if (!entries_good(img, &good, err))
            return false;
        if (good)
            return true;
        if (!new_table(t, false, &round, err)) {
            patches_free(&round);
            return false;
        }
        step->title = strdup("Rewrite the snapshot table with the fields that QEMU wants in each entry.");
        step->why = strdup("The entries can be read here, but not by QEMU.");
    }
    ok = step->title ? planner_take_all(t, step, &round, err)
        : err_set(err, ERR_NOMEM, "out of memory");
    patches_free(&round);
    return ok;
}
