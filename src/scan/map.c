/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/num.h"
#include "scan/engine.h"

struct map *map_new(const struct image *img, struct error *err)
{
    uint64_t n_clusters = img->geo.n_clusters;
    struct map *map = calloc(1, sizeof *map);

    if (!map) {
        err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    map->img = img;
    map->n_clusters = n_clusters;
    cells_init(&map->cells, n_clusters + 1);
    return map;
}

void map_free(struct map *map)
{
    if (!map)
        return;
    cells_free(&map->cells);
    free(map->chunk);
    free(map->hist);
    free(map);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return u64_order(x, y);
}

bool map_seal(struct map *map, struct error *err)
{
    map->n_chunks = map->cells.n_chunks;
    if (!map->cells.flat) {
        size_t n = 0;

        map->chunk = calloc(map->cells.n_pages + 1, sizeof *map->chunk);
        if (!map->chunk)
            return err_set(err, ERR_NOMEM, "out of memory");
        for (size_t i = 0; i < map->cells.pages_cap; i++) {
            if (map->cells.page[i].key)
                map->chunk[n++] = map->cells.page[i].key - 1;
        }
        qsort(map->chunk, n, sizeof *map->chunk, by_number);
        map->n_chunks = n;
    }
    /* calloc leaves what nobody writes untouched: empty chunks cost nothing. */
    map->hist = calloc((size_t)map->n_chunks + 1, sizeof *map->hist);
    return map->hist ? true : err_set(err, ERR_NOMEM, "out of memory");
}

/* --- cells --- */

static enum cluster_class class_of_cell(const struct map *map, uint64_t cl, uint8_t cell)
{
    struct state s = cells_state(&map->cells, cl, cell);

    if (s.owners)
        return class_of_owners(s.owners);
    if (map->partial)
        return CLASS_UNKNOWN;
    return cell & CELL_FLAG ? CLASS_LEAKED : CLASS_VACANT;
}

static bool cell_problem(const struct map *map, uint8_t cell)
{
    return !map->partial && (cell & CELL_FLAG);
}

/* Clusters of a chunk that belong to the file. */
static unsigned chunk_len(const struct map *map, uint64_t chunk)
{
    uint64_t first = chunk << CHUNK_BITS;

    if (first >= map->n_clusters)
        return 0;
    return (unsigned)u64_min(CHUNK_CELLS, map->n_clusters - first);
}

void map_fold(struct map *map, uint64_t index)
{
    uint64_t chunk = map_chunk_at(map, index), base = chunk << CHUNK_BITS;
    unsigned n = chunk_len(map, chunk);
    const uint8_t *cell = cells_chunk(&map->cells, chunk);
    uint16_t *hist = map->hist[index];
    struct cell_tally t;

    if (!cell || !n)
        return;
    cells_tally(cell, n, &t);
    for (unsigned k = 0; k < t.n_values; k++) {
        uint8_t v = t.value[k];

        if (cell_problem(map, v))
            hist[N_CLASSES] += t.n[v];
        if ((v & CELL_CODE) != STATE_SIDE) {
            hist[class_of_cell(map, base, v)] += t.n[v];
            continue;
        }
        for (unsigned i = 0; i < n; i++) {      /* each has a state of its own */
            if (cell[i] == v)
                hist[class_of_cell(map, base + i, v)]++;
        }
    }
}

void map_mark(struct map *map, uint64_t cl)
{
    uint64_t chunk = cl >> CHUNK_BITS, index = chunk;
    uint8_t *cell;

    if (cl >= map->n_clusters || map->partial)
        return;
    cell = cells_chunk(&map->cells, chunk);
    if (!cell)
        return;
    cell += cl & (CHUNK_CELLS - 1);
    if ((*cell & CELL_FLAG) || !cells_state(&map->cells, cl, *cell).owners)
        return;
    if (map->chunk) {
        const uint64_t *at = bsearch(&chunk, map->chunk, (size_t)map->n_chunks,
                                     sizeof *at, by_number);

        if (!at)
            return;
        index = (uint64_t)(at - map->chunk);
    }
    *cell |= CELL_FLAG;
    map->hist[index][N_CLASSES]++;
}

/* --- queries --- */

uint64_t map_clusters(const struct map *map)
{
    return map->n_clusters;
}

static struct map_cell cell_of(const struct map *map, uint64_t cl, uint8_t byte)
{
    struct state s = cells_state(&map->cells, cl, byte);

    return (struct map_cell){
        .cls = class_of_cell(map, cl, byte), .counted = s.count, .owners = s.owners,
        .problem = cell_problem(map, byte),
    };
}

const char *counted_text(char *text, uint64_t counted)
{
    if (counted == COUNTED_UNKNOWN)
        snprintf(text, COUNTED_TEXT, "many");
    else
        snprintf(text, COUNTED_TEXT, "%" PRIu64, counted);
    return text;
}

/* What the book says by itself. */
static void cell_at(const struct map *map, uint64_t cluster, struct map_cell *out)
{
    const uint8_t *cell;

    if (cluster >= map->cells.n) {
        *out = (struct map_cell){ .cls = CLASS_BEYOND };
        return;
    }
    cell = cells_chunk(&map->cells, cluster >> CHUNK_BITS);
    *out = cell_of(map, cluster, cell ? cell[cluster & (CHUNK_CELLS - 1)] : 0);
    if (cluster >= map->n_clusters)
        out->cls = CLASS_BEYOND;
}

void map_get(const struct map *map, uint64_t cluster, struct map_cell *out)
{
    uint64_t stored;

    cell_at(map, cluster, out);
    /* Without a problem it is what the refcount says. */
    if (out->counted == COUNT_MANY && !out->problem && !map->partial
        && image_stored_refcount(map->img, cluster, &stored) == STORED_OK)
        out->counted = stored;
}

/* Position of the first chunk in use at or after `chunk`; n_chunks when there is none. */
static uint64_t index_from(const struct map *map, uint64_t chunk)
{
    uint64_t low, next;

    if (!map->chunk)
        return cells_next_touched(&map->cells, chunk, &next) ? next : map->n_chunks;
    BISECT(low, map->n_chunks, mid, map->chunk[mid] >= chunk);
    return low;
}

/* Position of the next chunk in use after position `index`. */
static uint64_t index_next(const struct map *map, uint64_t index)
{
    return map->chunk ? index + 1 : index_from(map, index + 1);
}

/* The same for going backwards: last chunk in use at or before `chunk`. */
static bool index_back(const struct map *map, uint64_t chunk, uint64_t *index)
{
    uint64_t i;

    if (map->chunk) {
        i = index_from(map, chunk + 1);
        *index = i - 1;
        return i > 0;
    }
    for (i = chunk + 1; i-- > 0; ) {
        if (cells_chunk(&map->cells, i)) {
            *index = i;
            return true;
        }
    }
    return false;
}

void map_histogram(const struct map *map, uint64_t first, uint64_t n, struct map_hist *out)
{
    uint64_t end, counted = 0;

    memset(out, 0, sizeof *out);
    if (first >= map->n_clusters)
        return;
    n = u64_min(n, map->n_clusters - first);
    end = first + n;
    for (uint64_t i = index_from(map, first >> CHUNK_BITS); i < map->n_chunks;
         i = index_next(map, i)) {
        uint64_t chunk = map_chunk_at(map, i), start = chunk << CHUNK_BITS;
        uint64_t len = chunk_len(map, chunk);
        const uint8_t *cell;
        uint64_t from, to;

        if (start >= end)
            break;
        if (start >= first && start + len <= end) {
            for (int c = 0; c < N_CLASSES; c++)
                out->n[c] += map->hist[i][c];
            out->problems += map->hist[i][N_CLASSES];
            counted += len;
            continue;
        }
        cell = cells_chunk(&map->cells, chunk);
        from = u64_max(first, start) - start;
        to = u64_min(end, start + len) - start;
        counted += to - from;
        while (from < to) {
            unsigned run = cells_equal(cell + from, (unsigned)(to - from));

            if ((cell[from] & CELL_CODE) == STATE_SIDE)
                run = 1;
            out->n[class_of_cell(map, start + from, cell[from])] += run;
            if (cell_problem(map, cell[from]))
                out->problems += run;
            from += run;
        }
    }
    out->n[map->partial ? CLASS_UNKNOWN : CLASS_VACANT] += n - counted;
}

static bool same_cell(const struct map_cell *a, const struct map_cell *b)
{
    return a->cls == b->cls && a->counted == b->counted && a->owners == b->owners
        && a->problem == b->problem;
}

bool map_run_at(const struct map *map, uint64_t from, struct map_run *out)
{
    uint64_t at = from;

    if (from >= map->n_clusters)
        return false;
    cell_at(map, from, &out->cell);
    out->first = from;
    while (at < map->n_clusters) {
        uint64_t chunk = at >> CHUNK_BITS, next;
        const uint8_t *cell = cells_chunk(&map->cells, chunk);
        unsigned i = at & (CHUNK_CELLS - 1), n = chunk_len(map, chunk);
        struct map_cell here;

        if (!cell) {
            here = cell_of(map, at, 0);
            if (!same_cell(&here, &out->cell))
                break;
            next = index_from(map, chunk);
            at = next < map->n_chunks ? map_chunk_at(map, next) << CHUNK_BITS
                : map->n_clusters;
            at = u64_min(at, map->n_clusters);
            continue;
        }
        here = cell_of(map, at, cell[i]);
        if (!same_cell(&here, &out->cell))
            break;
        at += (cell[i] & CELL_CODE) == STATE_SIDE ? 1 : cells_equal(cell + i, n - i);
    }
    out->n = at - from;
    return true;
}

/* Cells [lo, hi) of a chunk, in the direction of the search. */
static bool find_in_chunk(const struct map *map, uint64_t chunk, unsigned lo, unsigned hi,
                          int dir, enum cluster_class cls, uint64_t *out)
{
    const uint8_t *cell = cells_chunk(&map->cells, chunk);
    uint64_t base = chunk << CHUNK_BITS;

    for (unsigned k = 0; k < hi - lo; k++) {
        unsigned i = dir > 0 ? lo + k : hi - 1 - k;
        uint8_t byte = cell ? cell[i] : 0;

        if (cls == N_CLASSES ? cell_problem(map, byte)
            : class_of_cell(map, base + i, byte) == cls) {
            *out = base + i;
            return true;
        }
    }
    return false;
}

bool map_find(const struct map *map, uint64_t from, int dir, enum cluster_class cls,
              uint64_t *out)
{
    uint64_t start = dir > 0 ? from + 1 : from - 1, i;
    bool everywhere = cls == CLASS_VACANT || cls == CLASS_UNKNOWN;

    if (dir > 0 ? start >= map->n_clusters : from == 0)
        return false;
    start = u64_min(start, map->n_clusters - 1);
    if (everywhere) {
        /* Vacant clusters are mostly in chunks nobody touched: step by runs. */
        struct map_run run;
        uint64_t found = UINT64_MAX;

        for (uint64_t at = dir > 0 ? start : 0; at < map->n_clusters; at += run.n) {
            map_run_at(map, at, &run);
            if (dir < 0 && at > start)
                break;
            if (run.cell.cls == cls) {
                found = dir > 0 ? run.first : u64_min(start, run.first + run.n - 1);
                if (dir > 0)
                    break;
            }
        }
        *out = found;
        return found != UINT64_MAX;
    }
    if (dir > 0) {
        for (i = index_from(map, start >> CHUNK_BITS); i < map->n_chunks;
             i = index_next(map, i)) {
            uint64_t chunk = map_chunk_at(map, i);
            unsigned lo = chunk == start >> CHUNK_BITS ? start & (CHUNK_CELLS - 1) : 0;

            if (map->hist[i][cls] && lo < chunk_len(map, chunk)
                && find_in_chunk(map, chunk, lo, chunk_len(map, chunk), dir, cls, out))
                return true;
        }
        return false;
    }
    for (uint64_t chunk = start >> CHUNK_BITS; index_back(map, chunk, &i); ) {
        unsigned hi;

        chunk = map_chunk_at(map, i);
        hi = chunk == start >> CHUNK_BITS ? (start & (CHUNK_CELLS - 1)) + 1
            : chunk_len(map, chunk);
        if (map->hist[i][cls] && find_in_chunk(map, chunk, 0, hi, dir, cls, out))
            return true;
        if (!chunk--)
            break;
    }
    return false;
}
