/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which bytes of a disk lack something. */
#include "config.h"

#include <stdlib.h>

#include "base/grow.h"
#include "base/num.h"
#include "scan/damage.h"
#include "volumes/volumes.h"

bool guest_ranges_add(struct guest_ranges *r, uint64_t off, uint64_t len, struct error *err)
{
    struct guest_range *last = r->n ? &r->list[r->n - 1] : NULL;

    if (!len || off > UINT64_MAX - len)
        return true;
    if (last && last->end == off) {
        last->end += len;
        return true;
    }
    if (r->n == GUEST_RANGES_MAX) {
        r->cut = true;
        return true;
    }
    if (!list_room(&r->list, r->n, &r->cap, sizeof *r->list))
        return err_set(err, ERR_NOMEM, "out of memory");
    r->list[r->n++] = (struct guest_range){ off, off + len };
    return true;
}

static int by_off(const void *a, const void *b)
{
    const struct guest_range *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

void guest_ranges_sort(struct guest_ranges *r)
{
    size_t n = 0;

    if (r->n)
        qsort(r->list, r->n, sizeof *r->list, by_off);
    for (size_t i = 0; i < r->n; i++) {
        struct guest_range *last = n ? &r->list[n - 1] : NULL;

        if (last && last->end >= r->list[i].off)
            last->end = u64_max(last->end, r->list[i].end);
        else
            r->list[n++] = r->list[i];
    }
    r->n = n;
    r->bytes = 0;
    for (size_t i = 0; i < n; i++)
        r->bytes += r->list[i].end - r->list[i].off;
}

bool guest_ranges_subtract(struct guest_ranges *r, struct guest_ranges *other,
                           struct error *err)
{
    struct guest_ranges left = GUEST_RANGES_INIT;
    size_t k = 0;

    guest_ranges_sort(r);
    guest_ranges_sort(other);
    for (size_t i = 0; i < r->n; i++) {
        uint64_t at = r->list[i].off, end = r->list[i].end;

        while (k < other->n && other->list[k].end <= at)
            k++;
        for (size_t j = k; at < end; j++) {
            bool more = j < other->n && other->list[j].off < end;
            uint64_t stop = more ? u64_max(other->list[j].off, at) : end;

            if (!guest_ranges_add(&left, at, stop - at, err)) {
                guest_ranges_free(&left);
                return false;
            }
            at = more ? other->list[j].end : end;
        }
    }
    left.cut = left.cut || r->cut;
    guest_ranges_free(r);
    *r = left;
    guest_ranges_sort(r);
    return true;
}

void guest_ranges_free(struct guest_ranges *r)
{
    free(r->list);
    *r = (struct guest_ranges)GUEST_RANGES_INIT;
}

bool volumes_add_problem(struct guest_ranges *doubtful, const struct problem *p,
                         const struct geometry *geo, uint32_t layer, struct error *err)
{
    struct damage_range found[3];
    unsigned n = damage_of_problem(p, geo, found);

    for (unsigned i = 0; i < n; i++)
        if (found[i].layer == layer &&
            !guest_ranges_add(doubtful, found[i].start, found[i].end - found[i].start, err))
            return false;
    return true;
}

bool volumes_add_told(struct disk *d, uint64_t off, uint64_t end, struct guest_ranges *lost,
                      struct guest_ranges *doubtful, struct error *err)
{
    struct disk_span span;

    for (; off < end && disk_next(d, off, end, &span); off += span.len)
        if (!guest_ranges_add(span.state == DISK_DATA ? doubtful : lost, span.off, span.len, err))
            return false;
    return true;
}

bool volumes_lacking(struct disk *d, struct guest_ranges *lost, struct guest_ranges *unmapped,
                     const _Atomic bool *cancel, struct error *err)
{
    const uint64_t size = disk_size(d);
    struct disk_span span;

    for (uint64_t off = 0; off < size && disk_next(d, off, size, &span); off += span.len) {
        struct guest_ranges *to = span.state == DISK_DAMAGED || span.state == DISK_UNREADABLE
                                  ? lost : span.state == DISK_HOLE ? unmapped : NULL;

        if (to && !guest_ranges_add(to, span.off, span.len, err))
            return false;
        if (cancel && atomic_load(cancel))
            return err_set(err, ERR_CANCELLED, "stopped");
    }
    return true;
}
