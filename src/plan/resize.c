/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Another size of the guest disk. */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/planner.h"
#include "plan/room.h"
#include "scan/guest.h"

/* "20G", "1048576"; a multiple of 512. */
static bool size_of(const char *text, uint64_t *out)
{
    static const char units[] = "KMGTPE";
    const char *unit;
    char *end;

    if (!text || !isdigit((unsigned char)*text))
        return false;
    *out = strtoull(text, &end, 0);
    unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit && !u64_mul(*out, UINT64_C(1) << 10 * (unit - units + 1), out))
        return false;
    return *out && *out % 512 == 0 && *out < INT64_MAX && (!*end || (unit && !end[1]));
}

/* First guest byte at or after `from` that is mapped; UINT64_MAX: none. */
static bool first_mapped(const struct image *img, uint64_t from, uint64_t *out,
                         struct error *err)
{
    struct guest_extent e;
    struct guest_walk *w;

    *out = UINT64_MAX;
    if (!guest_walk_open(img, LAYER_ACTIVE, from, img->geo.size, &w, err))
        return false;
    while (*out == UINT64_MAX && guest_walk_next(w, &e, err))
        if (e.mapped && e.type != L2_ZERO_PLAIN)
            *out = e.start;
    guest_walk_free(w);
    return true;
}

struct resizing {
    struct trial *t;
    uint64_t size;                  /* of the disk, bytes */
    struct room room;
    struct patches round;
};

/* A table of words somewhere else, with room for n entries. */
static bool move_table(struct resizing *r, uint64_t off, uint64_t old_n, uint64_t n,
                       uint64_t *to, struct error *err)
{
    const struct image *img = r->t->img;
    uint64_t *entry = calloc((size_t)old_n + 1, sizeof *entry), first;
    bool ok = entry || err_set(err, ERR_NOMEM, "out of memory");

    ok = ok && image_read_l1(img, off, 0, (size_t)old_n, entry, err)
        && room_take(&r->room, div_up(n * 8, img->geo.cluster_size), &first, err);
    if (ok) {
        *to = first << img->geo.cluster_bits;
        patches_zero(&r->round, *to, round_up(n * 8, img->geo.cluster_size));
        for (uint64_t k = 0; k < old_n; k++)
            if (entry[k])
                edit_entry(&r->round, *to + k * 8, entry[k]);
    }
    free(entry);
    return ok;
}

static bool grow_l1(struct resizing *r, struct error *err)
{
    const struct image *img = r->t->img;
    uint64_t n = div_up(r->size, img->geo.l2_span), to;

    if (n <= img->hdr.l1_size)
        return true;
    if (n > L1_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "the L1 table would be larger than QEMU allows");
    if (!move_table(r, img->hdr.l1_table_offset, img->geo.l1_entries, n, &to, err))
        return false;
    edit_header(&r->round, "l1_table_offset", to);
    edit_header(&r->round, "l1_size", n);
    return true;
}

/* A bitmap has as many bits as the disk needs; those of what is added are not set. */
static bool grow_bitmaps(struct resizing *r, struct error *err)
{
    const struct bitmaps *b = &r->t->img->bitmaps;
    struct geometry geo = r->t->img->geo;

    geo.size = r->size;
    for (size_t i = 0; i < b->n; i++) {
        const struct bitmap *e = &b->list[i];
        uint64_t n, to;

        if (e->fault)
            return err_set(err, ERR_USAGE, "bitmap %zu is damaged (%s); drop it first", i + 1,
                           e->fault);
        n = bitmap_table_needed(&geo, e->granularity_bits);
        if (n <= e->table_size)
            continue;
        if (n > BITMAP_TABLE_BYTES_MAX >> geo.cluster_bits)
            return err_set(err, ERR_LIMIT, "the table of bitmap %zu would be larger than QEMU "
                           "allows", i + 1);
        if (!move_table(r, e->table_offset, e->table_size, n, &to, err))
            return false;
        edit_field(&r->round, "bitmap-dir-entry", e->entry_off, "bitmap_table_offset", to);
        edit_field(&r->round, "bitmap-dir-entry", e->entry_off, "bitmap_table_size", n);
    }
    return true;
}

static bool may_shrink(const struct resizing *r, struct error *err)
{
    const struct image *img = r->t->img;
    uint64_t mapped;

    if (r->size >= img->geo.size)
        return true;
    if (img->bitmaps.n)
        return err_set(err, ERR_USAGE, "an image with bitmaps, which have the size of the disk, "
                       "cannot shrink; drop them first");
    if (!first_mapped(img, r->size, &mapped, err))
        return false;
    return mapped == UINT64_MAX
        || err_set(err, ERR_USAGE, "the guest disk is in use at 0x%" PRIx64 "; it can only shrink "
                   "over what is not mapped%s", mapped, img->geo.data_file
                   ? " (qemu-img resize --shrink gives up what is there)"
                   : " (discard unmaps what is zeros; qemu-img resize --shrink gives up what is "
                     "there)");
}

static const char *refused(const struct image *img)
{
    if (img->hdr.version == 2 && img->snaps.n)
        return "a version 2 image does not record what size the disk of a snapshot has; delete "
               "the snapshots first, or make it version 3 (qemu-img amend -o compat=1.1)";
    if (bitmaps_lost(&img->bitmaps))
        return "there may be bitmaps that cannot be read, which have the size of the disk; drop "
               "them first (plan bitmaps drop=all)";
    return NULL;
}

/* What the step leaves as it is, inside the disk and beside the image. */
static void describe_cost(const struct resizing *r, struct buf *cost)
{
    const struct image *img = r->t->img;
    bool grows = r->size > img->geo.size;

    buf_puts(cost, "Partitions and file systems inside stay as they are.");
    if (img->geo.data_file)
        buf_printf(cost, " So does the data file, which is to have the length of the disk: "
                   "truncate -s %" PRIu64 " DATA-FILE, once the plan is applied%s.", r->size,
                   grows ? " (what lies after its end reads as zeros until then)" : "");
    if (grows && img->backing_file)
        buf_puts(cost, " In what is added the guest reads what the backing file has there: zeros, "
                 "where that is no longer than the disk was.");
}

bool planner_resize(struct trial *t, const struct planner_options *opt,
                    struct plan_step *step, struct error *err)
{
    struct resizing r = { .t = t };
    struct buf title = BUF_INIT, cost = BUF_INIT;
    const char *why = refused(t->img);
    char a[TEXT_NUM], b[TEXT_NUM];
    bool ok;

    if (!size_of(planner_arg(opt, "size"), &r.size))
        return err_set(err, ERR_USAGE, "resize: say size=BYTES, a multiple of 512, with K, M, "
                       "G or T where that is shorter");
    if (why)
        return err_set(err, ERR_USAGE, "resize: %s", why);
    room_init(&r.room, t);
    ok = may_shrink(&r, err) && grow_l1(&r, err) && grow_bitmaps(&r, err);
    if (ok) {
        room_set_length(&r.room, &r.round);
        edit_header(&r.round, "size", r.size);
        text_sizes(a, t->img->geo.size, b, r.size);
        buf_printf(&title, "Resize the guest disk from %s to %s.", a, b);
        describe_cost(&r, &cost);
        step->title = buf_take(&title);
        step->cost = buf_take(&cost);
    }
    room_free(&r.room);
    if (ok)
        return planner_take_all(t, step, &r.round, err);
    patches_free(&r.round);
    return false;
}
