/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "plan/rescue/rescue_guest.h"

const struct rescue_witness *const RESCUE_WITNESSES[] = {
    &witness_disk,
    &witness_lvm,
    &witness_below,
    &witness_btrfs,
    &witness_ext,
    &witness_exfat,
    &witness_fat,
    &witness_ntfs,
    &witness_xfs,
    NULL,
};

#define WITNESSES_MAX 16

struct rescue_asking {
    struct rescue_guest *g;                     /* borrowed */
    const struct rescue_witness *witness[WITNESSES_MAX];
    void *self[WITNESSES_MAX];
    size_t n;
};

bool rescue_ask_begin(struct rescue_guest *g, const struct rescue_witness *const *list,
                      struct rescue_asking **out, struct error *err)
{
    struct rescue_asking *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->g = g;
    for (size_t i = 0; list[i] && i < WITNESSES_MAX; i++) {
        a->witness[i] = list[i];
        a->self[i] = list[i]->begin(g);
        if (!a->self[i]) {
            rescue_ask_end(a);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        a->n++;
    }
    *out = a;
    return true;
}

bool rescue_ask_look(struct rescue_asking *a, size_t cand, const uint8_t *bytes,
                     struct error *err)
{
    for (size_t i = 0; i < a->n; i++)
        if (!a->witness[i]->look(a->self[i], a->g, cand, bytes, rescue_cluster(a->g)))
            return err_set(err, ERR_NOMEM, "out of memory");
    return true;
}

bool rescue_ask_reason(struct rescue_asking *a, const _Atomic bool *cancel, bool *news,
                       struct error *err)
{
    *news = false;
    for (int round = 0; round < RESCUE_ROUNDS; round++) {
        bool now = false;

        for (size_t i = 0; i < a->n; i++) {
            if (cancel && *cancel)
                return true;
            if (!a->witness[i]->reason(a->self[i], a->g, &now, err))
                return false;
        }
        if (rescue_starved(a->g))
            return err_set(err, ERR_NOMEM, "out of memory");
        if (!now)
            break;
        *news = true;
    }
    return true;
}

void rescue_ask_end(struct rescue_asking *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n; i++)
        a->witness[i]->end(a->self[i]);
    free(a);
}
