/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hexdata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scan/guest.h"
#include "scan/referrers.h"

#define SECTOR 512

void hexdata_reserve(struct hexdata *d, uint64_t start, size_t len)
{
    if (len > d->cap) {
        uint8_t *bytes = calloc(len, 1);
        uint8_t *state = calloc(len, 1);
        bool *changed = calloc(len, sizeof *changed);

        if (bytes && state && changed) {
            hexdata_free(d);
            d->bytes = bytes;
            d->state = state;
            d->changed = changed;
            d->cap = len;
        } else {
            free(bytes);
            free(state);
            free(changed);
        }
    }
    d->len = len < d->cap ? len : d->cap;
    if (d->len)
        memset(d->changed, 0, d->len * sizeof *d->changed);
    d->start = start;
}

void hexdata_free(struct hexdata *d)
{
    free(d->bytes);
    free(d->state);
    free(d->changed);
    *d = (struct hexdata){ 0 };
}

void hexdata_read(struct hexdata *d, const struct image *img, uint64_t start, size_t len)
{
    hexdata_reserve(d, start, len);
    if (d->len == 0)
        return;
    memset(d->state, BYTE_OK, d->len);
    for (size_t at = 0; at < d->len;) {
        struct source_req req = { .off = start + at, .dst = d->bytes + at,
                                  .len = (size_t)u64_min(SECTOR - (start + at) % SECTOR,
                                                         d->len - at) };

        source_read_many(img->src, &req, 1);
        if (req.error)
            memset(d->state + at, req.error == EAGAIN ? BYTE_COMING : BYTE_UNREADABLE, req.len);
        at += req.len;
    }
    for (size_t i = 0; i < d->len; i++)
        if (start + i >= img->geo.file_size)
            d->state[i] = BYTE_PAST_END;
}

void hexdata_copy(struct hexdata *d, const uint8_t *from, uint64_t size, uint64_t start,
                  size_t len)
{
    hexdata_reserve(d, start, len);
    for (size_t i = 0; i < d->len; i++) {
        bool inside = start + i < size;

        d->bytes[i] = inside ? from[start + i] : 0;
        d->state[i] = inside ? BYTE_OK : BYTE_PAST_END;
    }
}

void hexdata_mark(struct hexdata *d, const bool *mark, uint64_t off, uint64_t n)
{
    for (size_t i = 0; mark && i < d->len; i++)
        if (d->start + i >= off && d->start + i - off < n)
            d->changed[i] = mark[d->start + i - off];
}

/* --- compressed clusters --- */

static bool stream_of_guest(const struct image *img, uint32_t layer, uint64_t guest_off,
                            struct hex_stream *out)
{
    struct guest_hit hit;

    if (!guest_lookup(img, layer, guest_off, &hit, NULL) ||
        hit.entry.type != L2_COMPRESSED)
        return false;
    *out = (struct hex_stream){ guest_off & ~(img->geo.cluster_size - 1), layer,
                            hit.entry.host_off, hit.entry.host_len };
    return true;
}

/* Asks everyone who points to the cluster of this byte. */
static bool stream_around(const struct stream_query *q, _Atomic bool *cancel,
                          struct hex_stream *out, struct error *err)
{
    const struct geometry *geo = &q->img->geo;
    uint64_t off = q->place.file_off;
    struct referrers_query query = { q->img, q->scan, geo_cluster_of(geo, off), 1, 4096,
                                     q->threads };
    struct referrers r;
    bool found = false;

    if (!referrers_find(&query, cancel, NULL, &r, err))
        return false;
    for (size_t i = 0; i < r.n && !found; i++) {
        const struct referrer *one = &r.list[i];

        if (one->owner != OWNER_COMPRESSED || one->place.kind != PLACE_L2 ||
            off < one->host_off || off - one->host_off >= one->host_len)
            continue;
        *out = (struct hex_stream){ geo_guest_off(geo, one->place.i, one->place.j),
                                one->place.layer, one->host_off, one->host_len };
        found = true;
    }
    referrers_free(&r);
    if (!found)
        err_set(err, ERR_USAGE, "No compressed cluster here");
    return found;
}

bool stream_find(const struct stream_query *q, _Atomic bool *cancel, struct hex_stream *out,
                 struct error *err)
{
    const struct geometry *geo = &q->img->geo;
    const struct place *p = &q->place;

    if (q->site.kind == PLACE_L2 &&
        stream_of_guest(q->img, q->site.layer, geo_guest_off(geo, q->site.i, q->site.j), out))
        return true;
    if (p->guest_off != NO_ADDRESS && stream_of_guest(q->img, p->layer, p->guest_off, out))
        return true;
    if (q->site.kind != PLACE_NONE || p->file_off == NO_ADDRESS)
        return err_set(err, ERR_USAGE, "No compressed cluster here");
    return stream_around(q, cancel, out, err);
}
