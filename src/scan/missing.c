/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/missing.h"

#include <string.h>

static const struct { const char *id, *words; } TABLES[N_MISSING] = {
#define X(e, id, words) { id, words },
    MISSING_TABLES(X)
#undef X
};

/* Records of this kind about an L1 table of the active layer, or of a snapshot. */
static unsigned l1_of(const struct problems *ps, enum problem_kind kind)
{
    unsigned tables = 0;

    for (size_t i = 0; i < ps->n; i++) {
        const struct problem *p = &ps->list[i];

        if (p->kind == kind)
            tables |= 1u << (p->place.kind == PLACE_SNAPSHOT ? MISSING_SNAPSHOT_L1
                                                             : MISSING_ACTIVE_L1);
    }
    return tables;
}

/* Tables with bytes that could not be read, or that the end of the file cuts. */
static unsigned unreadable(const struct problems *ps)
{
    unsigned tables = 0;

    for (size_t i = 0; i < ps->n; i++) {
        const struct place *at = &ps->list[i].place;

        if (ps->list[i].kind == PROBLEM_TAIL_TRUNCATED &&
            ps->list[i].owner.kind == PLACE_L1)         /* which refers to an L2 table */
            tables |= 1u << MISSING_L2;
        if (ps->list[i].kind != PROBLEM_UNREADABLE)
            continue;
        switch (at->kind) {
        case PLACE_L1:
            tables |= 1u << (at->layer == LAYER_ACTIVE ? MISSING_ACTIVE_L1
                                                       : MISSING_SNAPSHOT_L1);
            break;
        case PLACE_L2: tables |= 1u << MISSING_L2; break;
        case PLACE_SNAPSHOT: tables |= 1u << MISSING_SNAPSHOTS; break;
        case PLACE_BITMAP: case PLACE_BITMAP_TABLE: tables |= 1u << MISSING_BITMAPS; break;
        default: break;
        }
    }
    return tables;
}

/* Is a value of this header field doubted? */
static bool doubted(const struct image *img, const char *field)
{
    for (size_t i = 0; i < img->guesses.n; i++)
        if (img->guesses.list[i].how == GUESS_PROPOSED &&
            strcmp(img->guesses.list[i].field, field) == 0)
            return true;
    return false;
}

static bool bitmaps_missing(const struct image *img)
{
    const struct bitmaps *b = &img->bitmaps;

    return bitmaps_lost(b) || (b->n && !b->consistent) ||
           (b->end == BITMAPS_NONE && img->hdr.autoclear_features & AUTOCLEAR_BITMAPS);
}

unsigned missing_tables(const struct scan_result *r)
{
    const struct image *img = r->img;
    const struct problems *ps = &r->problems;
    unsigned tables = l1_of(ps, PROBLEM_L1_PAST_END) | unreadable(ps);

    if (ps->count[PROBLEM_L1_TOO_SMALL])
        tables |= 1u << MISSING_ACTIVE_L1;
    if (ps->count[PROBLEM_SNAPSHOT_L1_MISALIGNED] || ps->count[PROBLEM_SNAPSHOT_L1_TOO_LARGE])
        tables |= 1u << MISSING_SNAPSHOT_L1;
    if (ps->count[PROBLEM_L2_PAST_END] || ps->count[PROBLEM_L2_MISALIGNED] ||
        ps->count[PROBLEM_L1_RESERVED])
        tables |= 1u << MISSING_L2;
    if (img->snaps.announced > img->snaps.n || doubted(img, "nb_snapshots") ||
        doubted(img, "snapshots_offset"))
        tables |= 1u << MISSING_SNAPSHOTS;
    if (bitmaps_missing(img))
        tables |= 1u << MISSING_BITMAPS;
    if (img->ext.end == EXT_ENDED_TOO_LONG || img->ext.end == EXT_ENDED_OUR_LIMIT ||
        doubted(img, "header_length"))
        tables |= 1u << MISSING_EXTENSIONS;
    return tables;
}

const char *missing_id(enum missing_table t)
{
    return TABLES[t].id;
}

void missing_text(unsigned tables, struct buf *out)
{
    const char *between = "";

    for (unsigned t = 0; t < N_MISSING; t++) {
        if (!(tables >> t & 1))
            continue;
        tables &= ~(1u << t);
        buf_printf(out, "%s%s", between, TABLES[t].words);
        between = tables & (tables - 1) ? ", " : " and ";
    }
}

void missing_note_leaks(struct scan_result *r)
{
    unsigned tables = missing_tables(r);
    struct buf note = BUF_INIT;

    if (!tables)
        return;
    buf_puts(&note, "perhaps in use: what could not be read of ");
    missing_text(tables, &note);
    buf_puts(&note, " may refer to it");
    for (size_t i = 0; i < r->problems.n && !note.failed; i++) {
        struct problem *p = &r->problems.list[i];

        if (problem_info(p->kind)->severity == SEV_LEAK && !p->note)
            p->note = strdup(buf_str(&note));
    }
    buf_free(&note);
}

void problem_advice(enum problem_kind kind, unsigned tables, struct buf *out)
{
    const struct problem_info *info = problem_info(kind);

    if (tables && info->severity == SEV_LEAK) {
        buf_puts(out, "Do not free these clusters: what could not be read of ");
        missing_text(tables, out);
        buf_puts(out, " may refer to them. Solve that first.");
        return;
    }
    buf_puts(out, info->advice);
}
