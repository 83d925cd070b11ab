/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables that were overwritten. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "insight/cause_wiped.h"

#define BAD_MAX 4096            /* tables looked into */
#define SOUND_MIN 8             /* sound entries beside what overwrote the others */

/* --- tables in which something is wrong --- */

static bool entry_kind(enum problem_kind k)
{
    switch (k) {
    case PROBLEM_L2_RESERVED: case PROBLEM_DATA_MISALIGNED: case PROBLEM_ZERO_MISALIGNED:
    case PROBLEM_DATA_PAST_END: case PROBLEM_COMPRESSED_PAST_END:
    case PROBLEM_COMPRESSED_COPIED: case PROBLEM_COMPRESSED_DATA_FILE:
    case PROBLEM_COMPRESSED_SUBCLUSTERS: case PROBLEM_SUBCLUSTER_CONFLICT:
    case PROBLEM_SUBCLUSTER_UNALLOCATED: case PROBLEM_V2_ZERO_FLAG:
    case PROBLEM_EXTENDED_ZERO_FLAG: case PROBLEM_STREAM_PAST_END:
    case PROBLEM_DATA_COPIED: case PROBLEM_DATA_FILE_OFFSET:
        return true;
    default:
        return false;
    }
}

static int by_table(const void *a, const void *b)
{
    const struct bad_table *x = a, *y = b;

    return x->at->off < y->at->off ? -1 : x->at->off > y->at->off;
}

struct bad_table *work_bad_of(const struct work *w, const struct place *place)
{
    const struct l2_table *t = place->kind == PLACE_L2 ? work_table_at(w, place->file_off) : NULL;
    struct bad_table key = { .at = t };

    return t && w->n_bad ? bsearch(&key, w->bad, w->n_bad, sizeof key, by_table) : NULL;
}

/* Entries of the table in w->scratch: what they could be, and the bounds of the impossible
 * ones (first SIZE_MAX: there are none). */
static void count_entries(const struct work *w, struct bad_table *b, size_t *first_bad,
                          size_t *end_bad)
{
    const struct geometry *geo = w->geo;
    size_t n = (size_t)(geo->cluster_size / geo->l2_entry_size);

    *first_bad = SIZE_MAX;
    *end_bad = 0;
    for (size_t j = 0; j < n; j++) {
        struct l2_entry e;
        bool past;

        l2_decode(geo, w->scratch + j * geo->l2_entry_size, &e);
        if (!e.raw && !e.bitmap)
            continue;
        b->used++;
        past = l2_entry_has_host(&e) && e.host_off >= geo->file_size &&
               e.host_off / 64 <= geo->file_size && !geo->data_file;
        if (!l2_entry_invalid(geo, &e) &&
            (!l2_entry_has_host(&e) || past || (geo->data_file && e.host_off < geo->size) ||
             e.host_off < geo->file_size) &&
            (e.type == L2_COMPRESSED || e.type == L2_UNALLOCATED || e.type == L2_ZERO_PLAIN ||
             !(e.host_off & (geo->cluster_size - 1)))) {
            b->fit++;
            b->past += past;
        } else {
            b->bad++;
            *end_bad = j + 1;
            if (*first_bad == SIZE_MAX)
                *first_bad = j;
        }
    }
}

/* Something that is known for what it is may lie over a part of the table. The last entry may be
 * half overwritten. */
static void look_at_run(struct work *w, struct bad_table *b, size_t first, size_t end)
{
    struct content_context ctx = { .geo = w->geo, .src = w->img->src };
    size_t step = w->geo->l2_entry_size, len = (end - 1 - first) * step;

    if (len > CONTENT_BYTES_MAX)
        return;
    content_look(&ctx, w->scratch + first * step, len, &b->content);
    b->foreign = b->content.kind != CONTENT_L2 && b->content.kind != CONTENT_BYTES;
}

static void look_into(struct work *w, struct bad_table *b)
{
    struct content_context ctx = { .geo = w->geo, .src = w->img->src };
    size_t first, end, at, len = (size_t)u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX);
    bool run;                   /* the bad ones, with none between */

    /* Where a broken L1 entry leads is no table: the entry is the cause. */
    if ((b->at->off & (w->geo->cluster_size - 1)) || !work_reads(w, w->geo->cluster_size) ||
        !source_read(w->img->src, b->at->off, w->scratch, (size_t)w->geo->cluster_size, NULL))
        return;
    count_entries(w, b, &first, &end);
    if (first == SIZE_MAX)
        return;
    run = b->bad == end - first;
    content_look(&ctx, w->scratch, len, &b->content);
    at = first * w->geo->l2_entry_size;
    /* With entries before and behind it nothing looks like anything. */
    if (b->content.kind == CONTENT_BYTES && b->bad >= 8 && at < len)
        content_look(&ctx, w->scratch + at,
                     (size_t)u64_min(len, end * w->geo->l2_entry_size) - at, &b->content);
    /* A flipped bit or two are no other content; a page of nonsense is. */
    b->foreign = b->content.kind != CONTENT_L2 && b->bad * 4 >= b->used &&
                 (b->bad >= 8 || (b->bad >= 2 && b->content.score >= 600));
    if (!b->foreign && b->bad >= 16 && first * w->geo->l2_entry_size < len) {
        at = first * w->geo->l2_entry_size / PAGE * PAGE;
        content_look(&ctx, w->scratch + at, len - at < PAGE ? len - at : PAGE, &b->content);
        b->foreign = b->content.kind != CONTENT_L2;
    }
    if (!b->foreign && run && b->bad >= 8)
        look_at_run(w, b, first, end);
    if (b->foreign && run && b->used >= b->bad + SOUND_MIN) {
        b->first = first;
        b->end = end;
    }
}

void work_list_bad(struct work *w)
{
    size_t n = 0, cap = 0;

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];
        const struct l2_table *t;

        if (w->out->claim[i] || !entry_kind(p->kind) || p->place.kind != PLACE_L2)
            continue;
        t = work_table_at(w, p->place.file_off);
        if (!t)
            continue;
        for (size_t k = n; k > 0 && k + 8 > n; k--)     /* records come table by table */
            if (w->bad[k - 1].at == t) {
                w->bad[k - 1].problems += p->count;
                t = NULL;
                break;
            }
        if (!t || n == BAD_MAX * 4)
            continue;
        if (n == cap) {
            struct bad_table *list = realloc(w->bad, (cap = cap ? cap * 2 : 64) * sizeof *list);

            if (!list) {
                w->failed = true;
                break;
            }
            w->bad = list;
        }
        w->bad[n++] = (struct bad_table){ .at = t, .problems = p->count };
    }
    if (n)
        qsort(w->bad, n, sizeof *w->bad, by_table);
    for (size_t i = 0; i < n; i++) {                    /* each once */
        if (w->n_bad && w->bad[w->n_bad - 1].at == w->bad[i].at)
            w->bad[w->n_bad - 1].problems += w->bad[i].problems;
        else
            w->bad[w->n_bad++] = w->bad[i];
    }
    for (size_t i = 0; i < w->n_bad && i < BAD_MAX; i++)
        look_into(w, &w->bad[i]);
}

/* --- overwritten --- */

static bool is_refcounts(const struct bad_table *b)
{
    return b->foreign && b->content.kind == CONTENT_REFBLOCK;
}

static bool in_refcounts(const struct work *w, const struct problem *p, const void *ctx)
{
    const struct bad_table *b = work_bad_of(w, &p->place);

    (void)ctx;
    return b && is_refcounts(b);
}

static bool in_foreign(const struct work *w, const struct problem *p, const void *ctx)
{
    const struct bad_table *b = work_bad_of(w, &p->place);

    (void)ctx;
    return b && b->foreign && !is_refcounts(b);
}

/* A problem about a cluster that only a destroyed table refers to. */
static bool through_foreign(const struct work *w, const struct problem *p, const void *ctx)
{
    const bool *refcounts = ctx;
    const struct bad_table *b;

    if (p->place.kind != PLACE_CLUSTER)
        return false;
    b = work_bad_of(w, &p->owner);
    if ((!b || !b->foreign) && p->other.kind == PLACE_L2)
        b = work_bad_of(w, &p->other);
    return b && b->foreign && is_refcounts(b) == *refcounts;
}

static void table_lost(struct work *w, struct cause *c, const struct bad_table *b)
{
    const struct l2_table *t = b->at;

    if (c && t->n_active)
        spans_add(&c->lost, geo_guest_off(w->geo, t->l1_index, b->first),
                  b->end ? (b->end - b->first) << w->geo->cluster_bits : w->geo->l2_span,
                  w->geo->size);
}

/* Leaks are the data of tables that are gone, as far as there can be so much of it. */
/* With the room that wiped tables have, these must have been able to map them all. */
static uint64_t claim_leaks(struct work *w, struct cause *c, uint64_t tables,
                            const struct wiped *z)
{
    uint64_t room = tables * w->geo->l2_entries;

    if (!w->leaked.clusters || w->leaked.clusters > room + wiped_room(w, z) + tables)
        return 0;
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    return u64_min(w->leaked.clusters, room);
}

static void overwritten(struct work *w, const struct wiped *z, bool refcounts)
{
    uint64_t n = 0, leaks;
    struct cause *c = NULL;
    const struct content *what = NULL;
    struct buf words = BUF_INIT;
    char a[TEXT_NUM], b[TEXT_NUM];

    for (size_t i = 0; i < w->n_bad; i++) {
        const struct bad_table *t = &w->bad[i];
        struct place place = work_l1_place(w, t->at);

        if (!t->foreign || is_refcounts(t) != refcounts)
            continue;
        if (!n++) {
            c = cause_add(w, refcounts ? CAUSE_OF_L2_REFCOUNTS : CAUSE_OF_L2_OVERWRITTEN,
                          refcounts || t->content.score >= 700 ? CONFIDENCE_CERTAIN
                                                                : CONFIDENCE_LIKELY);
            what = &t->content;
        }
        cause_evidence(c, &place, "the table at 0x%llx holds %s%s%s%s",
                       (unsigned long long)t->at->off, content_info(t->content.kind)->name,
                       t->content.detail[0] ? " (" : "", t->content.detail,
                       t->content.detail[0] ? ")" : "");
        table_lost(w, c, t);
    }
    if (!n)
        return;
    content_text(what, &words);
    CLAIM(w, c, refcounts ? in_refcounts : in_foreign, NULL, CLAIM_ONLY, PROBLEM_L2_RESERVED,
          PROBLEM_DATA_MISALIGNED, PROBLEM_ZERO_MISALIGNED, PROBLEM_DATA_PAST_END,
          PROBLEM_COMPRESSED_PAST_END, PROBLEM_COMPRESSED_COPIED, PROBLEM_DATA_COPIED,
          PROBLEM_COMPRESSED_DATA_FILE, PROBLEM_COMPRESSED_SUBCLUSTERS,
          PROBLEM_SUBCLUSTER_CONFLICT, PROBLEM_SUBCLUSTER_UNALLOCATED, PROBLEM_V2_ZERO_FLAG,
          PROBLEM_EXTENDED_ZERO_FLAG, PROBLEM_STREAM_PAST_END, PROBLEM_DATA_FILE_OFFSET,
          PROBLEM_PAST_DISK_END);
    CLAIM(w, c, through_foreign, &refcounts, CLAIM_RISK, PROBLEM_OVERLAP,
          PROBLEM_DOUBLE_ALLOCATION, PROBLEM_REFCOUNT_LOW, PROBLEM_REFCOUNT_ZERO,
          PROBLEM_REFCOUNT_OVERFLOW);
    leaks = claim_leaks(w, c, n, z);
    if (c)
        spans_settle(&c->lost);
    cause_text(w, c, "%llu L2 table%s overwritten: %s stand%s where the mapping of %s of the "
               "guest disk was%s%s%s.", (unsigned long long)n, n == 1 ? " was" : "s were",
               n == 1 ? buf_str(&words) : refcounts ? "refcounts" : "other contents",
               n == 1 ? "s" : refcounts ? "" : "", text_size(a, c ? spans_bytes(&c->lost) : 0),
               leaks ? "; " : "", leaks ? text_group(b, leaks) : "",
               leaks == 1 ? " cluster without an owner is of the data"
               : leaks ? " clusters without an owner are the data" : "");
    cause_step(w, c, STEP_HANDS_OFF);
    if (leaks)
        cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, STEP_OLDER_COPY);
    cause_step_plan(w, c, "rescue");
    buf_free(&words);
}

/* Leaves out tables of which all records have found their cause since the list was made. */
static void leave_claimed(struct work *w)
{
    struct bad_table *b;

    for (size_t i = 0; i < w->n_bad; i++)
        w->bad[i].problems = 0;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (!w->out->claim[i] && entry_kind(p->kind) && (b = work_bad_of(w, &p->place)))
            b->problems += p->count;
    }
    for (size_t i = 0; i < w->n_bad; i++)
        w->bad[i].foreign &= w->bad[i].problems > 0 && !w->bad[i].astray;
}

void causes_l2(struct work *w)
{
    struct wiped z;

    if (cause_found(w, CAUSE_OF_LIVE_RESIZE) || cause_found(w, CAUSE_OF_L1_OVERWRITTEN) ||
        cause_found(w, CAUSE_OF_L1_POINTER))
        return;
    leave_claimed(w);
    wiped_look(w, &z);
    overwritten(w, &z, true);
    overwritten(w, &z, false);
    wiped_tell(w, &z);
    wiped_free(&z);
}
