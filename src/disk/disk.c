/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "disk/level.h"
#include "qcow2/names.h"

static const char *const STATE_IDS[N_DISK_STATES] = {
    [DISK_DATA] = "data", [DISK_ZERO] = "zero", [DISK_HOLE] = "hole", [DISK_ABSENT] = "absent",
    [DISK_UNREADABLE] = "unreadable", [DISK_DAMAGED] = "damaged",
    [DISK_ENCRYPTED] = "encrypted",
};

const char *disk_state_id(enum disk_state s)
{
    return STATE_IDS[s];
}

bool disk_layer_parse(const struct image *img, const char *text, struct disk_layer *out,
                      struct error *err)
{
    struct disk_layer layer = { LAYER_ACTIVE, false };
    size_t i;

    if (strncmp(text, "vm:", 3) == 0) {
        layer.vm_state = true;
        text += 3;
    }
    if (snapshot_find(img, text, &i))
        layer.layer = (uint32_t)i + 1;
    else if (strcmp(text, "active") != 0)
        return err_set(err, ERR_USAGE, "there is no snapshot with this id or name");
    *out = layer;
    return true;
}

/* --- opening --- */

/* Bytes of the disk of a layer. A snapshot says how much VM state it has, which is lost where
 * its L1 table does not reach; of the active layer, which does not, the table is the bound. */
static void layer_extent(const struct image *img, struct disk_layer layer, struct level *lv)
{
    const struct geometry *geo = &img->geo;
    const struct snapshot *snap = layer.layer ? &img->snaps.list[layer.layer - 1] : NULL;
    uint64_t size = snap ? snap->disk_size : geo->size, end;

    lv->l1_off = snap ? snap->l1_table_offset : img->hdr.l1_table_offset;
    lv->l1_n = snap ? snap->l1_size : geo->l1_entries;
    lv->size = size;
    /* Where a snapshot does not store its own size, the disk may have grown since. */
    lv->l1_may_end = snap && snap->extra_data_size < 16;
    if (!layer.vm_state)
        return;
    lv->first = round_up(size, geo->l2_span);
    lv->l1_may_end = false;
    if (!u64_mul(lv->l1_n, geo->l2_span, &end))
        end = UINT64_MAX;
    if (snap)
        end = snap->vm_state_size > UINT64_MAX - lv->first
            ? UINT64_MAX : lv->first + snap->vm_state_size;
    lv->size = end > lv->first ? end - lv->first : 0;
}

static void level_of_image(const struct image *img, struct disk_layer layer,
                           struct source *data_file, struct level *lv)
{
    *lv = (struct level){ .img = img, .data = img->geo.data_file ? data_file : img->src };
    layer_extent(img, layer, lv);
}

/* The files below the image, as far as they are open. */
static void add_chain(struct disk *d, const struct chain *chain)
{
    const struct disk_layer active = { LAYER_ACTIVE, false };

    for (size_t i = 0; i < chain->n; i++) {
        const struct chain_layer *l = &chain->layer[i];
        struct level *lv = &d->level[d->n];

        if (l->img)
            level_of_image(l->img, active, l->data.src, lv);
        else if (l->raw)
            *lv = (struct level){ .data = l->raw, .size = l->size };
        else
            return;
        d->n++;
    }
}

/* Opens what is encrypted of the chain. A final newline of a key file is tried without. */
static bool open_crypts(struct disk *d, const struct disk_options *opt, struct error *err)
{
    const uint8_t *key = opt ? opt->key : NULL;

    for (unsigned i = 0; opt && opt->keys && i < d->n && i < opt->keys->n; i++)
        if (opt->keys->level[i].crypt && d->level[i].img &&
            !crypt_copy(opt->keys->level[i].crypt, &d->level[i].crypt, err))
            return false;
    for (unsigned i = 0; key && i < d->n; i++) {
        struct level *lv = &d->level[i];

        if (!lv->img || !lv->img->hdr.crypt_method || lv->crypt)
            continue;
        if (opt->key_len && key[opt->key_len - 1] == '\n' &&
            crypt_open(lv->img, key, opt->key_len - 1, &lv->crypt, NULL))
            continue;
        if (!crypt_open(lv->img, key, opt->key_len, &lv->crypt, err))
            return false;
    }
    return true;
}

bool disk_open(const struct image *img, struct disk_layer layer,
               const struct disk_options *opt, struct disk **out, struct error *err)
{
    const struct chain *chain = opt ? opt->chain : NULL;
    const struct image *last;
    struct disk *d;

    if (layer.layer > img->snaps.n)
        return err_set(err, ERR_USAGE, "there is no snapshot %u", layer.layer);
    d = calloc(1, sizeof *d);
    if (d)
        d->level = calloc((chain ? chain->n : 0) + 1, sizeof *d->level);
    if (!d || !d->level) {
        free(d);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    level_of_image(img, layer, chain ? chain->data.src : NULL, &d->level[0]);
    d->n = 1;
    if (chain)
        add_chain(d, chain);
    if (opt) {
        d->gone = opt->gone;
        d->n_gone = opt->n_gone;
    }
    last = d->level[d->n - 1].img;
    d->absent = last && last->backing_file;
    if (!meta_new(&d->meta, err) || !packed_new(&d->packed, err) ||
        !open_crypts(d, opt, err)) {
        disk_close(d);
        return false;
    }
    *out = d;
    return true;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    meta_free(d->meta);
    packed_free(d->packed);
    for (unsigned i = 0; i < d->n; i++) {
        crypt_close(d->level[i].crypt);
        data_map_free(&d->level[i].holes);
    }
    free(d->level);
    free(d);
}

uint64_t disk_size(const struct disk *d)
{
    return d->level[0].size;
}

const struct image *disk_image(const struct disk *d)
{
    return d->level[0].img;
}

/* --- spans --- */

void disk_spans_free(struct disk_spans *s)
{
    free(s->list);
    *s = (struct disk_spans)DISK_SPANS_INIT;
}

/* Does b go on where a ends, alike in all but `why`, if that is left out? */
static bool continues(const struct disk_span *a, const struct disk_span *b)
{
    if (a->off + a->len != b->off || a->state != b->state || a->depth != b->depth ||
        a->why != b->why || a->compressed != b->compressed || a->sparse != b->sparse)
        return false;
    if (a->compressed)
        return true;
    if (a->host_off == NO_ADDRESS || b->host_off == NO_ADDRESS)
        return a->host_off == b->host_off;
    return b->host_off == a->host_off + a->len;
}

static struct disk_span span_of(uint64_t off, const struct piece *p)
{
    return (struct disk_span){
        .off = off, .len = p->len, .state = p->state, .depth = p->depth, .why = p->why,
        .compressed = p->fetch == FETCH_COMPRESSED, .host_off = p->host_off,
    };
}

bool disk_spans_add(struct disk_spans *s, const struct disk_span *span, struct error *err)
{
    if (s->n && continues(&s->list[s->n - 1], span)) {
        s->list[s->n - 1].len += span->len;
        return true;
    }
    if (!list_room(&s->list, s->n, &s->cap, sizeof *s->list))
        return err_set(err, ERR_NOMEM, "out of memory");
    s->list[s->n++] = *span;
    return true;
}

/* Cuts stored data where holes of its file begin and end. */
static void cut_at_holes(struct disk *d, struct disk_span *s)
{
    struct source *src = d->level[s->depth].data;
    uint64_t start, stop;

    if (s->state != DISK_DATA || s->compressed || d->level[s->depth].crypt)
        return;
    data_map_next(&d->level[s->depth].holes, src, s->host_off, &start, &stop);
    if (start >= s->host_off + s->len) {
        s->sparse = true;
    } else if (start > s->host_off) {
        s->sparse = true;
        s->len = start - s->host_off;
    } else {
        s->len = u64_min(s->len, stop - s->host_off);
    }
}

bool disk_next(struct disk *d, uint64_t off, uint64_t end, struct disk_span *out)
{
    struct disk_span next;
    struct piece p;

    end = u64_min(end, disk_size(d));
    if (off >= end)
        return false;
    level_find(d, off, end, &p);
    *out = span_of(off, &p);
    for (off += p.len; off < end; off += p.len) {
        level_find(d, off, end, &p);
        next = span_of(off, &p);
        if (!continues(out, &next))
            break;
        out->len += next.len;
    }
    cut_at_holes(d, out);
    return true;
}
