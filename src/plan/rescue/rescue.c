/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/below.h"
#include "plan/rescue/rescue_inside.h"

uint64_t rescue_size(const struct rescue_guest *g)
{
    return g->size;
}

uint32_t rescue_cluster(const struct rescue_guest *g)
{
    return UINT32_C(1) << g->bits;
}

uint64_t rescue_clusters(const struct rescue_guest *g)
{
    return g->n_clusters;
}

size_t rescue_candidates(const struct rescue_guest *g)
{
    return g->n_cands;
}

bool rescue_starved(const struct rescue_guest *g)
{
    return g->starved;
}

bool rescue_new(const struct rescue_store *store, uint64_t size, uint32_t cluster,
                size_t n_candidates, struct rescue_guest **out, struct error *err)
{
    struct rescue_guest *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->store = *store;
    while (UINT32_C(1) << g->bits < cluster)
        g->bits++;
    g->size = u64_min(size, RESCUE_CLUSTERS_MAX << g->bits);
    g->n_clusters = (g->size >> g->bits) + ((g->size & (cluster - 1)) != 0);
    g->n_cands = (size_t)u64_min(n_candidates, RESCUE_CANDIDATES_MAX);
    g->n_pages = (size_t)((g->n_clusters + PLACE_PAGE - 1) / PLACE_PAGE);
    g->page = calloc(g->n_pages + 1, sizeof *g->page);
    g->at = calloc(g->n_cands + 1, sizeof *g->at);
    g->cand_disputed = calloc(g->n_cands + 1, 1);
    for (size_t i = 0; i < CACHE_N; i++) {
        g->cache[i].cand = SIZE_MAX;
        g->cache[i].bytes = malloc(cluster);
        g->starved |= !g->cache[i].bytes;
    }
    g->compare = malloc(cluster);
    if (!g->page || !g->at || !g->cand_disputed || !g->compare || g->starved
        || !rescue_marks_init(g)) {
        rescue_free(g);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *out = g;
    return true;
}

void rescue_free(struct rescue_guest *g)
{
    if (!g)
        return;
    for (size_t i = 0; g->page && i < g->n_pages; i++)
        free(g->page[i]);
    for (size_t i = 0; i < CACHE_N; i++)
        free(g->cache[i].bytes);
    rescue_marks_free(g);
    free(g->page);
    free(g->at);
    free(g->cand_disputed);
    free(g->compare);
    free(g->lost);
    free(g);
}

/* --- what is lost --- */

bool rescue_lose(struct rescue_guest *g, uint64_t first_cl, uint64_t n)
{
    struct lost_range *last = g->n_lost ? &g->lost[g->n_lost - 1] : NULL;

    if (first_cl >= g->n_clusters || !n)
        return true;
    n = u64_min(n, g->n_clusters - first_cl);
    g->lost_sum += n;
    if (last && last->first + last->n == first_cl) {
        last->n += n;
        return true;
    }
    if (!list_double(&g->lost, g->n_lost, sizeof *g->lost))
        return false;
    g->lost[g->n_lost++] = (struct lost_range){ first_cl, n };
    return true;
}

/* The first range that ends after `cl`; n_lost: none. */
static size_t lost_from(const struct rescue_guest *g, uint64_t cl)
{
    size_t lo;

    BISECT(lo, g->n_lost, mid, g->lost[mid].first + g->lost[mid].n > cl);
    return lo;
}

bool rescue_lost(const struct rescue_guest *g, uint64_t guest_cl)
{
    size_t i;

    if (!rescue_real_cl(g, &guest_cl))
        return false;
    i = lost_from(g, guest_cl);
    return i < g->n_lost && g->lost[i].first <= guest_cl;
}

bool rescue_next_lost(const struct rescue_guest *g, uint64_t *first_cl, uint64_t *n)
{
    size_t i = lost_from(g, *first_cl);

    if (i == g->n_lost)
        return false;
    *first_cl = u64_max(*first_cl, g->lost[i].first);
    *n = g->lost[i].first + g->lost[i].n - *first_cl;
    return true;
}

uint64_t rescue_n_lost(const struct rescue_guest *g)
{
    return g->lost_sum;
}

/* --- pins --- */

static struct pin_place *place_at(const struct rescue_guest *g, uint64_t guest_cl)
{
    struct pin_place *page = guest_cl < g->n_clusters ? g->page[guest_cl / PLACE_PAGE] : NULL;

    return page ? &page[guest_cl % PLACE_PAGE] : NULL;
}

static struct pin_place *place_make(struct rescue_guest *g, uint64_t guest_cl)
{
    struct pin_place **page = &g->page[guest_cl / PLACE_PAGE];

    if (!*page)
        *page = calloc(PLACE_PAGE, sizeof **page);
    if (!*page) {
        g->starved = true;
        return NULL;
    }
    return &(*page)[guest_cl % PLACE_PAGE];
}

bool rescue_placed(const struct rescue_guest *g, uint64_t guest_cl, size_t *cand,
                   enum rescue_sure *sure)
{
    const struct pin_place *p = rescue_real_cl(g, &guest_cl) ? place_at(g, guest_cl) : NULL;

    if (!p || !p->held)
        return false;
    if (cand)
        *cand = p->cand;
    if (sure)
        *sure = p->sure;
    return true;
}

bool rescue_pinned(const struct rescue_guest *g, size_t cand, struct rescue_pin *out)
{
    const struct pin_place *p;

    if (cand >= g->n_cands || !g->at[cand])
        return false;
    p = place_at(g, g->at[cand] - 1);
    if (out)
        *out = (struct rescue_pin){ g->at[cand] - 1, p->sure, p->why };
    return true;
}

void rescue_unpin(struct rescue_guest *g, size_t cand)
{
    if (cand >= g->n_cands || !g->at[cand])
        return;
    place_at(g, g->at[cand] - 1)->held = false;
    g->at[cand] = 0;
}

bool rescue_any_placed(const struct rescue_guest *g, uint64_t first_cl, uint64_t n)
{
    uint64_t end = u64_min(first_cl + n, g->n_clusters);

    for (uint64_t p = first_cl / PLACE_PAGE; p * PLACE_PAGE < end; p++)
        if (g->page[p])
            return true;
    return false;
}

static bool same_bytes(struct rescue_guest *g, size_t a, size_t b)
{
    const uint8_t *x = rescue_cached(g, a);

    if (!x)
        return false;
    memcpy(g->compare, x, rescue_cluster(g));
    x = rescue_cached(g, b);
    return x && memcmp(g->compare, x, rescue_cluster(g)) == 0;
}

/* Two that are equally sure contradict: what is there drops to POSSIBLE, and nothing of that
 * confidence is heard about it again. */
static bool drop(struct pin_place *p, uint8_t *disputed, enum rescue_sure sure)
{
    bool news = sure > SURE_POSSIBLE && p->sure == sure;

    if (sure > SURE_POSSIBLE && *disputed < (unsigned)sure)
        *disputed = (uint8_t)sure;
    if (news)
        p->sure = SURE_POSSIBLE;
    return news;
}

bool rescue_pin(struct rescue_guest *g, size_t cand, uint64_t guest_cl,
                enum rescue_sure sure, const char *why)
{
    struct pin_place *p, *other;

    if (cand >= g->n_cands || !rescue_real_cl(g, &guest_cl) || !rescue_lost(g, guest_cl))
        return false;
    p = place_make(g, guest_cl);
    if (!p)
        return false;
    if (p->held && p->cand == cand) {
        if (sure <= p->sure || sure <= p->disputed || sure <= g->cand_disputed[cand])
            return false;
        p->sure = (uint8_t)sure;
        p->why = why;
        return true;
    }
    if (sure > SURE_POSSIBLE && (sure <= p->disputed || sure <= g->cand_disputed[cand]))
        return false;
    other = g->at[cand] ? place_at(g, g->at[cand] - 1) : NULL;
    if (p->held && p->sure >= sure)
        return p->sure == sure && !same_bytes(g, p->cand, cand)
            && drop(p, &p->disputed, sure);
    if (other && other->sure >= sure)
        return other->sure == sure && drop(other, &g->cand_disputed[cand], sure);
    if (p->held)
        g->at[p->cand] = 0;
    if (other)
        other->held = false;
    p->held = true;
    p->cand = (uint32_t)cand;
    p->sure = (uint8_t)sure;
    p->why = why;
    g->at[cand] = guest_cl + 1;
    return true;
}

/* --- what lies below --- */

bool rescue_has_below(const struct rescue_guest *g)
{
    return g->store.below != NULL;
}

bool rescue_below(struct rescue_guest *g, uint64_t guest_off, void *dst, size_t len)
{
    return g->store.below && below_read(g->store.below, guest_off, dst, len);
}

uint64_t rescue_next_below(struct rescue_guest *g, uint64_t cl, uint64_t end)
{
    return g->store.below ? below_next(g->store.below, cl, end, rescue_cluster(g)) : UINT64_MAX;
}

void rescue_set_below(struct rescue_guest *g, uint64_t guest_cl)
{
    struct pin_place *p = guest_cl < g->n_clusters ? place_make(g, guest_cl) : NULL;

    if (p)
        p->below = true;
}

bool rescue_is_below(const struct rescue_guest *g, uint64_t guest_cl)
{
    const struct pin_place *p = place_at(g, guest_cl);

    return p && p->below;
}

/* --- reading --- */

const uint8_t *rescue_cached(struct rescue_guest *g, size_t cand)
{
    struct cache_slot *oldest = &g->cache[0];

    for (size_t i = 0; i < CACHE_N; i++) {
        struct cache_slot *s = &g->cache[i];

        if (s->cand == cand) {
            s->used = ++g->clock;
            return s->bytes;
        }
        if (s->used < oldest->used)
            oldest = s;
    }
    oldest->cand = SIZE_MAX;
    if (!g->store.candidate(g->store.ctx, cand, oldest->bytes, NULL))
        return NULL;
    oldest->cand = cand;
    oldest->used = ++g->clock;
    return oldest->bytes;
}

bool rescue_candidate_read(struct rescue_guest *g, size_t cand, uint8_t *dst,
                           struct error *err)
{
    if (cand >= g->n_cands)
        return err_set(err, ERR_USAGE, "there is no such candidate");
    return g->store.candidate(g->store.ctx, cand, dst, err);
}

static bool read_one(struct rescue_guest *g, uint64_t guest_off, uint8_t *dst, size_t len,
                     enum rescue_sure sure)
{
    uint64_t cl = guest_off >> g->bits;
    const uint8_t *bytes;
    enum rescue_sure is;
    size_t cand;

    if (!rescue_lost(g, cl))
        return g->store.known && g->store.known(g->store.ctx, guest_off, dst, len);
    if (!rescue_placed(g, cl, &cand, &is))
        return sure <= SURE_LIKELY && rescue_below(g, guest_off, dst, len);
    if (is < sure)
        return false;
    bytes = rescue_cached(g, cand);
    if (!bytes)
        return false;
    memcpy(dst, bytes + (guest_off & (rescue_cluster(g) - 1)), len);
    return true;
}

bool rescue_read(struct rescue_guest *g, uint64_t guest_off, void *dst, size_t len,
                 enum rescue_sure sure)
{
    uint32_t cluster = rescue_cluster(g);
    uint8_t *p = dst;

    while (len) {
        uint64_t n = u64_min(len, cluster - (guest_off & (cluster - 1))), at = guest_off;

        if (!rescue_real(g, &at, &n) || !read_one(g, at, p, (size_t)n, sure))
            return false;
        guest_off += n;
        p += n;
        len -= n;
    }
    return true;
}
