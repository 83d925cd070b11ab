/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/hits.h"

void hits_text(const struct problem_hits *hits, struct out *out)
{
    for (size_t i = 0; i < hits->n_kinds; i++)
        out_printf(out, "%s%s", i ? " " : "  ! ", problem_info(hits->kind[i])->id);
}

void hits_json(const struct problem_hits *hits, struct jw *j)
{
    if (!hits->n_kinds)
        return;
    jw_array_flat(j, "problems");
    for (size_t i = 0; i < hits->n_kinds; i++)
        jw_text(j, NULL, problem_info(hits->kind[i])->id);
    jw_close(j);
}
