/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/causes.h"

#include <stdio.h>

#include "base/text.h"
#include "report/wrap.h"

#define WIDTH 80
#define EVIDENCE_SHOWN 4
#define SPANS_SHOWN 3
#define SPANS_IN_JSON 256

static void paragraph(struct out *out, size_t indent, const char *mark, const char *text)
{
    struct buf b = BUF_INIT;

    wrap_text(&b, text, 0, indent, WIDTH);
    out_printf(out, "%*s%s", (int)indent, mark, buf_str(&b));
    buf_free(&b);
}

static void spans_text(const char *what, const struct guest_spans *s, struct out *out)
{
    struct buf b = BUF_INIT;
    char size[TEXT_NUM];

    if (!s->n)
        return;
    buf_printf(&b, "%s: %s of the guest disk: ", what, text_size(size, spans_bytes(s)));
    for (size_t i = 0; i < s->n && i < SPANS_SHOWN; i++)
        buf_printf(&b, "%s0x%llx - 0x%llx", i ? ", " : "",
                   (unsigned long long)s->list[i].start,
                   (unsigned long long)s->list[i].end - 1);
    if (s->n > SPANS_SHOWN)
        buf_printf(&b, " and %zu more ranges", s->n - SPANS_SHOWN);
    paragraph(out, 5, "", buf_str(&b));
    buf_free(&b);
}

static void evidence_text(const struct cause *c, struct out *out)
{
    struct buf b = BUF_INIT;
    char a[TEXT_NUM];

    for (size_t i = 0; i < c->n_evidence && i < EVIDENCE_SHOWN; i++) {
        buf_reset(&b);
        place_text(&c->evidence[i].place, &b);
        if (c->evidence[i].text[0])
            buf_printf(&b, ": %s", c->evidence[i].text);
        paragraph(out, 7, "- ", buf_str(&b));
    }
    if (c->evidence_total > EVIDENCE_SHOWN)
        out_printf(out, "     - and %s more places\n",
                   text_group(a, c->evidence_total - EVIDENCE_SHOWN));
    buf_free(&b);
}

static void cause_lines(const struct insight *x, size_t i, struct out *out)
{
    const struct cause *c = &x->list[i];
    const struct cause_info *info = cause_info(c->kind);
    struct buf b = BUF_INIT;
    char mark[24], a[TEXT_NUM];

    buf_printf(&b, "%s (%s, %s; %s)", info->title, cause_weight_name(c->weight),
               confidence_name(c->confidence), info->id);
    snprintf(mark, sizeof mark, "%zu. ", i + 1);
    paragraph(out, 5, mark, buf_str(&b));
    paragraph(out, 5, "", c->text ? c->text : info->happened);
    evidence_text(c, out);
    spans_text("Lost", &c->lost, out);
    spans_text("In danger", &c->risk, out);
    if (c->lost.n || c->risk.n)
        spans_text("Untouched", &c->untouched, out);
    if (c->n_explained)
        out_printf(out, "     Explains %s%s problem%s.\n", c->about ? "about " : "",
                   text_group(a, c->n_explained), c->n_explained == 1 ? "" : "s");
    buf_free(&b);
}

void causes_text(const struct insight *x, struct out *out)
{
    const struct verdict *v = &x->verdict;
    struct buf b = BUF_INIT;
    char mark[24];

    if (!x->n && !x->problems && !v->n_steps)
        return;
    out_puts(out, "\n");
    paragraph(out, 0, "", v->text);
    out_printf(out, "Data lost: %s. May be opened: %s. May be written to: %s.\n",
               answer_name(v->data_lost), answer_name(v->may_open),
               answer_name(v->may_write));
    insight_summary(x, &b);
    if (x->n || b.len)
        out_printf(out, "\nCauses%s%s\n", b.len ? ": " : "", buf_str(&b));
    buf_free(&b);
    for (size_t i = 0; i < x->n; i++)
        cause_lines(x, i, out);
    if (v->n_steps)
        out_puts(out, "\nWhat to do now\n");
    for (size_t i = 0; i < v->n_steps; i++) {
        snprintf(mark, sizeof mark, "%zu. ", i + 1);
        paragraph(out, 5, mark, v->step[i]);
    }
}

/* --- JSON --- */

static void spans_json(struct jw *j, const char *key, const struct guest_spans *s)
{
    jw_object(j, key);
    jw_u64(j, "bytes", spans_bytes(s));
    jw_array(j, "ranges");
    for (size_t i = 0; i < s->n && i < SPANS_IN_JSON; i++) {
        jw_object_flat(j, NULL);
        jw_u64(j, "guest-offset", s->list[i].start);
        jw_u64(j, "guest-length", s->list[i].end - s->list[i].start);
        jw_close(j);
    }
    jw_close(j);
    jw_bool(j, "ranges-complete", !s->inexact && s->n <= SPANS_IN_JSON);
    jw_close(j);
}

static void steps_json(struct jw *j, char *const *step, size_t n)
{
    jw_array(j, "next-steps");
    for (size_t i = 0; i < n; i++)
        jw_text(j, NULL, step[i]);
    jw_close(j);
}

static void verdict_json(const struct verdict *v, struct jw *j)
{
    jw_object(j, "verdict");
    jw_text(j, "text", v->text);
    jw_text(j, "data-lost", answer_name(v->data_lost));
    jw_text(j, "may-open", answer_name(v->may_open));
    jw_text(j, "may-write", answer_name(v->may_write));
    jw_bool(j, "incomplete", v->incomplete);
    spans_json(j, "lost", &v->lost);
    spans_json(j, "in-danger", &v->risk);
    spans_json(j, "untouched", &v->untouched);
    steps_json(j, v->step, v->n_steps);
    jw_close(j);
}

void verdict_refused_json(const struct error *err, struct jw *j)
{
    const struct guest_spans unknown = { .inexact = true };
    struct error why = *err;
    char step[] = "Write nothing to the file until it is known what it is";
    char *steps[] = { step };
    struct verdict v = { .data_lost = ANSWER_PERHAPS, .incomplete = true, .text = why.text,
                         .step = steps, .n_steps = 1, .lost = unknown, .risk = unknown,
                         .untouched = unknown };

    verdict_json(&v, j);
}

static void evidence_json(const struct cause *c, struct jw *j)
{
    struct buf b = BUF_INIT;

    jw_array(j, "evidence");
    for (size_t i = 0; i < c->n_evidence; i++) {
        const struct evidence *e = &c->evidence[i];

        buf_reset(&b);
        place_text(&e->place, &b);
        jw_object_flat(j, NULL);
        jw_text(j, "place", buf_str(&b));
        jw_address(j, "file-offset", e->place.file_off);
        jw_address(j, "guest-offset", e->place.guest_off);
        if (e->text[0])
            jw_text(j, "text", e->text);
        jw_close(j);
    }
    jw_close(j);
    jw_u64(j, "evidence-total", c->evidence_total);
    buf_free(&b);
}

static void cause_json(const struct cause *c, struct jw *j)
{
    const struct cause_info *info = cause_info(c->kind);

    jw_object(j, NULL);
    jw_text(j, "id", info->id);
    jw_text(j, "weight", cause_weight_name(c->weight));
    jw_text(j, "confidence", confidence_name(c->confidence));
    jw_text(j, "title", info->title);
    jw_text(j, "text", c->text ? c->text : info->happened);
    evidence_json(c, j);
    jw_array(j, "explains");
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (!c->explains[k])
            continue;
        jw_object_flat(j, NULL);
        jw_text(j, "id", problem_info((enum problem_kind)k)->id);
        jw_u64(j, "count", c->explains[k]);
        jw_close(j);
    }
    jw_close(j);
    jw_u64(j, "explained", c->n_explained);
    jw_bool(j, "exact", !c->about);
    spans_json(j, "lost", &c->lost);
    spans_json(j, "in-danger", &c->risk);
    spans_json(j, "untouched", &c->untouched);
    steps_json(j, c->step, c->n_steps);
    jw_close(j);
}

void causes_json(const struct insight *x, struct jw *j)
{
    verdict_json(&x->verdict, j);
    jw_array(j, "causes");
    for (size_t i = 0; i < x->n; i++)
        cause_json(&x->list[i], j);
    jw_close(j);
    jw_u64(j, "explained", x->explained);
    jw_u64(j, "unexplained", x->problems - u64_min(x->problems, x->explained));
}

/* --- explain --- */

static void part(struct out *out, const char *label, const char *text)
{
    if (!text)
        return;
    out_printf(out, "\n  %s\n", label);
    paragraph(out, 4, "", text);
}

void causes_explain(enum cause_kind kind, struct out *out)
{
    const struct cause_info *c = cause_info(kind);

    out_printf(out, "%s\n%s (a cause; %s)\n", c->title, c->id, cause_weight_name(c->weight));
    part(out, "What happened", c->happened);
    part(out, "How it is told", c->told);
    part(out, "What looks like it and is not", c->alike);
    part(out, "What to do", c->next);
    if (c->sample)
        out_printf(out, "\n  See it\n    qcheck --sample=%s\n", c->sample);
}

void causes_explain_json(enum cause_kind kind, struct jw *j)
{
    const struct cause_info *c = cause_info(kind);

    jw_object(j, NULL);
    jw_text(j, "id", c->id);
    jw_text(j, "weight", cause_weight_name(c->weight));
    jw_text(j, "title", c->title);
    jw_text(j, "happened", c->happened);
    jw_text(j, "told", c->told);
    if (c->alike)
        jw_text(j, "alike", c->alike);
    jw_text(j, "next", c->next);
    if (c->sample)
        jw_text(j, "sample", c->sample);
    jw_close(j);
}
