/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Empty entries of L2 tables, and clusters without an owner that fit into them: in the file
 * they lie where the order of their neighbours puts them. */
#include "config.h"

#include <stdio.h>

#include "base/text.h"
#include "insight/cause_work.h"
#include "scan/guest.h"
#include "scan/missing.h"

#define LOOKED_AT_MAX   256     /* orphans read, to see whether they hold anything */
#define ACROSS_MAX      1024    /* entries of other layers looked at */
#define IN_DOUBT_MIN    16      /* refcounts that are too low */
#define EXCESS_MAX      256     /* of a refcount over what is found, that is no nonsense */
#define CLOSE_MAX       4       /* streams that lie in no gap */
#define SHUFFLED        16      /* streams that may be out of order */
#define NEAR_END_MIN    64      /* clusters */
#define SURE_MIN        3       /* clusters between neighbours that are no chance */

/* Entries [first, end) of a table, all empty, and the orphans at cluster `at` that fit. */
struct fit {
    const struct l2_table *table;
    uint64_t first, end, at;
};

struct fits {
    struct fit list[EVIDENCE_MAX];
    uint64_t n, entries;        /* found; and the entries in them */
    uint64_t between;           /* of the entries, those with neighbours on both sides */
    uint64_t before;            /* those whose neighbour was allocated after them */
    struct guest_spans active;  /* guest ranges of those that the active layer has */
    bool close;                 /* streams may lie side by side, too: the hole is no proof */
    unsigned looked;
};

/* An entry that tells where its neighbours should be: the one before the hole. */
struct edge {
    enum l2_type type;          /* L2_UNALLOCATED: there is none */
    uint64_t index, host_off, host_end;
};

static bool orphan(const struct work *w, uint64_t cluster)
{
    struct map_cell cell;
    uint64_t stored;

    work_cell(w, cluster, &cell);
    return cell.cls == CLASS_LEAKED ||
           (cell.problem && cell.counted != COUNTED_UNKNOWN &&
            image_stored_refcount(w->img, cluster, &stored) == STORED_OK &&
            stored > cell.counted && stored - cell.counted <= EXCESS_MAX);
}

/* A cluster that only its refcount knows, and that holds something. */
static bool lost_data(struct work *w, struct fits *f, uint64_t cluster)
{
    uint64_t n = u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX);
    uint8_t bytes[4096];

    if (!orphan(w, cluster))
        return false;
    if (f->looked++ >= LOOKED_AT_MAX || source_get_info(w->img->src).kind == SOURCE_PACK)
        return true;
    for (uint64_t at = 0; at < n && work_reads(w, sizeof bytes); at += sizeof bytes) {
        size_t len = (size_t)u64_min(n - at, sizeof bytes);

        if (!source_read(w->img->src, (cluster << w->geo->cluster_bits) + at, bytes, len, NULL) ||
            !bytes_all_zero(bytes, len))
            return true;
    }
    return false;
}

static void keep(struct work *w, struct fits *f, const struct fit *fit, bool between)
{
    if (f->n < EVIDENCE_MAX)
        f->list[f->n] = *fit;
    f->n++;
    f->entries += fit->end - fit->first;
    f->between += between ? fit->end - fit->first : 0;
    if (fit->table->n_active)
        spans_add(&f->active, geo_guest_off(w->geo, fit->table->l1_index, fit->first),
                  (fit->end - fit->first) * w->geo->cluster_size, w->geo->size);
}

/* How many clusters from `from` on, in direction `dir`, are lost data; at most n. */
static uint64_t run_of(struct work *w, struct fits *f, uint64_t from, int dir, uint64_t n)
{
    uint64_t k = 0, cl = from;
    struct map_cell cell;

    for (; k < n; k++, cl = dir > 0 ? cl + 1 : cl - 1) {
        work_cell(w, cl, &cell);
        if (cell.cls != CLASS_LEAKED || !lost_data(w, f, cl))
            break;
    }
    return k;
}

/* Streams that were packed in parallel lie in the file in nearly the order of the disk: where the
 * last SHUFFLED before the hole end, and where the first of those behind it begin. */
static void around(const struct work *w, const struct edge *before, const struct edge *after,
                   uint64_t *end, uint64_t *start)
{
    struct l2_entry e;
    unsigned n = 0;

    *end = before->host_end;
    *start = after->host_off;
    for (uint64_t j = before->index + 1; j-- > 0 && n < SHUFFLED; n++) {
        l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
        if (e.type == L2_COMPRESSED)
            *end = u64_max(*end, e.host_off + e.host_len);
    }
    n = 0;
    for (uint64_t j = after->index; j < w->geo->l2_entries && n < SHUFFLED; j++, n++) {
        l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
        if (e.type == L2_COMPRESSED)
            *start = u64_min(*start, e.host_off);
    }
}

/* The hole between two entries: [before->index + 1, after->index), all empty. */
static void look_between(struct work *w, struct fits *f, const struct l2_table *t,
                         const struct edge *before, const struct edge *after)
{
    uint64_t bits = w->geo->cluster_bits, n = after->index - before->index - 1, k = 0;
    struct fit fit = { t, before->index + 1, after->index, (before->host_off >> bits) + 1 };

    if (before->type == L2_NORMAL && after->type == L2_NORMAL &&
        after->host_off >> bits == fit.at + n) {
        while (k < n && lost_data(w, f, fit.at + k))
            k++;
        if (k == n)
            keep(w, f, &fit, true);
    } else if (before->type == L2_COMPRESSED && after->type == L2_COMPRESSED) {
        uint64_t end = before->host_end, start = after->host_off;

        /* A stream ends within its last sector, and the next begins there, if none is missing or
         * those are short. */
        if (f->close ? start + 512 <= end : start <= end)
            around(w, before, after, &end, &start);
        if (f->close ? start + 512 <= end : start <= end)
            return;
        if ((start > end && (start - end) >> bits > n) || (f->close && n > CLOSE_MAX))
            return;
        fit.at = end >> bits;
        if (orphan(w, before->host_off >> bits) || orphan(w, fit.at) || orphan(w, start >> bits))
            keep(w, f, &fit, true);
    }
}

/* One neighbour alone. */
static void look_beside(struct work *w, struct fits *f, const struct l2_table *t,
                        const struct edge *edge, int dir, uint64_t hole)
{
    uint64_t bits = w->geo->cluster_bits, n;
    uint64_t at = edge->type == L2_COMPRESSED && dir > 0 ? (edge->host_end - 1) >> bits
                                                         : edge->host_off >> bits;

    if ((edge->type != L2_NORMAL && edge->type != L2_COMPRESSED) || (dir < 0 && !at))
        return;
    n = run_of(w, f, dir > 0 ? at + 1 : at - 1, dir, hole);
    f->before += dir < 0 ? n : 0;
    if (n)
        keep(w, f, &(struct fit){ t, dir > 0 ? edge->index + 1 : edge->index - n,
                                  dir > 0 ? edge->index + 1 + n : edge->index,
                                  dir > 0 ? at + 1 : at - n }, false);
}

static void look_at_hole(struct work *w, struct fits *f, const struct l2_table *t,
                         const struct edge *before, const struct edge *after)
{
    uint64_t n = f->n, hole = after->index - before->index - 1;

    if (!hole)
        return;
    if (before->type != L2_UNALLOCATED && after->type != L2_UNALLOCATED)
        look_between(w, f, t, before, after);
    if (f->n == n && before->type != L2_UNALLOCATED)
        look_beside(w, f, t, before, 1, hole);
    if (f->n == n && after->type != L2_UNALLOCATED)
        look_beside(w, f, t, after, -1, hole);
}

static void look_at_table(struct work *w, struct fits *f, const struct l2_table *t)
{
    struct edge before = { .index = UINT64_MAX }, at;       /* as if before entry 0 */
    uint64_t n = w->geo->l2_entries;

    for (uint64_t j = 0; j <= n; j++) {
        struct l2_entry e = { 0 };

        if (j < n)
            l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
        if (j < n && !e.raw && !e.bitmap)
            continue;
        at = (struct edge){ e.type, j, e.host_off, e.host_off + e.host_len };
        look_at_hole(w, f, t, &before, &at);
        before = at;
    }
}

/* --- the same guest cluster in another layer --- */

static bool empty_in(const struct work *w, uint32_t layer, uint64_t guest_off,
                     const struct l2_table **t, uint64_t *index)
{
    struct guest_hit hit;

    if (!guest_lookup(w->img, layer, guest_off, &hit, NULL) || hit.l2_off == NO_ADDRESS ||
        hit.entry.raw || hit.entry.bitmap)
        return false;
    *t = work_table_at(w, hit.l2_off);
    *index = hit.l2_index;
    return *t != NULL;
}

/* A cluster that one layer has, with a refcount that is too high: another had it at the same
 * place, if nothing is there now. QEMU leaves nothing but a zero flag where a guest discards,
 * from version 3 of the format on: so much for the active layer. */
static void look_across(struct work *w, struct fits *f, const struct l2_table *t)
{
    for (uint64_t j = 0; j < w->geo->l2_entries && f->looked < ACROSS_MAX; j++) {
        struct l2_entry e;

        l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
        if ((e.type != L2_NORMAL && e.type != L2_COMPRESSED) ||
            !orphan(w, e.host_off >> w->geo->cluster_bits))
            continue;
        for (uint32_t layer = 0; layer <= w->img->snaps.n && f->looked++ < ACROSS_MAX; layer++) {
            struct fit fit = { .at = e.host_off >> w->geo->cluster_bits };

            if (layer == t->layer || !empty_in(w, layer, geo_guest_off(w->geo, t->l1_index, j),
                                               &fit.table, &fit.first))
                continue;
            fit.end = fit.first + 1;
            keep(w, f, &fit, layer == LAYER_ACTIVE && w->img->hdr.version > 2);
            break;
        }
    }
}

static void tell(struct work *w, const struct fits *f)
{
    bool sure = f->between >= SURE_MIN && !f->close, beside = !f->between;
    bool one = f->entries == 1;
    struct cause *c = cause_add(w, CAUSE_OF_L2_PAGES,
                                sure ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
    struct buf which = BUF_INIT;
    char a[TEXT_NUM];

    if (!c)
        return;
    for (size_t i = 0; i < f->n && i < EVIDENCE_MAX; i++) {
        const struct fit *x = &f->list[i];
        struct place place = work_l2_place(w, x->table, x->first);

        cause_evidence(c, &place, "%llu empty entr%s; cluster %llu fits",
                       (unsigned long long)(x->end - x->first),
                       x->end - x->first == 1 ? "y" : "ies", (unsigned long long)x->at);
    }
    c->evidence_total = f->n;
    spans_add_all(sure ? &c->lost : &c->risk, &f->active);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    if (beside)
        c->weight = CAUSE_LEAD;
    buf_printf(&which, one ? "%s entry of an L2 table is" : "%s entries of L2 tables are",
               text_group(a, f->entries));
    if (beside)
        cause_text(w, c, "%s empty, and clusters without an owner lie beside the data of %s "
                   "neighbours: a write was interrupted, or %s lost.", buf_str(&which), one
                   ? "its" : "their", one ? "the entry was" : "the entries were");
    else
        cause_text(w, c, "%s empty amid entries in use, and clusters without an owner fit there by "
                   "their place in the file: %s lost%s.", buf_str(&which),
                   one ? "the entry was" : "the entries were", sure ? "" : ", most likely");
    if (!beside)
        cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step_plan(w, c, "rescue");
    buf_free(&which);
}

static void each_table(struct work *w, struct fits *f,
                       void (*look)(struct work *w, struct fits *f, const struct l2_table *t))
{
    size_t len = (size_t)w->geo->cluster_size;

    for (size_t i = 0; i < w->scan->n_l2 && work_reads(w, len); i++)
        if (source_read(w->img->src, w->scan->l2[i].off, w->scratch, len, NULL))
            look(w, f, &w->scan->l2[i]);
}

/* Refcounts that are plainly wrong in more ways than one do not say what lacks an owner. */
static bool refcounts_in_doubt(const struct work *w)
{
    return work_count(w, PROBLEM_REFCOUNT_ZERO) + work_count(w, PROBLEM_REFCOUNT_LOW) +
           work_count(w, PROBLEM_REFCOUNT_OVERFLOW) >= IN_DOUBT_MIN;
}

/* Do the orphans lie well before the end of what is in use? What a crash leaves is what was taken
 * last. */
static bool amid_the_file(const struct work *w, const struct fits *f)
{
    uint64_t near = u64_max(UNDER_WAY_MAX >> w->geo->cluster_bits, NEAR_END_MIN);

    for (uint64_t i = 0; i < u64_min(f->n, EVIDENCE_MAX); i++)
        if (f->list[i].at + near < w->scan->stats.highest_used)
            return true;
    return false;
}

void causes_holes(struct work *w)
{
    struct fits f = { 0 };

    if (!work_unclaimed_orphans(w) || missing_tables(w->scan) || w->geo->data_file ||
        refcounts_in_doubt(w) ||
        cause_found(w, CAUSE_OF_L2_PAGES))
        return;
    each_table(w, &f, look_at_table);
    f.close = !f.n && w->scan->stats.active.compressed;
    if (f.close)
        each_table(w, &f, look_at_table);
    f.looked = 0;
    if (!f.n && w->img->snaps.n)
        each_table(w, &f, look_across);
    spans_settle(&f.active);
    if (f.between || f.before >= SURE_MIN ||
        f.entries * w->geo->cluster_size > UNDER_WAY_MAX || amid_the_file(w, &f))
        tell(w, &f);
    else
        w->beside += f.entries;
    spans_free(&f.active);
}
