/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* LVM2 (disk/lvm.h): a label at the start of a partition, or of the disk, leads to the text
 * that tells where logical volumes lie. Those get addresses of their own, and are volumes like
 * partitions. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/grow.h"
#include "base/num.h"
#include "disk/lvm.h"
#include "plan/rescue/rescue_guest.h"

#define SEEN_MAX 1024           /* labels, heads of areas and texts remembered */

enum lvm_seen_kind { SEEN_LABEL, SEEN_AREA, SEEN_TEXT };

struct lvm_seen {
    size_t cand;
    uint32_t at;                /* byte in the candidate: of the volume, the area, the text */
    uint8_t kind;
    uint64_t value;             /* LABEL: bytes of the volume; AREA: its place in the volume;
                                   TEXT: its number */
};

struct lvm_witness {
    struct lvm_seen seen[SEEN_MAX];
    size_t n_seen;
};

/* --- looking --- */

static void remember(struct lvm_witness *w, enum lvm_seen_kind kind, size_t cand, size_t at,
                     uint64_t value)
{
    if (w->n_seen < SEEN_MAX)
        w->seen[w->n_seen++] = (struct lvm_seen){ cand, (uint32_t)at, (uint8_t)kind, value };
}

/* How a text begins: "NAME {\nid = ID\nseqno = NUMBER". */
static bool like_text(const uint8_t *p, uint64_t *number)
{
    const char *word = NULL;
    char head[LVM_SECTOR + 1];
    size_t n = 0;

    while (n < LVM_WORD_MAX && p[n] > ' ' && p[n] < 127)
        n++;
    if (!n || memcmp(p + n, " {\nid = \"", 9) != 0)
        return false;
    memcpy(head, p, LVM_SECTOR);
    head[LVM_SECTOR] = '\0';
    word = strstr(head, "\nseqno = ");
    *number = word ? strtoull(word + 9, NULL, 10) : 0;
    return word != NULL;
}

static void look_sector(struct lvm_witness *w, size_t cand, const uint8_t *bytes, size_t at)
{
    const uint8_t *p = bytes + at;
    uint64_t number;

    if (memcmp(p, "LABELONE", 8) == 0 && memcmp(p + 24, "LVM2 001", 8) == 0
        && le_load(p + 8, 8) < 4 && at >= le_load(p + 8, 8) * LVM_SECTOR)
        remember(w, SEEN_LABEL, cand, at - (size_t)le_load(p + 8, 8) * LVM_SECTOR,
                 le_load(p + 64, 8));
    else if (memcmp(p + 4, " LVM2 x[5A%r0N*>", 16) == 0)
        remember(w, SEEN_AREA, cand, at, le_load(p + 24, 8));
    else if (like_text(p, &number))
        remember(w, SEEN_TEXT, cand, at, number);
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len)
{
    (void)g;
    for (size_t at = 0; at + LVM_SECTOR <= len; at += LVM_SECTOR)
        look_sector(self, cand, bytes, at);
    return true;
}

/* --- reasoning --- */

/* A physical volume. */
struct lvm_place {
    struct lvm_witness *w;
    struct rescue_guest *g;
    uint64_t off, len;
    bool *news;
};

static bool read_place(void *ctx, uint64_t off, void *dst, size_t len)
{
    const struct lvm_place *p = ctx;

    return range_inside(off, len, p->len)
        && rescue_read(p->g, p->off + off, dst, len, SURE_LIKELY);
}

/* Pins one of a kind at a byte of the volume: the first of that value, or, where that is 0, the
 * one of the greatest value. */
static bool pin_seen(const struct lvm_place *p, enum lvm_seen_kind kind, uint64_t off,
                     uint64_t value, const char *why)
{
    uint32_t cluster = rescue_cluster(p->g);
    uint64_t guest_off = p->off + off;
    const struct lvm_seen *best = NULL;
    uint8_t byte;

    if (rescue_read(p->g, guest_off, &byte, 1, SURE_LIKELY))
        return true;
    for (size_t i = 0; i < p->w->n_seen; i++) {
        const struct lvm_seen *s = &p->w->seen[i];

        if (s->kind == kind && (!value || s->value == value) && guest_off >= s->at
            && (guest_off - s->at) % cluster == 0 && (!best || s->value > best->value))
            best = s;
    }
    if (!best || !rescue_pin(p->g, best->cand, (guest_off - best->at) / cluster, SURE_LIKELY, why))
        return false;
    *p->news = true;
    return true;
}

/* Puts the metadata back that lies in clusters of its own. */
static bool find_text(const struct lvm_place *p)
{
    uint8_t bytes[LVM_LABEL_LEN];
    struct lvm_label label;
    struct lvm_text_place at;

    return pin_seen(p, SEEN_LABEL, 0, p->len,
                     "an LVM2 label, which is at the start of a partition of that length")
        && rescue_read(p->g, p->off, bytes, sizeof bytes, SURE_LIKELY)
        && lvm_label_read(bytes, &label) && range_inside(label.mda_off, label.mda_len, p->len)
        && label.mda_off
        && pin_seen(p, SEEN_AREA, label.mda_off, label.mda_off,
                     "the address that the metadata of LVM2 bears")
        && rescue_read(p->g, p->off + label.mda_off, bytes, LVM_SECTOR, SURE_LIKELY)
        && lvm_area_read(bytes, &label, &at)
        && pin_seen(p, SEEN_TEXT, label.mda_off + at.off, 0, "the metadata of LVM2");
}

/* Where the pieces of a logical volume are that lie in this physical one. */
static bool join(const struct lvm_place *p, const struct lvm_group *group, const char *id,
                 const struct lvm_lv *lv, uint64_t *start, uint64_t *len)
{
    uint64_t unit = group->extent_size * LVM_SECTOR;
    struct rescue_piece *piece = calloc(lv->n_segments + 1, sizeof *piece);
    bool ok = piece != NULL;

    *len = 0;
    for (size_t i = 0; ok && i < lv->n_segments; i++) {
        const struct lvm_segment *s = &lv->segment[i];
        const struct lvm_pv *pv = lvm_pv_named(group, s->pv);
        uint64_t first, at;

        ok = pv && strcmp(pv->id, id) == 0 && lvm_segment_linear(s)
            && u64_mul(s->start, unit, &piece[i].off) && u64_mul(s->count, unit, &piece[i].len)
            && u64_mul(pv->pe_start, LVM_SECTOR, &first) && u64_mul(s->pe, unit, &at)
            && u64_add(first, at, &at) && range_inside(at, piece[i].len, p->len);
        piece[i].guest_off = ok ? p->off + at : 0;
        *len += piece[i].len;
    }
    ok = ok && rescue_join(p->g, piece, lv->n_segments, start);
    free(piece);
    return ok;
}

/* What the text tells. */
static void read_group(const struct lvm_place *p, const struct lvm_group *group, const char *id)
{
    for (size_t i = 0; i < group->n_lvs; i++) {
        uint64_t start, len;

        if (group->lv[i].visible && join(p, group, id, &group->lv[i], &start, &len))
            *p->news |= rescue_volume(p->g, start, len, FOUND_LOGICAL);
    }
}

static bool text_is_whole(const struct lvm_place *p, const struct lvm_label *label,
                          const char *text)
{
    uint8_t sector[LVM_SECTOR];
    struct lvm_text_place at;

    /* The sum of LVM2 is a CRC that starts and ends without being turned over. */
    return rescue_read(p->g, p->off + label->mda_off, sector, sizeof sector, SURE_LIKELY)
        && lvm_area_read(sector, label, &at)
        && (uint32_t)~crc32(~UINT32_C(0xf597a6cf), (const Bytef *)text, (uInt)at.len) == at.sum;
}

static void look_at_place(struct lvm_witness *w, struct rescue_guest *g, uint64_t off,
                          uint64_t len, bool *news)
{
    struct lvm_place p = { w, g, off, len, news };
    struct lvm_label label;
    struct lvm_group group;
    char *text;

    (void)find_text(&p);
    text = lvm_text_load(read_place, &p, len, &label);
    if (!text)
        return;
    *news |= rescue_holder(g, off, len);
    if (text_is_whole(&p, &label, text) && lvm_group_parse(text, &group)) {
        read_group(&p, &group, label.id);
        lvm_group_free(&group);
    }
    free(text);
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    const struct rescue_volume_found *v;
    size_t n;

    (void)err;
    v = rescue_holders(g, &n);
    for (size_t i = 0; i < n; i++) {
        look_at_place(self, g, v[i].guest_off, v[i].len, news);
        v = rescue_holders(g, &n);      /* may have moved */
    }
    v = rescue_volumes(g, &n);
    for (size_t i = 0; i < n; i++) {
        if (v[i].kind == FOUND_PARTITION)
            look_at_place(self, g, v[i].guest_off, v[i].len, news);
        v = rescue_volumes(g, &n);
    }
    if (!n)
        look_at_place(self, g, 0, rescue_size(g), news);
    return true;
}

static void *begin(struct rescue_guest *g)
{
    (void)g;
    return calloc(1, sizeof(struct lvm_witness));
}

const struct rescue_witness witness_lvm = { "lvm", begin, look, reason, free };
