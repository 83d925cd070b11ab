/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* All that is found out about an image as one page of HTML: to be sent to somebody, read on a
 * phone, printed. It needs no script and nothing from elsewhere, and is well-formed XML too. */
#ifndef QCHECK_REPORT_HTML_REPORT_H
#define QCHECK_REPORT_HTML_REPORT_H

#include "insight/cause.h"
#include "report/info.h"

struct html_report {
    const char *name;                   /* of the image, as the person gave it */
    const struct scan_result *scan;
    const struct insight *insight;      /* of this scan */
    const struct info *info;            /* its figures: all that are known */
    const char *when;                   /* "2026-11-26 00:05 UTC" */
    int status;                         /* of check */
};

/* False when memory runs out or a table cannot be read again. */
bool html_report_write(const struct html_report *r, struct buf *out, struct error *err);

/* --- parts (html_findings.c, html_style.c) --- */

void html_style(struct buf *out);

/* "<TAG>text</TAG>", where TAG may have attributes: "p class=\"meta\"". */
void html_element(struct buf *out, const char *tag, const char *text);
/* "3 causes", and `text` in the middle of markup */
void html_printf(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void html_causes(const struct insight *x, struct buf *out);
void html_problems(const struct scan_result *scan, struct buf *out);

#endif
