/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Extents of the guest disk, as qemu-img map lists them. */
#include "config.h"

#include "scan/guest_table.h"

#include <stdlib.h>
#include <string.h>

#include "scan/judge.h"

struct guest_walk {
    const struct image *img;
    uint64_t at, end;               /* guest bytes */
    struct table_reader table;
    bool pending;
    struct guest_extent next;       /* read already, not merged with the one before */
};

bool guest_walk_open(const struct image *img, uint32_t layer, uint64_t from, uint64_t to,
                     struct guest_walk **out, struct error *err)
{
    struct guest_walk *w = calloc(1, sizeof *w);

    if (!w || !guest_table_open(&w->table, img, layer)) {
        free(w);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    w->img = img;
    w->at = from;
    w->end = to;
    if (layer > img->snaps.n) {
        guest_walk_free(w);
        return err_set(err, ERR_USAGE, "there is no snapshot %u", layer);
    }
    *out = w;
    return true;
}

void guest_walk_free(struct guest_walk *w)
{
    if (!w)
        return;
    free(w->table.bytes);
    free(w);
}

/* Length of the run of subclusters from s on that are alike (allocated and zero bits). */
static unsigned subcluster_run(uint32_t allocated, uint32_t zeros, unsigned s)
{
    unsigned n = 1;

    while (s + n < SUBCLUSTERS && (allocated >> (s + n) & 1) == (allocated >> s & 1)
           && (zeros >> (s + n) & 1) == (zeros >> s & 1))
        n++;
    return n;
}

static void extended_piece(const struct guest_walk *w, const struct judged *jd,
                           uint64_t bitmap, struct guest_extent *x)
{
    const struct geometry *geo = &w->img->geo;
    uint64_t sub = geo->cluster_size / SUBCLUSTERS;
    uint64_t in = x->start & (geo->cluster_size - 1);
    uint32_t allocated = (uint32_t)bitmap, zeros = (uint32_t)(bitmap >> 32);
    unsigned s = (unsigned)(in / sub);

    x->length = (s + subcluster_run(allocated, zeros, s)) * sub - in;
    if (jd->type == L2_NORMAL)
        x->host_off = jd->off + in;
    if (zeros >> s & 1) {
        x->type = jd->type == L2_NORMAL ? L2_ZERO_ALLOC : L2_ZERO_PLAIN;
        x->mapped = x->zero = true;
        x->data = false;
    } else if (jd->type == L2_NORMAL && (allocated >> s & 1)) {
        x->type = L2_NORMAL;
        x->mapped = x->data = true;
        x->zero = false;
    } else {
        x->type = L2_UNALLOCATED;
        x->mapped = x->data = false;
        x->zero = true;
    }
}

/* What stands at guest byte w->at: at most one cluster, or all up to the next table. */
static void piece(struct guest_walk *w, struct guest_extent *x)
{
    const struct geometry *geo = &w->img->geo;
    uint64_t cluster = w->at >> geo->cluster_bits, in = w->at & (geo->cluster_size - 1);
    uint64_t raw, bitmap, l1, last, used;
    const uint8_t *p;
    struct judged jd;

    *x = (struct guest_extent){ .start = w->at, .type = L2_UNALLOCATED, .zero = true,
                                .host_off = NO_ADDRESS };
    l1 = cluster >> geo->l2_bits;
    last = (w->end - 1) >> geo->cluster_bits >> geo->l2_bits;
    used = guest_table_next(&w->table, l1, last + 1);
    if (used > l1) {
        x->length = (u64_min(used, last) - l1) * geo->l2_span;
        if (used > last)
            x->length = w->end - w->at;
        else
            x->length -= w->at & (geo->l2_span - 1);
        return;
    }
    guest_table_load(&w->table, l1);
    if (w->table.state == TABLE_NONE || w->table.state == TABLE_DAMAGED) {
        x->length = geo->l2_span - (w->at & (geo->l2_span - 1));
        x->damaged = w->table.state == TABLE_DAMAGED;
        return;
    }
    if (w->table.empty) {
        x->length = geo->l2_span - (w->at & (geo->l2_span - 1));
        x->damaged = w->table.state == TABLE_DOUBTFUL;
        return;
    }
    p = w->table.bytes + (cluster & (geo->l2_entries - 1)) * geo->l2_entry_size;
    raw = be64(p);
    bitmap = geo->extended_l2 ? be64(p + 8) : 0;
    l2_judge(geo, raw, bitmap, w->at - in, &jd);
    x->length = geo->cluster_size - in;
    x->damaged = w->table.state == TABLE_DOUBTFUL || jd.faults & FAULTS_DAMAGE;
    x->type = jd.type;
    x->mapped = jd.type != L2_UNALLOCATED;
    if (geo->extended_l2 && jd.type != L2_COMPRESSED) {
        extended_piece(w, &jd, bitmap, x);
        return;
    }
    x->zero = jd.type != L2_NORMAL && jd.type != L2_COMPRESSED;
    x->data = !x->zero;
    x->compressed = jd.type == L2_COMPRESSED;
    if (jd.type == L2_NORMAL || jd.type == L2_ZERO_ALLOC)
        x->host_off = jd.off + in;
}

static bool continues(const struct guest_extent *a, const struct guest_extent *b)
{
    if (a->type != b->type || a->mapped != b->mapped || a->zero != b->zero
        || a->data != b->data || a->damaged != b->damaged)
        return false;
    if (a->host_off == NO_ADDRESS || b->host_off == NO_ADDRESS)
        return a->host_off == b->host_off;
    return b->host_off == a->host_off + a->length;
}

bool guest_walk_next(struct guest_walk *w, struct guest_extent *out, struct error *err)
{
    if (err)
        err->code = ERR_NONE;
    if (w->pending) {
        *out = w->next;
        w->pending = false;
    } else {
        if (w->at >= w->end)
            return false;
        piece(w, out);
        out->length = u64_min(out->length, w->end - w->at);
        w->at += out->length;
    }
    while (w->at < w->end) {
        piece(w, &w->next);
        w->next.length = u64_min(w->next.length, w->end - w->at);
        w->at += w->next.length;
        if (!continues(out, &w->next)) {
            w->pending = true;
            break;
        }
        out->length += w->next.length;
    }
    return true;
}
