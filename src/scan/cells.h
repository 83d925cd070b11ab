/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The book of the scan: one byte per host cluster, in which every reference is counted.
 *
 * A byte holds a state code (bits 0 to 6) and one flag (bit 7). A state is a pair (owner
 * bits, number of references); the few dozen pairs that occur in one image are numbered as
 * they turn up. "One more reference of this kind" is then a table look-up, code to code,
 * whatever the owners and however often a shared table is walked. When an image has more
 * pairs than there are numbers, the clusters in the later ones keep theirs in a side table.
 *
 * The side table has a limit too. A cluster that finds no place in it is lost: its cell
 * says only that. Lost clusters are counted again after all else, some chunks at a time
 * (struct recount), compared, and then keep their class but not their number of
 * references (STATE count COUNT_MANY).
 *
 * While references are counted, bit 7 says "the stored refcount is exactly 1" (the COPIED
 * rule needs just that). After the comparison it says "a problem concerns this cluster".
 *
 * Several threads may count at once in a flat book. Nothing is locked but new states and the
 * side table: a thread reads a cell and stores its successor, and where another one does the
 * same meanwhile, references are lost. That is detected, not prevented. A cell can only end
 * up with too few references: what the last store says follows from one chain of steps, and
 * steps outside of it are missing. So when the sum of all cells is the sum of all references
 * that were made (`entered`), none is missing anywhere. Otherwise the scan
 * starts again with one thread. That takes two tables that refer to one cluster within the same
 * few nanoseconds, which hardly ever happens in a sound image. */
#ifndef QCHECK_SCAN_CELLS_H
#define QCHECK_SCAN_CELLS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "scan/class.h"
#include "scan/side.h"

#define CHUNK_BITS      12
#define CHUNK_CELLS     (1u << CHUNK_BITS)
#define CELL_FLAG       0x80u
#define CELL_CODE       0x7fu
#define STATE_SIDE      127         /* this cluster's state is in the side table */
#define STATES_MAX      127
#define STATES_COUNTED  (STATES_MAX - OWNERS_ESSENCES)  /* the others: count COUNT_MANY */
#define COUNT_MANY      UINT64_MAX  /* the number of references was not kept */
#define STEP_UNKNOWN    255         /* no cell is this and has a successor */
#define CELLS_FLAT_MAX  (UINT64_C(1) << 34)     /* a longer book is a sparse one */
#define CELLS_HUGE_MAX  (UINT64_C(1) << 28)     /* large pages up to this length */

/* What one kind of reference does to a state. */
struct step {
    uint32_t owners;                /* bits to add */
    uint64_t weight;                /* references to add */
    uint8_t next[256];              /* cell -> cell; STEP_UNKNOWN: work it out */
};


/* States of lost clusters, counted again: all cells of some chunks. */
struct recount {
    const uint64_t *chunk;          /* ascending */
    size_t n;
    struct state *state;            /* n * CHUNK_CELLS */
};

struct page_slot { uint64_t key; uint8_t *cell; };          /* key: chunk + 1 */

struct cells {
    uint64_t n;                     /* cells: clusters of the file and one beyond */
    uint8_t *flat;                  /* all cells; NULL in a sparse book */
    uint64_t prefetch_mask;         /* keeps the number of any cell, and others near them */
    uint8_t *touched;               /* flat: byte per chunk */
    uint64_t n_chunks;
    uint64_t entered;               /* sum of all references made, by those who make them */
    struct page_slot *page;         /* sparse book: hash of the chunks in use */
    size_t n_pages, pages_cap;
    struct state state[STATES_MAX];
    _Atomic unsigned n_states;
    pthread_mutex_t lock;           /* new states, the side table */
    struct side side;
    size_t side_max;                /* slots of it; 0: no limit */
    unsigned states_max;            /* states that may be numbered */
    unsigned n_many;                /* states with COUNT_MANY, from STATES_COUNTED on */
    _Atomic bool lost;              /* there are lost clusters */
    const struct recount *recount;  /* borrowed; NULL: none */
    uint64_t chunks_max;            /* chunks that may be touched; 0: no limit */
    _Atomic uint64_t n_touched;
    _Atomic bool full;              /* that was not enough */
    _Atomic bool failed;            /* out of memory somewhere, or full */
};

/* n: clusters whose references are counted. */
void cells_init(struct cells *c, uint64_t n);
/* Limits: bytes of the cells themselves, and of the side table; states that may have a
 * number (STATES_COUNTED at most). */
void cells_limit(struct cells *c, uint64_t book_bytes, uint64_t side_bytes,
                 unsigned states_max);
void cells_free(struct cells *c);

/* The cells of a chunk: CHUNK_CELLS bytes (fewer count in the last one). NULL when nobody
 * touched it: all zeros. */
uint8_t *cells_chunk(const struct cells *c, uint64_t chunk);
/* Same, made when not there; NULL when memory runs out. */
uint8_t *cells_chunk_touch(struct cells *c, uint64_t chunk);

/* Next chunk at or after `chunk` that was touched; false when there is none. */
bool cells_next_touched(const struct cells *c, uint64_t chunk, uint64_t *out);

void step_init(struct step *s, uint32_t owners, uint64_t weight);

/* Cells while other threads count as well. */
static inline uint8_t cell_load(const uint8_t *cell)
{
    return __atomic_load_n(cell, __ATOMIC_RELAXED);
}

static inline void cell_store(uint8_t *cell, uint8_t value)
{
    __atomic_store_n(cell, value, __ATOMIC_RELAXED);
}

/* The cell at `cell` of cluster cl has no known successor for this step: works it out. */
void cells_bump_slowly(struct cells *c, uint64_t cl, uint8_t *cell, struct step *s);

/* One reference of kind `s` to cluster `cl` (< n), in a flat book that begins at `flat`, which
 * a loop keeps in a register. Returns the cell as it was. */
static inline uint8_t cells_bump_flat(struct cells *c, uint8_t *flat, uint64_t cl,
                                      struct step *s)
{
    uint8_t was = cell_load(flat + cl), next = s->next[was];

    /* What is not 0 was touched. */
    if (!was && !cell_load(c->touched + (cl >> CHUNK_BITS))
        && !cells_chunk_touch(c, cl >> CHUNK_BITS))
        return 0;
    if (__builtin_expect(next != STEP_UNKNOWN, 1))
        cell_store(flat + cl, next);
    else
        cells_bump_slowly(c, cl, flat + cl, s);
    return was;
}

/* The same in any book. */
uint8_t cells_bump(struct cells *c, uint64_t cl, struct step *s);

/* Same for clusters [cl, cl+len), which lie in one chunk. Returns the OR of all flags that
 * were set in bit 7 and, in bit 6, the OR of all that were not. */
unsigned cells_bump_run(struct cells *c, uint64_t cl, unsigned len, struct step *s);

/* Length of the run of equal cell bytes at p, at most n (> 0). */
unsigned cells_equal(const uint8_t *p, unsigned n);

/* Of the n cells at p (> 0, CHUNK_CELLS at most): how many have each value. */
struct cell_tally {
    uint8_t value[256];             /* those that occur, ascending */
    unsigned n_values;
    uint16_t n[256];                /* defined for these */
};
void cells_tally(const uint8_t *p, unsigned n, struct cell_tally *out);

/* Is this cell, of cluster cl, a lost one? */
bool cells_lost(const struct cells *c, uint64_t cl, uint8_t cell);
bool cells_is_lost(const struct cells *c, uint64_t cl);
/* Is there a lost cell in this chunk? */
bool cells_chunk_lost(const struct cells *c, uint64_t chunk);
/* One more reference, in a state counted again. */
void state_add(struct state *s, uint32_t owners, uint64_t weight);
/* The code that a lost cluster in this state gets for good. */
unsigned cells_code_many(struct cells *c, struct state s);

/* The flag of a cluster, also while others count. */
bool cells_flag(const struct cells *c, uint64_t cl);
/* State of a cluster. Nobody may count meanwhile. */
struct state cells_get(const struct cells *c, uint64_t cl);
/* State behind one cell byte of cluster cl. */
struct state cells_state(const struct cells *c, uint64_t cl, uint8_t cell);

#endif
