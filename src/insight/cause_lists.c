/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The snapshot table and the bitmaps. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"

static const enum problem_kind SNAPSHOTS[] = {
    PROBLEM_SNAPTABLE_PAST_END, PROBLEM_SNAPTABLE_FAULT, PROBLEM_SNAPSHOT_L1_MISALIGNED,
    PROBLEM_SNAPSHOT_L1_TOO_LARGE, PROBLEM_SNAPSHOT_INCOMPLETE, PROBLEM_SNAPSHOT_DATA_FILE,
    PROBLEM_SNAPSHOT_DUPLICATE, PROBLEM_SNAPSHOT_L1_SMALL, N_PROBLEMS,
};
static const enum problem_kind BITMAPS[] = {
    PROBLEM_BITMAP_PAST_END, PROBLEM_BITMAP_DIR_FAULT, PROBLEM_BITMAP_FAULT,
    PROBLEM_BITMAP_ENTRY, PROBLEM_BITMAPS_INCONSISTENT, PROBLEM_BITMAP_IN_USE_FLAG, N_PROBLEMS,
};

static uint64_t unclaimed(const struct work *w, const enum problem_kind *kinds,
                          const struct problem **first)
{
    uint64_t n = 0;

    for (size_t i = 0; i < w->ps->n; i++)
        for (size_t k = 0; kinds[k] != N_PROBLEMS; k++)
            if (w->ps->list[i].kind == kinds[k] && !w->out->claim[i]) {
                n += w->ps->list[i].count;
                if (!*first)
                    *first = &w->ps->list[i];
            }
    return n;
}

static void first_words(const struct work *w, const struct problem *p, struct buf *out)
{
    problem_text(p, w->img, out);
    if (out->len > 300) {
        out->len = 300;
        out->data[300] = '\0';
    }
}

static void snapshots(struct work *w)
{
    const struct problem *first = NULL;
    struct buf words = BUF_INIT;
    struct cause *c;

    if (!unclaimed(w, SNAPSHOTS, &first))
        return;
    first_words(w, first, &words);
    c = cause_add(w, CAUSE_OF_SNAPSHOT_TABLE, CONFIDENCE_CERTAIN);
    cause_claim(w, c, SNAPSHOTS, NULL, NULL, CLAIM_ONLY);
    cause_text(w, c, "The snapshot table is damaged (%s). The active disk does not depend on "
               "it%s.", buf_str(&words), w->leaked.clusters ? ", but what only the snapshots hold "
               "looks like space without an owner" : "");
    /* Snapshots that cannot be read own clusters that nobody names. */
    if (w->leaked.clusters) {
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
        cause_step(w, c, STEP_KEEP_LEAKS);
        cause_step_plan(w, c, "rescue");
    }
    cause_step(w, c, "Compare the entries with an older copy of the file (qcheck %s, key 4); "
               "'qcheck dump snapshots %s' shows what can be read of them",
               buf_str(&w->name), buf_str(&w->name));
    buf_free(&words);
}

static void bitmaps(struct work *w)
{
    const struct problem *first = NULL;
    struct buf words = BUF_INIT;
    struct cause *c;

    if (!unclaimed(w, BITMAPS, &first))
        return;
    first_words(w, first, &words);
    c = cause_add(w, CAUSE_OF_BITMAPS, CONFIDENCE_CERTAIN);
    cause_claim(w, c, BITMAPS, NULL, NULL, CLAIM_ONLY);
    cause_text(w, c, "Bitmaps of incremental backup are not to be trusted (%s). The guest's data "
               "is not affected.", buf_str(&words));
    if (w->leaked.clusters && w->leaked.data == 0)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    if (w->scan->refused.id && !strncmp(w->scan->refused.id, "bitmap", strlen("bitmap")))
        cause_step_change(w, c, "QEMU opens the image again without its bitmaps",
                          "bitmaps drop=all",
                          "bitmaps");
    cause_step(w, c, "Make a full backup next: the bitmaps no longer say what has changed");
    buf_free(&words);
}

/* qemu-img check -r deletes the snapshots of an image that also has bitmaps. */
static void repair_hazard(struct work *w)
{
    struct place place = { .kind = PLACE_SNAPSHOT, .i = 0, .file_off = NO_ADDRESS,
                           .guest_off = NO_ADDRESS };
    struct cause *c;
    uint64_t bad = problems_of_severity(w->ps, SEV_CORRUPTION) +
                   problems_of_severity(w->ps, SEV_LEAK);

    if (!w->img->snaps.n || !w->img->bitmaps.n || !bad)
        return;
    place_complete(w->img, &place);
    c = cause_add(w, CAUSE_OF_SNAPSHOTS_AND_BITMAP, CONFIDENCE_CERTAIN);
    cause_evidence(c, &place, "%zu snapshots", w->img->snaps.n);
    place.kind = PLACE_BITMAP;
    place_complete(w->img, &place);
    cause_evidence(c, &place, "%zu bitmaps", w->img->bitmaps.n);
    cause_text(w, c, "The image has snapshots and a bitmap: the repair of qemu-img deletes all "
               "snapshots of such an image (seen with versions 7.2 and 10.0).");
}

void causes_lists(struct work *w)
{
    snapshots(w);
    bitmaps(w);
    repair_hazard(w);
}
