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

/* The L1 table somewhere else, with room for n entries. */
static bool move_l1(struct trial *t, uint64_t n, struct patches *round, struct error *err)
{
    const struct image *img = t->img;
    uint64_t old_n = img->geo.l1_entries, first, *entry;
    struct room room;
    bool ok = false;

    if (n > L1_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "the L1 table would be larger than QEMU allows");
    entry = calloc((size_t)old_n + 1, sizeof *entry);
    if (!entry)
        return err_set(err, ERR_NOMEM, "out of memory");
    room_init(&room, t);
    if (image_read_l1(img, img->hdr.l1_table_offset, 0, (size_t)old_n, entry, err)
        && room_take(&room, div_up(n * 8, img->geo.cluster_size), &first, err)) {
        first <<= img->geo.cluster_bits;
        patches_zero(round, first, round_up(n * 8, img->geo.cluster_size));
        for (uint64_t k = 0; k < old_n; k++)
            if (entry[k])
                edit_entry(round, first + k * 8, entry[k]);
        edit_header(round, "l1_table_offset", first);
        edit_header(round, "l1_size", n);
        room_set_length(&room, round);
        ok = true;
    }
    room_free(&room);
    free(entry);
    return ok;
}

bool planner_resize(struct trial *t, const struct planner_options *opt,
                    struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    uint64_t size, mapped;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (!size_of(planner_arg(opt, "size"), &size))
        return err_set(err, ERR_USAGE, "resize: say size=BYTES, a multiple of 512, with K, M, "
                       "G or T where that is shorter");
    if (img->bitmaps.n || img->geo.data_file)
        return err_set(err, ERR_USAGE, "resize does not work on images with %s",
                       img->bitmaps.n ? "bitmaps, which have the size of the disk; drop them "
                       "first" : "an external data file");
    if (size < img->geo.size) {
        if (!first_mapped(img, size, &mapped, err))
            return false;
        if (mapped != UINT64_MAX)
            return err_set(err, ERR_USAGE, "the guest disk is in use at 0x%" PRIx64 "; it can "
                           "only shrink over what is not mapped", mapped);
    }
    if (div_up(size, img->geo.l2_span) > img->hdr.l1_size
        && !move_l1(t, div_up(size, img->geo.l2_span), &round, err))
        return false;
    edit_header(&round, "size", size);
    text_sizes(a, img->geo.size, b, size);
    buf_printf(&title, "Resize the guest disk from %s to %s.", a, b);
    step->title = buf_take(&title);
    step->cost = strdup("Partitions and file systems inside stay as they are.");
    return planner_take_all(t, step, &round, err);
}
