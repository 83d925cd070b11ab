/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The causes on the overview, each of which leads to what proves it, and what to do. */
#include "config.h"

#include <stdio.h>

#include "base/text.h"
#include "ui/overview.h"

#define SAID_IN_FULL 2          /* causes that are told with their numbers */

unsigned overview_cause_role(const struct cause *c)
{
    static const uint8_t severity[N_CAUSE_WEIGHTS] = {
        [CAUSE_LOSES] = SEV_CORRUPTION, [CAUSE_DANGER] = SEV_ERROR,
        [CAUSE_LEAD] = SEV_WARNING, [CAUSE_HARMLESS] = SEV_NOTE,
    };

    return ROLE_SEV + severity[c->weight];
}

/* What to do now, in order. */
static void add_steps(struct overview *o, const struct verdict *v)
{
    if (v->n_steps)
        overview_add(o, SECTION_STEPS, LOOK_HEADING, "What to do now");
    for (size_t i = 0; i < v->n_steps; i++) {
        struct overview_line *line = overview_add(o, SECTION_STEPS, LOOK_STEP, "");

        snprintf(line->label, sizeof line->label, "%zu.", i + 1);
        snprintf(line->text, sizeof line->text, "%s", v->step[i]);
        line->role = ROLE_TEXT;
    }
}

void overview_add_causes(struct overview *o, const struct ui *ui)
{
    const struct insight *x = ui->insight;
    char n[TEXT_NUM];

    if (!x)
        return;
    if (x->n)
        overview_add(o, SECTION_CAUSES, LOOK_HEADING, x->n == 1 ? "Cause" : "Causes");
    for (size_t i = 0; i < x->n; i++) {
        const struct cause *c = &x->list[i];
        struct overview_line *line = overview_add(o, SECTION_CAUSES, LOOK_KIND,
            c->n_explained ? text_group(n, c->n_explained) : "");

        line->role = (uint8_t)overview_cause_role(c);
        snprintf(line->text, sizeof line->text, "%s (%s)%s%s", cause_info(c->kind)->title,
                 confidence_name(c->confidence), x->n <= SAID_IN_FULL && c->text ? ". " : "",
                 x->n <= SAID_IN_FULL && c->text ? c->text : "");
        line->link = LINK_CAUSE;
        line->which = (int)i + 1;
    }
    add_steps(o, &x->verdict);
}
