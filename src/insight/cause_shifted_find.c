/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The search for a point from which on all lies the same number of bytes too early or too late.
 * Tables that seem to be overwritten are looked for elsewhere: where the size of the file says,
 * else at any byte near the place of one of them, and how far most pairs of a table and a place
 * are apart is tried. */
#include "config.h"

#include "insight/cause_shifted.h"

#include <stdlib.h>
#include <string.h>

#define SHIFT_LONG  (UINT64_C(1) << 50)     /* bytes */
#define NEAR_MAX    (UINT64_C(16) << 20)    /* bytes searched for tables */
#define NEAR_PART   (1u << 20)              /* ... at once */
#define NEAR_TABLES 8
#define SPARSE_STEPS 8                      /* in a cluster with too few entries to be a table */
#define LONGER_MAX  4                       /* times the size it has now */
#define VOTERS      8192                    /* tables before and behind */
#define VOTES_TRIED 8
#define SOUND_ENOUGH 8                      /* tables in a row that are no chance */
#define OTHERS_MAX  3                       /* ... that do not lie elsewhere */
#define TABLES_MAX  64                      /* looked at, of those behind the point */
#define FOUND_MANY  16                      /* tables that lie elsewhere and are no chance */
#define USED_MIN    16                      /* entries of a table that prove it, alone */
#define USED_SIZED  4                       /* ... where the size of the file says the same */
#define REPEAT_MIN  64                      /* bytes that are no chance */
#define SECTOR      512
#define REPEAT_PART (64u << 10)

enum reads_as { NO_TABLE, EMPTY_TABLE, A_TABLE };

/* How many pairs of a table and a place are so many bytes apart. */
struct shift_vote {
    int64_t by;
    size_t n;
};

/* What a cluster of bytes is when read as an L2 table of a file of `len` bytes. *used: entries.
 * *end: behind the last entry that was looked at, bytes. */
static enum reads_as judge_table(const struct geometry *geo, const uint8_t *bytes, uint64_t len,
                                 size_t *used, size_t *end)
{
    size_t bad = 0;

    *used = 0;
    *end = (size_t)geo->cluster_size;
    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        struct l2_entry e;

        l2_decode(geo, bytes + j * geo->l2_entry_size, &e);
        if (!e.raw && !e.bitmap)
            continue;
        ++*used;
        bad += !l2_entry_possible(geo, &e, len);
        if (bad > *used / 64) {
            *end = (size_t)(j + 1) * geo->l2_entry_size;
            return NO_TABLE;
        }
    }
    return *used ? A_TABLE : EMPTY_TABLE;
}

/* What the bytes at `off` of the file are, at any alignment; it may have been `longer` bytes
 * longer. */
static enum reads_as read_as_table(struct work *w, uint64_t off, uint64_t longer, size_t *used)
{
    const struct geometry *geo = w->geo;
    size_t end;

    *used = 0;
    if (off >= geo->file_size || geo->cluster_size > geo->file_size - off ||
        !work_searches(w, geo->cluster_size) ||
        !source_read(w->img->src, off, w->scratch, (size_t)geo->cluster_size, NULL))
        return NO_TABLE;
    return judge_table(geo, w->scratch, geo->file_size + longer, used, &end);
}

/* What lies `by` bytes further than the table. What has a place of its own there says nothing: the
 * copy of a table that a snapshot has, say. */
static enum reads_as table_behind(struct work *w, const struct l2_table *t, int64_t by,
                                  size_t *used)
{
    uint64_t off = t->off + (uint64_t)by;
    const struct l2_table *own;

    *used = 0;
    if (by < 0 && t->off <= shift_missing(by))
        return NO_TABLE;
    own = work_table_at(w, off);
    return own && own->off == off ? EMPTY_TABLE : read_as_table(w, off, shift_missing(by), used);
}

/* Do all tables from t on lie `by` bytes further, as far as they can be told from zeros? Of one
 * alone so many entries prove it. */
static bool all_lie_there(struct work *w, struct file_shift *s, const struct l2_table *t,
                          int64_t by, size_t used_min)
{
    size_t n = w->scan->n_l2 - (size_t)(t - w->scan->l2), astray = 0, here;
    size_t step = n > TABLES_MAX ? n / TABLES_MAX : 1;

    s->first = t;
    s->by = by;
    s->found = s->used = 0;
    for (size_t i = 0; i < n; i += step, t += step) {
        size_t used;

        if (t->off & (w->geo->cluster_size - 1) || t->off > w->geo->file_size + shift_missing(by))
            continue;
        switch (table_behind(w, t, by, &used)) {
        case A_TABLE:
            s->found++;
            s->used += used;
            break;
        case NO_TABLE:
            astray++;
            break;
        case EMPTY_TABLE:
            astray += read_as_table(w, t->off, 0, &here) == A_TABLE;
        }
    }
    return s->found > astray * 16 && (s->found > 1 || s->used >= used_min);
}

/* The end of the last cluster that the last refcount block counts; 0: it cannot be read. */
static uint64_t counted_end(struct work *w)
{
    const struct geometry *geo = w->geo;
    uint64_t i = w->img->reftable_n;

    while (i > 0 && !(w->img->reftable[i - 1] & REFTABLE_OFFSET_MASK))
        i--;
    if (!i || !work_searches(w, geo->cluster_size) ||
        !source_read(w->img->src, w->img->reftable[i - 1] & REFTABLE_OFFSET_MASK, w->scratch,
                     (size_t)geo->cluster_size, NULL))
        return 0;
    for (uint64_t j = geo->refblock_entries; j-- > 0; ) {
        uint64_t end;

        if (refblock_get(w->scratch, geo->refcount_order, j))
            return u64_mul(((i - 1) << geo->refblock_bits) + j + 1, geo->cluster_size, &end)
                   ? end : 0;
    }
    return 0;
}

static int by_votes(const void *a, const void *b)
{
    const struct shift_vote *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : (x->by > y->by) - (x->by < y->by);
}

static int by_shift(const void *a, const void *b)
{
    const struct shift_vote *x = a, *y = b;

    return (x->by > y->by) - (x->by < y->by);
}

/* Tables in a part of the file, which is at `off`, at any byte. What keeps bytes from being a table
 * keeps all those from it that begin before it, as many entries earlier. */
static size_t tables_in(const struct geometry *geo, const uint8_t *bytes, size_t len, uint64_t off,
                        uint64_t *at, size_t max)
{
    size_t from[16] = { 0 }, n = 0, used, end;  /* where a table may begin, by place in an entry */

    for (size_t k = 0; k + geo->cluster_size <= len && n < max; k++) {
        size_t *next = &from[k % geo->l2_entry_size];
        enum reads_as as;

        if (k < *next)
            continue;
        as = judge_table(geo, bytes + k, LONGER_MAX * geo->file_size, &used, &end);
        *next = k + (as == NO_TABLE ? end : (size_t)geo->cluster_size / SPARSE_STEPS);
        if (as == A_TABLE && used >= USED_MIN) {
            at[n++] = off + k;
            k += (size_t)geo->cluster_size - 1;
        }
    }
    return n;
}

/* Tables behind the place of `t`. */
static size_t tables_near(struct work *w, const struct l2_table *t, uint64_t *at)
{
    uint64_t cs = w->geo->cluster_size, end = u64_min(w->geo->file_size, t->off + NEAR_MAX);
    uint8_t *bytes = malloc(NEAR_PART + (size_t)cs);
    size_t n = 0;

    for (uint64_t off = t->off; bytes && off + cs <= end && n < NEAR_TABLES; off += NEAR_PART) {
        size_t len = (size_t)u64_min(NEAR_PART + cs - 1, end - off);   /* each place once */

        if (!work_searches(w, len) || !source_read(w->img->src, off, bytes, len, NULL))
            break;
        n += tables_in(w->geo, bytes, len, off, at + n, NEAR_TABLES - n);
    }
    free(bytes);
    return n;
}

/* How far the tables near `t` are from where tables should be: how far most are. */
static bool find_by_votes(struct work *w, struct file_shift *s, const struct l2_table *t)
{
    uint64_t at[NEAR_TABLES];
    size_t n_at = tables_near(w, t, at), n = 0, m = 0, here = (size_t)(t - w->scan->l2);
    size_t end = (size_t)u64_min(w->scan->n_l2, here + VOTERS);
    struct shift_vote *v = calloc(n_at * 2 * VOTERS + 1, sizeof *v);
    bool found = false;

    for (size_t i = here > VOTERS ? here - VOTERS : 0; v && i < end; i++)
        for (size_t k = 0; k < n_at; k++)
            v[n++] = (struct shift_vote){ (int64_t)at[k] - (int64_t)w->scan->l2[i].off, 1 };
    if (n)
        qsort(v, n, sizeof *v, by_shift);
    for (size_t i = 0; i < n; i++) {
        if (m && v[m - 1].by == v[i].by)
            v[m - 1].n++;
        else
            v[m++] = v[i];
    }
    if (m)
        qsort(v, m, sizeof *v, by_votes);
    for (size_t i = 0; i < m && i < VOTES_TRIED && !found; i++) {
        const struct l2_table *first = NULL;

        for (size_t k = 0; k < n_at && !first; k++)
            first = work_table_at(w, at[k] - (uint64_t)v[i].by);
        found = v[i].by && v[i].n > 1 && first && all_lie_there(w, s, first, v[i].by, USED_MIN);
    }
    free(v);
    return found;
}

/* By how much this table, and those behind it, are off. */
static bool find_shift(struct work *w, struct file_shift *s, const struct l2_table *t)
{
    uint64_t size = w->geo->file_size, end = counted_end(w);
    int64_t by = (int64_t)size - (int64_t)end;
    size_t used;

    if (end && end < SHIFT_LONG && by &&
        table_behind(w, t, by, &used) == A_TABLE && all_lie_there(w, s, t, by, USED_SIZED)) {
        s->sized = true;
        return true;
    }
    return find_by_votes(w, s, t);
}

/* A table that seems to be overwritten, with few behind it that are not, as far as is looked:
 * another one may lie in the place of one by chance. The first may lie in what is missing, so the
 * middle one of them is asked. NULL: there is none. */
static const struct l2_table *table_astray(struct work *w)
{
    const struct l2_table *t, *end = w->scan->l2 + w->scan->n_l2;
    size_t used, first = 0, last = w->n_bad, sound = 0;

    while (first < w->n_bad && !w->bad[first].foreign)
        first++;
    while (last > first && !w->bad[last - 1].foreign)
        last--;
    if (first == last)
        return NULL;
    last = first + (last - first) / 2;
    while (!w->bad[last].foreign)
        last--;
    t = w->bad[last].at;
    for (const struct l2_table *u = t + 1; u < end && u < t + TABLES_MAX; u++)
        sound += read_as_table(w, u->off, 0, &used) == A_TABLE && used >= USED_MIN;
    return sound * 4 > u64_min((size_t)(end - t) - 1, TABLES_MAX - 1) ? NULL : t;
}

/* Between which tables the place is from which on all lies elsewhere: goes from s->first down to
 * the first one that does, and to the last one that does not. False: all do. */
static bool find_point(struct work *w, struct file_shift *s)
{
    const struct l2_table *last = NULL;
    uint64_t cs = w->geo->cluster_size, end;
    int astray = 0, most = -SOUND_ENOUGH;
    unsigned others = 0, in_a_row = 0;
    size_t used, here;

    for (const struct l2_table *t = s->first; t > w->scan->l2 && others < OTHERS_MAX; ) {
        enum reads_as as = table_behind(w, --t, s->by, &used);

        if (as == EMPTY_TABLE)
            continue;
        if (as != A_TABLE || read_as_table(w, t->off, 0, &here) == A_TABLE) {
            others++;
            in_a_row = 0;
        } else if (++in_a_row > 1 || !others) {
            s->first = t;
            s->found++;
            others = 0;
        }
    }
    end = s->first->off - u64_min(shift_missing(s->by), s->first->off);
    s->after = cs;
    for (uint64_t k = 0; k < w->img->reftable_n; k++) {
        uint64_t off = w->img->reftable[k] & REFTABLE_OFFSET_MASK;

        if (off + cs <= end)
            s->after = u64_max(s->after, off + cs);
    }
    /* Of the tables before them, the last that is where it should be, but for such as seem to be
     * by chance: those behind it are mostly not. */
    for (const struct l2_table *t = s->first; t > w->scan->l2 && t + TABLES_MAX > s->first; ) {
        enum reads_as as = read_as_table(w, (--t)->off, 0, &used);

        if (t->off + cs > end)
            continue;
        if (as == A_TABLE && astray > most) {
            most = astray;
            last = t;
        }
        astray += as == NO_TABLE ? 1 : as == A_TABLE ? -1 : 0;
        if (astray < most - SOUND_ENOUGH)
            break;
    }
    if (last)
        s->after = u64_max(s->after, last->off + cs);
    return last != NULL;
}

/* Bytes that are the same before and behind what is too much may be of either: a piece that begins
 * with a sector is what somebody copied. */
static void begin_with_sector(struct work *w, struct file_shift *s)
{
    size_t n = (size_t)(round_up(s->at, SECTOR) - s->at);
    uint8_t a[SECTOR], b[SECTOR];

    if (n && work_searches(w, 2 * n) && source_read(w->img->src, s->at, a, n, NULL) &&
        source_read(w->img->src, s->at + (uint64_t)s->by, b, n, NULL) && !memcmp(a, b, n))
        s->at += n;
}

/* Looks for what is too much: bytes that come twice in a row, as where a download went on too
 * early, or zeros. */
static void find_inserted(struct work *w, struct file_shift *s)
{
    uint64_t by = (uint64_t)s->by, from = s->after > by ? s->after - by : 0, zeros = 0, twice = 0;
    uint8_t *a = malloc(REPEAT_PART), *b = malloc(REPEAT_PART);

    for (uint64_t off = from; a && b && off < s->first->off && s->at == UINT64_MAX;
         off += REPEAT_PART) {
        size_t n = (size_t)u64_min(REPEAT_PART, s->first->off - off);

        if (!work_searches(w, 2 * n) || !source_read(w->img->src, off, a, n, NULL) ||
            !source_read(w->img->src, off + by, b, n, NULL))
            break;
        for (size_t k = 0; k < n && s->at == UINT64_MAX; k++) {
            twice = a[k] == b[k] ? twice + 1 : 0;
            zeros = b[k] ? 0 : zeros + 1;
            if (zeros >= by && off + k + 1 >= s->after) {
                s->at = off + k + 1;
                s->zeros = true;
            } else if (twice >= by) {
                s->at = off + k + 1;
            }
        }
    }
    free(a);
    free(b);
    if (s->at != UINT64_MAX)
        begin_with_sector(w, s);
}

bool shift_find(struct work *w, struct file_shift *out)
{
    const struct l2_table *t = w->scan->n_l2 ? table_astray(w) : NULL;

    *out = (struct file_shift){ .at = UINT64_MAX };
    if (!t || w->geo->file_size > SHIFT_LONG || !find_shift(w, out, t))
        return false;
    /* Without a table in its place they may be no tables at all, but data in a row, say. */
    if (!find_point(w, out) && !out->sized && out->found < FOUND_MANY)
        return false;
    if (out->by >= REPEAT_MIN)
        find_inserted(w, out);
    return true;
}
