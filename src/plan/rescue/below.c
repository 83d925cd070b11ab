/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/below.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "disk/disk.h"

struct below {
    struct chain rest;              /* of its layers, what is below it; borrowed */
    struct disk *disk;              /* owned; NULL: it is raw */
    struct source *raw;             /* borrowed */
    struct data_memo memo;
    uint64_t size;                  /* bytes */
};

bool below_open(const struct chain *chain, struct below **out, struct error *err)
{
    const struct chain_layer *first = chain && chain->n ? &chain->layer[0] : NULL;
    struct below *b;
    bool ok = true;

    *out = NULL;
    if (!first || (!first->img && !first->raw))
        return true;
    b = calloc(1, sizeof *b);
    if (!b)
        return err_set(err, ERR_NOMEM, "out of memory");
    b->rest = (struct chain){ chain->layer + 1, chain->n - 1, first->data };
    b->raw = first->raw;
    if (first->img) {
        const struct disk_options opt = { .chain = &b->rest };

        ok = disk_open(first->img, (struct disk_layer){ LAYER_ACTIVE, false }, &opt, &b->disk, err);
    }
    b->size = !ok ? 0 : b->disk ? disk_size(b->disk) : source_size(b->raw);
    if (ok)
        *out = b;
    else
        below_close(b);
    return ok;
}

void below_close(struct below *b)
{
    if (b)
        disk_close(b->disk);
    free(b);
}

static bool all_known(const struct disk_spans *spans)
{
    for (size_t i = 0; i < spans->n; i++)
        if (disk_state_lost(spans->list[i].state))
            return false;
    return true;
}

bool below_read(struct below *b, uint64_t guest_off, void *dst, size_t len)
{
    struct disk_spans spans = DISK_SPANS_INIT;
    size_t there = guest_off < b->size ? (size_t)u64_min(len, b->size - guest_off) : 0;
    bool ok = true;

    memset((uint8_t *)dst + there, 0, len - there);
    if (!there)
        return true;
    if (b->disk)
        ok = disk_read(b->disk, guest_off, dst, there, &spans, NULL) && all_known(&spans);
    else
        ok = source_read(b->raw, guest_off, dst, there, NULL);
    disk_spans_free(&spans);
    return ok;
}

uint64_t below_next(struct below *b, uint64_t cl, uint64_t end, uint32_t cluster)
{
    struct disk_span span;

    end = u64_min(end, b->size / cluster + (b->size % cluster != 0));
    if (cl >= end)
        return UINT64_MAX;
    if (!b->disk) {
        cl = source_next_unit(b->raw, &b->memo, 0, cluster, cl, end);
        return cl < end ? cl : UINT64_MAX;
    }
    while (disk_next(b->disk, cl * cluster, end * cluster, &span)) {
        if (span.state == DISK_DATA || disk_state_lost(span.state))
            return cl;
        cl = (span.off + span.len) / cluster;
    }
    return UINT64_MAX;
}
