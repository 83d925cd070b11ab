/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/at.h"

#include <stdlib.h>

static void look_at_content(const struct image *img, uint64_t cluster, struct at_cluster *c)
{
    uint8_t *scratch = malloc((size_t)img->geo.cluster_size);

    c->looked = c->in_file && scratch &&
                content_at_closely(img, cluster << img->geo.cluster_bits, scratch,
                                   &c->content) &&
                c->content.kind < N_CONTENTS;
    free(scratch);
}

static bool look_cluster(const struct scan_result *scan, const struct problem_index *index,
                         uint64_t cluster, struct at_cluster *c, struct error *err)
{
    struct referrers_query query = { scan->img, scan, cluster, 1, AT_REFERRERS_MAX, 0 };

    c->cluster = cluster;
    c->in_file = cluster < map_clusters(scan->map);
    look_at_content(scan->img, cluster, c);
    if (c->in_file)
        map_get(scan->map, cluster, &c->cell);
    c->stored_known =
        image_stored_refcount(scan->img, cluster, &c->stored) <= STORED_NO_BLOCK;
    problem_index_clusters(index, cluster, 1, &c->found);
    return referrers_find(&query, NULL, NULL, &c->referrers, err);
}

static bool read_word(const struct image *img, uint64_t off, uint64_t *out,
                      struct error *err)
{
    return image_read_l1(img, off, 0, 1, out, err);
}

/* The entry at this place, and the host byte it leads to (NO_ADDRESS: nowhere). */
static bool look_entry(const struct scan_result *scan, struct at *at, uint64_t *target,
                       struct error *err)
{
    const struct image *img = scan->img;
    const struct place *p = &at->place;
    struct error why;

    switch (p->kind) {
    case PLACE_GUEST:
        if (!guest_lookup(img, p->layer, p->guest_off, &at->hit, &why)) {
            at->exists = false;
            if (why.code == ERR_IO && err)
                *err = why;
            return why.code != ERR_IO;
        }
        at->has_hit = at->has_entry = true;
        at->entry = at->hit.entry;
        break;
    case PLACE_L2:
        if (!image_read_l2(img, p->file_off - p->j * img->geo.l2_entry_size, p->j, 1,
                           &at->entry, err))
            return false;
        at->has_entry = at->has_raw = true;
        at->raw = at->entry.raw;
        break;
    case PLACE_L1:
    case PLACE_BITMAP_TABLE:
        if (!read_word(img, p->file_off, &at->raw, err))
            return false;
        at->has_raw = true;
        if (at->raw & ENTRY_OFFSET_MASK)
            *target = at->raw & ENTRY_OFFSET_MASK;
        break;
    case PLACE_REFTABLE:
        if (!read_word(img, p->file_off, &at->raw, err))
            return false;
        at->has_raw = true;
        if (at->raw & REFTABLE_OFFSET_MASK)
            *target = at->raw & REFTABLE_OFFSET_MASK;
        break;
    case PLACE_REFBLOCK:
        *target = ((p->i << img->geo.refblock_bits) + p->j) << img->geo.cluster_bits;
        break;
    default:
        break;
    }
    if (at->has_entry && at->entry.host_off && (!img->geo.data_file ||
                                                at->entry.type == L2_COMPRESSED))
        *target = at->entry.host_off;
    return true;
}

bool at_look(const struct scan_result *scan, const struct problem_index *index,
             const struct place *place, struct at *out, struct error *err)
{
    const struct geometry *geo = &scan->img->geo;
    uint64_t target = NO_ADDRESS;
    bool named_by_file = place->kind == PLACE_FILE_OFFSET || place->kind == PLACE_CLUSTER;

    *out = (struct at){ .place = *place };
    out->exists = place_complete(scan->img, &out->place) || place->kind == PLACE_GUEST;
    if (!out->exists && !named_by_file)
        return true;
    if (!look_entry(scan, out, &target, err))
        return false;
    if (out->place.file_off != NO_ADDRESS && place->kind != PLACE_GUEST) {
        out->has_here = true;
        if (!named_by_file)
            problem_index_bytes(index, out->place.file_off, 1, &out->found);
        if (!look_cluster(scan, index, geo_cluster_of(geo, out->place.file_off),
                          &out->here, err))
            return false;
    }
    if (target != NO_ADDRESS) {
        out->has_target = true;
        if (out->has_hit && out->hit.l2_off != NO_ADDRESS)
            problem_index_bytes(index, out->hit.l2_off, 1, &out->found);
        return look_cluster(scan, index, geo_cluster_of(geo, target), &out->target, err);
    }
    return true;
}

void at_free(struct at *at)
{
    if (at->has_here)
        referrers_free(&at->here.referrers);
    if (at->has_target)
        referrers_free(&at->target.referrers);
}
