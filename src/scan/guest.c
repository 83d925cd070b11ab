/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/guest_table.h"

#include <stdlib.h>
#include <string.h>

#include "scan/judge.h"
#include "scan/team.h"

#define SURVEY_BINS 65536

/* --- one offset --- */

bool guest_lookup(const struct image *img, uint32_t layer, uint64_t guest_off,
                  struct guest_hit *out, struct error *err)
{
    const struct geometry *geo = &img->geo;
    uint64_t cluster = guest_off >> geo->cluster_bits;
    struct guest_hit hit = { .l2_off = NO_ADDRESS, .host_off = NO_ADDRESS };
    struct layer_l1 l1;
    uint64_t l2;

    hit.l1_index = cluster >> geo->l2_bits;
    hit.l2_index = cluster & (geo->l2_entries - 1);
    if (!image_layer_l1(img, layer, &l1))
        return err_set(err, ERR_USAGE, "there is no snapshot %u", layer);
    if (hit.l1_index >= l1.n)
        return err_set(err, ERR_USAGE, "guest offset 0x%llx lies beyond the L1 table",
                       (unsigned long long)guest_off);
    hit.l1_off = l1.off + hit.l1_index * 8;
    if (!image_read_l1(img, l1.off, hit.l1_index, 1, &hit.l1_entry, err))
        return false;
    l2 = hit.l1_entry & ENTRY_OFFSET_MASK;
    if (l2) {
        hit.l2_off = l2 + hit.l2_index * geo->l2_entry_size;
        if (!image_read_l2(img, l2, hit.l2_index, 1, &hit.entry, err))
            return false;
        if (hit.entry.type == L2_NORMAL || hit.entry.type == L2_ZERO_ALLOC)
            hit.host_off = hit.entry.host_off + (guest_off & (geo->cluster_size - 1));
    }
    *out = hit;
    return true;
}

/* --- classes --- */

struct guest_bin { uint64_t n[N_GUEST_CLASSES]; uint32_t breaks, steps; };

struct guest_map {
    const struct scan_result *scan;
    uint32_t layer;
    uint64_t n_clusters;            /* guest clusters */
    unsigned bin_bits;              /* log2 of the clusters of a bin */
    struct guest_bin *bin;
    size_t n_bins;
};

static enum guest_class class_of_entry(const struct guest_map *g, uint64_t raw,
                                       uint64_t bitmap, uint64_t guest_off,
                                       struct judged *jd)
{
    const struct scan_result *scan = g->scan;
    const struct image *img = scan->img;
    struct map_cell cell;

    l2_judge(&img->geo, raw, bitmap, guest_off, jd);
    if (jd->faults & FAULTS_DAMAGE)
        return GUEST_DAMAGED;
    switch (jd->type) {
    case L2_ZERO_PLAIN:
    case L2_ZERO_ALLOC:
        return GUEST_ZERO;
    case L2_UNALLOCATED:
        if (bitmap >> 32)
            return GUEST_ZERO;
        return img->backing_file ? GUEST_BACKING : GUEST_UNALLOCATED;
    default:
        break;
    }
    if (!jd->refers)                            /* external data file */
        return GUEST_DATA;
    map_get(scan->map, geo_cluster_of(&img->geo, jd->off), &cell);
    if (cell.cls == CLASS_MIXED ||
        (g->layer == LAYER_ACTIVE && (cell.owners & OWNER_TWICE_ACTIVE)))
        return GUEST_DAMAGED;
    if (jd->type == L2_COMPRESSED)
        return GUEST_COMPRESSED;
    if (g->layer != LAYER_ACTIVE)
        return cell.cls == CLASS_DATA_SHARED ? GUEST_SHARED : GUEST_DATA;
    return cell.owners & OWNER_IN_SNAPSHOT ? GUEST_SHARED : GUEST_DATA;
}

/* --- the survey --- */

static void add_to(struct guest_hist *h, enum guest_class c, uint64_t n)
{
    h->n[c] += n;
}

/* Adds guest clusters [first, end), all of one L2 table, to *h. */
static void survey_table(const struct guest_map *g, struct table_reader *t, uint64_t first,
                         uint64_t end, struct guest_hist *h)
{
    const struct image *img = g->scan->img;
    const struct geometry *geo = &img->geo;
    uint64_t expect = 0;

    guest_table_load(t, first >> geo->l2_bits);
    if (t->state != TABLE_READ) {
        add_to(h, t->state != TABLE_NONE ? GUEST_DAMAGED
               : img->backing_file ? GUEST_BACKING : GUEST_UNALLOCATED, end - first);
        return;
    }
    for (uint64_t cl = first; cl < end; cl++) {
        const uint8_t *p = t->bytes + (cl & (geo->l2_entries - 1)) * geo->l2_entry_size;
        uint64_t raw = be64(p), bitmap = geo->extended_l2 ? be64(p + 8) : 0;
        struct judged jd;

        add_to(h, class_of_entry(g, raw, bitmap, cl << geo->cluster_bits, &jd), 1);
        if (jd.mapped && jd.type != L2_COMPRESSED) {
            h->steps += expect != 0;
            h->breaks += expect && jd.off != expect;
            expect = jd.off + geo->cluster_size;
        } else {
            expect = 0;
        }
    }
}

static void survey_range(const struct guest_map *g, struct table_reader *t, uint64_t first,
                         uint64_t end, struct guest_hist *h)
{
    const struct image *img = g->scan->img;
    unsigned bits = img->geo.l2_bits;

    while (first < end) {
        uint64_t used = guest_table_next(t, first >> bits, ((end - 1) >> bits) + 1), stop;

        if (used > first >> bits) {
            stop = u64_min(end, used << bits);
            add_to(h, img->backing_file ? GUEST_BACKING : GUEST_UNALLOCATED, stop - first);
        } else {
            stop = u64_min(end, (used + 1) << bits);
            survey_table(g, t, first, stop, h);
        }
        first = stop;
    }
}

struct survey {
    struct guest_map *g;
    _Atomic bool *cancel;
    _Atomic size_t next;
    _Atomic bool failed;
    size_t bins_per_grab;           /* whole L2 tables */
};

static void survey_worker(void *ctx, unsigned number)
{
    struct survey *sv = ctx;
    struct guest_map *g = sv->g;
    struct table_reader t;

    (void)number;
    if (!guest_table_open(&t, g->scan->img, g->layer)) {
        sv->failed = true;
        return;
    }
    while (!sv->failed && !(sv->cancel && *sv->cancel)) {
        size_t b = atomic_fetch_add(&sv->next, sv->bins_per_grab);
        size_t end = b + sv->bins_per_grab < g->n_bins ? b + sv->bins_per_grab : g->n_bins;

        if (b >= g->n_bins)
            break;
        for (; b < end; b++) {
            struct guest_hist h = { { 0 }, 0, 0 };
            uint64_t first = (uint64_t)b << g->bin_bits;

            survey_range(g, &t, first,
                         u64_min(first + (UINT64_C(1) << g->bin_bits), g->n_clusters), &h);
            for (int c = 0; c < N_GUEST_CLASSES; c++)
                g->bin[b].n[c] = h.n[c];
            g->bin[b].breaks = (uint32_t)u64_min(h.breaks, UINT32_MAX);
            g->bin[b].steps = (uint32_t)u64_min(h.steps, UINT32_MAX);
        }
    }
    free(t.bytes);
}

bool guest_map_build(const struct scan_result *scan, uint32_t layer, _Atomic bool *cancel,
                     struct guest_map **out, struct error *err)
{
    struct guest_map *g = calloc(1, sizeof *g);
    struct survey sv = { .g = g, .cancel = cancel };
    const struct geometry *geo = &scan->img->geo;

    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->scan = scan;
    g->layer = layer;
    g->n_clusters = div_up(image_layer_size(scan->img, layer), geo->cluster_size);
    while (g->n_clusters >> g->bin_bits > SURVEY_BINS)
        g->bin_bits++;
    g->n_bins = (size_t)div_up(g->n_clusters, UINT64_C(1) << g->bin_bits);
    g->bin = calloc(g->n_bins + 1, sizeof *g->bin);
    sv.bins_per_grab = geo->l2_bits > g->bin_bits
        ? (size_t)1 << (geo->l2_bits - g->bin_bits) : 1;
    if (!g->bin || !team_run(team_size(0), NULL, survey_worker, &sv, err) || sv.failed) {
        guest_map_free(g);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (cancel && *cancel) {
        guest_map_free(g);
        return err_set(err, ERR_CANCELLED, "stopped");
    }
    *out = g;
    return true;
}

void guest_map_free(struct guest_map *g)
{
    if (!g)
        return;
    free(g->bin);
    free(g);
}

/* Adds guest clusters [at, end): whole bins from the survey, parts of one from the tables. */
static void add_range(const struct guest_map *g, struct table_reader *t, uint64_t at,
                      uint64_t end, struct guest_hist *out)
{
    uint64_t bin_len = UINT64_C(1) << g->bin_bits;

    while (at < end) {
        uint64_t stop = u64_min(end, (at / bin_len + 1) * bin_len);
        const struct guest_bin *b = &g->bin[at >> g->bin_bits];

        /* The last bin may be short. */
        if (at % bin_len == 0 && (stop % bin_len == 0 || stop == g->n_clusters)) {
            for (int c = 0; c < N_GUEST_CLASSES; c++)
                out->n[c] += b->n[c];
            out->breaks += b->breaks;
            out->steps += b->steps;
        } else {
            survey_range(g, t, at, stop, out);
        }
        at = stop;
    }
}

/* Cells whose edges are moved down to multiples of `grain` clusters. */
static bool grained_cells(const struct guest_map *g, uint64_t first, uint64_t per_cell,
                          size_t n_cells, uint64_t grain, struct guest_hist *out,
                          struct error *err)
{
    uint64_t at = u64_min(first, g->n_clusters) / grain * grain;
    struct table_reader t;

    if (!guest_table_open(&t, g->scan->img, g->layer))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n_cells; i++) {
        uint64_t end;

        if (first < g->n_clusters)
            first += u64_min(per_cell, g->n_clusters - first);
        end = first >= g->n_clusters ? g->n_clusters : first / grain * grain;
        memset(&out[i], 0, sizeof out[i]);
        add_range(g, &t, at, end, &out[i]);
        at = u64_max(at, end);
    }
    free(t.bytes);
    return true;
}

bool guest_map_cells(const struct guest_map *g, uint64_t first, uint64_t per_cell,
                     size_t n_cells, struct guest_hist *out, struct error *err)
{
    return grained_cells(g, first, per_cell, n_cells, 1, out, err);
}

bool guest_map_tiles(const struct guest_map *g, uint64_t first, uint64_t per_tile,
                     size_t n_tiles, struct guest_hist *out, struct error *err)
{
    uint64_t bin_len = UINT64_C(1) << g->bin_bits;

    return grained_cells(g, first, per_tile, n_tiles, per_tile > bin_len ? bin_len : 1, out,
                         err);
}
