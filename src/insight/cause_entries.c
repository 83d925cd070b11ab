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

/* The one bit whose change makes the entry possible and lead to a cluster nobody has, or nobody
 * else: a reserved bit does not keep it from its cluster. */
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
        if (cell.cls != CLASS_LEAKED &&
            !((UINT64_C(1) << bit & L2_RESERVED_MASK) && cell.cls == CLASS_DATA &&
              cell.counted == 1))
            continue;
        if (found)
            return 0;
        found = v;
    }
    return found;
}

static const enum problem_kind KINDS[] = {
    PROBLEM_L2_RESERVED, PROBLEM_DATA_MISALIGNED, PROBLEM_ZERO_MISALIGNED,
    PROBLEM_DATA_PAST_END, PROBLEM_COMPRESSED_PAST_END, PROBLEM_COMPRESSED_COPIED,
    PROBLEM_SUBCLUSTER_CONFLICT, PROBLEM_SUBCLUSTER_UNALLOCATED, PROBLEM_L1_RESERVED,
    PROBLEM_L2_MISALIGNED, PROBLEM_L2_PAST_END, PROBLEM_V2_ZERO_FLAG,
    PROBLEM_EXTENDED_ZERO_FLAG, PROBLEM_COMPRESSED_DATA_FILE,
    PROBLEM_COMPRESSED_SUBCLUSTERS, PROBLEM_DATA_FILE_OFFSET, PROBLEM_STREAM_PAST_END,
    N_PROBLEMS,
};

/* What is found of broken entries. One may have several problems. */
struct broken {
    struct guest_spans l1, l2;          /* bytes of the file where they stand */
    struct guest_spans known;           /* of those, where it is known what they should say */
    uint64_t problems;
    uint64_t in_disk;                   /* of the problems, not in the L1 table of a snapshot */
    struct evidence kept[EVIDENCE_MAX];
    size_t n_kept;
};

static void keep(struct broken *b, const struct problem *p, uint64_t value)
{
    struct evidence *e = &b->kept[b->n_kept];

    for (size_t i = 0; i < b->n_kept; i++)
        if (b->kept[i].place.file_off == p->place.file_off)
            return;
    if (b->n_kept == EVIDENCE_MAX)
        return;
    b->n_kept++;
    e->place = p->place;
    snprintf(e->text, sizeof e->text, "0x%016llx at file offset 0x%llx; expected 0x%016llx%s",
             (unsigned long long)p->found, (unsigned long long)p->place.file_off,
             (unsigned long long)value,
             bits_in(p->found ^ value) == 1 ? ": one bit is flipped" : "");
}

static void look_at(const struct work *w, const struct problem *p, struct broken *b)
{
    bool in_l2 = p->place.kind == PLACE_L2;
    uint64_t step = in_l2 ? w->geo->l2_entry_size : 8, value;

    spans_add(in_l2 ? &b->l2 : &b->l1, p->place.file_off,
              u64_min(p->count, w->geo->cluster_size) * step, UINT64_MAX);
    b->problems += p->count;
    b->in_disk += in_l2 || p->place.layer == LAYER_ACTIVE ? p->count : 0;
    value = between(w, p);
    if (!value && in_l2)
        value = one_bit(w, p);
    if (!value)
        return;
    spans_add(&b->known, p->place.file_off, step, UINT64_MAX);
    keep(b, p, value);
}

static uint64_t entries_in(const struct guest_spans *s, uint64_t step, const struct broken *b)
{
    return s->inexact ? b->problems : spans_bytes(s) / step;
}

/* COPIED flags of such entries say nothing of their own. */
static bool in_broken(const struct work *w, const struct problem *p, const void *ctx)
{
    const struct broken *b = ctx;

    (void)w;
    return spans_has(p->place.kind == PLACE_L2 ? &b->l2 : &b->l1, p->place.file_off);
}

/* Adds to what is told of L1 entries that lead astray. */
static void say(struct work *w, struct cause *c, uint64_t n, uint64_t known, bool of_snapshots)
{
    struct buf text = BUF_INIT;

    if (c && c->text)
        buf_printf(&text, "%s ", c->text);
    buf_printf(&text, "%llu entr%s of %s %s broken", (unsigned long long)n, n == 1 ? "y" : "ies",
               of_snapshots ? "the L1 tables of snapshots" : "tables that are otherwise in order",
               n == 1 ? "is" : "are");
    if (known)
        buf_printf(&text, "; the neighbours or a flipped bit say what should stand in %llu of "
                   "them.", (unsigned long long)known);
    else
        buf_puts(&text, ", and nothing says what should stand there.");
    cause_text(w, c, "%s", buf_str(&text));
    w->failed |= text.failed;
    buf_free(&text);
}

static void tell(struct work *w, const struct broken *b)
{
    uint64_t in_l1 = entries_in(&b->l1, 8, b);
    uint64_t in_l2 = entries_in(&b->l2, w->geo->l2_entry_size, b), leaks = 0;
    struct cause *c = cause_found(w, CAUSE_OF_BROKEN_ENTRIES);

    if (!c)
        c = cause_add(w, CAUSE_OF_BROKEN_ENTRIES, b->n_kept ? CONFIDENCE_LIKELY
                                                            : CONFIDENCE_POSSIBLE);
    for (size_t k = 0; k < b->n_kept; k++)
        cause_evidence(c, &b->kept[k].place, "%s", b->kept[k].text);
    cause_claim(w, c, KINDS, single, NULL, CLAIM_LOST);
    CLAIM(w, c, in_broken, b, CLAIM_ONLY, PROBLEM_DATA_COPIED, PROBLEM_L2_COPIED);
    /* The clusters such entries should lead to have no owner now. */
    if (w->leaked.clusters && w->leaked.clusters <= in_l1 * (w->geo->l2_entries + 1) + in_l2)
        leaks = CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    if (leaks)
        cause_step(w, c, STEP_KEEP_LEAKS);
    say(w, c, in_l1 + in_l2, spans_bytes(&b->known) / w->geo->l2_entry_size,
        !b->in_disk);
    if (b->n_kept) {
        cause_step_plan(w, c, "entries");
        return;
    }
    cause_step(w, c, "Compare the entries with an older copy of the file: qcheck %s, key p",
               buf_str(&w->name));
    if (leaks)
        cause_step_plan(w, c, "rescue");
}

void causes_entries(struct work *w)
{
    struct broken b = { .n_kept = 0 };

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];
        bool mine = false;

        for (size_t k = 0; KINDS[k] != N_PROBLEMS; k++)
            mine |= p->kind == KINDS[k];
        if (mine && !w->out->claim[i] && single(w, p, NULL))
            look_at(w, p, &b);
    }
    spans_settle(&b.l1);
    spans_settle(&b.l2);
    spans_settle(&b.known);
    if (b.l1.n || b.l2.n)
        tell(w, &b);
    spans_free(&b.l1);
    spans_free(&b.l2);
    spans_free(&b.known);
}
