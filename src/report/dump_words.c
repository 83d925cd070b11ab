/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables of 64-bit words, without reading the holes of the file. */
#include "config.h"

#include "report/dump.h"

static void put_empty(struct dump *d, const struct dump_words *w, uint64_t first, uint64_t n)
{
    if (n && !d->used)
        w->empty(d, w->ctx, first, n);
}

void dump_words(struct dump *d, const struct dump_words *w)
{
    const struct image *img = d->img;
    uint64_t entry[512], end = u64_min(w->end, image_entries_present(img, w->off, w->end));
    uint64_t i = w->first, empty = w->first, batch = 0;
    struct data_memo memo = { 0, 0, 0 };

    while ((i = source_next_unit(img->src, &memo, w->off, 8, i, end)) < end && out_ok(d->out)) {
        struct error why;

        batch = u64_min(sizeof entry / sizeof *entry, end - i);
        if (!image_read_l1(img, w->off, i, (size_t)batch, entry, &why)) {
            put_empty(d, w, empty, i - empty);
            empty = i;
            dump_lost(d, &why);
        }
        for (uint64_t k = 0; k < batch && out_ok(d->out); k++, i++) {
            struct problem_hits found = { .n = 0 };

            problem_index_bytes(d->index, w->off + i * 8, 1, &found);
            if (!entry[k] && !found.n)
                continue;
            put_empty(d, w, empty, i - empty);
            w->row(d, w->ctx, i, entry[k], &found);
            empty = i + 1;
        }
    }
    if (out_ok(d->out))
        put_empty(d, w, empty, w->end > empty ? w->end - empty : 0);
}
