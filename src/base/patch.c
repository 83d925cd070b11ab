/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/bisect.h"
#include "base/patch.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"

void patches_free(struct patches *p)
{
    free(p->list);
    buf_free(&p->bytes);
    *p = (struct patches){ 0 };
}

static void add(struct patches *p, struct patch patch)
{
    uint64_t end;

    if (p->failed || !patch.len)
        return;
    if (!u64_add(patch.off, patch.len, &end)
        || (patch.kind == PATCH_COPY && !u64_add(patch.at, patch.len, &end))) {
        p->failed = true;
        return;
    }
    if (!list_room(&p->list, p->n, &p->cap, sizeof *p->list)) {
        p->failed = true;
        return;
    }
    p->list[p->n++] = patch;
}

/* Does `next` go on where `last` ends, in the file as well as in what it puts there? */
static bool continues(const struct patch *last, const struct patch *next)
{
    return last->kind == next->kind && last->off + last->len == next->off
        && (next->kind == PATCH_ZEROS || last->at + last->len == next->at);
}

static void add_or_extend(struct patches *p, struct patch patch)
{
    struct patch *last = p->n ? &p->list[p->n - 1] : NULL;

    if (last && !p->failed && continues(last, &patch)
        && patch.len <= UINT64_MAX - patch.off)
        last->len += patch.len;
    else
        add(p, patch);
}

void patches_write(struct patches *p, uint64_t off, const void *bytes, size_t len)
{
    struct patch patch = { off, len, PATCH_BYTES, p->bytes.len };

    buf_add(&p->bytes, bytes, len);
    if (p->bytes.failed)
        p->failed = true;
    add_or_extend(p, patch);
}

void patches_copy(struct patches *p, uint64_t off, uint64_t from, uint64_t len)
{
    add_or_extend(p, (struct patch){ off, len, PATCH_COPY, from });
}

void patches_zero(struct patches *p, uint64_t off, uint64_t len)
{
    add_or_extend(p, (struct patch){ off, len, PATCH_ZEROS, 0 });
}

void patches_set_length(struct patches *p, uint64_t length)
{
    p->has_length = true;
    p->length = length;
}

void patches_append(struct patches *p, const struct patches *from)
{
    size_t base = p->bytes.len;

    if (from->failed)
        p->failed = true;
    buf_add(&p->bytes, buf_str(&from->bytes), from->bytes.len);
    if (p->bytes.failed)
        p->failed = true;
    for (size_t i = 0; i < from->n; i++) {
        struct patch patch = from->list[i];

        if (patch.kind == PATCH_BYTES)
            patch.at += base;
        add_or_extend(p, patch);
    }
    if (from->has_length)
        patches_set_length(p, from->length);
}

/* --- flattening: a sweep over the file with a heap of the patches that cover the place,
 * the latest on top --- */

struct sweep {
    const struct patch *list;   /* by offset */
    const size_t *age;          /* of each: its number in the order of making */
    size_t *heap, n;            /* indices into list */
};

static bool later(const struct sweep *s, size_t a, size_t b)
{
    return s->age[a] > s->age[b];
}

static void heap_push(struct sweep *s, size_t item)
{
    size_t at = s->n++;

    for (; at && later(s, item, s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = item;
}

static void heap_pop(struct sweep *s)
{
    size_t at = 0, item = s->heap[--s->n];

    for (;;) {
        size_t child = at * 2 + 1;

        if (child >= s->n)
            break;
        if (child + 1 < s->n && later(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!later(s, s->heap[child], item))
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    if (s->n)
        s->heap[at] = item;
}

struct aged { struct patch patch; size_t age; };

static int by_offset(const void *a, const void *b)
{
    const struct aged *x = a, *y = b;

    if (x->patch.off != y->patch.off)
        return x->patch.off < y->patch.off ? -1 : 1;
    return x->age < y->age ? -1 : 1;
}

static bool is_flat(const struct patches *p)
{
    for (size_t i = 1; i < p->n; i++)
        if (p->list[i - 1].off + p->list[i - 1].len > p->list[i].off)
            return false;
    return true;
}

/* The part of `patch` from byte `off` to `end`. */
static struct patch part_of(const struct patch *patch, uint64_t off, uint64_t end)
{
    struct patch part = *patch;

    if (part.kind != PATCH_ZEROS)
        part.at += off - part.off;
    part.off = off;
    part.len = end - off;
    return part;
}

static void sweep_all(struct sweep *s, size_t n, struct patches *out)
{
    uint64_t at = 0;
    size_t next = 0;

    while (next < n || s->n) {
        const struct patch *top;
        uint64_t end;

        if (!s->n)
            at = s->list[next].off;
        while (next < n && s->list[next].off <= at)
            heap_push(s, next++);
        top = &s->list[s->heap[0]];
        end = top->off + top->len;
        if (end <= at) {
            heap_pop(s);
            continue;
        }
        if (next < n)
            end = u64_min(end, s->list[next].off);
        add_or_extend(out, part_of(top, at, end));
        at = end;
    }
}

bool patches_flatten(struct patches *p, struct error *err)
{
    struct aged *aged = NULL;
    struct patch *list = NULL;
    size_t *ages = NULL, *heap = NULL;
    struct patches flat = { 0 };
    bool ok = false;

    if (p->failed)
        goto out;
    if (is_flat(p))
        return true;
    aged = calloc(p->n, sizeof *aged);
    list = calloc(p->n, sizeof *list);
    ages = calloc(p->n, sizeof *ages);
    heap = calloc(p->n, sizeof *heap);
    if (!aged || !list || !ages || !heap)
        goto out;
    for (size_t i = 0; i < p->n; i++)
        aged[i] = (struct aged){ p->list[i], i };
    qsort(aged, p->n, sizeof *aged, by_offset);
    for (size_t i = 0; i < p->n; i++) {
        list[i] = aged[i].patch;
        ages[i] = aged[i].age;
    }
    sweep_all(&(struct sweep){ list, ages, heap, 0 }, p->n, &flat);
    if (flat.failed)
        goto out;
    free(p->list);
    p->list = flat.list;
    p->n = flat.n;
    p->cap = flat.cap;
    flat.list = NULL;
    ok = true;
out:
    free(aged);
    free(list);
    free(ages);
    free(heap);
    free(flat.list);
    return ok || err_set(err, ERR_NOMEM, "no memory for the changes, or one past 2^64 bytes");
}

void patches_clip(struct patches *p)
{
    if (!p->has_length)
        return;
    while (p->n && p->list[p->n - 1].off >= p->length)
        p->n--;
    if (p->n) {
        struct patch *last = &p->list[p->n - 1];

        last->len = u64_min(last->len, p->length - last->off);
    }
}

size_t patches_from(const struct patches *p, uint64_t off)
{
    size_t lo;

    BISECT(lo, p->n, mid, p->list[mid].off + p->list[mid].len > off);
    return lo;
}

bool patches_touch(const struct patches *p, uint64_t off, uint64_t len)
{
    size_t i = patches_from(p, off);

    return len && i < p->n && (p->list[i].off <= off || p->list[i].off - off < len);
}

uint64_t patches_size_after(const struct patches *p, uint64_t size)
{
    if (p->has_length)
        return p->length;
    if (p->n)
        size = u64_max(size, p->list[p->n - 1].off + p->list[p->n - 1].len);
    return size;
}
