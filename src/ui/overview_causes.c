/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The causes on the overview: each leads to the place that proves it. */
#include "config.h"

#include <stdio.h>

#include "base/text.h"
#include "ui/overview.h"

static uint8_t role_of(enum cause_weight w)
{
    switch (w) {
    case CAUSE_LOSES: return ROLE_SEV + SEV_CORRUPTION;
    case CAUSE_DANGER: return ROLE_SEV + SEV_ERROR;
    case CAUSE_LEAD: return ROLE_SEV + SEV_WARNING;
    default: return ROLE_SEV + SEV_NOTE;
    }
}

void overview_add_causes(struct overview *o, const struct ui *ui)
{
    const struct insight *x = ui->insight;
    char n[TEXT_NUM];

    if (!x || !x->n)
        return;
    overview_add(o, SECTION_PROBLEMS, LOOK_HEADING, x->n == 1 ? "Cause" : "Causes");
    for (size_t i = 0; i < x->n; i++) {
        const struct cause *c = &x->list[i];
        struct overview_line *line = overview_add(o, SECTION_PROBLEMS, LOOK_KIND,
            c->n_explained ? text_group(n, c->n_explained) : "");

        line->role = role_of(cause_info(c->kind)->weight);
        snprintf(line->text, sizeof line->text, "%s (%s)", cause_info(c->kind)->title,
                 confidence_name(c->confidence));
        if (c->n_evidence) {
            line->link = LINK_PLACE;
            line->place = c->evidence[0].place;
        }
    }
}
