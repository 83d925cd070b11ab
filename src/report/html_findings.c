/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The causes and the problems of an HTML report. */
#include "config.h"

#include <stdio.h>

#include "base/text.h"
#include "picture/markup.h"
#include "report/html_report.h"

#define PLACES_SHOWN    8
#define SPANS_SHOWN     8
#define RECORDS_SHOWN   12

/* --- causes --- */

static void part(struct buf *out, const char *label, const char *text)
{
    if (!text)
        return;
    buf_printf(out, "<p><b>%s</b> ", label);
    markup_text(out, text);
    buf_puts(out, "</p>\n");
}

static void spans(struct buf *out, const char *label, const struct guest_spans *s)
{
    char size[TEXT_NUM];

    if (!s->n)
        return;
    buf_printf(out, "<p><b>%s</b> ", label);
    html_printf(out, "%s of the guest disk: ", text_size(size, spans_bytes(s)));
    for (size_t i = 0; i < s->n && i < SPANS_SHOWN; i++) {
        buf_printf(out, "%s<code>", i ? ", " : "");
        text_range(out, s->list[i].start, s->list[i].end, ASCII_DASH);
        buf_puts(out, "</code>");
    }
    if (s->n > SPANS_SHOWN)
        html_printf(out, " and %zu more ranges", s->n - SPANS_SHOWN);
    buf_puts(out, "</p>\n");
}

static void evidence(const struct cause *c, struct buf *out)
{
    struct buf place = BUF_INIT;
    char n[TEXT_NUM];

    if (!c->n_evidence)
        return;
    buf_puts(out, "<ul class=\"places\">\n");
    for (size_t i = 0; i < c->n_evidence && i < PLACES_SHOWN; i++) {
        buf_reset(&place);
        place_text(&c->evidence[i].place, &place);
        buf_puts(out, "<li><code>");
        markup_text(out, buf_str(&place));
        buf_puts(out, "</code>");
        if (c->evidence[i].text[0])
            html_printf(out, ": %s", c->evidence[i].text);
        buf_puts(out, "</li>\n");
    }
    if (c->evidence_total > PLACES_SHOWN)
        buf_printf(out, "<li>and %s more places</li>\n",
                   text_group(n, c->evidence_total - PLACES_SHOWN));
    buf_puts(out, "</ul>\n");
    buf_free(&place);
}

static void cause(const struct cause *c, struct buf *out)
{
    static const char *const looks[N_CAUSE_WEIGHTS] = {
        [CAUSE_LOSES] = "bad", [CAUSE_DANGER] = "unsure", [CAUSE_LEAD] = "plain",
        [CAUSE_HARMLESS] = "good",
    };
    const struct cause_info *info = cause_info(c->kind);
    char n[TEXT_NUM];

    buf_printf(out, "<article class=\"%s\">\n", looks[info->weight]);
    html_element(out, "h3", info->title);
    buf_puts(out, "<p class=\"meta\">");
    html_printf(out, "%s, %s", cause_weight_name(info->weight), confidence_name(c->confidence));
    if (c->n_explained)
        html_printf(out, "; explains %s%s problem%s", c->about ? "about " : "",
                    text_group(n, c->n_explained), c->n_explained == 1 ? "" : "s");
    html_printf(out, " (%s)", info->id);
    buf_puts(out, "</p>\n");
    html_element(out, "p", c->text ? c->text : info->happened);
    evidence(c, out);
    spans(out, "Lost:", &c->lost);
    spans(out, "In danger:", &c->risk);
    if (c->text)
        part(out, "How it comes about.", info->happened);
    part(out, "How it is told.", info->told);
    part(out, "What looks like it and is not.", info->alike);
    part(out, "What to do.", info->next);
    buf_puts(out, "</article>\n");
}

void html_causes(const struct insight *x, struct buf *out)
{
    buf_puts(out, "<section id=\"causes\">\n<h2>Causes</h2>\n");
    if (!x->n)
        buf_puts(out, "<p>None.</p>\n");
    for (size_t i = 0; i < x->n; i++)
        cause(&x->list[i], out);
    buf_puts(out, "</section>\n");
}

/* --- problems --- */

static void records(const struct scan_result *scan, enum problem_kind kind, struct buf *out)
{
    const struct problems *p = &scan->problems;
    struct buf text = BUF_INIT;
    uint64_t told = 0;
    char n[TEXT_NUM];
    int lines = 0;

    buf_puts(out, "<ul class=\"places\">\n");
    for (size_t i = 0; i < p->n && lines < RECORDS_SHOWN; i++) {
        if (p->list[i].kind != kind)
            continue;
        buf_reset(&text);
        problem_text(&p->list[i], scan->img, &text);
        html_element(out, "li", buf_str(&text));
        told += p->list[i].count;
        lines++;
    }
    if (told < p->count[kind])
        buf_printf(out, "<li>and %s more</li>\n", text_group(n, p->count[kind] - told));
    buf_puts(out, "</ul>\n");
    buf_free(&text);
}

static void kind_of_problem(const struct scan_result *scan, enum problem_kind kind,
                            struct buf *out)
{
    static const char *const looks[N_SEVERITIES] = {
        [SEV_CORRUPTION] = "bad", [SEV_LEAK] = "unsure", [SEV_ERROR] = "bad",
        [SEV_WARNING] = "unsure", [SEV_NOTE] = "plain",
    };
    const struct problem_info *info = problem_info(kind);
    char n[TEXT_NUM];

    buf_printf(out, "<article class=\"%s\">\n", looks[info->severity]);
    html_element(out, "h3", info->title);
    buf_puts(out, "<p class=\"meta\">");
    html_printf(out, "%s, %s time%s (%s)", severity_name(info->severity),
                text_group(n, scan->problems.count[kind]),
                scan->problems.count[kind] == 1 ? "" : "s", info->id);
    buf_puts(out, "</p>\n");
    html_element(out, "p", info->meaning);
    part(out, "For the guest.", info->effect);
    part(out, "What to do.", info->advice);
    records(scan, kind, out);
    buf_puts(out, "</article>\n");
}

void html_problems(const struct scan_result *scan, struct buf *out)
{
    bool some = false;

    buf_puts(out, "<section id=\"problems\">\n<h2>Problems</h2>\n");
    for (int s = 0; s < N_SEVERITIES; s++) {
        for (int k = 0; k < N_PROBLEMS; k++) {
            if (!scan->problems.count[k]
                || problem_info((enum problem_kind)k)->severity != (enum severity)s)
                continue;
            kind_of_problem(scan, (enum problem_kind)k, out);
            some = true;
        }
    }
    if (!some)
        buf_puts(out, "<p>None.</p>\n");
    buf_puts(out, "</section>\n");
}
