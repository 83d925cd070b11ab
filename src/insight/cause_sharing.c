/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters with two users that may not share them. */
#include "config.h"

#include "base/text.h"
#include "insight/cause_work.h"
#include "scan/guest.h"
#include "scan/referrers.h"

#define METADATA (OWNER_HEADER | OWNER_L1_ACTIVE | OWNER_L1_SNAPSHOT | OWNER_L2 | \
                  OWNER_REFTABLE | OWNER_REFBLOCK | OWNER_SNAPTABLE | OWNER_BITMAP_DIR | \
                  OWNER_BITMAP_TABLE | OWNER_CRYPTO)
#define ACROSS_MAX 8            /* records whose users are looked for, which walks all tables */
#define RUN_OF_TWO_WRITERS 8    /* clusters: so many in a row do not come of one flipped bit */

#define STEP_DECIDES_NOTHING "A repair, on a copy or not, decides nothing here: it only raises " \
                             "refcounts"
#define STEP_WHOSE "See whose the content is: both guest ranges of each cluster stand with the " \
                   "evidence (qcheck check --output json %s)"

/* --- a table that something else was written over, or will be --- */

/* An entry of the refcount table leads to what is plainly no refcount block: the entry is wrong,
 * and what lies there is as it should be. */
static bool only_refcounts(const struct work *w, const struct problem *p, const void *ctx)
{
    struct content got;

    (void)ctx;
    return p->kind == PROBLEM_OVERLAP && p->place.kind == PLACE_CLUSTER &&
           (p->owners & OWNER_REFBLOCK) &&
           content_at(w->img, p->place.i << w->geo->cluster_bits, w->scratch, &got) &&
           content_info(got.kind)->group != CONTENT_IS_EMPTY && got.kind != CONTENT_REFBLOCK;
}

static bool shared(const struct work *w, const struct problem *p, const void *ctx)
{
    return !only_refcounts(w, p, ctx);
}

static bool on_metadata(const struct work *w, const struct problem *p, const void *ctx)
{
    return (p->owners & METADATA) && shared(w, p, ctx);
}

/* Refcounts of a cluster that an earlier claim is about. */
static bool same_cluster(const struct work *w, const struct problem *p, const void *ctx)
{
    const uint16_t *mine = ctx;

    if (p->place.kind != PLACE_CLUSTER)
        return false;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *q = &w->ps->list[i];

        if (w->out->claim[i] == *mine && q->place.kind == PLACE_CLUSTER &&
            q->place.i <= p->place.i && p->place.i + p->count <= q->place.i + q->count)
            return true;
    }
    return false;
}

static void claim_refcounts_of(struct work *w, struct cause *c)
{
    uint16_t mine = c ? (uint16_t)(c - w->out->list + 1) : 0;

    CLAIM(w, c, same_cluster, &mine, CLAIM_ONLY, PROBLEM_REFCOUNT_LOW, PROBLEM_REFCOUNT_ZERO,
          PROBLEM_REFCOUNT_OVERFLOW, PROBLEM_REFCOUNT_HIGH);
}

/* COPIED flags of entries that lead to a cluster of this cause. */
static bool leads_there(const struct work *w, const struct problem *p, const void *ctx)
{
    const uint16_t *mine = ctx;
    uint64_t cl = p->host_off >> w->geo->cluster_bits;

    if (p->host_off == NO_ADDRESS)
        return false;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *q = &w->ps->list[i];

        if (w->out->claim[i] == *mine && q->place.kind == PLACE_CLUSTER &&
            cl >= q->place.i && cl - q->place.i < q->count)
            return true;
    }
    return false;
}

static void claim_flags_of(struct work *w, struct cause *c)
{
    uint16_t mine = c ? (uint16_t)(c - w->out->list + 1) : 0;

    CLAIM(w, c, leads_there, &mine, CLAIM_ONLY, PROBLEM_DATA_COPIED, PROBLEM_L2_COPIED);
}

static void table_reused(struct work *w)
{
    struct cause *c;
    uint64_t n = 0, leaks = w->leaked.clusters;
    uint32_t owners = 0;

    for (size_t i = 0; i < w->ps->n; i++)
        if (!w->out->claim[i] && w->ps->list[i].kind == PROBLEM_OVERLAP &&
            on_metadata(w, &w->ps->list[i], NULL)) {
            n += w->ps->list[i].count;
            owners |= w->ps->list[i].owners;
        }
    if (!n)
        return;
    c = cause_add(w, CAUSE_OF_TABLE_REUSED, CONFIDENCE_CERTAIN);
    CLAIM(w, c, on_metadata, NULL, CLAIM_LOST, PROBLEM_OVERLAP);
    claim_refcounts_of(w, c);
    claim_flags_of(w, c);
    if (leaks && leaks <= n)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    cause_text(w, c, "%llu cluster%s used as a table (%s) and for something else at the same "
               "time: each write to one destroys the other.", (unsigned long long)n,
               n == 1 ? " is" : "s are",
               owners & OWNER_L1_ACTIVE ? "L1" : owners & OWNER_L2 ? "L2"
               : owners & (OWNER_REFTABLE | OWNER_REFBLOCK) ? "refcounts" : "metadata");
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, "Look at the cluster: whether it holds a table or data tells which of "
               "the two is right (qcheck %s, Enter on the evidence)", buf_str(&w->name));
}

/* --- guest data twice --- */

/* Does the neighbour entry of this user lead to the neighbour cluster? Then the user has
 * its place in a run, and is the likelier one. */
static bool in_a_run(const struct work *w, const struct place *user, uint64_t cl)
{
    uint64_t cs = w->geo->cluster_size;
    struct guest_hit hit;

    if (user->kind != PLACE_L2 || user->guest_off == NO_ADDRESS)
        return false;
    if (user->guest_off >= cs && cl > 0 &&
        guest_lookup(w->img, user->layer, user->guest_off - cs, &hit, NULL) &&
        hit.host_off == (cl - 1) * cs)
        return true;
    return guest_lookup(w->img, user->layer, user->guest_off + cs, &hit, NULL) &&
           hit.host_off == (cl + 1) * cs;
}

static void both_users(struct work *w, struct cause *c, const struct problem *p)
{
    char a[TEXT_NUM];
    bool first = in_a_run(w, &p->owner, p->place.i), second = in_a_run(w, &p->other, p->place.i);

    if (p->owner.guest_off == NO_ADDRESS || p->other.guest_off == NO_ADDRESS)
        return;
    cause_evidence(c, &p->place, "guest 0x%llx and guest 0x%llx, %s each%s",
                   (unsigned long long)p->owner.guest_off,
                   (unsigned long long)p->other.guest_off,
                   text_size(a, u64_min(p->count, UINT32_MAX) * w->geo->cluster_size),
                   first == second ? "" : first ? "; the first is likelier, it continues a run"
                   : "; the second is likelier, it continues a run");
}

static void twice(struct work *w)
{
    uint64_t n = 0, longest = 0, tail = w->geo->n_clusters - w->geo->n_clusters / 4;
    uint64_t near_tail = 0, leaks = w->leaked.clusters;
    struct cause *c;
    bool two;
    char a[TEXT_NUM], b[TEXT_NUM];

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (w->out->claim[i] ||
            (p->kind != PROBLEM_DOUBLE_ALLOCATION && p->kind != PROBLEM_OVERLAP) ||
            !shared(w, p, NULL))
            continue;
        n += p->count;
        longest = u64_max(longest, p->count);
        near_tail += p->place.i >= tail ? p->count : 0;
    }
    if (!n)
        return;
    /* Two programs take the same clusters off the end, one after the other. */
    two = longest >= RUN_OF_TWO_WRITERS || (n >= 2 && near_tail * 10 >= n * 9);
    c = cause_add(w, two ? CAUSE_OF_TWO_WRITERS : CAUSE_OF_TWICE_USED,
                  two ? CONFIDENCE_LIKELY : CONFIDENCE_CERTAIN);
    for (size_t i = 0; c && i < w->ps->n && c->n_evidence < EVIDENCE_MAX; i++)
        if (!w->out->claim[i] && (w->ps->list[i].kind == PROBLEM_DOUBLE_ALLOCATION ||
                                  w->ps->list[i].kind == PROBLEM_OVERLAP) &&
            shared(w, &w->ps->list[i], NULL))
            both_users(w, c, &w->ps->list[i]);
    CLAIM(w, c, shared, NULL, CLAIM_LOST, PROBLEM_DOUBLE_ALLOCATION, PROBLEM_OVERLAP);
    claim_refcounts_of(w, c);
    claim_flags_of(w, c);
    leaks += w->img->snaps.n ? work_count(w, PROBLEM_REFCOUNT_HIGH) : 0;
    if (leaks && leaks <= n * 2)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    if (c)
        spans_settle(&c->lost);
    cause_text(w, c, "%s%s cluster%s used by two guest ranges at once (%s of the guest disk): "
               "one of each pair has the data of the other.",
               two ? "Two programs wrote to the image at the same time, or one without its "
                     "locks: " : "",
               text_group(a, n), n == 1 ? " is" : "s are",
               text_size(b, c ? spans_bytes(&c->lost) : 0));
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_DECIDES_NOTHING);
    if (c && c->explains[PROBLEM_LEAKED] + c->explains[PROBLEM_REFCOUNT_HIGH])
        cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, STEP_WHOSE, buf_str(&w->name));
}

/* --- the disk and a snapshot --- */

/* Snapshots share a cluster with the disk at the same place of it only. The users of a cluster at
 * two places, in *a and *b. */
static bool at_two_places(struct work *w, uint64_t cl, struct place *a, struct place *b)
{
    struct referrers_query q = { .img = w->img, .scan = w->scan, .first = cl, .n = 1,
                                 .max = EVIDENCE_MAX };
    struct referrers users;
    bool found = false;

    if (!work_reads(w, w->scan->n_l2 * w->geo->cluster_size) ||
        !referrers_find(&q, w->opt->cancel, NULL, &users, NULL))
        return false;
    for (size_t i = 0; i < users.n && !found; i++)
        for (size_t k = 0; k < i && !found; k++) {
            *a = users.list[k].place;
            *b = users.list[i].place;
            found = users.list[i].owner == OWNER_DATA && users.list[k].owner == OWNER_DATA &&
                    a->layer != b->layer && a->guest_off != b->guest_off &&
                    a->guest_off != NO_ADDRESS && b->guest_off != NO_ADDRESS;
        }
    referrers_free(&users);
    return found;
}

static bool is_record(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    return p == ctx;
}

static void across(struct work *w)
{
    struct cause *c = NULL;
    uint64_t n = 0, looked = 0;

    if (!w->img->snaps.n || cause_found(w, CAUSE_OF_TWICE_USED) ||
        cause_found(w, CAUSE_OF_TWO_WRITERS))
        return;
    for (size_t i = 0; i < w->ps->n && looked < ACROSS_MAX; i++) {
        const struct problem *p = &w->ps->list[i];
        struct place a, b;

        if (w->out->claim[i] || p->kind != PROBLEM_REFCOUNT_LOW || p->count > 1)
            continue;
        looked++;
        if (!at_two_places(w, p->place.i, &a, &b))
            continue;
        if (!n++)
            c = cause_add(w, CAUSE_OF_TWICE_USED, CONFIDENCE_CERTAIN);
        cause_evidence(c, &p->place, "guest 0x%llx of %s and guest 0x%llx of %s",
                       (unsigned long long)a.guest_off, a.layer ? "a snapshot" : "the disk",
                       (unsigned long long)b.guest_off, b.layer ? "a snapshot" : "the disk");
        cause_claim(w, c, (const enum problem_kind[]){ p->kind, N_PROBLEMS }, is_record, p,
                    CLAIM_ONLY);
        if (c && a.layer == LAYER_ACTIVE)
            spans_add(&c->lost, a.guest_off, w->geo->cluster_size, w->geo->size);
        if (c && b.layer == LAYER_ACTIVE)
            spans_add(&c->lost, b.guest_off, w->geo->cluster_size, w->geo->size);
    }
    if (!n)
        return;
    claim_flags_of(w, c);
    if (work_count(w, PROBLEM_REFCOUNT_HIGH) + w->leaked.clusters <= n)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_REFCOUNT_HIGH, PROBLEM_LEAKED);
    cause_text(w, c, "%llu cluster%s used at one place of the disk and at another of a snapshot: "
               "one of the two entries is wrong, and reads the data of the other.",
               (unsigned long long)n, n == 1 ? " is" : "s are");
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_DECIDES_NOTHING);
    cause_step(w, c, STEP_WHOSE, buf_str(&w->name));
}

void causes_sharing(struct work *w)
{
    table_reused(w);
    twice(w);
    across(w);
}
