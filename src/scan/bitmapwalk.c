/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/bitmapwalk.h"

#include <stdlib.h>

#include "scan/sweep.h"

static bool piece(void *ctx, uint64_t start, uint64_t end, uint32_t none, uint32_t weight,
                  const struct sweep_span *first)
{
    const struct bitmap_walk *walk = ctx;
    uint8_t bytes[4096];

    (void)none;
    for (uint64_t at = start; at < end; ) {
        size_t len = (size_t)u64_min(sizeof bytes, end - at);
        struct source_span bad;
        struct place place = { PLACE_BITMAP_TABLE, 0, first->layer - 1,
                               (at - first->start) / 8, at, NO_ADDRESS };

        if (walk->cancel && *walk->cancel)
            return false;
        if (!source_read_known(walk->img->src, at, bytes, len, &bad) && walk->unreadable) {
            struct place there = place;

            there.j += (bad.off - at) / 8;
            there.file_off += (bad.off - at) / 8 * 8;
            walk->unreadable(walk->ctx, &there, bad);
        }
        for (size_t k = 0; k + 8 <= len; k += 8, place.j++, place.file_off += 8) {
            uint64_t value = be64(bytes + k);

            if (value)
                walk->word(walk->ctx, &place, value, weight);
        }
        at += len;
    }
    return true;
}

bool bitmap_walk_run(const struct bitmap_walk *walk)
{
    const struct bitmaps *bm = &walk->img->bitmaps;
    uint64_t size = walk->img->geo.file_size;
    struct sweep_span *span = calloc(bm->n + 1, sizeof *span);
    size_t n = 0;
    bool ok;

    if (!span)
        return false;
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
    ok = sweep_spans(span, n, piece, (void *)(uintptr_t)walk);
    free(span);
    return ok;
}
