/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/guest_list.h"

/* One layer and where its walk stands. */
struct layer {
    const struct image *img;    /* NULL: a raw layer, or one that is missing */
    struct source *raw;         /* NULL: missing */
    uint32_t number;            /* whose disk of that image */
    uint64_t size;              /* guest bytes it has */
    struct guest_walk *walk;
    struct guest_extent at;     /* the extent read last; length 0: none */
};

static uint64_t end_of(const struct guest_extent *x)
{
    return x->start + x->length;
}

/* Brings the walk of a qcow2 layer to the extent that holds `pos`. */
static bool seek(struct layer *l, uint64_t pos, struct error *err)
{
    struct error why = { .code = ERR_NONE };

    if (l->at.length && pos >= l->at.start && pos < end_of(&l->at))
        return true;
    if (!l->walk || pos != end_of(&l->at)) {
        guest_walk_free(l->walk);
        l->walk = NULL;
        if (!guest_walk_open(l->img, l->number, pos, l->size, &l->walk, err))
            return false;
    }
    if (!guest_walk_next(l->walk, &l->at, &why)) {
        if (why.code != ERR_NONE && err)
            *err = why;
        if (why.code != ERR_NONE)
            return false;
        /* Nothing follows: the rest of the disk is unallocated. */
        l->at = (struct guest_extent){
            .start = pos, .length = l->size - pos, .zero = true, .host_off = NO_ADDRESS
        };
    }
    return true;
}

/* The part of the extent from pos on. */
static void from_qcow2(const struct layer *l, uint64_t pos, struct mapped_extent *x)
{
    const struct guest_extent *g = &l->at;

    x->start = pos;
    x->length = end_of(g) - pos;
    x->present = g->mapped;
    x->zero = g->zero;
    x->data = g->data;
    x->compressed = g->compressed;
    x->damaged = g->damaged;
    x->offset = g->host_off == NO_ADDRESS ? NO_ADDRESS : g->host_off + (pos - g->start);
}

static void from_raw(const struct layer *l, uint64_t pos, struct mapped_extent *x)
{
    uint64_t start, end;

    *x = (struct mapped_extent){ .start = pos, .present = true, .offset = pos };
    if (!source_next_data(l->raw, pos, &start, &end))
        start = end = l->size;
    start = u64_min(start, l->size);
    x->data = start <= pos;
    x->zero = !x->data;
    x->length = (x->data ? u64_min(end, l->size) : start) - pos;
}

/* What is at `pos`, looking down through the layers. */
static bool look(struct layer *layer, unsigned n, uint64_t pos, uint64_t disk,
                 struct mapped_extent *x, struct error *err)
{
    uint64_t limit = disk;

    for (unsigned k = 0; k < n; k++) {
        struct layer *l = &layer[k];

        if (k > 0 && pos >= l->size)    /* too short: the layer above said nothing, zeros */
            break;
        *x = (struct mapped_extent){ .start = pos, .length = limit - pos, .zero = true,
                                     .offset = NO_ADDRESS };
        if (l->img) {
            if (!seek(l, pos, err))
                return false;
            from_qcow2(l, pos, x);
        } else if (l->raw) {
            from_raw(l, pos, x);
        } else {
            x->zero = false;
            x->unknown = true;
        }
        x->depth = k;
        limit = u64_min(limit, pos + x->length);
        x->length = limit - pos;
        if (x->present)
            break;
    }
    return true;
}

static bool continues(const struct mapped_extent *a, const struct mapped_extent *b)
{
    if (a->depth != b->depth || a->present != b->present || a->zero != b->zero ||
        a->data != b->data || a->unknown != b->unknown || a->compressed != b->compressed ||
        a->damaged != b->damaged)
        return false;
    if (a->offset == NO_ADDRESS || b->offset == NO_ADDRESS)
        return a->offset == b->offset;
    return a->offset + a->length == b->offset;
}

bool guest_list_each(const struct image *img, uint32_t number, const struct chain *chain,
                     bool (*each)(void *data, const struct mapped_extent *x), void *data,
                     struct error *err)
{
    /* QEMU knows whole sectors only. */
    uint64_t disk = image_layer_size(img, number) & ~UINT64_C(511);
    struct layer layer[CHAIN_MAX + 1] = { { .img = img, .number = number,
                                             .size = disk } };
    struct mapped_extent held = { .length = 0 }, x;
    unsigned n = 1;
    bool ok = true, more = true;

    for (size_t i = 0; i < chain->n && n <= CHAIN_MAX; i++) {
        const struct chain_layer *c = &chain->layer[i];

        layer[n++] = (struct layer){ .img = c->img, .raw = c->raw,
                                     .size = c->fault ? disk : c->size };
    }
    for (uint64_t pos = 0; ok && more && pos < disk; pos += x.length) {
        ok = look(layer, n, pos, disk, &x, err);
        if (!ok || x.length == 0)
            break;
        if (held.length && continues(&held, &x)) {
            held.length += x.length;
        } else {
            more = !held.length || each(data, &held);
            held = x;
        }
    }
    if (more && held.length)
        each(data, &held);
    for (unsigned k = 0; k < n; k++)
        guest_walk_free(layer[k].walk);
    return ok;
}
