/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What qcheck diff prints for people; the JSON form is in diff_json.c. */
#include "config.h"

#include "report/diff_report.h"

#include <string.h>

#define RANGES_SHOWN 20

void diff_text(const struct diff_report *r, struct out *out)
{
    struct buf text = BUF_INIT;

    out_puts(out, "--- ");
    out_visible(out, r->name_a, strlen(r->name_a));
    out_puts(out, "\n+++ ");
    out_visible(out, r->name_b, strlen(r->name_b));
    out_puts(out, "\n");
    difference_text(&r->a, &r->b, r->diff, RANGES_SHOWN, &text);
    out_puts(out, buf_str(&text));
    buf_free(&text);
}
