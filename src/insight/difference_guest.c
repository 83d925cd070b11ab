/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/grow.h"
#include "insight/difference.h"
#include "scan/guest.h"

const struct change_info *guest_change_info(enum guest_change_kind k)
{
    static const struct change_info rows[N_GUEST_CHANGES] = {
#define X(e, id, name) { id, name },
        GUEST_CHANGES(X)
#undef X
    };

    return &rows[k];
}

/* One of two disks, extent by extent; after its end nothing is mapped. */
struct disk_side {
    struct guest_walk *walk;
    struct guest_extent now;
    struct error err;
};

static bool disk_open_side(const struct image *img, uint32_t layer, struct disk_side *s,
                           struct error *err)
{
    struct layer_l1 l1;

    *s = (struct disk_side){ .walk = NULL };
    if (!image_layer_l1(img, layer, &l1))
        return err_set(err, ERR_USAGE, "there is no such layer");
    return guest_walk_open(img, layer, 0, l1.guest_size, &s->walk, err);
}

/* Makes `now` hold byte `at`. False for an error. */
static bool disk_advance(struct disk_side *s, uint64_t at, struct error *err)
{
    while (s->walk && at >= s->now.start + s->now.length) {
        s->err.code = ERR_NONE;
        if (guest_walk_next(s->walk, &s->now, &s->err))
            continue;
        if (s->err.code != ERR_NONE) {
            if (err)
                *err = s->err;
            return false;
        }
        guest_walk_free(s->walk);
        s->walk = NULL;
        s->now = (struct guest_extent){ .start = at, .length = UINT64_MAX - at,
                                        .host_off = NO_ADDRESS };
    }
    return true;
}

static bool is_stored(const struct guest_extent *x)
{
    return x->data || x->compressed;
}

/* False: no change. */
static bool change_between(const struct guest_extent *a, const struct guest_extent *b,
                           uint64_t at, enum guest_change_kind *out)
{
    if (is_stored(a) && is_stored(b)) {
        /* Where a compressed stream lies is not told by the walk. */
        bool same = a->compressed == b->compressed
            && (a->compressed
                || a->host_off + (at - a->start) == b->host_off + (at - b->start));

        *out = GUEST_MOVED_NOW;
        return !same;
    }
    *out = is_stored(a) ? GUEST_FREED_NOW
         : is_stored(b) ? GUEST_STORED_NOW : GUEST_OTHER_NOW;
    return is_stored(a) || is_stored(b) || a->mapped != b->mapped || a->zero != b->zero;
}

static bool note(struct difference *d, struct guest_change c, struct error *err)
{
    struct guest_change *last = d->n_guests ? &d->guest[d->n_guests - 1] : NULL;

    if (last && last->start + last->len == c.start && last->kind == c.kind) {
        last->len += c.len;
        return true;
    }
    if (d->n_guests == DIFF_RANGES_MAX) {
        d->cut = true;
        return true;
    }
    if (!list_double(&d->guest, d->n_guests, sizeof *d->guest))
        return err_set(err, ERR_NOMEM, "out of memory");
    d->guest[d->n_guests++] = c;
    return true;
}

bool difference_guest(const struct image *a, uint32_t layer_a, const struct image *b,
                      uint32_t layer_b, uint64_t bytes[N_GUEST_CHANGES], struct difference *d,
                      struct error *err)
{
    struct disk_side x, y = { .walk = NULL };
    uint64_t at = 0;
    bool ok = disk_open_side(a, layer_a, &x, err) && disk_open_side(b, layer_b, &y, err);

    while (ok) {
        enum guest_change_kind kind;
        uint64_t end;

        ok = disk_advance(&x, at, err) && disk_advance(&y, at, err);
        if (!ok || (!x.walk && !y.walk))
            break;
        end = u64_min(x.now.start + x.now.length, y.now.start + y.now.length);
        /* Behind the end of one disk only what is stored counts: the sizes say the rest. */
        if (change_between(&x.now, &y.now, at, &kind)
            && (kind != GUEST_OTHER_NOW || (x.walk && y.walk))) {
            bytes[kind] += end - at;
            if (d)
                ok = note(d, (struct guest_change){ at, end - at, kind }, err);
        }
        at = end;
    }
    guest_walk_free(x.walk);
    guest_walk_free(y.walk);
    return ok;
}
