/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/lvm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"

#define TEXT_MAX        (UINT64_C(4) << 20)     /* bytes of metadata read */
#define PVS_MAX         64
#define LVS_MAX         1024
#define SEGMENTS_MAX    4096                    /* of all volumes */
#define DEPTH_MAX       8

/* --- finding the text --- */

bool lvm_label_read(const uint8_t *bytes, struct lvm_label *out)
{
    const uint8_t *s = NULL, *p;

    *out = (struct lvm_label){ .device_len = 0 };
    for (const uint8_t *t = bytes; t < bytes + LVM_LABEL_LEN && !s; t += LVM_SECTOR)
        if (memcmp(t, "LABELONE", 8) == 0 && memcmp(t + 24, "LVM2 001", 8) == 0)
            s = t;
    if (!s)
        return false;
    memcpy(out->id, s + 32, LVM_ID_LEN);
    out->device_len = le_load(s + 64, 8);
    p = s + 72;                                 /* data areas, then metadata areas */
    while (p + 32 <= s + LVM_SECTOR && (le_load(p, 8) || le_load(p + 8, 8)))
        p += 16;
    p += 16;
    if (p + 16 <= s + LVM_SECTOR) {
        out->mda_off = le_load(p, 8);
        out->mda_len = le_load(p + 8, 8);
    }
    return true;
}

bool lvm_area_read(const uint8_t *sector, const struct lvm_label *label,
                   struct lvm_text_place *out)
{
    if (memcmp(sector + 4, " LVM2 x[5A%r0N*>", 16) != 0 || label->mda_len <= LVM_SECTOR)
        return false;
    out->off = le_load(sector + 40, 8);
    out->len = le_load(sector + 48, 8);
    out->sum = (uint32_t)le_load(sector + 56, 4);
    return out->off >= LVM_SECTOR && out->off < label->mda_len && out->len
        && out->len <= label->mda_len - LVM_SECTOR && out->len <= TEXT_MAX;
}

char *lvm_text_load(lvm_read_fn *read, void *ctx, uint64_t len, struct lvm_label *label)
{
    uint8_t bytes[LVM_LABEL_LEN];
    struct lvm_text_place at;
    uint64_t first;
    char *text;

    if (!read(ctx, 0, bytes, sizeof bytes) || !lvm_label_read(bytes, label) || !label->mda_off
        || !range_inside(label->mda_off, label->mda_len, len)
        || !read(ctx, label->mda_off, bytes, LVM_SECTOR) || !lvm_area_read(bytes, label, &at))
        return NULL;
    text = malloc((size_t)at.len + 1);
    if (!text)
        return NULL;
    first = u64_min(at.len, label->mda_len - at.off);
    if (!read(ctx, label->mda_off + at.off, text, (size_t)first)
        || !read(ctx, label->mda_off + LVM_SECTOR, text + first, (size_t)(at.len - first))) {
        free(text);
        return NULL;
    }
    text[at.len] = '\0';
    return text;
}

/* --- reading it --- */

struct lvm_text {
    const char *p;
    char path[DEPTH_MAX][LVM_WORD_MAX];
    int depth;
    struct lvm_group *g;
    struct lvm_segment seg;
    size_t n_segments;
    bool in_lv, starved;
};

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
static bool read_word(struct lvm_text *t, char out[LVM_WORD_MAX])
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
        if (n + 1 < LVM_WORD_MAX)
            out[n++] = *t->p;
        t->p++;
    }
    if (quoted && *t->p == '"')
        t->p++;
    out[n] = '\0';
    return quoted || n;
}

void lvm_copy_id(char out[LVM_ID_LEN + 1], const char *text)
{
    int n = 0;

    for (; *text && n < LVM_ID_LEN; text++)
        if (*text != '-')
            out[n++] = *text;
    out[n] = '\0';
}

static bool is_in(const struct lvm_text *t, int depth, const char *section)
{
    return t->depth == depth && strcmp(t->path[1], section) == 0;
}

/* KEY = VALUE at a path; `index` counts the values of an array. */
static void take_value(struct lvm_text *t, const char *key, unsigned index, const char *value)
{
    struct lvm_group *g = t->g;
    uint64_t number = strtoull(value, NULL, 10);
    struct lvm_segment *s = &t->seg;

    if (t->depth == 1 && strcmp(key, "extent_size") == 0) {
        g->extent_size = u64_min(number, UINT32_MAX);
    } else if (is_in(t, 3, "physical_volumes") && g->n_pvs) {
        if (strcmp(key, "id") == 0)
            lvm_copy_id(g->pv[g->n_pvs - 1].id, value);
        else if (strcmp(key, "pe_start") == 0)
            g->pv[g->n_pvs - 1].pe_start = number;
    } else if (t->depth == 3 && t->in_lv && strcmp(key, "status") == 0) {
        g->lv[g->n_lvs - 1].visible |= strcmp(value, "VISIBLE") == 0;
    } else if (t->depth == 4) {
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

static void add_pv(struct lvm_text *t, const char *name)
{
    struct lvm_group *g = t->g;

    if (g->n_pvs == PVS_MAX)
        return;
    if (!list_double(&g->pv, g->n_pvs, sizeof *g->pv)) {
        t->starved = true;
        return;
    }
    memset(&g->pv[g->n_pvs], 0, sizeof *g->pv);
    memcpy(g->pv[g->n_pvs++].name, name, LVM_WORD_MAX);
}

static void add_lv(struct lvm_text *t, const char *name)
{
    struct lvm_group *g = t->g;

    if (g->n_lvs == LVS_MAX)
        return;
    if (!list_double(&g->lv, g->n_lvs, sizeof *g->lv)) {
        t->starved = true;
        return;
    }
    memset(&g->lv[g->n_lvs], 0, sizeof *g->lv);
    memcpy(g->lv[g->n_lvs++].name, name, LVM_WORD_MAX);
    t->in_lv = true;
}

static void add_segment(struct lvm_text *t)
{
    struct lvm_lv *lv = &t->g->lv[t->g->n_lvs - 1];

    if (t->n_segments == SEGMENTS_MAX)
        return;
    if (!list_double(&lv->segment, lv->n_segments, sizeof *lv->segment)) {
        t->starved = true;
        return;
    }
    lv->segment[lv->n_segments++] = t->seg;
    t->n_segments++;
}

static void begin_section(struct lvm_text *t, const char *name)
{
    if (t->depth < DEPTH_MAX)
        memcpy(t->path[t->depth], name, LVM_WORD_MAX);
    t->depth++;
    if (t->depth == 1 && !t->g->name[0])
        memcpy(t->g->name, name, LVM_WORD_MAX);
    if (is_in(t, 3, "physical_volumes"))
        add_pv(t, name);
    else if (is_in(t, 3, "logical_volumes"))
        add_lv(t, name);
    else if (t->depth == 4)
        memset(&t->seg, 0, sizeof t->seg);
}

static void end_section(struct lvm_text *t)
{
    if (t->depth == 4 && t->in_lv && t->seg.type[0])
        add_segment(t);
    else if (t->depth == 3)
        t->in_lv = false;
    if (t->depth > 0)
        t->depth--;
}

static void take_values(struct lvm_text *t, const char *key)
{
    char value[LVM_WORD_MAX];

    skip_space(t);
    if (*t->p != '[') {
        if (read_word(t, value))
            take_value(t, key, 0, value);
        return;
    }
    t->p++;
    for (unsigned i = 0; read_word(t, value); i++) {
        take_value(t, key, i, value);
        skip_space(t);
        if (*t->p == ',')
            t->p++;
    }
    skip_space(t);
    if (*t->p == ']')
        t->p++;
}

bool lvm_group_parse(const char *text, struct lvm_group *out)
{
    struct lvm_text t = { .p = text, .g = out };
    char word[LVM_WORD_MAX] = "";

    *out = (struct lvm_group){ .extent_size = 0 };
    while (skip_space(&t), *t.p && !t.starved) {
        if (*t.p == '}') {
            t.p++;
            end_section(&t);
        } else if (*t.p == '{') {
            t.p++;
            begin_section(&t, word);
        } else if (*t.p == '=') {
            t.p++;
            take_values(&t, word);
        } else if (!read_word(&t, word)) {
            t.p++;
        }
    }
    if (t.starved)
        lvm_group_free(out);
    return !t.starved;
}

void lvm_group_free(struct lvm_group *g)
{
    for (size_t i = 0; i < g->n_lvs; i++)
        free(g->lv[i].segment);
    free(g->lv);
    free(g->pv);
    *g = (struct lvm_group){ .extent_size = 0 };
}

const struct lvm_pv *lvm_pv_named(const struct lvm_group *g, const char *name)
{
    for (size_t i = 0; i < g->n_pvs; i++)
        if (strcmp(g->pv[i].name, name) == 0)
            return &g->pv[i];
    return NULL;
}

bool lvm_segment_linear(const struct lvm_segment *s)
{
    return (strcmp(s->type, "striped") == 0 || strcmp(s->type, "linear") == 0)
        && s->stripes == 1;
}
