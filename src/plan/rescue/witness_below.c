/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters of an overlay are mostly copies of what lies below, changed in part: the blocks that
 * stayed the same say where a cluster belongs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/num.h"
#include "insight/content.h"
#include "plan/rescue/rescue_guest.h"

#define BLOCKS          16              /* of a cluster, or fewer of 512 bytes */
#define NOTES_MAX       (4u << 20)
#define ALIKE_MAX       8               /* candidates that have the same block */

struct note { uint64_t hash; uint32_t cand; };

struct vote { uint64_t cl; uint8_t n, second; };

struct below_state {
    struct note *note;                  /* owned */
    size_t n, cap;
    bool done;
    uint8_t n_blocks[];                 /* of each candidate: blocks that were noted */
};

static uint32_t block_len(const struct rescue_guest *g)
{
    return rescue_cluster(g) / BLOCKS > 512 ? rescue_cluster(g) / BLOCKS : 512;
}

/* Of a block and its place in the cluster; 0: it says nothing. */
static uint64_t hash_of(const uint8_t *b, size_t len, unsigned k)
{
    uint64_t h = k + 1, word, differ = 0, first;

    memcpy(&first, b, 8);
    for (size_t i = 0; i < len; i += 8) {
        memcpy(&word, b + i, 8);
        differ |= word ^ first;
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return differ ? h | 1 : 0;
}

static void *begin(struct rescue_guest *g)
{
    return calloc(1, sizeof(struct below_state) + rescue_candidates(g));
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes, size_t len)
{
    struct below_state *s = self;
    uint32_t block = block_len(g);

    if (!rescue_has_below(g))
        return true;
    for (unsigned k = 0; (size_t)k * block < len; k++) {
        uint64_t hash = hash_of(bytes + (size_t)k * block, block, k);

        if (!hash || s->n == NOTES_MAX)
            continue;
        if (!list_room(&s->note, s->n, &s->cap, sizeof *s->note))
            return false;
        s->note[s->n++] = (struct note){ hash, (uint32_t)cand };
        s->n_blocks[cand]++;
    }
    return true;
}

static int by_hash(const void *a, const void *b)
{
    const struct note *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->cand < y->cand ? -1 : x->cand > y->cand;
}

static size_t first_of(const struct below_state *s, uint64_t hash)
{
    size_t lo;

    BISECT(lo, s->n, mid, s->note[mid].hash >= hash);
    return lo;
}

static void count_vote(struct vote *v, uint64_t cl, unsigned n)
{
    if (n > v->n) {
        v->second = v->n;
        v->n = (uint8_t)n;
        v->cl = cl;
    } else if (n > v->second) {
        v->second = (uint8_t)n;
    }
}

/* Which candidates have blocks of this cluster? */
static void compare(const struct below_state *s, struct rescue_guest *g, uint64_t cl,
                    const uint8_t *bytes, struct vote *vote)
{
    uint32_t block = block_len(g), cand[BLOCKS * ALIKE_MAX], n = 0;

    for (unsigned k = 0; k * block < rescue_cluster(g); k++) {
        uint64_t hash = hash_of(bytes + (size_t)k * block, block, k);
        size_t i = hash ? first_of(s, hash) : s->n;

        for (size_t end = i + ALIKE_MAX; i < end && i < s->n && s->note[i].hash == hash; i++)
            cand[n++] = s->note[i].cand;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned same = 0;

        for (unsigned j = 0; j < n; j++)
            same += cand[j] == cand[i];
        if (vote[cand[i]].cl != cl || vote[cand[i]].n < same)
            count_vote(&vote[cand[i]], cl, same);
    }
}

/* Most of the blocks that say anything, and no other place has as many. One that is all the same
 * says nothing: it would not have been written. */
static bool pin_all(const struct below_state *s, struct rescue_guest *g, const struct vote *vote)
{
    bool news = false;

    for (size_t i = 0; i < rescue_candidates(g); i++)
        if (vote[i].n >= 2 && vote[i].n > vote[i].second * 2 && vote[i].n < s->n_blocks[i])
            news |= rescue_pin(g, i, vote[i].cl, SURE_LIKELY,
                               "parts that are the same in the backing file");
    return news;
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct below_state *s = self;
    uint32_t cluster = rescue_cluster(g);
    struct vote *vote;
    uint8_t *bytes;
    uint64_t cl = 0, len;

    if (s->done || !rescue_has_below(g))
        return true;
    s->done = true;
    vote = calloc(rescue_candidates(g) + 1, sizeof *vote);
    bytes = malloc(cluster);
    if (vote && s->n)
        qsort(s->note, s->n, sizeof *s->note, by_hash);
    for (; vote && bytes && rescue_next_lost(g, &cl, &len); cl += len)
        for (uint64_t at = cl; (at = rescue_next_below(g, at, cl + len)) < cl + len; at++)
            if (rescue_below(g, at * cluster, bytes, cluster)
                && !bytes_all_zero(bytes, cluster)) {
                rescue_set_below(g, at);
                compare(s, g, at, bytes, vote);
            }
    if (vote && bytes)
        *news |= pin_all(s, g, vote);
    if (!vote || !bytes)
        err_set(err, ERR_NOMEM, "out of memory");
    free(vote);
    free(bytes);
    return vote && bytes;
}

static void end(void *self)
{
    struct below_state *s = self;

    free(s->note);
    free(s);
}

const struct rescue_witness witness_below = { "below", begin, look, reason, end };
