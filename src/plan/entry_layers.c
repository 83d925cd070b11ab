/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which guest ranges of which layers an L2 entry stands for: tables are shared by
 * snapshots. */
#include "config.h"

#include "base/bisect.h"
#include "plan/entries.h"

#include <stdlib.h>

#define WORDS       4096
#define WORDS_MAX   (UINT64_C(1) << 26)     /* L1 entries that are looked at */

struct naming {
    const struct entries *e;
    struct plan_step *step;
    const size_t *first;            /* indexes of e->list: the first entry of each table with
                                       an L2 entry that changes, in the order of the file */
    size_t n;
};

static bool changes_reading(const struct broken_entry *b)
{
    return b->fix == ENTRY_PROVEN || b->fix == ENTRY_ZEROED;
}

static uint64_t table_of(const struct naming *m, size_t i)
{
    return m->e->list[i].place.file_off & ~(m->e->t->img->geo.cluster_size - 1);
}

static bool name_one(const struct naming *m, uint32_t layer, uint64_t guest_off,
                     uint64_t len, const struct broken_entry *b, struct error *err)
{
    return (b->fix == ENTRY_PROVEN
            ? plan_step_add_regained(m->step, layer, guest_off, len)
            : plan_step_add_loss(m->step, layer, guest_off, len))
        || err_set(err, ERR_NOMEM, "out of memory");
}

/* The entries of the table at `off`, which L1 entry `i` of a layer refers to. */
static bool name_table(const struct naming *m, uint32_t layer, uint64_t i, uint64_t off,
                       struct error *err)
{
    const struct geometry *geo = &m->e->t->img->geo;
    size_t lo;

    BISECT(lo, m->n, mid, table_of(m, m->first[mid]) >= off);
    if (lo == m->n || table_of(m, m->first[lo]) != off)
        return true;
    for (size_t k = m->first[lo]; k < m->e->n && table_of(m, k) == off; k++) {
        const struct broken_entry *b = &m->e->list[k];

        if (changes_reading(b)
            && !name_one(m, layer, geo_guest_off(geo, i, b->place.j), geo->cluster_size, b,
                         err))
            return false;
    }
    return true;
}

static bool name_layer(const struct naming *m, uint32_t layer, uint64_t *left,
                       struct error *err)
{
    struct layer_l1 l1;
    uint64_t word[WORDS];

    if (!image_layer_l1(m->e->t->img, layer, &l1))
        return true;
    for (uint64_t at = 0; at < u64_min(l1.present, *left); at += WORDS) {
        size_t n = (size_t)u64_min(WORDS, l1.present - at);

        image_read_l1(m->e->t->img, l1.off, at, n, word, NULL);
        for (size_t k = 0; k < n; k++)
            if (word[k] & ENTRY_OFFSET_MASK
                && !name_table(m, layer, at + k, word[k] & ENTRY_OFFSET_MASK, err))
                return false;
    }
    *left -= u64_min(*left, l1.present);
    return true;
}

/* What an entry is led to by proof is right as long as it is what was found there. */
static bool rest_on_found(const struct entries *e, struct plan_step *step)
{
    const struct geometry *geo = &e->t->img->geo;

    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].fix == ENTRY_PROVEN && !geo->data_file
            && !plan_step_rests_on(step, e->list[i].now.word & ENTRY_OFFSET_MASK,
                                   geo->cluster_size))
            return false;
    return true;
}

bool entries_name_losses(const struct entries *e, struct plan_step *step, struct error *err)
{
    struct naming m = { .e = e, .step = step };
    size_t *first = calloc(e->n + 1, sizeof *first);
    uint64_t left = WORDS_MAX;
    bool ok = true;

    if (!first || !rest_on_found(e, step)) {
        free(first);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    m.first = first;
    for (size_t i = 0; ok && i < e->n; i++) {
        const struct broken_entry *b = &e->list[i];

        if (!changes_reading(b))
            continue;
        if (b->place.kind == PLACE_L1)
            ok = name_one(&m, b->place.layer, b->place.guest_off, e->t->img->geo.l2_span, b,
                          err);
        else if (!m.n || table_of(&m, first[m.n - 1]) != table_of(&m, i))
            first[m.n++] = i;
    }
    for (uint32_t layer = LAYER_ACTIVE; ok && m.n && layer <= e->t->img->snaps.n; layer++)
        ok = name_layer(&m, layer, &left, err);
    free(first);
    return ok;
}
