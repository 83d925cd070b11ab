/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Search in the guest's disk. */
#include "config.h"

#include <stdlib.h>

#include "base/num.h"
#include "ui/hex_guest.h"

#define CHUNK (UINT64_C(1) << 20)

struct quest {
    struct disk *disk;
    const struct needle *needle;
    struct task_run *run;
    uint8_t *bytes;                     /* CHUNK + NEEDLE_MAX */
    int dir;
};

static bool is_stored(const struct disk_span *s)
{
    return s->state == DISK_DATA && !s->sparse;
}

/* Looks for needles that begin in [lo, hi), at most CHUNK long. */
static bool look(struct quest *q, uint64_t lo, uint64_t hi, uint64_t *out)
{
    uint64_t size = disk_size(q->disk);
    size_t n, at;

    hi = u64_min(hi, size >= q->needle->len ? size - q->needle->len + 1 : 0);
    if (lo >= hi)
        return false;
    n = (size_t)(hi - lo);
    if (!disk_read(q->disk, lo, q->bytes, n + q->needle->len - 1, NULL, NULL) ||
        !needle_find(q->needle, q->bytes, n, q->dir, &at))
        return false;
    *out = lo + at;
    return true;
}

static bool forward(struct quest *q, uint64_t lo, uint64_t hi, uint64_t *out)
{
    struct disk_span s;
    uint64_t at = lo;

    while (at < hi && !q->run->cancel && disk_next(q->disk, at, hi, &s)) {
        uint64_t len = is_stored(&s) ? u64_min(s.len, CHUNK) : s.len;

        if (is_stored(&s) && look(q, at, at + len, out))
            return true;
        at += len;
        q->run->done += len;
    }
    return false;
}

/* Is nothing of [lo, hi) stored? */
static bool is_empty(struct quest *q, uint64_t lo, uint64_t hi)
{
    struct disk_span s;

    for (; lo < hi && !q->run->cancel && disk_next(q->disk, lo, hi, &s); lo += s.len)
        if (is_stored(&s))
            return false;
    return true;
}

/* In steps that double as long as nothing is stored, as holes can be long. */
static bool backward(struct quest *q, uint64_t lo, uint64_t hi, uint64_t *out)
{
    uint64_t step = CHUNK;

    while (hi > lo && !q->run->cancel) {
        uint64_t len = u64_min(step, hi - lo);

        if (is_empty(q, hi - len, hi)) {
            step = u64_min(step * 2, UINT64_C(1) << 60);
        } else if (len > CHUNK) {
            step = u64_max(len / 2, CHUNK);
            continue;
        } else if (look(q, hi - len, hi, out)) {
            return true;
        }
        hi -= len;
        q->run->done += len;
    }
    return false;
}

bool guest_search(struct disk *d, const struct needle *n, uint64_t from, int dir,
                  struct task_run *run, struct hex_hit *out, struct error *err)
{
    struct quest q = { d, n, run, malloc(CHUNK + NEEDLE_MAX), dir };
    uint64_t size = disk_size(d), next;
    bool found = false;

    from = u64_min(from, size);
    next = u64_min(from + 1, size);
    run->total = size;
    if (!q.bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (int round = 0; round < 2 && !found && n->len; round++) {
        out->wrapped = round == 1;
        found = dir > 0 ? forward(&q, round ? 0 : next, round ? next : size, &out->pos.off)
                        : backward(&q, round ? from : 0, round ? size : from, &out->pos.off);
    }
    free(q.bytes);
    if (!found && run->cancel)
        return err_set(err, ERR_CANCELLED, "Search stopped");
    return found || err_set(err, ERR_USAGE, "Not on this disk");
}
