/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/guesses.h"

void guesses_lines(const struct guesses *g, const char *label, struct out *out)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < g->n; i++) {
        buf_reset(&text);
        guess_text(&g->list[i], &text);
        out_printf(out, "%s%s\n", label, buf_str(&text));
    }
    buf_free(&text);
}

void guesses_json(const struct guesses *g, struct jw *j)
{
    struct buf option = BUF_INIT;

    if (!g->n)
        return;
    jw_array(j, "header-values");
    for (size_t i = 0; i < g->n; i++) {
        const struct guess *x = &g->list[i];

        buf_reset(&option);
        jw_object_flat(j, NULL);
        jw_text(j, "field", x->field);
        jw_u64(j, "offset", x->off);
        jw_text(j, "how", guess_how_name(x->how));
        jw_bool(j, "damaged", x->damaged);
        jw_hex(j, "in-file", x->found);
        jw_hex(j, "value", x->value);
        if (*x->why)
            jw_text(j, "why", x->why);
        if (guess_option(x, &option))
            jw_text(j, "option", buf_str(&option));
        jw_close(j);
    }
    jw_close(j);
    buf_free(&option);
}
