/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Of several places for a candidate, and several candidates for a place, which? */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bisect.h"
#include "base/crc.h"
#include "base/grow.h"
#include "plan/rescue/witness_ext_placing.h"

#define WHY_SUMS "checksums of ext4 metadata"
#define WHY_FITS "ext2/3/4 metadata that agrees with what refers to it"

/* --- keys --- */

static int by_key(const void *a, const void *b)
{
    const struct ext_key *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

void ext_key_add(struct ext_placing *pl, struct ext_keys *k, uint64_t key, size_t item)
{
    if (!list_double(&k->list, k->n, sizeof *k->list)) {
        pl->starved = true;
        return;
    }
    k->list[k->n++] = (struct ext_key){ key, item };
}

void ext_keys_sort(struct ext_keys *k)
{
    if (k->n)
        qsort(k->list, k->n, sizeof *k->list, by_key);
}

size_t ext_key_find(const struct ext_keys *k, uint64_t key, size_t *first)
{
    size_t lo, n = 0;

    BISECT(lo, k->n, mid, k->list[mid].key >= key);
    *first = lo;
    while (lo + n < k->n && k->list[lo + n].key == key)
        n++;
    return n;
}

/* --- choosing --- */

void ext_claim_add(struct ext_placing *pl, size_t cand, uint64_t cl,
                   const struct ext_fit *fit)
{
    if (!list_room(&pl->claim, pl->n_claims, &pl->claims_cap, sizeof *pl->claim)) {
        pl->starved = true;
        return;
    }
    pl->claim[pl->n_claims++] = (struct ext_claim){
        .cand = cand, .guest_cl = cl, .fit = *fit,
        .bytes_sum = (uint64_t)crc32(0, pl->bytes, pl->cluster) << 32 |
                     crc32c(0, pl->bytes, pl->cluster) };
}

static bool placed_at(struct rescue_guest *g, size_t cand, uint64_t cl)
{
    enum rescue_sure sure;
    size_t there;

    return rescue_placed(g, cl, &there, &sure) && sure >= SURE_LIKELY && there == cand;
}

static int by_score(const void *a, const void *b)
{
    const struct ext_claim *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->cand != y->cand)
        return x->cand < y->cand ? -1 : 1;
    return x->guest_cl < y->guest_cl ? -1 : x->guest_cl > y->guest_cl;
}

/* Claims in their order of preference, and the runs of one candidate and of one place. */
struct ext_contest { struct ext_keys cands, places; };

static void close_run(struct ext_placing *pl, const struct ext_keys *of, uint64_t key)
{
    size_t first, n = ext_key_find(of, key, &first);

    for (size_t k = 0; k < n; k++)
        pl->claim[of->list[first + k].item].closed = true;
}

static bool is_rival(const struct ext_claim *o, const struct ext_claim *c)
{
    return !o->closed && o != c && o->score == c->score;
}

/* Is another candidate, of other bytes, as good for that place? */
static bool place_tied(const struct ext_placing *pl, const struct ext_contest *t,
                       const struct ext_claim *c)
{
    size_t first, n = ext_key_find(&t->places, c->guest_cl, &first);

    for (size_t k = 0; k < n; k++) {
        const struct ext_claim *o = &pl->claim[t->places.list[first + k].item];

        if (is_rival(o, c) && o->bytes_sum != c->bytes_sum)
            return true;
    }
    return false;
}

/* Is another place as good for that candidate, and nothing of the same bytes there for it? */
static bool cand_tied(const struct ext_placing *pl, const struct ext_contest *t,
                      const struct ext_claim *c)
{
    size_t first, n = ext_key_find(&t->cands, c->cand, &first);

    for (size_t k = 0; k < n; k++) {
        const struct ext_claim *o = &pl->claim[t->cands.list[first + k].item];
        size_t at, others;
        bool twin = false;

        if (!is_rival(o, c))
            continue;
        others = ext_key_find(&t->places, o->guest_cl, &at);
        for (size_t i = 0; i < others && !twin; i++) {
            const struct ext_claim *b = &pl->claim[t->places.list[at + i].item];

            twin = is_rival(b, o) && b->cand != c->cand && b->bytes_sum == c->bytes_sum;
        }
        if (!twin)
            return true;
    }
    return false;
}

/* Does another candidate prove that it belongs there, or this one that it belongs elsewhere? */
static bool disproved(const struct ext_placing *pl, const struct ext_contest *t,
                      const struct ext_claim *c)
{
    const struct ext_keys *of[] = { &t->places, &t->cands };
    const uint64_t key[] = { c->guest_cl, c->cand };

    for (size_t i = 0; i < 2; i++) {
        size_t first, n = ext_key_find(of[i], key[i], &first);

        for (size_t k = 0; k < n; k++) {
            const struct ext_claim *o = &pl->claim[of[i]->list[first + k].item];

            if (o != c && o->fit.proofs)
                return true;
        }
    }
    return false;
}

/* Is there another candidate, of other bytes, that proves that it belongs there? */
static bool outdated(const struct ext_placing *pl, const struct ext_contest *t,
                     const struct ext_claim *c)
{
    size_t first, n = ext_key_find(&t->places, c->guest_cl, &first);

    for (size_t k = 0; c->fit.proofs && k < n; k++) {
        const struct ext_claim *o = &pl->claim[t->places.list[first + k].item];

        if (o->cand != c->cand && o->fit.proofs && o->bytes_sum != c->bytes_sum)
            return true;
    }
    return false;
}

static void weigh(struct ext_placing *pl, struct ext_contest *t)
{
    for (size_t i = 0; i < pl->n_claims; i++) {
        struct ext_claim *c = &pl->claim[i];

        c->score = c->fit.good > c->fit.bad ? (c->fit.good - c->fit.bad) * 4 : 0;
        /* Of equals the one next to its neighbour is right. */
        if (c->cand && c->guest_cl && placed_at(pl->g, c->cand - 1, c->guest_cl - 1))
            c->score++;
        if (placed_at(pl->g, c->cand + 1, c->guest_cl + 1))
            c->score++;
    }
    if (pl->n_claims)
        qsort(pl->claim, pl->n_claims, sizeof *pl->claim, by_score);
    for (size_t i = 0; i < pl->n_claims; i++) {
        ext_key_add(pl, &t->cands, pl->claim[i].cand, i);
        ext_key_add(pl, &t->places, pl->claim[i].guest_cl, i);
    }
    ext_keys_sort(&t->cands);
    ext_keys_sort(&t->places);
}

static void settle_claim(struct ext_placing *pl, const struct ext_contest *t, size_t i,
                         const uint8_t *like, bool *news)
{
    struct ext_claim *c = &pl->claim[i];
    enum rescue_sure sure = SURE_LIKELY, is;
    size_t there;

    /* What was chosen in an earlier round had rivals then, of which this may be one. */
    if (c->closed || (rescue_placed(pl->g, c->guest_cl, &there, &is) && is >= SURE_LIKELY &&
                      there != c->cand))
        return;
    /* Where there is an old copy of one block there are old ones of what speaks for others. */
    if (outdated(pl, t, c))
        pl->fs->sure = SURE_LIKELY;
    /* A journal holds old copies of everything. */
    if (c->fit.proofs && !c->fit.bad && !(like[c->cand] & EXT_LIKE_JOURNAL) &&
        !disproved(pl, t, c))
        sure = pl->fs->sure;
    if (c->place_tied || c->cand_tied || c->fit.good <= c->fit.bad * 2)
        return;
    *news |= rescue_pin(pl->g, c->cand, c->guest_cl, sure,
                        c->fit.proofs ? WHY_SUMS : WHY_FITS);
    close_run(pl, &t->places, c->guest_cl);
    close_run(pl, &t->cands, c->cand);
}

void ext_choose(struct ext_placing *pl, const uint8_t *like, bool *news)
{
    struct ext_contest t = { { NULL, 0 }, { NULL, 0 } };

    weigh(pl, &t);
    for (size_t i = 0, end; i < pl->n_claims && !pl->starved; i = end) {
        for (end = i; end < pl->n_claims && pl->claim[end].score == pl->claim[i].score; end++)
            if (!pl->claim[end].closed) {
                pl->claim[end].place_tied = place_tied(pl, &t, &pl->claim[end]);
                pl->claim[end].cand_tied = cand_tied(pl, &t, &pl->claim[end]);
            }
        for (size_t k = i; k < end; k++)
            settle_claim(pl, &t, k, like, news);
        /* Nobody gets what better ones could not agree about. */
        for (size_t k = i; k < end; k++)
            if (!pl->claim[k].closed) {
                close_run(pl, &t.places, pl->claim[k].guest_cl);
                close_run(pl, &t.cands, pl->claim[k].cand);
            }
    }
    free(t.cands.list);
    free(t.places.list);
}
