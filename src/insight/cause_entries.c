/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Single entries that are wrong in tables that are otherwise sound: what should stand
 * there, as far as the neighbours say it. */
#include "config.h"

#include <stdio.h>

#include "insight/cause_work.h"

static bool single(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    (void)ctx;
    return p->place.kind == PLACE_L2 || p->place.kind == PLACE_L1;
}

/* Host offset that neighbours at index j-1 and j+1 agree on; 0: they do not. */
static uint64_t between(const struct work *w, const struct problem *p)
{
    const struct geometry *geo = w->geo;
    uint64_t at = p->place.file_off, step = geo->l2_entry_size, before, after;
    uint8_t bytes[3 * 16];
    struct l2_entry a, b;

    if (p->count != 1 || p->place.kind != PLACE_L2 || p->place.j == 0 ||
        p->place.j + 1 >= geo->l2_entries || at < step ||
        !source_read(w->img->src, at - step, bytes, (size_t)step * 3, NULL))
        return 0;
    l2_decode(geo, bytes, &a);
    l2_decode(geo, bytes + step * 2, &b);
    if (a.type != L2_NORMAL || b.type != L2_NORMAL)
        return 0;
    before = a.host_off;
    after = b.host_off;
    if (after <= before || after - before != 2 * geo->cluster_size)
        return 0;
    return (before + geo->cluster_size) | (a.copied ? OFLAG_COPIED : 0);
}

static unsigned bits_in(uint64_t v)
{
    unsigned n = 0;

    for (; v; v &= v - 1)
        n++;
    return n;
}

/* The one bit whose change makes the entry possible and lead to a cluster nobody has. */
static uint64_t one_bit(const struct work *w, const struct problem *p)
{
    uint64_t found = 0;

    if (p->count != 1)
        return 0;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t v = p->found ^ UINT64_C(1) << bit, off = v & ENTRY_OFFSET_MASK;
        struct map_cell cell;

        if ((v & L2_RESERVED_MASK) || (v & (OFLAG_COMPRESSED | OFLAG_ZERO)) || !off ||
            (off & (w->geo->cluster_size - 1)) || off >= w->geo->file_size)
            continue;
        work_cell(w, off >> w->geo->cluster_bits, &cell);
        if (cell.cls != CLASS_LEAKED)
            continue;
        if (found)
            return 0;
        found = v;
    }
    return found;
}

void causes_entries(struct work *w)
{
    static const enum problem_kind kinds[] = {
        PROBLEM_L2_RESERVED, PROBLEM_DATA_MISALIGNED, PROBLEM_ZERO_MISALIGNED,
        PROBLEM_DATA_PAST_END, PROBLEM_COMPRESSED_PAST_END, PROBLEM_COMPRESSED_COPIED,
        PROBLEM_SUBCLUSTER_CONFLICT, PROBLEM_SUBCLUSTER_UNALLOCATED, PROBLEM_L1_RESERVED,
        PROBLEM_L2_MISALIGNED, PROBLEM_L2_PAST_END, PROBLEM_V2_ZERO_FLAG,
        PROBLEM_EXTENDED_ZERO_FLAG, PROBLEM_COMPRESSED_DATA_FILE,
        PROBLEM_COMPRESSED_SUBCLUSTERS, PROBLEM_DATA_FILE_OFFSET, PROBLEM_STREAM_PAST_END,
        N_PROBLEMS,
    };
    uint64_t n = 0, known = 0, room = 0, leaks = 0;
    struct cause *c;
    struct evidence kept[EVIDENCE_MAX];
    size_t n_kept = 0;

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];
        bool mine = false;
        uint64_t value;

        for (size_t k = 0; kinds[k] != N_PROBLEMS; k++)
            mine |= p->kind == kinds[k];
        if (!mine || w->out->claim[i] || !single(w, p, NULL))
            continue;
        n += p->count;
        room += p->place.kind == PLACE_L1 ? w->geo->l2_entries + 1 : p->count;
        value = between(w, p);
        if (!value)
            value = p->place.kind == PLACE_L2 ? one_bit(w, p) : 0;
        if (!value)
            continue;
        known++;
        if (n_kept < EVIDENCE_MAX) {
            struct evidence *e = &kept[n_kept++];

            e->place = p->place;
            snprintf(e->text, sizeof e->text, "0x%016llx at file offset 0x%llx; expected "
                     "0x%016llx%s", (unsigned long long)p->found,
                     (unsigned long long)p->place.file_off, (unsigned long long)value,
                     bits_in(p->found ^ value) == 1 ? ": one bit is flipped" : "");
        }
    }
    if (!n)
        return;
    c = cause_add(w, CAUSE_OF_BROKEN_ENTRIES, known ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
    for (size_t k = 0; k < n_kept; k++)
        cause_evidence(c, &kept[k].place, "%s", kept[k].text);
    cause_claim(w, c, kinds, single, NULL, CLAIM_LOST);
    /* The clusters such entries should lead to have no owner now. */
    if (w->leaked.clusters && w->leaked.clusters <= room)
        leaks = CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    if (leaks)
        cause_step(w, c, STEP_KEEP_LEAKS);
    if (known) {
        cause_text(w, c, "%llu entr%s of tables that are otherwise in order %s broken; the "
                   "neighbours or a flipped bit say what should stand in %llu of them.",
                   (unsigned long long)n, n == 1 ? "y" : "ies", n == 1 ? "is" : "are",
                   (unsigned long long)known);
        cause_step_plan(w, c, "entries");
    } else {
        cause_text(w, c, "%llu entr%s of tables that are otherwise in order %s broken, and "
                   "nothing says what should stand there.", (unsigned long long)n,
                   n == 1 ? "y" : "ies", n == 1 ? "is" : "are");
        cause_step(w, c, "Compare the entries with an older copy of the file: qcheck %s, key "
                   "p", buf_str(&w->name));
        if (leaks)
            cause_step_plan(w, c, "rescue");
    }
}
