/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A plan: steps that would change an image, each with what it does in words, what it mends,
 * what it costs, and the bytes it writes. A plan belongs to one state of one image, told by
 * the length of the file, a digest of all its tables, one of every range that a step replaces,
 * copies or goes by, and the ranges that must be zeros, for steps that give clusters up because
 * they are.
 *
 * Steps rest on the outcome of those before them. One that was planned together with others
 * may be left out only with all that need it. */
#ifndef QCHECK_PLAN_PLAN_H
#define QCHECK_PLAN_PLAN_H

#include "base/digest.h"
#include "base/limits.h"
#include "base/patch.h"
#include "scan/scan.h"

/* A guest range that reads differently after a step: given up, or regained where it read as
 * nothing that was ever written. */
struct loss { uint32_t layer; uint64_t guest_off, len; bool regained; };

/* Who has bytes in ranges that are given up, as far as file systems tell: a file by name, or
 * what else it is. */
struct plan_owner { uint32_t layer; uint64_t len; char *text; };
#define PLAN_OWNERS_MAX 100         /* named in a step; more are only counted */

struct plan_step {
    const char *goal;           /* "refcounts", "leaks", ...: one of plan_goals() */
    char *title;                /* owned: what it does, one sentence */
    char *why;                  /* owned: what it goes by; NULL: nothing to say */
    char *cost;                 /* owned: what it costs, or does not mend; NULL: nothing */
    struct place place;         /* where to look; PLACE_NONE: nowhere in particular */
    bool chosen;
    uint64_t before[N_PROBLEMS], after[N_PROBLEMS];     /* counts of the scans around it */
    struct loss *loss;          /* owned */
    size_t n_losses;
    struct plan_owner *owner;   /* owned; may be none although there are losses */
    size_t n_owners;
    uint64_t owners_left_out;
    struct patches patches;     /* in the order of making */
    struct source_span *zeros;  /* owned: bytes of the file that must be zeros for the step to
                                   be right, with the steps before it */
    size_t n_zeros, zeros_cap;
    struct source_span *rests;  /* owned: bytes of the file by which it was planned; not in the
                                   file form, where they are among the ranges of the image */
    size_t n_rests, rests_cap;
    uint64_t rests_len;         /* bytes of them */
};
#define PLAN_RESTS_LEN_MAX (UINT64_C(64) << 20)     /* of a step: what is read again to apply it */
#define PLAN_ZEROS_MAX ((size_t)1 << 18)    /* ranges in one step, so that plans can be read */

/* What QEMU's check would say once all chosen steps are taken. */
struct plan_outcome {
    bool known;                 /* the plan was scanned to its end */
    bool refused;               /* QEMU would not check the image */
    uint64_t corruptions, leaks, check_errors;
};

/* A long range without data in it is to be zeros and has no digest, which would take for ever. */
struct plan_range { uint64_t off, len; bool zeros; uint8_t digest[DIGEST_LEN]; };
#define PLAN_ZEROS_MIN (UINT64_C(1) << 20)      /* bytes */

struct plan {
    struct plan_step *step;          /* owned */
    size_t n, cap;
    char *left;                 /* owned: what stays as it is, and why, a paragraph a line;
                                   NULL: nothing to say */
    struct plan_outcome outcome;    /* of all steps; not known of a plan that was read */
    char *image;                /* owned: name it was made for; for people */
    uint64_t file_size;         /* bytes of the image it was made for */
    uint8_t tables[DIGEST_LEN]; /* its tables, see tables_digest.h */
    struct plan_range *range;   /* owned, rising, no overlaps: what must be as it was */
    size_t n_ranges;
};

void plan_free(struct plan *p);             /* leaves an empty plan */

/* Adds a paragraph to what stays as it is. False: no memory. */
bool plan_add_left(struct plan *p, const char *more);

/* Adds an empty step of a goal (a name that stays), chosen. NULL: no memory. */
struct plan_step *plan_add(struct plan *p, const char *goal);
void plan_step_free(struct plan_step *s);
bool plan_step_add_loss(struct plan_step *s, uint32_t layer, uint64_t guest_off, uint64_t len);
bool plan_step_add_regained(struct plan_step *s, uint32_t layer, uint64_t guest_off,
                            uint64_t len);
bool plan_step_add_owner(struct plan_step *s, uint32_t layer, const char *text, uint64_t len);
/* Losses and owners of `from` become those of `to`; `from` has none then. */
void plan_step_take_guest(struct plan_step *to, struct plan_step *from);
/* The step is right only while these bytes are zeros. False: no memory. */
bool plan_step_rests_on_zeros(struct plan_step *s, uint64_t off, uint64_t len);
/* The step goes by what these bytes are. What is too much is left out. False: no memory. */
bool plan_step_rests_on(struct plan_step *s, uint64_t off, uint64_t len);
/* Does it rest on no other step? Bytes set by hand do not. */
bool plan_step_alone(const struct plan_step *s);
bool plan_step_loses(const struct plan_step *s);        /* does it give anything up? */
/* Adds the guest bytes, of all layers, that it gives up, and that it puts back. */
void plan_step_guest_bytes(const struct plan_step *s, uint64_t *given_up, uint64_t *put_back);

/* All patches of the chosen steps, flattened and clipped. False when a chosen step that is not alone
 * follows one that was not chosen. */
bool plan_patches(const struct plan *p, struct patches *out, struct error *err);

/* Bytes after the end of a file of `size` that are left free where pointers lead there. */
static inline uint64_t plan_gap_len(uint64_t size)
{
    return size > PLAN_GAP_LEN ? size : PLAN_GAP_LEN;
}

/* Fills file_size, tables and range from the image as it is. progress: `overall` is set, and
 * `cancel` stops it; may be NULL. */
bool plan_fingerprint(struct plan *p, struct source *image, struct scan_progress *progress,
                      struct error *err);
/* Is it still that image? The message names the first range that differs. */
bool plan_matches(const struct plan *p, struct source *image, struct error *err);
/* Is every byte that a step replaces or copies under a digest of its own? */
bool plan_covered(const struct plan *p, struct error *err);

/* The file form: JSON, see data/schema/plan.schema.json. Reading trusts nothing: ranges are
 * checked, sizes are bounded, unknown goals and kinds are refused. */
bool plan_write(const struct plan *p, struct buf *out, struct error *err);
bool plan_read(struct source *file, struct plan *out, struct error *err);

/* Goals, in the order in which steps are best taken; NULL past the last. */
struct plan_goal { const char *name, *summary; };
const struct plan_goal *plan_goal_at(size_t i);
const struct plan_goal *plan_goal_named(const char *name);

#endif
