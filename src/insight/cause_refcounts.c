/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Refcounts and COPIED flags that do not fit a mapping which is in order. */
#include "config.h"

#include "base/text.h"
#include "insight/cause_work.h"

#define TAIL_MIN 8              /* clusters that are the end of a file, however short */

static const enum problem_kind REFCOUNTS[] = {
    PROBLEM_REFCOUNT_ZERO, PROBLEM_REFCOUNT_LOW, PROBLEM_REFCOUNT_OVERFLOW,
    PROBLEM_REFCOUNT_HIGH, PROBLEM_L2_COPIED, PROBLEM_DATA_COPIED, N_PROBLEMS,
};

/* Not all have a record where there are very many. */
static uint64_t unclaimed(const struct work *w, enum problem_kind k)
{
    uint64_t n = 0, claimed = 0;

    for (size_t i = 0; i < w->ps->n; i++)
        if (w->ps->list[i].kind == k)
            *(w->out->claim[i] ? &claimed : &n) += w->ps->list[i].count;
    return n && !claimed ? work_count(w, k) : n;
}

static uint64_t used_clusters(const struct work *w)
{
    uint64_t n = 0;

    for (int k = 0; k < N_CLASSES; k++)
        if (k != CLASS_VACANT && k != CLASS_LEAKED && k != CLASS_BEYOND)
            n += w->scan->stats.class_clusters[k];
    return n;
}

#define RUN_LOOKED_AT 4096      /* clusters of a run */

/* How many clusters of a run, as far as looked at, are tables. */
static uint64_t tables_in(const struct work *w, const struct problem *p)
{
    uint64_t n = 0, run = p->place.kind == PLACE_CLUSTER ? u64_min(p->count, RUN_LOOKED_AT) : 0;

    for (uint64_t k = 0; k < run; k++) {
        struct map_cell cell;

        work_cell(w, p->place.i + k, &cell);
        n += class_info(cell.cls)->metadata;
    }
    return n;
}

/* Tables beside which little else counts as free. */
static bool of_tables(const struct work *w, const struct problem *p, const void *ctx)
{
    uint64_t n = tables_in(w, p);

    (void)ctx;
    return n && n * 2 >= p->count;
}

/* --- lost: the table or blocks of it --- */

static void lost(struct work *w)
{
    uint64_t zero = unclaimed(w, PROBLEM_REFCOUNT_ZERO), used = used_clusters(w);
    uint64_t table = unclaimed(w, PROBLEM_REFTABLE_PAST_END) +
                     unclaimed(w, PROBLEM_REFBLOCK_PAST_END) +
                     unclaimed(w, PROBLEM_REFBLOCK_MISALIGNED) +
                     unclaimed(w, PROBLEM_REFTABLE_RESERVED) +
                     unclaimed(w, PROBLEM_REFBLOCK_SHARED) +
                     unclaimed(w, PROBLEM_REFCOUNT_UNREADABLE);
    bool dirty = w->img->hdr.incompatible_features & INCOMPAT_DIRTY;
    struct place place;
    struct cause *c;
    uint64_t stored;

    if (!table && (dirty || zero < 8 || zero * 4 < used))
        return;
    c = cause_add(w, CAUSE_OF_REFCOUNTS_LOST, table ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
    if (image_stored_refcount(w->img, 0, &stored) != STORED_OK) {
        place = (struct place){ .kind = PLACE_REFTABLE, .i = 0, .guest_off = NO_ADDRESS,
                                .file_off = w->img->hdr.refcount_table_offset };
        cause_evidence(c, &place, "no refcount block describes the first clusters");
    }
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_REFTABLE_PAST_END, PROBLEM_REFBLOCK_PAST_END,
          PROBLEM_REFBLOCK_MISALIGNED, PROBLEM_REFTABLE_RESERVED, PROBLEM_REFBLOCK_SHARED,
          PROBLEM_REFCOUNT_UNREADABLE, PROBLEM_REFCOUNT_PAST_END, PROBLEM_OVERLAP);
    cause_claim(w, c, REFCOUNTS, NULL, NULL, CLAIM_RISK);
    if (c && w->leaked.clusters <= zero + table)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    cause_text(w, c, "Refcounts are lost: %s. The mapping is in order and the guest's data can "
               "be read, but every write would take clusters in use for free ones.",
               table ? "the refcount table or blocks of it were damaged"
                     : "whole ranges that are in use count as free");
    cause_step(w, c, STEP_HANDS_OFF);
}

/* --- one table that counts as free --- */

static void armed(struct work *w)
{
    uint64_t n = 0, near = u64_max(w->geo->n_clusters / 16 + 1, TAIL_MIN);
    uint64_t tail = w->geo->n_clusters - u64_min(near, w->geo->n_clusters);
    const struct problem *first = NULL;
    struct place place;
    struct cause *c;
    bool no_space;

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (p->kind != PROBLEM_REFCOUNT_ZERO || w->out->claim[i] || !of_tables(w, p, NULL))
            continue;
        n += tables_in(w, p);
        if (!first)
            first = p;
    }
    /* Beside much else that counts as free, a few tables are nothing of their own. */
    if (!n || (w->img->hdr.incompatible_features & INCOMPAT_DIRTY) ||
        unclaimed(w, PROBLEM_REFCOUNT_ZERO) / 8 > n)
        return;
    /* What was allocated last is armed, and some of it never got an owner. */
    no_space = first->place.i >= tail && w->leaked.clusters &&
               w->leaked.n && w->leaked.list[w->leaked.n - 1].cluster >= tail;
    place = first->place;
    c = cause_add(w, no_space ? CAUSE_OF_NO_SPACE : CAUSE_OF_ARMED_TABLE,
                  no_space ? CONFIDENCE_POSSIBLE : CONFIDENCE_CERTAIN);
    CLAIM(w, c, of_tables, NULL, CLAIM_RISK, PROBLEM_REFCOUNT_ZERO);
    cause_claim(w, c, (const enum problem_kind[]){ PROBLEM_L2_COPIED, N_PROBLEMS }, NULL, NULL,
                CLAIM_RISK);
    if (no_space)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    cause_text(w, c, "%llu live table%s ha%s refcount 0 (the first is cluster %llu)%s: the next "
               "write may take it for free space, and the whole range that it maps is lost.",
               (unsigned long long)n, n == 1 ? "" : "s", n == 1 ? "s" : "ve",
               (unsigned long long)place.i,
               no_space ? ", and clusters at the end have no owner, as after a full disk" : "");
    cause_step(w, c, STEP_HANDS_OFF);
}

/* --- behind, and just wrong --- */

static void behind(struct work *w)
{
    bool dirty = w->img->hdr.incompatible_features & INCOMPAT_DIRTY;
    struct cause *c;
    uint64_t n = 0;
    char a[TEXT_NUM];

    if (!dirty)
        return;
    c = cause_add(w, CAUSE_OF_REFCOUNTS_BEHIND, CONFIDENCE_CERTAIN);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_DIRTY_BIT);
    n += cause_claim(w, c, REFCOUNTS, NULL, NULL, CLAIM_ONLY);
    /* What has a refcount and no owner was allocated and not yet mapped, unless it is much. */
    if (w->leaked.clusters && w->leaked.l2 + w->leaked.l1 == 0 && !work_many_orphans(w))
        n += CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    /* What QEMU does about it is added when the verdict is known (weigh_anew). */
    cause_text(w, c, "The image was not closed in order (dirty bit)%s%s%s", n ? "; " : "",
               n ? text_group(a, n) : "",
               n == 1 ? " refcount is behind, as is usual with lazy refcounts"
               : n ? " refcounts are behind, as is usual with lazy refcounts" : "");
}

static void wrong(struct work *w)
{
    uint64_t zero = unclaimed(w, PROBLEM_REFCOUNT_ZERO);
    uint64_t low = unclaimed(w, PROBLEM_REFCOUNT_LOW) +
                   unclaimed(w, PROBLEM_REFCOUNT_OVERFLOW);
    uint64_t high = work_count(w, PROBLEM_REFCOUNT_HIGH);
    uint64_t copied = unclaimed(w, PROBLEM_DATA_COPIED) + unclaimed(w, PROBLEM_L2_COPIED);
    uint64_t tables = 0;
    struct cause *c;
    char a[TEXT_NUM], b[TEXT_NUM];

    /* COPIED over a refcount that is too high: a snapshot would have cleared the flag. */
    if (!zero && !low && (!copied || high < copied / 2 + 1))
        return;
    for (size_t i = 0; i < w->ps->n; i++)
        if (w->ps->list[i].kind == PROBLEM_REFCOUNT_ZERO && !w->out->claim[i])
            tables += tables_in(w, &w->ps->list[i]);
    c = cause_add(w, CAUSE_OF_REFCOUNTS_WRONG, CONFIDENCE_LIKELY);
    cause_claim(w, c, REFCOUNTS, NULL, NULL, CLAIM_RISK);
    if (!zero && !low)
        cause_text(w, c, "%s refcount%s too high, in a mapping that is in order: the guest's data "
                   "can be read. COPIED flags of entries do not fit them.", text_group(b, high),
                   high == 1 ? " is" : "s are");
    else
        cause_text(w, c, "%s cluster%s in use ha%s a refcount that is too low%s%s%s, in a mapping "
                   "that is in order: the guest's data can be read, but the next write may destroy "
                   "%s.", text_group(a, zero + low), zero + low == 1 ? "" : "s",
                   zero + low == 1 ? "s" : "ve", high ? ", and " : "",
                   high ? text_group(b, high) : "",
                   high == 1 ? " has one that is too high" : high ? " have one that is too high"
                   : "", tables ? "some, or a table" : "some");
    cause_step(w, c, STEP_HANDS_OFF);
}

/* Is COPIED clear in all entries of a run? False also where they cannot be read. */
static bool run_is_clear(struct work *w, const struct problem *p)
{
    size_t step = p->kind == PROBLEM_L2_COPIED ? 8 : w->geo->l2_entry_size;
    uint8_t part[4096];
    uint64_t off = p->place.file_off, len;

    if (p->count == 1 || off == NO_ADDRESS)
        return p->count == 1 && !(p->found & OFLAG_COPIED);
    for (len = p->count * step; len; ) {
        size_t n = (size_t)u64_min(len, sizeof part);

        if (!work_reads(w, n) || !source_read(w->img->src, off, part, n, NULL))
            return false;
        for (size_t i = 0; i < n; i += step)
            if (part[i] & 0x80)
                return false;
        off += n;
        len -= n;
    }
    return true;
}

/* Is every flag that does not fit a clear one? It is where no cluster is shared: without snapshots,
 * and with refcounts that are right. */
static bool only_clear(struct work *w, uint64_t n)
{
    if (!w->img->snaps.n && problems_of_severity(w->ps, SEV_CORRUPTION) == n &&
        !work_count(w, PROBLEM_REFCOUNT_HIGH) && !work_count(w, PROBLEM_DOUBLE_ALLOCATION) &&
        !work_count(w, PROBLEM_OVERLAP))
        return true;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (w->out->claim[i] || (p->kind != PROBLEM_L2_COPIED && p->kind != PROBLEM_DATA_COPIED))
            continue;
        if (p->count > n || !run_is_clear(w, p))
            return false;
        n -= p->count;
    }
    return !n;
}

static void flags(struct work *w)
{
    uint64_t n = unclaimed(w, PROBLEM_L2_COPIED) + unclaimed(w, PROBLEM_DATA_COPIED);
    bool clear = n && !w->geo->data_file && only_clear(w, n);
    struct cause *c;
    char a[TEXT_NUM];

    if (!n)
        return;
    c = cause_add(w, CAUSE_OF_COPIED_FLAGS, n >= 64 ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
    CLAIM(w, c, NULL, NULL, clear ? CLAIM_ONLY : CLAIM_RISK, PROBLEM_L2_COPIED,
          PROBLEM_DATA_COPIED);
    cause_text(w, c, "%s COPIED flag%s not fit the refcounts, which are right: %s.%s",
               text_group(a, n), n == 1 ? " does" : "s do",
               n >= 64 ? "a program that does not keep them wrote the image, or one that made or "
                         "deleted a snapshot was stopped"
                       : "the entries were changed without them",
               clear ? " They are all clear: QEMU copies such clusters at the next write, which is "
                       "slow but right." : "");
    if (!c || !clear)
        return;
    c->weight = CAUSE_HARMLESS;
    cause_step(w, c, "You may leave it as it is. To set the flags while no guest runs, on a copy "
               "(cp --reflink=auto --sparse=always %s %s): qcheck plan copied -o flags.plan %s; "
               "then qcheck apply flags.plan %s --in-place --undo flags.undo", buf_str(&w->name),
               buf_str(&w->copy), buf_str(&w->name), buf_str(&w->copy));
}

void causes_refcounts(struct work *w)
{
    lost(w);
    armed(w);
    behind(w);
    wrong(w);
    flags(w);
}
