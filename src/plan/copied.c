/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/copied.h"

#include "plan/edit.h"
#include "plan/entries.h"
#include "plan/findings.h"

struct flips {
    const struct trial *t;
    const struct geometry *geo;
    const struct entries *broken;
    bool by_count;
    struct word_reader reader;
    struct patches round;
    uint64_t n;
};

/* A flag that the references bear out is not what is wrong. */
static bool borne_out(const struct flips *f, uint64_t word)
{
    struct map_cell cell;

    if (!f->by_count || !(word & OFLAG_COPIED))
        return false;
    map_get(f->t->scan->map, geo_cluster_of(f->geo, word & ENTRY_OFFSET_MASK), &cell);
    return cell.counted == 1;
}

static bool flip(void *ctx, const struct problem *p, struct error *err)
{
    struct flips *f = ctx;
    uint64_t size = p->place.kind == PLACE_L2 ? f->geo->l2_entry_size : 8, word;

    /* What is something else as well would be damaged. */
    if (!entries_in_a_table(f->t, &p->place))
        return true;
    for (uint64_t k = 0; k < p->count; k++) {
        uint64_t off = p->place.file_off + k * size;

        if (entries_foreign(f->broken, off))
            continue;
        if (!word_read(&f->reader, off, &word, err))
            return false;
        if (borne_out(f, word))
            continue;
        edit_entry(&f->round, off, word ^ OFLAG_COPIED);
        f->n++;
    }
    return true;
}

bool copied_plan(struct trial *trial, bool by_count, struct patches *step, uint64_t *changed,
                 struct error *err)
{
    static const bool wanted[N_PROBLEMS] = {
        [PROBLEM_L2_COPIED] = true, [PROBLEM_DATA_COPIED] = true,
    };
    const uint64_t *count = trial->scan->problems.count;
    struct entries broken = { .t = trial };
    struct flips f = { .t = trial, .geo = &trial->img->geo, .reader.src = trial->img->src,
                       .broken = &broken, .by_count = by_count };
    bool any = count[PROBLEM_L2_COPIED] || count[PROBLEM_DATA_COPIED];
    bool ok = !any || (entries_collect(trial, &broken, err)
                       && findings_each(trial, wanted, flip, &f, err));

    entries_free(&broken);
    if (ok && (f.round.n || f.round.failed))
        ok = trial_take(trial, &f.round, err);
    if (ok) {
        patches_append(step, &f.round);
        *changed = f.n;
    }
    patches_free(&f.round);
    return ok;
}
