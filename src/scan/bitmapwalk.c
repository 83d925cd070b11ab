/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/bitmapwalk.h"

#include <stdlib.h>

#include "scan/sweep.h"

#define PIECE 65536                 /* bytes read at a time */

struct bitmap_walker { const struct bitmap_walk *walk; uint8_t *bytes; struct data_memo memo; };

static bool piece(void *ctx, uint64_t start, uint64_t end, uint32_t none, uint32_t weight,
                  const struct sweep_span *first)
{
    struct bitmap_walker *w = ctx;
    const struct bitmap_walk *walk = w->walk;
    struct source_pieces pieces = { walk->img->src, start, end, start, w->memo };
    struct source_piece p;

    (void)none;
    while (source_pieces_next(&pieces, w->bytes, PIECE, &p)) {
        struct place place = { PLACE_BITMAP_TABLE, 0, first->layer - 1,
                               (p.off - first->start) / 8, p.off, NO_ADDRESS };

        if (walk->cancel && *walk->cancel)
            return false;
        if (p.bad.len && walk->unreadable) {
            struct place there = place;

            there.j += (p.bad.off - p.off) / 8;
            there.file_off += (p.bad.off - p.off) / 8 * 8;
            walk->unreadable(walk->ctx, &there, p.bad);
        }
        for (size_t k = 0; k + 8 <= p.len; k += 8, place.j++, place.file_off += 8) {
            uint64_t value = be64(w->bytes + k);

            if (value)
                walk->word(walk->ctx, &place, value, weight);
        }
    }
    w->memo = pieces.memo;
    return true;
}

bool bitmap_walk_run(const struct bitmap_walk *walk)
{
    const struct bitmaps *bm = &walk->img->bitmaps;
    uint64_t size = walk->img->geo.file_size;
    struct sweep_span *span = calloc(bm->n + 1, sizeof *span);
    struct bitmap_walker w = { .walk = walk, .bytes = malloc(PIECE) };
    size_t n = 0;
    bool ok = false;

    if (!span || !w.bytes)
        goto out;
    for (size_t i = 0; i < bm->n; i++) {
        const struct bitmap *b = &bm->list[i];

        if (!b->table_size || b->table_offset >= size)
            continue;                       /* after the file: zeros */
        span[n++] = (struct sweep_span){
            b->table_offset,
            b->table_offset + u64_min(b->table_size, div_up(size - b->table_offset, 8)) * 8,
            (uint32_t)i + 1,
        };
    }
    ok = sweep_spans(span, n, piece, &w);
out:
    free(w.bytes);
    free(span);
    return ok;
}
