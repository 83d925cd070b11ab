/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Logical volumes of LVM2 (disk/lvm.h). Linear and striped-over-one segments are followed;
 * others are told. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "disk/lvm.h"
#include "volumes/fs_work.h"

#define GROUPS_MAX 64

static struct volume *volume_of(struct fs_work *w, const struct lvm_pv *pv)
{
    for (uint32_t k = 0; pv && k < w->n_vol; k++) {
        struct volume *v = &w->vol[k];
        char id[LVM_ID_LEN + 1];

        lvm_copy_id(id, v->uuid);
        if (strcmp(v->type, "LVM2_member") == 0 && strcmp(id, pv->id) == 0)
            return v;
    }
    return NULL;
}

static void note(struct volume *v, const char *text)
{
    if (!v->note[0])
        fs_note(v, "%.159s", text);
}

/* One piece of a logical volume, as far as its numbers make sense. */
static void add_segment(struct fs_work *w, const struct lvm_group *g, const struct lvm_segment *s,
                        struct volume *v)
{
    const struct lvm_pv *in = lvm_pv_named(g, s->pv);
    uint64_t unit = g->extent_size * LVM_SECTOR, off, len, at, end;
    struct volume *pv;

    if (!u64_mul(s->start, unit, &off) || !u64_mul(s->count, unit, &len) ||
        !u64_add(off, len, &end) || !len)
        return;
    v->len = u64_max(v->len, end);
    if (!lvm_segment_linear(s)) {
        char text[LVM_WORD_MAX + 64];

        snprintf(text, sizeof text, "a segment of type %.40s is not followed", s->type);
        note(v, s->stripes > 1 ? "striped over several places: not followed" : text);
        return;
    }
    pv = volume_of(w, in);
    if (!pv) {
        note(v, "part of it lies on another disk");
        return;
    }
    if (v->n_extents == 0)
        v->parent = (uint32_t)(pv - w->vol);
    if (!u64_mul(in->pe_start, LVM_SECTOR, &at) || !u64_mul(s->pe, unit, &off) ||
        !u64_add(at, off, &at) || pv->n_extents != 1 ||
        !range_inside(at, len, pv->extents[0].len) || v->n_extents == VOLUME_EXTENTS_MAX) {
        note(v, "part of it lies past the end of its disk");
        return;
    }
    v->extents[v->n_extents++] = (struct volume_extent){ s->start * unit,
                                                         pv->extents[0].guest_off + at, len };
}

static int by_offset(const void *a, const void *b)
{
    const struct volume_extent *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

static void add_volume(struct fs_work *w, const struct lvm_group *g, const struct lvm_lv *lv)
{
    struct volume *v = &w->vol[w->n_vol];
    uint32_t n = 0;

    memset(v, 0, sizeof *v);
    v->extents = malloc(VOLUME_EXTENTS_MAX * sizeof *v->extents);
    if (!v->extents)
        return;
    v->kind = VOLUME_LOGICAL;
    v->used = NO_ADDRESS;
    snprintf(v->name, sizeof v->name, "%.38s/%.38s", g->name, lv->name);
    for (size_t i = 0; i < lv->n_segments; i++)
        add_segment(w, g, &lv->segment[i], v);
    qsort(v->extents, v->n_extents, sizeof *v->extents, by_offset);
    for (uint32_t i = 0; i < v->n_extents; i++)     /* those that overlap make no sense */
        if (!n || v->extents[n - 1].off + v->extents[n - 1].len <= v->extents[i].off)
            v->extents[n++] = v->extents[i];
    v->n_extents = n;
    if (!v->len) {
        free(v->extents);
        memset(v, 0, sizeof *v);
        return;
    }
    w->n_vol++;
}

struct lvm_reading { struct fs_work *w; const struct volume *v; };

static bool read_volume(void *ctx, uint64_t off, void *dst, size_t len)
{
    struct lvm_reading *r = ctx;

    fs_volume_read(r->w, r->v, off, dst, len);
    return true;
}

void fs_lvm(struct fs_work *w)
{
    char done[GROUPS_MAX][LVM_WORD_MAX];    /* groups that were read */
    unsigned n_done = 0;

    for (uint32_t i = 0, n = w->n_vol; i < n; i++) {
        struct lvm_reading r = { w, &w->vol[i] };
        uint32_t first = w->n_vol;
        struct lvm_label label;
        struct lvm_group g;
        bool again = false;
        char *text;

        if (strcmp(w->vol[i].type, "LVM2_member") != 0 || n_done == GROUPS_MAX)
            continue;
        text = lvm_text_load(read_volume, &r, w->vol[i].len, &label);
        if (!text || !lvm_group_parse(text, &g)) {
            note(&w->vol[i], "its LVM metadata cannot be read");
            free(text);
            continue;
        }
        for (unsigned k = 0; k < n_done; k++)
            again |= strcmp(done[k], g.name) == 0;
        snprintf(w->vol[i].label, sizeof w->vol[i].label, "%.79s", g.name);
        if (!again)
            memcpy(done[n_done++], g.name, LVM_WORD_MAX);
        for (size_t k = 0; !again && k < g.n_lvs && w->n_vol < VOLUMES_MAX; k++)
            if (g.lv[k].visible)
                add_volume(w, &g, &g.lv[k]);
        lvm_group_free(&g);
        free(text);
        for (uint32_t k = first; k < w->n_vol; k++)
            fs_identify(w, &w->vol[k]);
    }
}
