/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/translate.h"

#include <inttypes.h>

#include "scan/guest.h"

#define ARROW " \u2192 "

static void say_compressed(const struct geometry *geo, const struct l2_entry *e, struct buf *out)
{
    uint64_t sectors = e->raw >> geo->csize_shift & geo->csize_mask;

    buf_printf(out, ARROW "0x%" PRIx64 " (bits 0-%u) and %" PRIu64 " more sector%s (bits %u-61)",
               e->host_off, geo->csize_shift - 1, sectors, sectors == 1 ? "" : "s",
               geo->csize_shift);
}

/* What the entry says of one subcluster; entries without them have one. */
static void say_stored(const struct image *img, const struct guest_hit *hit, uint64_t guest_off,
                       struct buf *out)
{
    const struct geometry *geo = &img->geo;
    uint64_t in = guest_off & (geo->cluster_size - 1);
    unsigned sub = geo->extended_l2 ? (unsigned)(in / (geo->cluster_size / 32)) : 0;
    bool zero = hit->entry.type == L2_ZERO_PLAIN || hit->entry.type == L2_ZERO_ALLOC;
    bool nothing = hit->entry.type == L2_UNALLOCATED;

    if (geo->extended_l2) {
        zero = hit->entry.bitmap >> 32 >> sub & 1;
        nothing = !zero && !(hit->entry.bitmap >> sub & 1);
        buf_printf(out, " 0x%016" PRIx64 " subcluster %u", hit->entry.bitmap, sub);
    }
    if (zero)
        buf_puts(out, ARROW "zeros");
    else if (nothing)
        buf_puts(out, img->backing_file ? ARROW "backing file" : ARROW "nothing stored");
    else
        buf_printf(out, ARROW "0x%" PRIx64 "%s", hit->entry.host_off + in,
                   geo->data_file ? " of the data file" : "");
    if (zero && hit->entry.host_off)
        buf_printf(out, ", cluster 0x%" PRIx64 " kept", hit->entry.host_off);
}

bool translate_text(const struct image *img, uint32_t layer, uint64_t guest_off,
                    struct buf *out)
{
    struct guest_hit hit;

    if (!guest_lookup(img, layer, guest_off, &hit, NULL))
        return false;
    buf_printf(out, "guest 0x%" PRIx64, guest_off);
    if (layer)
        buf_printf(out, " of snapshot %u", layer);
    buf_printf(out, " = L1[%" PRIu64 "]", hit.l1_index);
    if (hit.l2_off == NO_ADDRESS) {
        buf_printf(out, " at 0x%" PRIx64 ": 0x%" PRIx64 ARROW "%s", hit.l1_off, hit.l1_entry,
                   img->backing_file ? "no L2 table, backing file" : "no L2 table");
        return true;
    }
    buf_printf(out, " L2[%" PRIu64 "] at 0x%" PRIx64 ": 0x%" PRIx64, hit.l2_index, hit.l2_off,
               hit.entry.raw);
    if (hit.entry.type == L2_COMPRESSED)
        say_compressed(&img->geo, &hit.entry, out);
    else
        say_stored(img, &hit, guest_off, out);
    return true;
}
