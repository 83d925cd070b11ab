/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Logical volumes of LVM2 (lib/format_text of lvm2): a label in one of the first sectors of a
 * physical volume leads to a ring buffer with the metadata as text. Linear and striped-over-one
 * segments are followed; others are told. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "volumes/fs_work.h"

#define SECTOR      512
#define ID_LEN      32                      /* without dashes */
#define TEXT_MAX    (UINT64_C(4) << 20)     /* bytes of metadata read */
#define PVS_MAX     64
#define DEPTH_MAX   8
#define WORD_MAX    128

struct lvm_pv { char name[WORD_MAX]; char id[ID_LEN + 1]; uint64_t pe_start; };
struct lvm_segment { uint64_t start, count, pe; char type[WORD_MAX], pv[WORD_MAX];
                     uint64_t stripes; };

struct lvm_group {
    struct fs_work *w;
    char name[WORD_MAX];
    uint64_t extent_size;                   /* sectors */
    struct lvm_pv pv[PVS_MAX];
    unsigned n_pvs;
    struct volume *lv;                      /* the one that is read; NULL: none */
    bool visible, odd;                      /* of that one */
    struct lvm_segment seg;
};

static uint64_t le64_at(const uint8_t *p)
{
    uint64_t v = 0;

    for (int i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* --- finding the text --- */

/* Reads the label of a physical volume: its id and the newest metadata, NUL-terminated, or
 * NULL. */
static char *read_text(struct fs_work *w, const struct volume *v, char id[ID_LEN + 1])
{
    uint8_t label[4 * SECTOR], mda[SECTOR];
    const uint8_t *s = NULL, *p;
    uint64_t off, size, start, at, len, first;
    char *text;

    fs_volume_read(w, v, 0, label, sizeof label);
    for (int i = 0; i < 4 && !s; i++)
        if (memcmp(label + i * SECTOR, "LABELONE", 8) == 0 &&
            memcmp(label + i * SECTOR + 24, "LVM2 001", 8) == 0)
            s = label + i * SECTOR;
    if (!s)
        return NULL;
    memcpy(id, s + 32, ID_LEN);
    id[ID_LEN] = '\0';
    p = s + 72;                             /* data areas, then metadata areas */
    while (p + 32 <= s + SECTOR && (le64_at(p) || le64_at(p + 8)))
        p += 16;
    p += 16;
    if (p + 16 > s + SECTOR || !le64_at(p))
        return NULL;
    off = le64_at(p);
    size = le64_at(p + 8);
    if (!range_inside(off, size, v->len) || size <= SECTOR)
        return NULL;
    fs_volume_read(w, v, off, mda, sizeof mda);
    if (memcmp(mda + 4, " LVM2 x[5A%r0N*>", 16) != 0)
        return NULL;
    at = le64_at(mda + 40);
    len = le64_at(mda + 48);
    start = SECTOR;
    if (at < start || at >= size || !len || len > size - start || len > TEXT_MAX)
        return NULL;
    text = malloc(len + 1);
    if (!text)
        return NULL;
    first = u64_min(len, size - at);
    fs_volume_read(w, v, off + at, text, first);
    fs_volume_read(w, v, off + start, text + first, len - first);   /* round the ring */
    text[len] = '\0';
    return text;
}

/* --- reading it --- */

struct lvm_text { const char *p; char path[DEPTH_MAX][WORD_MAX]; int depth; };

static void skip_space(struct lvm_text *t)
{
    for (;;) {
        while (isspace((unsigned char)*t->p))
            t->p++;
        if (*t->p != '#')
            return;
        while (*t->p && *t->p != '\n')
            t->p++;
    }
}

/* A name, number or quoted string. False where there is none. */
static bool read_word(struct lvm_text *t, char out[WORD_MAX])
{
    size_t n = 0;
    bool quoted;

    skip_space(t);
    quoted = *t->p == '"';
    if (quoted)
        t->p++;
    while (*t->p && (quoted ? *t->p != '"'
                            : isalnum((unsigned char)*t->p) || strchr("_-.+", *t->p))) {
        if (quoted && *t->p == '\\' && t->p[1])
            t->p++;
        if (n + 1 < WORD_MAX)
            out[n++] = *t->p;
        t->p++;
    }
    if (quoted && *t->p == '"')
        t->p++;
    out[n] = '\0';
    return quoted || n;
}

static void copy_id(char out[ID_LEN + 1], const char *text)
{
    int n = 0;

    for (; *text && n < ID_LEN; text++)
        if (*text != '-')
            out[n++] = *text;
    out[n] = '\0';
}

static struct volume *volume_of(struct lvm_group *g, const char *name, uint64_t *pe_start)
{
    for (unsigned i = 0; i < g->n_pvs; i++) {
        if (strcmp(g->pv[i].name, name) != 0)
            continue;
        for (uint32_t k = 0; k < g->w->n_vol; k++) {
            struct volume *v = &g->w->vol[k];
            char id[ID_LEN + 1];

            copy_id(id, v->uuid);
            if (strcmp(v->type, "LVM2_member") == 0 && strcmp(id, g->pv[i].id) == 0) {
                *pe_start = g->pv[i].pe_start;
                return v;
            }
        }
    }
    return NULL;
}

static void note(struct volume *v, const char *text)
{
    if (!v->note[0])
        snprintf(v->note, sizeof v->note, "%.159s", text);
}

/* One piece of a logical volume, as far as its numbers make sense. */
static void add_segment(struct lvm_group *g)
{
    const struct lvm_segment *s = &g->seg;
    struct volume *v = g->lv, *pv;
    uint64_t unit = g->extent_size * SECTOR, off, len, at, end;

    if (!u64_mul(s->start, unit, &off) || !u64_mul(s->count, unit, &len) ||
        !u64_add(off, len, &end) || !len)
        return;
    v->len = u64_max(v->len, end);
    if ((strcmp(s->type, "striped") != 0 && strcmp(s->type, "linear") != 0) || s->stripes != 1) {
        char text[WORD_MAX + 64];

        snprintf(text, sizeof text, "a segment of type %.40s is not followed", s->type);
        note(v, s->stripes > 1 ? "striped over several places: not followed" : text);
        return;
    }
    pv = volume_of(g, s->pv, &at);
    if (!pv) {
        note(v, "part of it lies on another disk");
        return;
    }
    if (v->n_extents == 0)
        v->parent = (uint32_t)(pv - g->w->vol);
    if (!u64_mul(at, SECTOR, &at) || !u64_mul(s->pe, unit, &off) || !u64_add(at, off, &at) ||
        pv->n_extents != 1 || !range_inside(at, len, pv->extents[0].len) ||
        v->n_extents == VOLUME_EXTENTS_MAX) {
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

static void finish_volume(struct lvm_group *g)
{
    struct volume *v = g->lv;
    uint32_t n = 0;

    g->lv = NULL;
    if (!v)
        return;
    qsort(v->extents, v->n_extents, sizeof *v->extents, by_offset);
    for (uint32_t i = 0; i < v->n_extents; i++)     /* those that overlap make no sense */
        if (!n || v->extents[n - 1].off + v->extents[n - 1].len <= v->extents[i].off)
            v->extents[n++] = v->extents[i];
    v->n_extents = n;
    if (!g->visible || !v->len) {                   /* a part of another */
        free(v->extents);
        memset(v, 0, sizeof *v);
        return;
    }
    g->w->n_vol++;
}

static void begin_volume(struct lvm_group *g, const char *name)
{
    struct volume *v = g->w->n_vol < VOLUMES_MAX ? &g->w->vol[g->w->n_vol] : NULL;

    if (!v)
        return;
    memset(v, 0, sizeof *v);
    v->extents = malloc(VOLUME_EXTENTS_MAX * sizeof *v->extents);
    if (!v->extents)
        return;
    v->kind = VOLUME_LOGICAL;
    v->used = NO_ADDRESS;
    snprintf(v->name, sizeof v->name, "%.38s/%.38s", g->name, name);
    g->lv = v;
    g->visible = false;
}

/* KEY = VALUE at a path; `index` counts the values of an array. */
static void take_value(struct lvm_group *g, const struct lvm_text *t, const char *key,
                       unsigned index, const char *value)
{
    uint64_t number = strtoull(value, NULL, 10);

    if (t->depth == 1 && strcmp(key, "extent_size") == 0) {
        g->extent_size = u64_min(number, UINT32_MAX);
    } else if (t->depth == 3 && strcmp(t->path[1], "physical_volumes") == 0 && g->n_pvs) {
        struct lvm_pv *pv = &g->pv[g->n_pvs - 1];

        if (strcmp(key, "id") == 0)
            copy_id(pv->id, value);
        else if (strcmp(key, "pe_start") == 0)
            pv->pe_start = number;
    } else if (t->depth == 3 && strcmp(key, "status") == 0) {
        g->visible |= strcmp(value, "VISIBLE") == 0;
    } else if (t->depth == 4) {
        struct lvm_segment *s = &g->seg;

        if (strcmp(key, "start_extent") == 0)
            s->start = number;
        else if (strcmp(key, "extent_count") == 0)
            s->count = number;
        else if (strcmp(key, "stripe_count") == 0)
            s->stripes = number;
        else if (strcmp(key, "type") == 0)
            snprintf(s->type, sizeof s->type, "%s", value);
        else if (strcmp(key, "stripes") == 0 && index == 0)
            snprintf(s->pv, sizeof s->pv, "%s", value);
        else if (strcmp(key, "stripes") == 0 && index == 1)
            s->pe = number;
    }
}

static void begin_section(struct lvm_group *g, struct lvm_text *t, const char *name)
{
    if (t->depth < DEPTH_MAX)
        memcpy(t->path[t->depth], name, WORD_MAX);
    t->depth++;
    if (t->depth == 1 && !g->name[0])
        memcpy(g->name, name, WORD_MAX);
    if (t->depth == 3 && strcmp(t->path[1], "physical_volumes") == 0 && g->n_pvs < PVS_MAX) {
        memset(&g->pv[g->n_pvs], 0, sizeof g->pv[0]);
        memcpy(g->pv[g->n_pvs++].name, name, WORD_MAX);
    } else if (t->depth == 3 && strcmp(t->path[1], "logical_volumes") == 0) {
        begin_volume(g, name);
    } else if (t->depth == 4) {
        memset(&g->seg, 0, sizeof g->seg);
    }
}

static void end_section(struct lvm_group *g, struct lvm_text *t)
{
    if (t->depth == 4 && g->lv && g->seg.type[0])
        add_segment(g);
    else if (t->depth == 3)
        finish_volume(g);
    if (t->depth > 0)
        t->depth--;
}

static void take_values(struct lvm_group *g, struct lvm_text *t, const char *key)
{
    char value[WORD_MAX];

    skip_space(t);
    if (*t->p != '[') {
        if (read_word(t, value))
            take_value(g, t, key, 0, value);
        return;
    }
    t->p++;
    for (unsigned i = 0; read_word(t, value); i++) {
        take_value(g, t, key, i, value);
        skip_space(t);
        if (*t->p == ',')
            t->p++;
    }
    skip_space(t);
    if (*t->p == ']')
        t->p++;
}

static void parse(struct lvm_group *g, const char *text)
{
    struct lvm_text t = { .p = text };
    char word[WORD_MAX] = "";

    for (;;) {
        skip_space(&t);
        if (!*t.p)
            break;
        if (*t.p == '}') {
            t.p++;
            end_section(g, &t);
        } else if (*t.p == '{') {
            t.p++;
            begin_section(g, &t, word);
        } else if (*t.p == '=') {
            t.p++;
            take_values(g, &t, word);
        } else if (!read_word(&t, word)) {
            t.p++;
        }
    }
    finish_volume(g);
}

void fs_lvm(struct fs_work *w)
{
    char done[PVS_MAX][WORD_MAX];           /* groups that were read */
    unsigned n_done = 0;

    for (uint32_t i = 0, n = w->n_vol; i < n; i++) {
        struct lvm_group *g;
        char id[ID_LEN + 1], *text;
        bool again = false;
        uint32_t first = w->n_vol;

        if (strcmp(w->vol[i].type, "LVM2_member") != 0 || n_done == PVS_MAX)
            continue;
        text = read_text(w, &w->vol[i], id);
        if (!text) {
            note(&w->vol[i], "its LVM metadata cannot be read");
            continue;
        }
        sscanf(text, " %127[A-Za-z0-9_.+-]", done[n_done]);
        for (unsigned k = 0; k < n_done; k++)
            again |= strcmp(done[k], done[n_done]) == 0;
        g = again ? NULL : calloc(1, sizeof *g);
        if (g) {
            g->w = w;
            parse(g, text);
            snprintf(w->vol[i].label, sizeof w->vol[i].label, "%.79s", g->name);
            n_done++;
        }
        free(g);
        free(text);
        for (uint32_t k = first; k < w->n_vol; k++)
            fs_identify(w, &w->vol[k]);
    }
}
