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
    struct word_reader reader;
    struct patches round;
    uint64_t n;
};

static bool flip(void *ctx, const struct problem *p, struct error *err)
{
    struct flips *f = ctx;
    uint64_t size = p->place.kind == PLACE_L2 ? f->geo->l2_entry_size : 8, word;

    /* What is something else as well would be damaged. */
    if (!entries_in_a_table(f->t, &p->place))
        return true;
    for (uint64_t k = 0; k < p->count; k++) {
        uint64_t off = p->place.file_off + k * size;

        if (!word_read(&f->reader, off, &word, err))
            return false;
        edit_entry(&f->round, off, word ^ OFLAG_COPIED);
        f->n++;
    }
    return true;
}

bool copied_plan(struct trial *trial, struct patches *step, uint64_t *changed,
                 struct error *err)
{
    static const bool wanted[N_PROBLEMS] = {
        [PROBLEM_L2_COPIED] = true, [PROBLEM_DATA_COPIED] = true,
    };
    struct flips f = { .t = trial, .geo = &trial->img->geo, .reader.src = trial->img->src };
    bool ok = findings_each(trial, wanted, flip, &f, err);

    if (ok && (f.round.n || f.round.failed))
        ok = trial_take(trial, &f.round, err);
    if (ok) {
        patches_append(step, &f.round);
        *changed = f.n;
    }
    patches_free(&f.round);
    return ok;
}
