/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hexdata.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scan/guest.h"
#include "scan/referrers.h"

#define SECTOR 512
#define CHUNK (UINT64_C(1) << 20)
#define NEEDLE_MAX 128

static void reserve(struct hexdata *d, size_t len)
{
    if (len > d->cap) {
        uint8_t *bytes = calloc(len, 1);
        uint8_t *state = calloc(len, 1);

        if (bytes && state) {
            free(d->bytes);
            free(d->state);
            d->bytes = bytes;
            d->state = state;
            d->cap = len;
        } else {
            free(bytes);
            free(state);
        }
    }
    d->len = len < d->cap ? len : d->cap;
}

void hexdata_free(struct hexdata *d)
{
    free(d->bytes);
    free(d->state);
    *d = (struct hexdata){ 0 };
}

void hexdata_read(struct hexdata *d, const struct image *img, uint64_t start, size_t len)
{
    reserve(d, len);
    d->start = start;
    if (d->len == 0)
        return;
    memset(d->state, BYTE_OK, d->len);
    if (!source_read(img->src, start, d->bytes, d->len, NULL)) {
        for (size_t at = 0; at < d->len;) {
            size_t n = (size_t)u64_min(SECTOR - (start + at) % SECTOR, d->len - at);

            if (!source_read(img->src, start + at, d->bytes + at, n, NULL))
                memset(d->state + at, BYTE_UNREADABLE, n);
            at += n;
        }
    }
    for (size_t i = 0; i < d->len; i++)
        if (start + i >= img->geo.file_size)
            d->state[i] = BYTE_PAST_END;
}

void hexdata_copy(struct hexdata *d, const uint8_t *from, uint64_t size, uint64_t start,
                  size_t len)
{
    reserve(d, len);
    d->start = start;
    for (size_t i = 0; i < d->len; i++) {
        bool inside = start + i < size;

        d->bytes[i] = inside ? from[start + i] : 0;
        d->state[i] = inside ? BYTE_OK : BYTE_PAST_END;
    }
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
static bool stream_around(const struct ui *ui, uint64_t off, struct hex_stream *out,
                          struct error *err)
{
    struct referrers r;
    bool found = false;

    if (!referrers_find(ui->img, ui->scan, geo_cluster_of(&ui->img->geo, off), 1, 4096,
                        ui->threads, NULL, &r, err))
        return false;
    for (size_t i = 0; i < r.n && !found; i++) {
        const struct referrer *one = &r.list[i];

        if (one->owner != OWNER_COMPRESSED || one->place.kind != PLACE_L2 ||
            off < one->host_off || off - one->host_off >= one->host_len)
            continue;
        *out = (struct hex_stream){ geo_guest_off(&ui->img->geo, one->place.i, one->place.j),
                                one->place.layer, one->host_off, one->host_len };
        found = true;
    }
    referrers_free(&r);
    if (!found)
        err_set(err, ERR_USAGE, "No compressed cluster here");
    return found;
}

bool stream_of_place(const struct ui *ui, const struct place *p, struct hex_stream *out,
                     struct error *err)
{
    const struct geometry *geo = &ui->img->geo;
    const struct site *site = &ui->site;

    if (site->place.kind == PLACE_L2 &&
        stream_of_guest(ui->img, site->place.layer,
                        geo_guest_off(geo, site->place.i, site->place.j), out))
        return true;
    if (p->guest_off != NO_ADDRESS &&
        stream_of_guest(ui->img, p->layer, p->guest_off, out))
        return true;
    if (site->place.kind != PLACE_NONE || p->file_off == NO_ADDRESS)
        return err_set(err, ERR_USAGE, "No compressed cluster here");
    return stream_around(ui, p->file_off, out, err);
}

/* --- search --- */

struct needle { uint8_t bytes[NEEDLE_MAX]; size_t len; };

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool needle_parse(const char *text, struct needle *out, struct error *err)
{
    out->len = 0;
    if (strncmp(text, "hex ", 4) != 0) {
        out->len = strnlen(text, NEEDLE_MAX);
        memcpy(out->bytes, text, out->len);
        return true;
    }
    for (const char *p = text + 4; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        if (digit(p[0]) < 0 || digit(p[1]) < 0 || out->len == NEEDLE_MAX)
            return err_set(err, ERR_USAGE, "bytes are typed like this: hex 51 46 49 fb");
        out->bytes[out->len++] = (uint8_t)(digit(p[0]) * 16 + digit(p[1]));
        p += 2;
    }
    if (out->len == 0)
        return err_set(err, ERR_USAGE, "bytes are typed like this: hex 51 46 49 fb");
    return true;
}

/* First (dir > 0) or last place of the needle that starts in [0, len) of bytes, which are
 * len + needle - 1 long. */
static bool find_in(const uint8_t *bytes, size_t len, const struct needle *n, int dir,
                    size_t *out)
{
    bool found = false;

    for (size_t at = 0; at < len;) {
        const uint8_t *hit = memchr(bytes + at, n->bytes[0], len - at);

        if (!hit)
            break;
        at = (size_t)(hit - bytes);
        if (memcmp(hit, n->bytes, n->len) == 0) {
            *out = at;
            found = true;
            if (dir > 0)
                return true;
        }
        at++;
    }
    return found;
}

static bool search_forward(const struct image *img, const struct needle *n,
                           uint8_t *bytes, uint64_t from, uint64_t *out)
{
    uint64_t looked = 0;
    uint64_t start;
    uint64_t end;
    size_t at;

    while (looked < HEX_SEARCH_MAX && source_next_data(img->src, from, &start, &end)) {
        uint64_t len = u64_min(CHUNK, end - u64_max(from, start));

        from = u64_max(from, start);
        (void)source_read(img->src, from, bytes, (size_t)len + n->len - 1, NULL);
        if (find_in(bytes, (size_t)len, n, 1, &at)) {
            *out = from + at;
            return true;
        }
        from += len;
        looked += len;
    }
    return false;
}

static bool search_backward(const struct image *img, const struct needle *n,
                            uint8_t *bytes, uint64_t from, uint64_t *out)
{
    uint64_t looked = 0;
    size_t at;

    while (looked < HEX_SEARCH_MAX && from > 0) {
        uint64_t len = u64_min(CHUNK, from);

        from -= len;
        looked += len;
        (void)source_read(img->src, from, bytes, (size_t)len + n->len - 1, NULL);
        if (find_in(bytes, (size_t)len, n, -1, &at)) {
            *out = from + at;
            return true;
        }
    }
    return false;
}

bool hex_search(const struct image *img, const char *text, uint64_t from, int dir,
                uint64_t *out, struct error *err)
{
    uint8_t *bytes;
    struct needle n;
    bool found;

    if (!needle_parse(text, &n, err))
        return false;
    bytes = malloc(CHUNK + NEEDLE_MAX);
    if (!bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    found = dir > 0 ? search_forward(img, &n, bytes, from + 1, out)
                    : search_backward(img, &n, bytes, from, out);
    free(bytes);
    if (!found)
        err_set(err, ERR_USAGE, "Not found within %" PRIu64 " MiB: %.100s",
                HEX_SEARCH_MAX >> 20, text);
    return found;
}
