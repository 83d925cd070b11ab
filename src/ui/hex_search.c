/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hex_search.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/num.h"
#include "qcow2/decompress.h"
#include "qcow2/spec.h"

#define CHUNK       (UINT64_C(1) << 20)
#define STREAMS_MAX (UINT64_C(1) << 21)     /* 64 MiB of them */
#define L2_BATCH    512u

/* --- the needle --- */

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool needle_parse(const char *text, struct needle *out, struct error *err)
{
    struct needle n = { .len = 0 };

    if (strncmp(text, "hex ", 4) != 0) {
        n.len = strnlen(text, NEEDLE_MAX);
        memcpy(n.bytes, text, n.len);
        *out = n;
        return true;
    }
    for (const char *p = text + 4; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        if (digit(p[0]) < 0 || digit(p[1]) < 0 || n.len == NEEDLE_MAX)
            return err_set(err, ERR_USAGE, "bytes are typed like this: hex 51 46 49 fb");
        n.bytes[n.len++] = (uint8_t)(digit(p[0]) * 16 + digit(p[1]));
        p += 2;
    }
    if (n.len == 0)
        return err_set(err, ERR_USAGE, "bytes are typed like this: hex 51 46 49 fb");
    *out = n;
    return true;
}

bool needle_find(const struct needle *n, const uint8_t *bytes, size_t len, int dir,
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

/* --- compressed clusters --- */

struct streams { struct hex_stream *list; size_t n, cap; uint64_t l2_bytes; bool left_out; };

static bool streams_add(struct streams *s, const struct hex_stream *one)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        struct hex_stream *list =
            s->n < STREAMS_MAX ? realloc(s->list, cap * sizeof *list) : NULL;

        if (!list) {
            s->left_out = true;
            return false;
        }
        s->list = list;
        s->cap = cap;
    }
    s->list[s->n++] = *one;
    return true;
}

/* The compressed clusters of an L2 table. False: no more can be held. */
static bool add_table(struct streams *s, const struct image *img, uint32_t layer, uint64_t i,
                      uint64_t l2_off)
{
    struct l2_entry entry[L2_BATCH];

    for (uint64_t j = 0; j < img->geo.l2_entries; j += L2_BATCH) {
        size_t n = (size_t)u64_min(L2_BATCH, img->geo.l2_entries - j);

        (void)image_read_l2(img, l2_off, j, n, entry, NULL);
        for (size_t k = 0; k < n; k++) {
            struct hex_stream one = { geo_guest_off(&img->geo, i, j + k), layer,
                                      entry[k].host_off, entry[k].host_len };

            if (entry[k].type == L2_COMPRESSED && !streams_add(s, &one))
                return false;
        }
    }
    return true;
}

static void add_layer(struct streams *s, const struct image *img, uint32_t layer,
                      const struct layer_l1 *l1, struct task_run *run)
{
    uint64_t most = img->geo.file_size > UINT64_MAX / 4 ? UINT64_MAX
                                                        : img->geo.file_size * 2 + CHUNK;

    for (uint64_t i = 0; i < l1->present && !run->cancel; i++) {
        uint64_t entry;

        if (!image_read_l1(img, l1->off, i, 1, &entry, NULL))
            continue;
        entry &= ENTRY_OFFSET_MASK;
        if (entry == 0 || entry >= img->geo.file_size)
            continue;
        s->l2_bytes += img->geo.cluster_size;
        if (s->l2_bytes > most || !add_table(s, img, layer, i, entry)) {
            s->left_out = true;
            return;
        }
    }
}

static int by_host(const void *a, const void *b)
{
    const struct hex_stream *x = a;
    const struct hex_stream *y = b;

    if (x->host_off != y->host_off)
        return x->host_off < y->host_off ? -1 : 1;
    return x->layer < y->layer ? -1 : x->layer > y->layer;
}

/* All of the image, in the order of the file, each once. */
static void collect(struct streams *s, const struct image *img, struct task_run *run)
{
    struct layer_l1 l1;
    size_t n = 0;

    for (uint32_t layer = 0; !s->left_out && image_layer_l1(img, layer, &l1); layer++)
        add_layer(s, img, layer, &l1, run);
    if (s->n == 0)
        return;
    qsort(s->list, s->n, sizeof *s->list, by_host);
    for (size_t i = 0; i < s->n; i++)
        if (n == 0 || s->list[i].host_off != s->list[n - 1].host_off)
            s->list[n++] = s->list[i];
    s->n = n;
}

/* Number of the first stream at or after a file offset. */
static size_t stream_at(const struct streams *s, uint64_t off)
{
    size_t low;

    BISECT(low, s->n, mid, s->list[mid].host_off >= off);
    return low;
}

/* --- the walk --- */

/* One of the two passes: from `from` to the end of the file (or its start), and the rest. */
struct pass {
    const struct image *img;
    const struct needle *n;
    const struct hex_pos *from;
    struct streams *streams;
    struct task_run *run;
    int dir;
    bool second;
    uint8_t *bytes, *plain;             /* CHUNK + NEEDLE_MAX; a cluster */
    struct hex_hit *hit;
};

/* Does the pass take places above `from`, rather than those below? */
static bool above(const struct pass *p)
{
    return (p->dir > 0) != p->second;
}

/* Cuts [*lo, *hi) to the side of `from` that this pass takes; `from` belongs to the second
 * pass. `equal`: it is of the same sort as the places in the range. */
static void cut(const struct pass *p, uint64_t from, bool equal, uint64_t *lo, uint64_t *hi)
{
    uint64_t next = from == UINT64_MAX ? from : from + 1;

    if (above(p))
        *lo = u64_max(*lo, equal && p->second ? from : next);
    else
        *hi = u64_min(*hi, equal && !p->second ? from : next);
}

/* Raw bytes of which the needle starts in [lo, hi). */
static bool find_raw(struct pass *p, uint64_t lo, uint64_t hi, uint64_t *out)
{
    uint64_t size = p->img->geo.file_size;
    size_t at;

    cut(p, p->from->off, !p->from->in_stream, &lo, &hi);
    hi = u64_min(hi, size >= p->n->len ? size - p->n->len + 1 : 0);
    if (lo >= hi)
        return false;
    (void)source_read(p->img->src, lo, p->bytes, (size_t)(hi - lo) + p->n->len - 1, NULL);
    if (!needle_find(p->n, p->bytes, (size_t)(hi - lo), p->dir, &at))
        return false;
    *out = lo + at;
    return true;
}

static bool find_plain(struct pass *p, const struct hex_stream *s)
{
    uint64_t size = p->img->geo.cluster_size;
    uint64_t lo = 0;
    uint64_t hi = size >= p->n->len ? size - p->n->len + 1 : 0;
    size_t at;

    if (s->host_off == p->from->off && p->from->in_stream)
        cut(p, p->from->in, true, &lo, &hi);
    else if (s->host_off == p->from->off && !above(p))
        return false;                   /* it comes after `from` */
    else if (s->host_off != p->from->off && (s->host_off > p->from->off) != above(p))
        return false;
    if (lo >= hi ||
        !cluster_decompress(p->img, s->host_off, s->host_len, p->plain, NULL) ||
        !needle_find(p->n, p->plain + lo, (size_t)(hi - lo), p->dir, &at))
        return false;
    p->hit->pos = (struct hex_pos){ s->host_off, true, lo + at };
    p->hit->stream = *s;
    return true;
}

/* The bytes [lo, hi) of the file and the streams that begin there. */
static bool find_in_chunk(struct pass *p, uint64_t lo, uint64_t hi)
{
    uint64_t raw = p->dir > 0 ? UINT64_MAX : 0;
    bool found = find_raw(p, lo, hi, &raw);
    size_t first = stream_at(p->streams, lo);
    size_t n = stream_at(p->streams, hi) - first;

    for (size_t i = 0; i < n && !p->run->cancel; i++) {
        const struct hex_stream *s = &p->streams->list[p->dir > 0 ? first + i : first + n - 1 - i];

        if (found && (p->dir > 0 ? s->host_off >= raw : s->host_off < raw))
            break;
        if (find_plain(p, s))
            return true;
    }
    if (found)
        p->hit->pos = (struct hex_pos){ raw, false, 0 };
    return found;
}

static bool forward(struct pass *p, uint64_t lo, uint64_t hi)
{
    uint64_t start, end;

    for (uint64_t at = lo; at < hi && !p->run->cancel;) {
        uint64_t was = at;

        if (!source_next_data(p->img->src, at, &start, &end) || start >= hi) {
            p->run->done += hi - at;
            break;
        }
        at = u64_max(at, start);
        end = u64_min(u64_min(end, hi), at + CHUNK);
        if (find_in_chunk(p, at, end))
            return true;
        at = u64_max(end, at + 1);
        p->run->done += at - was;
    }
    return false;
}

/* Holes are crossed in steps that double. */
static bool backward(struct pass *p, uint64_t lo, uint64_t hi)
{
    uint64_t step = CHUNK;
    uint64_t start, end;

    while (hi > lo && !p->run->cancel) {
        uint64_t at = hi - u64_min(step, hi - lo);

        if (!source_next_data(p->img->src, at, &start, &end) || start >= hi) {
            p->run->done += hi - at;
            hi = at;
            step = u64_min(step * 2, UINT64_C(1) << 60);
        } else if (step > CHUNK) {
            step /= 2;
        } else {
            if (find_in_chunk(p, at, hi))
                return true;
            p->run->done += hi - at;
            hi = at;
        }
    }
    return false;
}

static bool walk(struct pass *p)
{
    uint64_t size = p->img->geo.file_size;
    uint64_t middle = u64_min(p->from->off, size);
    uint64_t next = u64_min(middle + 1, size);

    for (int round = 0; round < 2 && !p->run->cancel; round++) {
        p->second = p->hit->wrapped = round == 1;
        if (p->dir > 0 ? forward(p, p->second ? 0 : middle, p->second ? next : size)
                       : backward(p, p->second ? middle : 0, p->second ? size : next))
            return true;
    }
    return false;
}

bool hex_search(const struct image *img, const struct needle *n, const struct hex_pos *from,
                int dir, struct task_run *run, struct hex_hit *out, struct error *err)
{
    struct streams streams = { NULL, 0, 0, 0, false };
    struct hex_hit hit = { .wrapped = false };
    struct pass pass = { .img = img, .n = n, .from = from, .streams = &streams, .run = run,
                         .dir = dir, .bytes = malloc(CHUNK + NEEDLE_MAX),
                         .plain = malloc((size_t)img->geo.cluster_size), .hit = &hit };
    bool found = false;

    out->left_out = false;
    run->total = img->geo.file_size;
    if (!pass.bytes || !pass.plain) {
        err_set(err, ERR_NOMEM, "out of memory");
    } else {
        collect(&streams, img, run);
        found = n->len > 0 && walk(&pass);
        hit.left_out = streams.left_out;
        if (found)
            *out = hit;
        else if (run->cancel)
            err_set(err, ERR_CANCELLED, "Search stopped");
        else
            err_set(err, ERR_USAGE, "Not in this file");
        out->left_out = streams.left_out;
    }
    free(streams.list);
    free(pass.bytes);
    free(pass.plain);
    return found;
}
