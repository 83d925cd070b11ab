/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The volumes of the guest's disk as zones of its map, and what clusters look like as
 * colours. */
#include "config.h"

#include <stdlib.h>

#include "ui/map_view.h"

#define EDGES_MAX 8192          /* of pieces of volumes; disks with more have no zones */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* All places where a volume begins or ends. */
static size_t edges_of(const struct volumes *vols, uint64_t *edge)
{
    size_t n = 0;

    for (size_t i = 1; i < vols->n; i++) {
        for (uint32_t k = 0; k < vols->list[i].n_extents; k++) {
            if (n + 2 > EDGES_MAX)
                return 0;
            edge[n++] = vols->list[i].extents[k].guest_off;
            edge[n++] = vols->list[i].extents[k].guest_off + vols->list[i].extents[k].len;
        }
    }
    qsort(edge, n, sizeof *edge, by_value);
    return n;
}

static void make_zones(struct map_view *v, const struct volumes *vols)
{
    uint64_t *edge = malloc(EDGES_MAX * sizeof *edge), off;
    size_t n = edge ? edges_of(vols, edge) : 0;
    struct tile_zone *zone = malloc((n + 1) * sizeof *zone);

    v->n_zones = 0;
    for (size_t i = 0; zone && i + 1 < n; i++) {
        size_t in = edge[i] < edge[i + 1] ? volumes_find(vols, edge[i], &off) : 0;
        struct tile_zone *last = v->n_zones ? &zone[v->n_zones - 1] : NULL;

        if (!in)
            continue;
        if (last && last->end == edge[i] && last->number == in - 1)
            last->end = edge[i + 1];
        else
            zone[v->n_zones++] = (struct tile_zone){ edge[i], edge[i + 1], (unsigned)in - 1 };
    }
    free(v->zone);
    v->zone = zone;
    free(edge);
}

void map_zones_poll(struct map_view *v, const struct ui *ui)
{
    static const struct volumes none = { NULL, 0 };

    if (v->zones_made && v->zones_age == ui->tenants->age)
        return;
    make_zones(v, ui->tenants->volumes_state == TENANTS_KNOWN ? &ui->tenants->volumes : &none);
    v->zones_made = true;
    v->zones_age = ui->tenants->age;
    v->age++;
}

/* --- content --- */

enum look_like map_look_of(enum content_kind kind)
{
    switch (kind) {
    case CONTENT_HOLE: case CONTENT_ZERO:
        return LIKE_ZEROS;
    case CONTENT_COMPRESSED:
        return LIKE_PACKED;
    case CONTENT_MBR: case CONTENT_GPT: case CONTENT_LUKS: case CONTENT_LVM: case CONTENT_SWAP:
        return LIKE_DISK;
    case CONTENT_FILE:
        return LIKE_FILE;
    case CONTENT_TEXT:
        return LIKE_TEXT;
    case CONTENT_ENTROPY:
        return LIKE_NOISE;
    case CONTENT_BYTES:
        return LIKE_BYTES;
    default:
        return content_info(kind)->group == CONTENT_IS_TABLE ? LIKE_TABLE : LIKE_FILE_SYSTEM;
    }
}

uint8_t map_looks(const void *ctx, uint64_t cluster)
{
    enum content_kind kind = deep_kind(ctx, cluster);

    return kind == N_CONTENTS ? 0 : (uint8_t)(map_look_of(kind) + 1);
}

void map_wish_content(struct map_view *v, const struct ui *ui)
{
    const struct map_pane *p = &v->pane[SPACE_FILE];

    if (v->colouring != COLOUR_CONTENT || !ui->deep || ui->deep->whole)
        return;
    *ui->glance = (struct glance){ true, p->top * p->per, p->per,
                                   u64_min((uint64_t)p->made.n, p->n) };
    v->age += v->deep_age != ui->deep_age;
    v->deep_age = ui->deep_age;
}
