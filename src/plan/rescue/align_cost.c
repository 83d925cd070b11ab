/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How well candidates and places go together. */
#include "config.h"

#include "plan/rescue/align_inside.h"

/* A file that ends in a part leaves zeros after its end, and none before. */
static int tails_cost(const struct print *c, const struct place_print *p)
{
    int cost = 0;

    for (unsigned i = 0; i < p->n_tails; i++) {
        unsigned part = p->tail[i].part, zeros = 0;

        if (!(c->nonzero[part / 64] >> part % 64 & 1))
            continue;                   /* counted as a part without data */
        for (unsigned k = 0; k < c->n_tails && k < PRINT_TAILS; k++)
            if (c->tail[k].part == part)
                zeros = c->tail[k].zeros;
        if (zeros < p->tail[i].zeros && (zeros || c->n_tails <= PRINT_TAILS))
            cost += NO_TAIL;
    }
    return cost;
}

int place_cost(const struct print *c, const struct place_print *p)
{
    int nz_free = ones_and(c->nonzero, p->free);
    int z_content = p->n_content - ones_and(c->nonzero, p->content);
    int z_data = p->n_data - ones_and(c->nonzero, p->data);

    int nz_zero = ones_and(c->nonzero, p->zero);

    int kinds = ones_of(c->dense_edge & p->goes_on) * OTHER_DENSE
        + ones_of(c->text_edge & p->goes_on) * OTHER_TEXT / 2;
    int files = ones_and(c->magic, p->inside) * NO_START
        + (p->n_typed - ones_and(c->magic, p->typed)) * NO_MAGIC + tails_cost(c, p);

    return least(kinds, OTHER_KIND_MAX) + least(files, FILES_MAX) + p->unknown * NOTHING_SAID
        + least(nz_zero * NOT_ZERO, NOT_ZERO_MAX) + least(nz_free * OLD_DATA, OLD_DATA_MAX)
        + least(z_content * NO_CONTENT, NO_CONTENT_MAX) + least(z_data * NO_DATA / 2, NO_DATA_MAX);
}

int order_emission(const struct order_walk *w, size_t item, size_t place)
{
    const struct place_print *p = &w->place[place];
    const struct print *print = w->o->print;
    int cost;

    if (w->at[item])
        return w->at[item] == place + 1 ? 0 : INFINITE;
    if (p->taken)
        return INFINITE;
    cost = place_cost(&print[item], p);
    if (place && p->goes_on & 1 && p[-1].taken && p[-1].cl + 1 == p->cl)
        cost += print_other_kind(&print[p[-1].cand], &print[item], w->last_block);
    if (place + 1 < w->n_places && p[1].goes_on & 1 && p[1].taken && p[1].cl == p->cl + 1)
        cost += print_other_kind(&print[item], &print[p[1].cand], w->last_block);
    return cost;
}
