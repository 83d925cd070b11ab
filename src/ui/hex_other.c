/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hex_other.h"

#include <stdlib.h>
#include <string.h>

struct hex_other hex_other_of(const struct ui *ui)
{
    return (struct hex_other){ ui->other, ui->disk };
}

/* A plan may take snapshots away: then a number is that of another one. */
static bool same_layer(const struct image *a, const struct image *b, uint32_t layer)
{
    return layer == LAYER_ACTIVE
        || (layer <= a->snaps.n && layer <= b->snaps.n
            && a->snaps.list[layer - 1].l1_table_offset
                   == b->snaps.list[layer - 1].l1_table_offset);
}

/* Is the byte at `off` lost? *k: the span to begin with, as off rises. */
static bool lost_at(const struct disk_spans *s, size_t *k, uint64_t off)
{
    while (s && *k < s->n && s->list[*k].off + s->list[*k].len <= off)
        ++*k;
    return s && *k < s->n && disk_state_lost(s->list[*k].state);
}

bool *hex_other_marks(const struct hex_other *o, const struct image *shown, uint32_t layer,
                      const struct disk *keys, uint64_t off, const uint8_t *bytes, size_t len,
                      const struct disk_spans *spans)
{
    struct disk_options opt = o->opt;
    struct disk_spans other = DISK_SPANS_INIT;
    struct disk *d = NULL;
    uint8_t *there = NULL;
    bool *mark = NULL, any = false;
    size_t a = 0, b = 0;

    opt.keys = keys;
    if (!o->img || !same_layer(o->img, shown, layer)
        || !disk_open(o->img, (struct disk_layer){ layer, false }, &opt, &d, NULL))
        return NULL;
    there = malloc(len ? len : 1);
    mark = calloc(len ? len : 1, sizeof *mark);
    if (there && mark && disk_read(d, off, there, len, &other, NULL))
        for (size_t i = 0; i < len; i++) {
            bool lost = lost_at(spans, &a, off + i);

            mark[i] = bytes[i] != there[i] || lost != lost_at(&other, &b, off + i);
            any = any || mark[i];
        }
    if (!any) {
        free(mark);
        mark = NULL;
    }
    free(there);
    disk_spans_free(&other);
    disk_close(d);
    return mark;
}
