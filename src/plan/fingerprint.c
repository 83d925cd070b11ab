/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The state of an image that a plan belongs to. */
#include "config.h"

#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/limits.h"
#include "base/num.h"
#include "plan/tables_digest.h"

struct span_list { struct source_span *list; size_t n; };

static int by_off(const void *a, const void *b)
{
    const struct source_span *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

/* Sorts, cuts at `size`, and joins what touches. */
static void settle(struct span_list *l, uint64_t size)
{
    size_t m = 0;

    qsort(l->list, l->n, sizeof *l->list, by_off);
    for (size_t i = 0; i < l->n; i++) {
        struct source_span s = l->list[i], *last = m ? &l->list[m - 1] : NULL;

        if (s.off >= size)
            continue;
        s.len = u64_min(s.len, size - s.off);
        if (last && s.off <= last->off + last->len)
            *last = source_span_hull(*last, s);
        else
            l->list[m++] = s;
    }
    l->n = m;
}

/* The ranges of a file of `size` bytes that the patches replace or copy, joined. */
static bool ranges_of(const struct patches *p, uint64_t size, struct span_list *out)
{
    size_t n = 0;

    out->list = calloc(p->n * 2 + 2, sizeof *out->list);
    if (!out->list)
        return false;
    for (size_t i = 0; i < p->n; i++) {
        const struct patch *patch = &p->list[i];

        out->list[n++] = (struct source_span){ patch->off, patch->len };
        if (patch->kind == PATCH_COPY)
            out->list[n++] = (struct source_span){ patch->at, patch->len };
    }
    if (p->has_length && p->length < size)
        out->list[n++] = (struct source_span){ p->length, size - p->length };
    out->n = n;
    settle(out, size);
    return true;
}

/* The ranges of the file that all steps together, chosen or not, replace or copy. */
static bool plan_spans(const struct plan *p, struct span_list *out, struct error *err)
{
    struct patches all = { 0 };
    bool ok;

    for (size_t i = 0; i < p->n; i++)
        patches_append(&all, &p->step[i].patches);
    ok = patches_flatten(&all, err)
        && (ranges_of(&all, p->file_size, out) || err_set(err, ERR_NOMEM, "out of memory"));
    patches_free(&all);
    return ok;
}

/* Takes what `less` covers out of the spans; both are settled. */
static bool subtract(struct span_list *from, const struct span_list *less)
{
    struct span_list out = { calloc(from->n + less->n + 1, sizeof *out.list), 0 };
    size_t k = 0;

    if (!out.list)
        return false;
    for (size_t i = 0; i < from->n; i++) {
        uint64_t at = from->list[i].off, end = at + from->list[i].len;

        while (k < less->n && less->list[k].off + less->list[k].len <= at)
            k++;
        for (size_t j = k; at < end; j++) {
            const struct source_span *s = j < less->n ? &less->list[j] : NULL;
            uint64_t stop = s ? u64_min(s->off, end) : end;

            if (stop > at)
                out.list[out.n++] = (struct source_span){ at, stop - at };
            at = s ? u64_max(at, s->off + s->len) : end;
        }
    }
    free(from->list);
    *from = out;
    return true;
}

/* What steps go by that it is zeros, but for what earlier steps have put there: that comes from
 * bytes under a digest. */
static bool zeros_of(const struct plan *p, struct span_list *out, struct error *err)
{
    struct span_list written = { NULL, 0 };
    size_t n = 0;
    bool ok;

    for (size_t i = 0; i < p->n; i++)
        n += p->step[i].n_zeros;
    if (!n)
        return true;
    if (!plan_spans(p, &written, err))
        return false;
    out->list = calloc(n, sizeof *out->list);
    for (size_t i = 0; out->list && i < p->n; i++) {
        const struct plan_step *s = &p->step[i];

        if (s->n_zeros)
            memcpy(out->list + out->n, s->zeros, s->n_zeros * sizeof *s->zeros);
        out->n += s->n_zeros;
    }
    ok = out->list != NULL;
    if (ok) {
        settle(out, p->file_size);
        ok = subtract(out, &written);
    }
    free(written.list);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

static bool are_zeros(struct source *src, uint64_t at, uint64_t len, uint8_t *bytes, size_t room)
{
    uint64_t end = at + len, start, stop;

    while (at < end && source_next_data(src, at, &start, &stop) && start < end) {
        at = u64_max(at, start);
        for (stop = u64_min(stop, end); at < stop; at += u64_min(room, stop - at)) {
            size_t n = (size_t)u64_min(room, stop - at);

            if (!source_read(src, at, bytes, n, NULL) || !bytes_all_zero(bytes, n))
                return false;
        }
    }
    return true;
}

static bool zeros_match(const struct plan *p, struct source *image, struct error *err)
{
    const size_t room = 1 << 20;
    struct span_list zeros = { NULL, 0 };
    uint8_t *bytes = malloc(room);
    bool ok = bytes ? zeros_of(p, &zeros, err) : err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < zeros.n; i++) {
        const struct source_span *s = &zeros.list[i];

        ok = are_zeros(image, s->off, s->len, bytes, room)
            || err_set(err, ERR_FORMAT, "the plan goes by zeros where there is something else, "
                       "in bytes 0x%llx to 0x%llx: it was made for another image or for a pack, "
                       "or this one has changed", (unsigned long long)s->off,
                       (unsigned long long)(s->off + s->len));
    }
    free(zeros.list);
    free(bytes);
    return ok;
}

/* What steps replace or copy, and what they go by. */
static bool all_spans(const struct plan *p, struct span_list *out, struct error *err)
{
    struct source_span *list;
    size_t n = 0;

    if (!plan_spans(p, out, err))
        return false;
    for (size_t i = 0; i < p->n; i++)
        n += p->step[i].n_rests;
    list = realloc(out->list, (out->n + n + 1) * sizeof *list);
    if (!list) {
        free(out->list);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    out->list = list;
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_step *s = &p->step[i];

        if (s->n_rests)
            memcpy(list + out->n, s->rests, s->n_rests * sizeof *list);
        out->n += s->n_rests;
    }
    settle(out, p->file_size);
    return true;
}

/* The ranges of a plan in the making. */
struct noting {
    struct plan *plan;
    size_t cap;
    struct source *image;
    struct scan_progress *progress;     /* or NULL */
    uint64_t done, total;               /* bytes */
};

#define DIGEST_PART (UINT64_C(16) << 20)

static bool sum_of(struct noting *n, uint64_t off, uint64_t len, uint8_t out[DIGEST_LEN],
                   struct error *err)
{
    struct digest *d;
    bool ok = digest_new(&d, err);

    if (!ok)
        return false;
    for (uint64_t end = off + len, part; ok && off < end; off += part) {
        part = u64_min(end - off, DIGEST_PART);
        ok = digest_add_source(d, n->image, off, part, err);
        n->done += part;
        if (!ok || !n->progress)
            continue;
        n->progress->overall = u64_permille(n->done, n->total);
        ok = !n->progress->cancel || err_set(err, ERR_CANCELLED, "planning was stopped");
    }
    if (ok)
        digest_end(d, out);
    else
        digest_free(d);
    return ok;
}

static bool note_range(struct noting *n, uint64_t off, uint64_t len, bool zeros,
                       struct error *err)
{
    struct plan *p = n->plan;
    struct plan_range *r;

    if (!list_room(&p->range, p->n_ranges, &n->cap, sizeof *p->range))
        return err_set(err, ERR_NOMEM, "out of memory");
    r = &p->range[p->n_ranges++];
    *r = (struct plan_range){ .off = off, .len = len, .zeros = zeros };
    return zeros || sum_of(n, off, len, r->digest, err);
}

/* Adds the ranges of a span, by turns what has a digest and what is a hole. */
static bool note_span(struct noting *n, const struct source_span *s, struct error *err)
{
    uint64_t at = s->off, end = at + s->len, hole, stop;
    uint64_t least = u64_max(PLAN_ZEROS_MIN, s->len / 4096);
    bool ok = true;

    for (; ok && at < end; at = stop) {
        source_next_hole(n->image, at, end, least, &hole, &stop);
        if (hole > at)
            ok = note_range(n, at, hole - at, false, err);
        if (ok && stop > hole)
            ok = note_range(n, hole, stop - hole, true, err);
    }
    return ok;
}

bool plan_fingerprint(struct plan *p, struct source *image, struct scan_progress *progress,
                      struct error *err)
{
    struct noting n = { .plan = p, .image = image, .progress = progress };
    struct span_list spans = { 0 };
    bool ok = true;

    free(p->range);
    p->range = NULL;
    p->n_ranges = 0;
    p->file_size = source_size(image);
    if (!tables_digest(image, p->tables, err) || !all_spans(p, &spans, err))
        return false;
    for (size_t i = 0; i < spans.n; i++)
        n.total += spans.list[i].len;
    for (size_t i = 0; ok && i < spans.n; i++)
        ok = note_span(&n, &spans.list[i], err);
    free(spans.list);
    return ok;
}

bool plan_covered(const struct plan *p, struct error *err)
{
    struct span_list spans = { 0 };
    bool ok = plan_spans(p, &spans, err);
    uint64_t end;
    size_t at = 0;

    for (size_t i = 0; ok && i < spans.n; i++) {
        const struct source_span *s = &spans.list[i];

        while (at < p->n_ranges && p->range[at].off + p->range[at].len <= s->off)
            at++;
        end = s->off;
        for (size_t k = at; k < p->n_ranges && p->range[k].off <= end; k++)
            end = u64_max(end, p->range[k].off + p->range[k].len);
        ok = end >= s->off + s->len;
        if (!ok)
            err_set(err, ERR_FORMAT, "the plan replaces or copies bytes at 0x%llx without "
                    "saying what they must be", (unsigned long long)s->off);
    }
    free(spans.list);
    return ok;
}

/* --- how far it makes the file grow --- */

#define ZEROS_MORE (UINT64_C(1) << 30)

/* What lies after the end is what is appended, and not somewhere. Tables are appended as zeros with
 * some entries, none of which leads nowhere: they are no longer than the file, or short. */
static bool grows_sensibly(const struct plan *p, struct source *image, struct error *err)
{
    uint64_t size = source_size(image), end, given = 0;
    uint64_t most = size + ZEROS_MORE + plan_gap_len(size);
    struct patches all = { 0 };

    if (!plan_patches(p, &all, err))
        return false;
    end = patches_size_after(&all, size);
    for (size_t i = patches_from(&all, size); i < all.n; i++)
        if (all.list[i].kind != PATCH_ZEROS)
            given += all.list[i].off + all.list[i].len - u64_max(all.list[i].off, size);
    patches_free(&all);
    return end <= size || end - size - given <= most
        || err_set(err, ERR_FORMAT, "the plan makes a file of %llu bytes out of one of %llu, with "
                   "next to nothing in what is added", (unsigned long long)end,
                   (unsigned long long)size);
}

bool plan_matches(const struct plan *p, struct source *image, struct error *err)
{
    uint8_t digest[DIGEST_LEN], bytes[65536];

    if (source_size(image) != p->file_size)
        return err_set(err, ERR_FORMAT, "the plan was made for a file of %llu bytes, and "
                       "this one has %llu", (unsigned long long)p->file_size,
                       (unsigned long long)source_size(image));
    for (size_t i = 0; i < p->n_ranges; i++) {
        const struct plan_range *r = &p->range[i];

        if (!r->zeros && !digest_of_source(image, r->off, r->len, digest, err))
            return false;
        if (r->zeros ? !are_zeros(image, r->off, r->len, bytes, sizeof bytes)
            : memcmp(digest, r->digest, DIGEST_LEN) != 0)
            return err_set(err, ERR_FORMAT, "the plan was made for another image, or for "
                           "this one before it changed: bytes 0x%llx to 0x%llx differ",
                           (unsigned long long)r->off, (unsigned long long)(r->off + r->len));
    }
    if (!tables_digest(image, digest, err))
        return false;
    if (memcmp(digest, p->tables, DIGEST_LEN) != 0)
        return err_set(err, ERR_FORMAT, "the plan was made for another image, or for this one "
                       "before it changed: its tables differ");
    return grows_sensibly(p, image, err) && zeros_match(p, image, err);
}
