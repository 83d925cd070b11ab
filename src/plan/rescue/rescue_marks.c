/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "plan/rescue/rescue_inside.h"

bool rescue_marks_init(struct rescue_guest *g)
{
    g->grain_bits = 9;
    while (g->size >> g->grain_bits > RESCUE_GRAINS_MAX)
        g->grain_bits++;
    g->n_mark_pages = (size_t)((g->size >> g->grain_bits) / (MARK_PAGE * 4) + 1);
    g->mark = calloc(g->n_mark_pages, sizeof *g->mark);
    return g->mark != NULL;
}

void rescue_marks_free(struct rescue_guest *g)
{
    for (size_t i = 0; g->mark && i < g->n_mark_pages; i++)
        free(g->mark[i]);
    free(g->mark);
    free(g->extent);
    free(g->volumes.found);
    free(g->holders.found);
    free(g->piece);
    free(g->head);
}

uint32_t rescue_grain(const struct rescue_guest *g)
{
    return UINT32_C(1) << g->grain_bits;
}

enum rescue_use rescue_use_at(const struct rescue_guest *g, uint64_t guest_off)
{
    uint64_t grain = guest_off >> g->grain_bits;
    const uint8_t *page;

    if (guest_off >= g->size)
        return USE_UNKNOWN;
    page = g->mark[grain / (MARK_PAGE * 4)];
    return page ? page[grain / 4 % MARK_PAGE] >> grain % 4 * 2 & 3 : USE_UNKNOWN;
}

static bool mark_grain(struct rescue_guest *g, uint64_t grain, enum rescue_use use)
{
    uint8_t **page = &g->mark[grain / (MARK_PAGE * 4)], *byte;
    unsigned shift = grain % 4 * 2;

    if (!*page)
        *page = calloc(MARK_PAGE, 1);
    if (!*page) {
        g->starved = true;
        return false;
    }
    byte = &(*page)[grain / 4 % MARK_PAGE];
    if ((*byte >> shift & 3) >= use)
        return false;
    *byte = (uint8_t)((*byte & ~(3u << shift)) | (unsigned)use << shift);
    return true;
}

static bool mark_real(struct rescue_guest *g, uint64_t guest_off, uint64_t len,
                      enum rescue_use use)
{
    uint64_t last = (UINT64_C(1) << g->grain_bits) - 1, first, end;
    bool news = false;

    if (use == USE_FREE) {
        first = (guest_off + last) >> g->grain_bits;
        end = guest_off + len == g->size ? (g->size + last) >> g->grain_bits
            : (guest_off + len) >> g->grain_bits;
    } else {
        first = guest_off >> g->grain_bits;
        end = (guest_off + len + last) >> g->grain_bits;
    }
    for (uint64_t i = first; i < end; i++)
        news |= mark_grain(g, i, use);
    return news;
}

bool rescue_mark(struct rescue_guest *g, uint64_t guest_off, uint64_t len,
                 enum rescue_use use)
{
    bool news = false;

    while (len && use != USE_UNKNOWN) {
        uint64_t at = guest_off, n = len;

        if (!rescue_real(g, &at, &n))
            break;
        news |= mark_real(g, at, n, use);
        guest_off += n;
        len -= n;
    }
    return news;
}

static bool add_found(struct rescue_guest *g, struct rescue_found_list *list,
                      uint64_t guest_off, uint64_t len, enum rescue_volume_kind kind)
{
    struct rescue_volume_found *more;

    for (size_t i = 0; i < list->n; i++)
        if (list->found[i].guest_off == guest_off && list->found[i].kind == kind)
            return false;
    if (list->n == RESCUE_VOLUMES_MAX || !rescue_room(g, guest_off))
        return false;
    more = realloc(list->found, (list->n + 1) * sizeof *more);
    if (!more) {
        g->starved = true;
        return false;
    }
    list->found = more;
    more += list->n++;
    *more = (struct rescue_volume_found){ guest_off,
                                          u64_min(len, rescue_room(g, guest_off)), kind };
    return true;
}

bool rescue_volume(struct rescue_guest *g, uint64_t guest_off, uint64_t len,
                   enum rescue_volume_kind kind)
{
    return add_found(g, &g->volumes, guest_off, len, kind);
}

bool rescue_holder(struct rescue_guest *g, uint64_t guest_off, uint64_t len)
{
    return add_found(g, &g->holders, guest_off, len, FOUND_HOLDER);
}

const struct rescue_volume_found *rescue_holders(const struct rescue_guest *g, size_t *n)
{
    *n = g->holders.n;
    return g->holders.found;
}

const struct rescue_volume_found *rescue_volumes(const struct rescue_guest *g, size_t *n)
{
    *n = g->volumes.n;
    return g->volumes.found;
}

static int by_place(const void *a, const void *b)
{
    const struct rescue_file_extent *x = a, *y = b;

    if (x->guest_off != y->guest_off)
        return x->guest_off < y->guest_off ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->file_off < y->file_off ? -1 : x->file_off > y->file_off;
}

static bool same_extent(const struct rescue_file_extent *x, const struct rescue_file_extent *y)
{
    return by_place(x, y) == 0 && x->len == y->len && x->size == y->size;
}

/* Sorts, and drops what was said twice. */
static void settle(struct rescue_guest *g)
{
    size_t m = 0;

    if (g->extents_sorted)
        return;
    if (g->n_extents)
        qsort(g->extent, g->n_extents, sizeof *g->extent, by_place);
    for (size_t i = 0; i < g->n_extents; i++)
        if (!m || !same_extent(&g->extent[m - 1], &g->extent[i]))
            g->extent[m++] = g->extent[i];
        else
            g->extent[m - 1].typed |= g->extent[i].typed;
    g->n_extents = m;
    g->extents_sorted = true;
}

/* Do files of that name begin with a mark of their type? */
static bool has_mark(const char *name)
{
    static const char *const types[] = { "jpg", "jpeg", "png", "gif", "pdf", "zip", "gz", "xz",
                                         "7z", "zst", "docx", "xlsx", "pptx", "odt", "jar" };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i]) == 0)
            return true;
    return false;
}

static bool keep_extent(struct rescue_guest *g, const struct rescue_file_extent *e)
{
    if (g->n_extents == g->extents_cap) {
        size_t cap = g->extents_cap ? g->extents_cap * 2 : 256;
        struct rescue_file_extent *more;

        settle(g);              /* what is said in every round is kept once */
        if (g->n_extents > g->extents_cap / 2 || !g->extent) {
            if (cap > RESCUE_EXTENTS_MAX)
                return false;
            more = realloc(g->extent, cap * sizeof *more);
            if (!more) {
                g->starved = true;
                return false;
            }
            g->extent = more;
            g->extents_cap = cap;
        }
    }
    g->extent[g->n_extents++] = *e;
    g->extents_sorted = false;
    return true;
}

bool rescue_extent(struct rescue_guest *g, uint64_t file, uint64_t file_off,
                   uint64_t guest_off, uint64_t len, uint64_t size, const char *name)
{
    struct rescue_file_extent e = { file, file_off, guest_off, len, size,
                                    name && has_mark(name) };
    uint64_t have = size > file_off ? u64_min(len, size - file_off) : 0;

    if (!len || len > rescue_room(g, guest_off))
        return false;
    rescue_mark(g, guest_off, have, USE_DATA);
    rescue_mark(g, guest_off + have, len - have, USE_FREE);
    for (; len; guest_off += e.len, len -= e.len) {
        e.guest_off = guest_off;
        e.len = len;
        if (!rescue_real(g, &e.guest_off, &e.len) || !keep_extent(g, &e))
            return false;
        e.file_off += e.len;
    }
    return true;
}

const struct rescue_file_extent *rescue_extents(struct rescue_guest *g, size_t *n)
{
    settle(g);
    *n = g->n_extents;
    return g->extent;
}
