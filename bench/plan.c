/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPIED      (UINT64_C(1) << 63)
#define COMPRESSED  (UINT64_C(1) << 62)
#define RUN_MAX     64
#define PER_CLUSTER 4           /* compressed clusters in one host cluster */

/* What uses of the random function must not share numbers. */
enum salt { SALT_FILL = 1, SALT_COMPRESSED, SALT_DAMAGE, SALT_WORD, SALT_RUN, SALT_ORDER,
            SALT_PIECES, SALT_SCATTER, SALT_ENTRY, SALT_FLIP, SALT_BIT };

_Noreturn void die(const char *what)
{
    fprintf(stderr, "mkimage: %s%s%s\n", what, errno ? ": " : "",
            errno ? strerror(errno) : "");
    exit(1);
}

void *must(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

void put(uint8_t *at, uint64_t value, unsigned width)
{
    for (unsigned i = width; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Random number for use `salt`, number `i` of it. */
static uint64_t rnd(const struct plan *p, enum salt salt, uint64_t i)
{
    return mix(mix(p->seed << 8 | (uint64_t)salt) + i);
}

static bool chance(const struct plan *p, enum salt salt, uint64_t i, double share)
{
    if (share <= 0 || share >= 1)
        return share >= 1;
    return (double)(rnd(p, salt, i) >> 11) * 0x1p-53 < share;
}

/* Where element i of a shuffled sequence of n stands: a four-round Feistel network over the
 * next power of four, walked until it falls inside. */
static uint64_t shuffled(const struct plan *p, enum salt salt, uint64_t i, uint64_t n)
{
    unsigned half = 1;
    uint64_t mask, left, right, next;

    while (half < 31 && UINT64_C(1) << 2 * half < n)
        half++;
    mask = (UINT64_C(1) << half) - 1;
    do {
        left = i >> half;
        right = i & mask;
        for (unsigned round = 0; round < 4; round++) {
            next = left ^ (rnd(p, salt, right << 2 | round) >> 20 & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

/* --- the plan --- */

/* Host cluster of a slot. */
static uint64_t slot_cluster(const struct plan *p, uint64_t slot)
{
    uint64_t boundary = (p->first_slot + p->block_entries - 1) / p->block_entries
                        * p->block_entries;
    uint64_t host = p->first_slot + slot;

    if (p->front || host < boundary)
        return host;
    slot -= boundary - p->first_slot;
    return boundary + slot / (p->block_entries - 1) * p->block_entries + 1
           + slot % (p->block_entries - 1);
}

uint64_t block_cluster(const struct plan *p, uint64_t k)
{
    return p->fixed + k < p->first_slot ? p->fixed + k : k * p->block_entries;
}

uint64_t div_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* Places everything once the number of tables and clusters is known. Every part depends on
 * the number of refcount blocks, which depends on every part: repeated until it holds. */
static void plan_layout(struct plan *p)
{
    p->n_packed = div_up(p->n_compressed, PER_CLUSTER);
    p->slots = p->n_tables + p->n_normal;
    p->snap_len = (uint64_t)p->snapshots * SNAP_ENTRY;
    p->n_blocks = 1;
    for (uint64_t last = 0; last != p->n_blocks;) {
        last = p->n_blocks;
        p->reftable_clusters = div_up(p->n_blocks * 8, p->cluster);
        p->table_at = 1;
        p->l1_at = p->table_at + p->reftable_clusters;
        p->l1_clusters = div_up(p->n_l1 * 8, p->cluster);
        p->snap_at = p->l1_at + p->l1_clusters * (p->snapshots + 1);
        p->fixed = p->snap_at + div_up(p->snap_len, p->cluster);
        p->first_slot = p->fixed + p->n_blocks;
        if (!p->front) {
            p->first_slot = p->fixed + 1;
            while (p->first_slot > (p->first_slot - p->fixed) * p->block_entries)
                p->first_slot++;
        }
        p->total = p->first_slot;
        if (p->slots + p->n_packed)
            p->total = slot_cluster(p, p->slots + p->n_packed - 1) + 1;
        p->n_blocks = div_up(p->total, p->block_entries);
        if (p->n_blocks < last)
            p->n_blocks = last;
    }
}

uint64_t refcount_of(const struct plan *p, uint64_t host)
{
    uint64_t packed_at, each = p->snapshots + 1;

    if (host >= p->total)
        return 0;
    if (host < p->first_slot || (!p->front && host % p->block_entries == 0))
        return 1;
    packed_at = p->n_packed ? slot_cluster(p, p->slots) : p->total;
    if (host < packed_at)
        return each;
    if (host == p->total - 1)
        return each * (p->n_compressed - PER_CLUSTER * (p->n_packed - 1));
    return each * PER_CLUSTER;
}

/* --- the guest disk, walked once to count and once to write --- */

struct walk {
    bool writing;
    uint64_t rank, compressed;      /* of slots and of compressed clusters handed out */
    uint64_t run, run_left;
    bool run_filled;
    uint64_t piece, piece_used;     /* --order runs: the piece in work and how much of it */
    bool piece_open;
};

/* Ends the piece in work: the next slot starts another one. */
static void piece_end(struct walk *w)
{
    if (w->piece_open)
        w->piece++;
    w->piece_open = false;
    w->piece_used = 0;
}

/* The next slot: for one L2 table or one data cluster. */
static uint64_t next_slot(struct plan *p, struct walk *w)
{
    uint64_t rank = w->rank++;
    uint64_t base = p->front ? p->n_tables : 0;

    if (p->order == RUNS) {
        w->piece_open = true;
        if (!w->writing && w->piece == p->n_pieces) {
            if (p->n_pieces == p->pieces_cap) {
                p->pieces_cap = p->pieces_cap ? p->pieces_cap * 2 : 1024;
                p->piece = must(realloc(p->piece, p->pieces_cap * sizeof *p->piece));
            }
            p->piece[p->n_pieces++] = 0;
        }
        if (!w->writing)
            return p->piece[w->piece]++;
        return base + p->piece[w->piece] + w->piece_used++;
    }
    if (p->order == RANDOM && w->writing)
        rank = shuffled(p, SALT_ORDER, rank, p->slots - base);
    return base + rank;
}

static uint64_t table_slot(struct plan *p, struct walk *w, uint64_t i)
{
    uint64_t slot;

    if (p->front)
        return p->order == SEQUENTIAL || !w->writing
                   ? i : shuffled(p, SALT_ENTRY, i, p->n_tables);
    piece_end(w);
    slot = next_slot(p, w);
    piece_end(w);
    return slot;
}

/* The L2 entry of guest cluster g, which must be asked for in rising order. */
static uint64_t next_entry(struct plan *p, struct walk *w, uint64_t g)
{
    uint64_t quarter = p->cluster / PER_CLUSTER, n, off;
    unsigned shift = 62 - (p->cluster_bits - 8);

    if (w->run_left == 0) {
        w->run++;
        w->run_left = p->order == RUNS ? 1 + rnd(p, SALT_RUN, w->run) % RUN_MAX : 1;
        w->run_filled = p->scatter || chance(p, SALT_FILL, w->run, p->fill);
        piece_end(w);
    }
    w->run_left--;
    if (!w->run_filled)
        return 0;
    if (!chance(p, SALT_COMPRESSED, g, p->compressed)) {
        p->n_normal += !w->writing;
        return slot_cluster(p, next_slot(p, w)) << p->cluster_bits
               | (p->snapshots ? 0 : COPIED);
    }
    n = w->compressed++;
    p->n_compressed += !w->writing;
    if (w->writing && p->order != SEQUENTIAL)
        n = shuffled(p, SALT_ORDER, n, p->n_compressed);
    off = (slot_cluster(p, p->slots + n / PER_CLUSTER) << p->cluster_bits)
          + n % PER_CLUSTER * quarter;
    return COMPRESSED | (div_up(quarter, 512) - 1) << shift | off;
}

static void walk_guest(struct plan *p, plan_writer write)
{
    bool writing = write != NULL;
    struct walk w = { .writing = writing };
    uint8_t *table = must(calloc(1, p->cluster));
    uint8_t *l1 = must(calloc(1, p->l1_clusters * p->cluster + 1));
    uint64_t n_tables = p->scatter ? p->scatter : p->fill > 0 ? p->n_l1 : 0;

    p->n_tables = n_tables;
    for (uint64_t i = 0; i < n_tables; i++) {
        uint64_t index = p->scatter ? p->scattered[i] : i;
        uint64_t guest = index * p->l2_entries;
        uint64_t n = p->n_guest - guest < p->l2_entries ? p->n_guest - guest : p->l2_entries;
        uint64_t from = 0, size = p->entry_size, at;

        at = slot_cluster(p, table_slot(p, &w, i)) << p->cluster_bits;
        if (p->scatter && p->entries < n) {
            from = rnd(p, SALT_SCATTER, index) % (n - p->entries + 1);
            n = p->entries;
        }
        for (uint64_t j = from; j < from + n; j++) {
            uint64_t entry = next_entry(p, &w, guest + j);

            if (chance(p, SALT_DAMAGE, guest + j, p->damage))
                entry = rnd(p, SALT_WORD, guest + j);
            if (chance(p, SALT_FLIP, guest + j, p->flip))
                entry ^= UINT64_C(1) << rnd(p, SALT_BIT, guest + j) % 64;
            if (writing)
                put(table + j * size, entry, 8);
            if (writing && p->extended && entry && !(entry & COMPRESSED))
                put(table + j * size + 12, UINT32_MAX, 4);
        }
        piece_end(&w);
        if (writing) {
            uint64_t lo = from * size / BLOCK * BLOCK, hi = (from + n) * size;

            put(l1 + index * 8, at | (p->snapshots ? 0 : COPIED), 8);
            write(table + lo, hi - lo, at + lo);
            memset(table + from * size, 0, n * size);
        }
    }
    for (uint64_t s = 0; write && s <= p->snapshots; s++)
        write(l1, p->n_l1 * 8, (p->l1_at + s * p->l1_clusters) << p->cluster_bits);
    free(l1);
    free(table);
}

/* Turns the lengths of the pieces into their first slots, in random order. */
static void shuffle_pieces(struct plan *p)
{
    uint32_t *at = must(calloc(p->n_pieces + 1, sizeof *at));
    uint64_t next = 0;

    for (uint64_t i = 0; i < p->n_pieces; i++)
        at[shuffled(p, SALT_PIECES, i, p->n_pieces)] = (uint32_t)i;
    for (uint64_t i = 0; i < p->n_pieces; i++) {
        uint32_t len = p->piece[at[i]];

        p->piece[at[i]] = (uint32_t)next;
        next += len;
    }
    free(at);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void judge(struct plan *p)
{
    uint64_t most = p->snapshots + 1;

    for (p->cluster_bits = 9; UINT64_C(1) << p->cluster_bits < p->cluster;)
        p->cluster_bits++;
    if (p->cluster_bits > 21 || UINT64_C(1) << p->cluster_bits != p->cluster)
        die("--cluster is a power of two from 512 to 2M");
    if (p->refcount_bits == 0 || p->refcount_bits > 64
        || (p->refcount_bits & (p->refcount_bits - 1)))
        die("--refcount-bits is 1, 2, 4, 8, 16, 32 or 64");
    if (p->compressed > 0)
        most *= PER_CLUSTER;
    if (p->refcount_bits < 64 && most >> p->refcount_bits)
        die("the refcounts do not fit into --refcount-bits");
    if (p->extended && p->cluster_bits < 14)
        die("--extended needs clusters of 16K at least");
    p->n_guest = div_up(p->size, p->cluster);
    p->entry_size = p->extended ? 16 : 8;
    p->l2_entries = p->cluster / p->entry_size;
    p->block_entries = p->cluster * 8 / p->refcount_bits;
    p->n_l1 = div_up(p->n_guest, p->l2_entries);
    if (p->n_l1 > 4194304)
        die("the L1 table would be larger than 32 MiB");
    if (p->scatter > p->n_l1)
        die("--scatter asks for more tables than the disk has");
    p->l1_clusters = div_up(p->n_l1 * 8, p->cluster);
    p->scattered = must(calloc(p->scatter + 1, sizeof *p->scattered));
    for (uint64_t i = 0; i < p->scatter; i++)
        p->scattered[i] = shuffled(p, SALT_SCATTER, i, p->n_l1);
    qsort(p->scattered, p->scatter, sizeof *p->scattered, by_number);
    p->first_slot = 1;              /* any value will do while counting */
}

void plan_make(struct plan *p)
{
    judge(p);
    walk_guest(p, NULL);
    plan_layout(p);
    if (p->total << p->cluster_bits >> p->cluster_bits != p->total || p->slots > UINT32_MAX)
        die("too large");
    if (p->reftable_clusters << p->cluster_bits > UINT64_C(8) << 20)
        die("the refcount table would be larger than 8 MiB");
    shuffle_pieces(p);
}

void plan_write_tables(struct plan *p, plan_writer write)
{
    walk_guest(p, write);
}

void plan_free(struct plan *p)
{
    free(p->piece);
    free(p->scattered);
}
