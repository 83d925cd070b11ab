/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The other side of rescue.h: what makes a disk that is to be rescued, asks the witnesses, and
 * looks at what they said. */
#ifndef QCHECK_PLAN_RESCUE_RESCUE_GUEST_H
#define QCHECK_PLAN_RESCUE_RESCUE_GUEST_H

#include "plan/rescue/rescue.h"

/* Where bytes come from. */
struct rescue_store {
    void *ctx;                  /* borrowed */
    /* Reads a candidate, a whole cluster. */
    bool (*candidate)(void *ctx, size_t cand, uint8_t *dst, struct error *err);
    /* Reads bytes of one guest cluster that is not lost. False: damaged, or not read. NULL:
     * all is lost. */
    bool (*known)(void *ctx, uint64_t guest_off, void *dst, size_t len);
    /* What lies below the image: below_read(), below_next(). NULL: nothing. */
    struct below *below;
    bool size_guessed;          /* by a file system, so that its length proves nothing */
};

/* Bounds of what is kept. */
#define RESCUE_CLUSTERS_MAX     (UINT64_C(1) << 32)     /* guest clusters */
#define RESCUE_CANDIDATES_MAX   (UINT64_C(1) << 26)
#define RESCUE_EXTENTS_MAX      (1u << 20)
#define RESCUE_VOLUMES_MAX      1024
#define RESCUE_GRAINS_MAX       (UINT64_C(1) << 28)

/* size: bytes of the guest's disk, more than there are clusters for is cut off. cluster: a
 * power of two, 512 bytes to 2 MiB. Nothing is lost at first. */
bool rescue_new(const struct rescue_store *store, uint64_t size, uint32_t cluster,
                size_t n_candidates, struct rescue_guest **out, struct error *err);
void rescue_free(struct rescue_guest *g);               /* accepts NULL */

/* These guest clusters are lost. Ranges come in rising order. False: no memory. */
bool rescue_lose(struct rescue_guest *g, uint64_t first_cl, uint64_t n);
/* The next range of lost clusters at or after *first_cl, cut there. */
bool rescue_next_lost(const struct rescue_guest *g, uint64_t *first_cl, uint64_t *n);
uint64_t rescue_n_lost(const struct rescue_guest *g);

/* What is read where the image has nothing of its own. */
bool rescue_has_below(const struct rescue_guest *g);
bool rescue_below(struct rescue_guest *g, uint64_t guest_off, void *dst, size_t len);
uint64_t rescue_next_below(struct rescue_guest *g, uint64_t cl, uint64_t end);
/* Something else than zeros is there, so that no candidate need be. */
void rescue_set_below(struct rescue_guest *g, uint64_t guest_cl);
bool rescue_is_below(const struct rescue_guest *g, uint64_t guest_cl);

/* Where a candidate was placed, and why. */
struct rescue_pin {
    uint64_t guest_cl;
    enum rescue_sure sure;
    const char *why;
};
bool rescue_pinned(const struct rescue_guest *g, size_t cand, struct rescue_pin *out);
void rescue_unpin(struct rescue_guest *g, size_t cand);
/* False: nothing was ever placed at these n guest clusters. Quick. */
bool rescue_any_placed(const struct rescue_guest *g, uint64_t first_cl, uint64_t n);

/* What the grain at that guest byte is used for. */
enum rescue_use rescue_use_at(const struct rescue_guest *g, uint64_t guest_off);

struct rescue_file_extent {
    uint64_t file, file_off, guest_off, len, size;      /* as in rescue_extent */
    bool typed;                 /* files of such a name begin with a mark of their type */
};
/* All extents, by guest offset. */
const struct rescue_file_extent *rescue_extents(struct rescue_guest *g, size_t *n);

struct rescue_volume_found { uint64_t guest_off, len; enum rescue_volume_kind kind; };
const struct rescue_volume_found *rescue_volumes(const struct rescue_guest *g, size_t *n);
/* Partitions that hold volumes, and are none themselves. Where there are any a file system that
 * fits no volume that is known may lie anywhere. */
const struct rescue_volume_found *rescue_holders(const struct rescue_guest *g, size_t *n);

/* Out of memory while something was said; then some of it is missing. */
bool rescue_starved(const struct rescue_guest *g);

/* Are these 512 bytes the MBR of a disk of that many sectors? (witness_disk.c) */
bool partition_table_fits(const uint8_t *p, uint64_t sectors);

/* The end of the disk by a header of a GPT in sectors of 512 bytes that lies in these bytes; 0:
 * there is none. (witness_disk.c) */
uint64_t gpt_end(const uint8_t *bytes, size_t len);

/* --- asking the witnesses --- */

extern const struct rescue_witness *const RESCUE_WITNESSES[];   /* NULL ends it */

struct rescue_asking;           /* witnesses at work */

bool rescue_ask_begin(struct rescue_guest *g, const struct rescue_witness *const *list,
                      struct rescue_asking **out, struct error *err);
/* Each candidate once, in rising order. */
bool rescue_ask_look(struct rescue_asking *a, size_t cand, const uint8_t *bytes,
                     struct error *err);
/* Rounds until nobody has news, or *cancel is set (NULL: never). May be called again. */
bool rescue_ask_reason(struct rescue_asking *a, const _Atomic bool *cancel, bool *news,
                       struct error *err);
void rescue_ask_end(struct rescue_asking *a);           /* accepts NULL */

#endif
