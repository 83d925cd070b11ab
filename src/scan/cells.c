#include "scan/cells.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"

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

unsigned cells_parts(uint64_t n, unsigned threads)
{
    unsigned parts = 1;

    if (n > CELLS_FLAT_MAX || threads < 2)
        return 1;
    while (parts < threads)
        parts *= 2;
    /* An odd number of threads shares uneven partitions; four each even that out. */
    return parts == threads ? parts : parts * 4;
}

bool cells_init(struct cells *c, uint64_t n, unsigned parts, struct error *err)
{
    memset(c, 0, sizeof *c);
    c->n = n;
    c->parts = parts;
    while (1u << c->parts_bits < parts)
        c->parts_bits++;
    c->n_chunks = div_up(n, CHUNK_CELLS);
    c->touched_stride = round_up(div_up(c->n_chunks, parts), 64);
    c->n_states = 1;                        /* state 0: nobody, no reference */
    pthread_mutex_init(&c->lock, NULL);
    c->side = calloc(parts, sizeof *c->side);
    if (!c->side)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (n <= CELLS_FLAT_MAX) {
        c->flat = map_zeros(c->n_chunks * CHUNK_CELLS);
        c->touched = map_zeros(c->touched_stride * parts);
        if (c->flat && c->touched) {
#ifdef MADV_HUGEPAGE
            /* Clusters come in random order: large pages save most of the misses. In a
             * longer book that is mostly empty they would waste memory. */
            if (n <= CELLS_HUGE_MAX)
                madvise(c->flat, (size_t)(c->n_chunks * CHUNK_CELLS), MADV_HUGEPAGE);
#endif
            return true;
        }
        if (c->flat)
            munmap(c->flat, (size_t)(c->n_chunks * CHUNK_CELLS));
        if (c->touched)
            munmap(c->touched, (size_t)(c->touched_stride * parts));
        c->flat = c->touched = NULL;
    }
    assert(parts == 1 || n <= CELLS_FLAT_MAX);
    if (parts > 1)
        return err_set(err, ERR_NOMEM, "no address space for %llu clusters",
                       (unsigned long long)n);
    return true;
}

void cells_free(struct cells *c)
{
    if (c->flat)
        munmap(c->flat, (size_t)(c->n_chunks * CHUNK_CELLS));
    if (c->touched)
        munmap(c->touched, (size_t)(c->touched_stride * c->parts));
    for (size_t i = 0; i < c->pages_cap; i++)
        free(c->page[i].cell);
    free(c->page);
    if (c->side) {
        for (unsigned p = 0; p < c->parts; p++)
            free(c->side[p].slot);
    }
    free(c->side);
    pthread_mutex_destroy(&c->lock);
    memset(c, 0, sizeof *c);
}

/* --- chunks --- */

static uint64_t hash64(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static struct page_slot *page_slot(const struct cells *c, uint64_t chunk)
{
    size_t i = (size_t)hash64(chunk) & (c->pages_cap - 1);

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

uint8_t *cells_chunk(const struct cells *c, uint64_t chunk)
{
    if (c->flat)
        return c->touched[touched_at(c, chunk)] ? c->flat + chunk * CHUNK_CELLS : NULL;
    return c->pages_cap ? page_slot(c, chunk)->cell : NULL;
}

uint8_t *cells_chunk_touch(struct cells *c, uint64_t chunk)
{
    struct page_slot *slot;

    if (c->flat) {
        uint8_t *mark = &c->touched[touched_at(c, chunk)];

        if (!*mark)
            *mark = 1;
        return c->flat + chunk * CHUNK_CELLS;
    }
    if (c->n_pages * 4 >= c->pages_cap * 3 && !pages_grow(c)) {
        c->failed = true;
        return NULL;
    }
    slot = page_slot(c, chunk);
    if (!slot->key) {
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

bool cells_next_touched(const struct cells *c, uint64_t chunk, uint64_t *out)
{
    uint64_t best = UINT64_MAX;

    if (c->flat) {
        while (chunk < c->n_chunks && !c->touched[touched_at(c, chunk)])
            chunk++;
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

/* --- side table --- */

static struct side *side_of(const struct cells *c, uint64_t cl)
{
    return &c->side[(cl >> CHUNK_BITS) & (c->parts - 1)];
}

static struct side_slot *side_find(const struct side *s, uint64_t cl)
{
    size_t i = (size_t)hash64(cl) & (s->cap - 1);

    while (s->slot[i].key && s->slot[i].key != cl + 1)
        i = (i + 1) & (s->cap - 1);
    return &s->slot[i];
}

static bool side_grow(struct side *s)
{
    struct side bigger = { NULL, s->n, s->cap ? s->cap * 2 : 64 };

    bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
    if (!bigger.slot)
        return false;
    for (size_t i = 0; i < s->cap; i++) {
        if (s->slot[i].key)
            *side_find(&bigger, s->slot[i].key - 1) = s->slot[i];
    }
    free(s->slot);
    *s = bigger;
    return true;
}

static bool side_put(struct cells *c, uint64_t cl, struct state state)
{
    struct side *s = side_of(c, cl);
    struct side_slot *slot;

    if (s->n * 4 >= s->cap * 3 && !side_grow(s)) {
        c->failed = true;
        return false;
    }
    slot = side_find(s, cl);
    if (!slot->key) {
        slot->key = cl + 1;
        s->n++;
    }
    slot->state = state;
    return true;
}

/* --- states --- */

void step_init(struct step *s, uint32_t owners, uint64_t weight)
{
    s->owners = owners;
    s->weight = weight;
    memset(s->next, STEP_UNKNOWN, sizeof s->next);
}

/* The state after one more reference. */
static struct state state_after(struct state s, const struct step *step)
{
    const uint32_t guest = OWNER_DATA | OWNER_ZERO;

    /* A second uncompressed reference from the active layer: two guest clusters, or two
     * L1 entries, on one host cluster. */
    if ((step->owners & OWNER_IN_ACTIVE) && (step->owners & guest)
        && (s.owners & OWNER_IN_ACTIVE) && (s.owners & guest))
        s.owners |= OWNER_TWICE_ACTIVE;
    s.owners |= step->owners;
    if (!u64_add(s.count, step->weight, &s.count))
        s.count = UINT64_MAX;
    return s;
}

/* Number of this state, new or old; STATE_SIDE when all numbers are taken. */
static unsigned state_code(struct cells *c, struct state s)
{
    unsigned n, i;

    pthread_mutex_lock(&c->lock);
    n = c->n_states;
    for (i = 0; i < n; i++) {
        if (c->state[i].owners == s.owners && c->state[i].count == s.count)
            break;
    }
    if (i == n && n < STATES_MAX) {
        c->state[n] = s;
        c->n_states = n + 1;
    } else if (i == n) {
        i = STATE_SIDE;
    }
    pthread_mutex_unlock(&c->lock);
    return i;
}

struct state cells_state(const struct cells *c, uint64_t cl, uint8_t cell)
{
    unsigned code = cell & CELL_CODE;

    if (code != STATE_SIDE)
        return c->state[code];
    return side_find(side_of(c, cl), cl)->state;
}

/* The cell does not have a known successor: work it out. */
void cells_bump_slowly(struct cells *c, uint64_t cl, uint8_t *cell, struct step *s)
{
    uint8_t flag = *cell & CELL_FLAG;
    unsigned code = *cell & CELL_CODE;
    struct state after;
    unsigned next = STATE_SIDE;

    if (code == STATE_SIDE) {
        after = state_after(side_find(side_of(c, cl), cl)->state, s);
    } else {
        pthread_mutex_lock(&c->lock);
        after = c->state[code];
        pthread_mutex_unlock(&c->lock);
        after = state_after(after, s);
        next = state_code(c, after);
    }
    if (next == STATE_SIDE) {
        if (!side_put(c, cl, after))
            return;
    } else {
        s->next[code] = (uint8_t)next;
    }
    *cell = (uint8_t)(flag | next);
}

uint8_t cells_bump(struct cells *c, uint64_t cl, struct step *s)
{
    uint8_t *chunk = cells_chunk_touch(c, cl >> CHUNK_BITS), *cell, was, next;

    if (!chunk)
        return 0;
    cell = chunk + (cl & (CHUNK_CELLS - 1));
    was = *cell;
    next = s->next[was & CELL_CODE];
    if (next < STATE_SIDE)
        *cell = (uint8_t)((was & CELL_FLAG) | next);
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

unsigned cells_bump_run(struct cells *c, uint64_t cl, unsigned len, struct step *s)
{
    uint8_t *chunk = cells_chunk_touch(c, cl >> CHUNK_BITS);
    unsigned set = 0, unset = 0;
    uint8_t *cell;

    if (!chunk)
        return 0;
    cell = chunk + (cl & (CHUNK_CELLS - 1));
    if (len >= 16 && cells_equal(cell, len) == len
        && s->next[*cell & CELL_CODE] < STATE_SIDE) {
        uint8_t flag = *cell & CELL_FLAG;

        memset(cell, flag | s->next[*cell & CELL_CODE], len);
        return flag ? CELL_FLAG : CELL_FLAG >> 1;
    }
    for (unsigned i = 0; i < len; i++) {
        uint8_t was = cell[i], next = s->next[was & CELL_CODE];

        set |= was;
        unset |= (uint8_t)~was;
        if (next < STATE_SIDE)
            cell[i] = (uint8_t)((was & CELL_FLAG) | next);
        else
            cells_bump_slowly(c, cl + i, &cell[i], s);
    }
    return (set & CELL_FLAG) | (unset & CELL_FLAG) >> 1;
}

struct state cells_get(const struct cells *c, uint64_t cl, bool *flag)
{
    const uint8_t *chunk = cl < c->n ? cells_chunk(c, cl >> CHUNK_BITS) : NULL;
    uint8_t cell = chunk ? chunk[cl & (CHUNK_CELLS - 1)] : 0;

    if (flag)
        *flag = cell & CELL_FLAG;
    return cells_state(c, cl, cell);
}
