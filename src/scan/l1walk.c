/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/l1walk.h"

#include <stdlib.h>

#define WORDS_PER_READ 8192

struct walker { const struct l1_walk *walk; uint8_t *bytes; struct data_memo memo; };

/* Words of the table that begin inside the file; the rest would be zeros. */
static struct sweep_span l1_span(const struct image *img, size_t layer)
{
    struct layer_l1 l1;

    image_layer_l1(img, (uint32_t)layer, &l1);
    if (!l1.sound)
        l1.present = 0;
    return (struct sweep_span){ l1.off, l1.off + l1.present * 8, (uint32_t)layer };
}

uint64_t l1_walk_total(const struct image *img)
{
    uint64_t words = 0;

    for (size_t i = 0; i <= img->snaps.n; i++) {
        struct sweep_span s = l1_span(img, i);

        words += (s.end - s.start) / 8;
    }
    return words;
}

static struct place place_of(const struct image *img, const struct sweep_span *span, uint64_t at)
{
    struct place p = { PLACE_L1, span->layer, (at - span->start) / 8, 0, at, NO_ADDRESS };

    p.guest_off = geo_guest_off(&img->geo, p.i, 0);
    return p;
}

static bool piece(void *ctx, uint64_t start, uint64_t end, uint32_t n_active,
                  uint32_t n_snapshot, const struct sweep_span *first)
{
    struct walker *wk = ctx;
    const struct l1_walk *walk = wk->walk;
    const struct image *img = walk->img;
    struct source_pieces pieces = { img->src, start, end, start, wk->memo };
    struct source_piece p;

    while (source_pieces_next(&pieces, wk->bytes, WORDS_PER_READ * 8, &p)) {
        struct l1_word w = { .n_active = n_active, .n_snapshot = n_snapshot };

        if (walk->cancel && *walk->cancel)
            return false;
        if (p.bad.len && walk->unreadable) {
            struct place place = place_of(img, first, p.off + (p.bad.off - p.off) / 8 * 8);

            walk->unreadable(walk->ctx, &place, p.bad);
        }
        for (size_t k = 0; k < p.len; k += 8) {
            w.value = be64(wk->bytes + k);
            if (!w.value)
                continue;
            w.at = p.off + k;
            w.place = place_of(img, first, w.at);
            if (!walk->word(walk->ctx, &w))
                return false;
        }
        if (walk->done)
            walk->done(walk->ctx, p.len / 8);
    }
    wk->memo = pieces.memo;
    return true;
}

bool l1_walk_run(const struct l1_walk *walk)
{
    const struct image *img = walk->img;
    struct walker wk = { .walk = walk };
    struct sweep_span *span = calloc(img->snaps.n + 1, sizeof *span);
    size_t n = 0;
    bool ok = false;

    wk.bytes = calloc(WORDS_PER_READ, 8);
    if (span && wk.bytes) {
        ok = true;
        for (size_t i = 0; i <= img->snaps.n; i++) {
            span[n] = l1_span(img, i);
            n += span[n].end > span[n].start;
            /* Tables of snapshots are aligned. The active one need not be: its words then
             * lie across theirs, and it goes alone. */
            if (i == 0 && n && span[0].start % 8) {
                ok = sweep_spans(span, n, piece, &wk);
                n = 0;
            }
        }
        ok = ok && sweep_spans(span, n, piece, &wk);
    }
    free(span);
    free(wk.bytes);
    return ok;
}
