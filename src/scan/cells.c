/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/cells.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bisect.h"
#include "base/num.h"

#define SKIPPED     4096        /* chunks looked at together */
#define RUN_PAYS    8           /* shorter runs of equal cells are faster one by one */

/* --- memory --- */

static void *map_zeros(uint64_t bytes)
{
    void *p;

    if (bytes > SIZE_MAX)
        return NULL;
    p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
             /* cppcheck-suppress invalidFunctionArg ; -1 is right, there is no file */
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    /* cppcheck-suppress memleak ; what is returned is not lost */
    return p == MAP_FAILED ? NULL : p;
}

static void unmap_flat(struct cells *c)
{
    if (c->flat)
        munmap(c->flat, (size_t)(c->n_chunks * CHUNK_CELLS));
    if (c->touched)
        munmap(c->touched, (size_t)c->n_chunks);
    c->flat = NULL;
    c->touched = NULL;
}

/* State 0: nobody, no reference. Then all of a single reference: so a lost cluster has two
 * at least, which is what refcount blocks are asked while they are still being counted. */
static void number_first_states(struct cells *c)
{
    unsigned n = 1;

    for (uint32_t kind = 1; kind & OWNER_KINDS; kind <<= 1) {
        bool by_l1 = kind & (OWNER_L2 | OWNER_DATA | OWNER_COMPRESSED | OWNER_ZERO
                             | OWNER_VMSTATE);

        if (by_l1)
            c->state[n++] = (struct state){ owner_bits((enum owner)kind, 0, 1), 1 };
        c->state[n++] = (struct state){ owner_bits((enum owner)kind, by_l1, 0), 1 };
    }
    c->n_states = n;
}

void cells_init(struct cells *c, uint64_t n)
{
    memset(c, 0, sizeof *c);
    c->n = n;
    c->n_chunks = div_up(n, CHUNK_CELLS);
    while (c->prefetch_mask < n - 1)
        c->prefetch_mask = c->prefetch_mask << 1 | 1;
    number_first_states(c);
    c->states_max = STATES_COUNTED;
    pthread_mutex_init(&c->lock, NULL);
    if (n > CELLS_FLAT_MAX)
        return;
    c->flat = map_zeros(c->n_chunks * CHUNK_CELLS);
    c->touched = map_zeros(c->n_chunks);
    if (!c->flat || !c->touched) {          /* no address space: a sparse one */
        unmap_flat(c);
        return;
    }
#ifdef MADV_HUGEPAGE
    /* Clusters come in random order: large pages save most of the misses. In a longer book
     * that is mostly empty they would waste memory. */
    if (n <= CELLS_HUGE_MAX)
        madvise(c->flat, (size_t)(c->n_chunks * CHUNK_CELLS), MADV_HUGEPAGE);
#endif
}

void cells_limit(struct cells *c, uint64_t book_bytes, uint64_t side_bytes,
                 unsigned states_max)
{
    c->side_max = side_slots(side_bytes);
    c->states_max = states_max;
    c->chunks_max = u64_max(1, book_bytes / CHUNK_CELLS);
#ifdef MADV_NOHUGEPAGE
    /* Pages that are larger than a chunk take more than is accounted for. */
    if (c->flat && c->chunks_max < c->n_chunks)
        madvise(c->flat, (size_t)(c->n_chunks * CHUNK_CELLS), MADV_NOHUGEPAGE);
#endif
}

void cells_free(struct cells *c)
{
    unmap_flat(c);
    for (size_t i = 0; i < c->pages_cap; i++)
        free(c->page[i].cell);
    free(c->page);
    side_free(&c->side);
    pthread_mutex_destroy(&c->lock);
    memset(c, 0, sizeof *c);
}

/* --- chunks --- */

static struct page_slot *page_slot(const struct cells *c, uint64_t chunk)
{
    size_t i = (size_t)hash_of(chunk) & (c->pages_cap - 1);

    while (c->page[i].key && c->page[i].key != chunk + 1)
        i = (i + 1) & (c->pages_cap - 1);
    return &c->page[i];
}

static bool pages_grow(struct cells *c)
{
    struct page_slot *old = c->page;
    size_t old_cap = c->pages_cap;

    c->page = calloc(old_cap ? old_cap * 2 : 256, sizeof *c->page);
    if (!c->page) {
        c->page = old;
        return false;
    }
    c->pages_cap = old_cap ? old_cap * 2 : 256;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].key)
            *page_slot(c, old[i].key - 1) = old[i];
    }
    free(old);
    return true;
}

static inline bool was_touched(const struct cells *c, uint64_t chunk)
{
    return cell_load(&c->touched[chunk]);
}

uint8_t *cells_chunk(const struct cells *c, uint64_t chunk)
{
    if (c->flat)
        return was_touched(c, chunk) ? c->flat + chunk * CHUNK_CELLS : NULL;
    return c->pages_cap ? page_slot(c, chunk)->cell : NULL;
}

/* One chunk more: is there memory left for it? */
static bool may_touch(struct cells *c)
{
    uint64_t n = atomic_fetch_add_explicit(&c->n_touched, 1, memory_order_relaxed);

    if (!c->chunks_max || n < c->chunks_max)
        return true;
    c->full = c->failed = true;
    return false;
}

uint8_t *cells_chunk_touch(struct cells *c, uint64_t chunk)
{
    struct page_slot *slot;

    if (c->flat) {
        if (!was_touched(c, chunk)
            && !__atomic_exchange_n(&c->touched[chunk], 1, __ATOMIC_RELAXED) && !may_touch(c))
            return NULL;
        return c->flat + chunk * CHUNK_CELLS;
    }
    if (c->n_pages * 4 >= c->pages_cap * 3 && !pages_grow(c)) {
        c->failed = true;
        return NULL;
    }
    slot = page_slot(c, chunk);
    if (!slot->key) {
        if (!may_touch(c))
            return NULL;
        slot->cell = calloc(1, CHUNK_CELLS);
        if (!slot->cell) {
            c->failed = true;
            return NULL;
        }
        slot->key = chunk + 1;
        c->n_pages++;
    }
    return slot->cell;
}

/* Of the next SKIPPED chunks, if there are so many: files of exabytes have millions of them. */
static bool nobody_touched(const struct cells *c, uint64_t chunk)
{
    return chunk % SKIPPED == 0 && c->n_chunks - chunk >= SKIPPED &&
           bytes_all_zero(c->touched + chunk, SKIPPED);
}

bool cells_next_touched(const struct cells *c, uint64_t chunk, uint64_t *out)
{
    uint64_t best = UINT64_MAX;

    if (c->flat) {
        while (chunk < c->n_chunks && !was_touched(c, chunk))
            chunk += nobody_touched(c, chunk) ? SKIPPED : 1;
        *out = chunk;
        return chunk < c->n_chunks;
    }
    for (size_t i = 0; i < c->pages_cap; i++) {
        if (c->page[i].key && c->page[i].key - 1 >= chunk && c->page[i].key - 1 < best)
            best = c->page[i].key - 1;
    }
    *out = best;
    return best != UINT64_MAX;
}

/* --- states --- */

void step_init(struct step *s, uint32_t owners, uint64_t weight)
{
    s->owners = owners;
    s->weight = weight;
    memset(s->next, STEP_UNKNOWN, sizeof s->next);
}

void state_add(struct state *s, uint32_t owners, uint64_t weight)
{
    /* A second one from the active layer: two guest clusters, or two L1 entries, on one
     * host cluster. */
    if (owners & s->owners & OWNER_ONCE_ACTIVE)
        s->owners |= OWNER_TWICE_ACTIVE;
    s->owners |= owners;
    if (!u64_add(s->count, weight, &s->count) || s->count == COUNT_MANY)
        s->count = COUNT_MANY - 1;
}

/* Number of this state, new or old; STATE_SIDE when all numbers are taken. Locked. */
static unsigned state_code(struct cells *c, struct state s)
{
    unsigned n = c->n_states;

    for (unsigned i = 0; i < n; i++) {
        if (c->state[i].owners == s.owners && c->state[i].count == s.count)
            return i;
    }
    if (n >= c->states_max)
        return STATE_SIDE;
    c->state[n] = s;
    c->n_states = n + 1;
    return n;
}

unsigned cells_code_many(struct cells *c, struct state s)
{
    uint32_t owners = owners_essence(s.owners);
    unsigned i = 0;

    pthread_mutex_lock(&c->lock);
    while (i < c->n_many && c->state[STATES_COUNTED + i].owners != owners)
        i++;
    assert(i < OWNERS_ESSENCES);
    if (i == c->n_many) {
        c->state[STATES_COUNTED + i] = (struct state){ owners, COUNT_MANY };
        c->n_many++;
    }
    pthread_mutex_unlock(&c->lock);
    return STATES_COUNTED + i;
}

static struct state recounted(const struct cells *c, uint64_t cl)
{
    const struct recount *r = c->recount;
    uint64_t chunk = cl >> CHUNK_BITS;
    size_t low;

    BISECT(low, r ? r->n : 0, mid, r->chunk[mid] >= chunk);
    if (!r || low == r->n || r->chunk[low] != chunk)
        return (struct state){ 0, 0 };
    return r->state[(low << CHUNK_BITS) + (cl & (CHUNK_CELLS - 1))];
}

struct state cells_state(const struct cells *c, uint64_t cl, uint8_t cell)
{
    unsigned code = cell & CELL_CODE;
    const struct state *aside;

    if (code != STATE_SIDE)
        return c->state[code];
    aside = side_get(&c->side, cl);
    return aside ? *aside : recounted(c, cl);
}

bool cells_lost(const struct cells *c, uint64_t cl, uint8_t cell)
{
    return (cell & CELL_CODE) == STATE_SIDE && !side_get(&c->side, cl);
}

bool cells_is_lost(const struct cells *c, uint64_t cl)
{
    const uint8_t *chunk = cl < c->n ? cells_chunk(c, cl >> CHUNK_BITS) : NULL;

    return chunk && cells_lost(c, cl, chunk[cl & (CHUNK_CELLS - 1)]);
}

bool cells_chunk_lost(const struct cells *c, uint64_t chunk)
{
    const uint8_t *cell = c->lost ? cells_chunk(c, chunk) : NULL;

    for (unsigned i = 0; cell && i < CHUNK_CELLS; i++) {
        if (cells_lost(c, (chunk << CHUNK_BITS) + i, cell[i]))
            return true;
    }
    return false;
}

/* Without a place in the side table, the cluster is lost. */
static void put_aside(struct cells *c, uint64_t cl, struct state state)
{
    switch (side_put(&c->side, cl, state, c->side_max)) {
    case SIDE_PUT:
        break;
    case SIDE_FULL:
        c->lost = true;
        break;
    case SIDE_NOMEM:
        c->failed = true;
        break;
    }
}

void cells_bump_slowly(struct cells *c, uint64_t cl, uint8_t *cell, struct step *s)
{
    struct state *aside = NULL, after;
    unsigned code, next;
    uint8_t was;

    pthread_mutex_lock(&c->lock);
    was = cell_load(cell);
    code = was & CELL_CODE;
    if (code == STATE_SIDE) {
        aside = side_get(&c->side, cl);
        if (aside)
            state_add(aside, s->owners, s->weight);
    } else {
        after = c->state[code];
        state_add(&after, s->owners, s->weight);
        next = state_code(c, after);
        if (next == STATE_SIDE) {
            put_aside(c, cl, after);
        } else {
            s->next[code] = (uint8_t)next;
            s->next[code | CELL_FLAG] = (uint8_t)(next | CELL_FLAG);
        }
        cell_store(cell, (uint8_t)((was & CELL_FLAG) | next));
    }
    pthread_mutex_unlock(&c->lock);
}

uint8_t cells_bump(struct cells *c, uint64_t cl, struct step *s)
{
    uint8_t *chunk = cells_chunk_touch(c, cl >> CHUNK_BITS), *cell, was;

    if (!chunk)
        return 0;
    cell = chunk + (cl & (CHUNK_CELLS - 1));
    was = cell_load(cell);
    if (s->next[was] != STEP_UNKNOWN)
        cell_store(cell, s->next[was]);
    else
        cells_bump_slowly(c, cl, cell, s);
    return was;
}

unsigned cells_equal(const uint8_t *p, unsigned n)
{
    uint64_t pattern = p[0] * UINT64_C(0x0101010101010101), word;
    unsigned i = 1;

    for (; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        if (word != pattern)
            break;
    }
    while (i < n && p[i] == p[0])
        i++;
    return i;
}

void cells_tally(const uint8_t *p, unsigned n, struct cell_tally *out)
{
    unsigned i = cells_equal(p, n);

    out->n_values = 0;
    if (i == n) {                           /* mostly */
        out->n[p[0]] = (uint16_t)n;
        out->value[out->n_values++] = p[0];
        return;
    }
    memset(out->n, 0, sizeof out->n);
    out->n[p[0]] = (uint16_t)i;
    while (i < n) {
        unsigned run = cells_equal(p + i, n - i), end;

        out->n[p[i]] += (uint16_t)run;
        i += run;
        if (run >= RUN_PAYS)
            continue;
        for (end = (unsigned)u64_min(n, i + 8 * RUN_PAYS); i < end; i++)
            out->n[p[i]]++;
    }
    for (unsigned v = 0; v < 256; v++) {
        if (out->n[v])
            out->value[out->n_values++] = (uint8_t)v;
    }
}

/* Cells [0, n) one by one, and what they were into *set and *unset. */
static inline void bump_each(struct cells *c, uint64_t cl, uint8_t *cell, unsigned n,
                             struct step *s, unsigned *set, unsigned *unset)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t was = cell_load(cell + i), next = s->next[was];

        *set |= was;
        *unset |= (uint8_t)~was;
        if (next != STEP_UNKNOWN)
            cell_store(cell + i, next);
        else
            cells_bump_slowly(c, cl + i, cell + i, s);
    }
}

unsigned cells_bump_run(struct cells *c, uint64_t cl, unsigned len, struct step *s)
{
    typedef uint64_t __attribute__((may_alias)) cells_word;
    const uint64_t all = UINT64_C(0x0101010101010101);
    uint8_t *chunk = cells_chunk_touch(c, cl >> CHUNK_BITS), *cell, was;
    unsigned set = 0, unset = 0, i = (unsigned)u64_min(-cl & 7, len);

    if (!chunk)
        return 0;
    cell = chunk + (cl & (CHUNK_CELLS - 1));
    bump_each(c, cl, cell, i, s, &set, &unset);
    /* Eight at once where they look the same, which they mostly do. */
    for (; i + 8 <= len; i += 8) {
        cells_word *word = (cells_word *)(void *)(cell + i);

        was = cell_load(cell + i);
        if (__atomic_load_n(word, __ATOMIC_RELAXED) != was * all
            || s->next[was] == STEP_UNKNOWN) {
            bump_each(c, cl + i, cell + i, 8, s, &set, &unset);
            continue;
        }
        __atomic_store_n(word, s->next[was] * all, __ATOMIC_RELAXED);
        set |= was;
        unset |= (uint8_t)~was;
    }
    bump_each(c, cl + i, cell + i, len - i, s, &set, &unset);
    return (set & CELL_FLAG) | (unset & CELL_FLAG) >> 1;
}

bool cells_flag(const struct cells *c, uint64_t cl)
{
    const uint8_t *chunk = cl < c->n ? cells_chunk(c, cl >> CHUNK_BITS) : NULL;

    return chunk && __atomic_load_n(&chunk[cl & (CHUNK_CELLS - 1)], __ATOMIC_RELAXED) & CELL_FLAG;
}

struct state cells_get(const struct cells *c, uint64_t cl)
{
    const uint8_t *chunk = cl < c->n ? cells_chunk(c, cl >> CHUNK_BITS) : NULL;
    uint8_t cell = chunk ? chunk[cl & (CHUNK_CELLS - 1)] : 0;

    return cells_state(c, cl, cell);
}
