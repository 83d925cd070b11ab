/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/cause.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"

const char *confidence_name(enum confidence c)
{
    static const char *const name[] = { "certain", "likely", "possible" };

    return name[c];
}

const char *cause_weight_name(enum cause_weight w)
{
    static const char *const name[] = { "data-loss", "danger", "lead", "harmless" };

    return name[w];
}

/* --- making a cause --- */

struct cause *cause_add(struct work *w, enum cause_kind kind, enum confidence c)
{
    struct insight *x = w->out;
    struct cause *list = realloc(x->list, (x->n + 1) * sizeof *list);

    if (!list) {
        w->failed = true;
        return NULL;
    }
    x->list = list;
    list[x->n] = (struct cause){ .kind = kind, .weight = cause_info(kind)->weight,
                                 .confidence = c };
    return &list[x->n++];
}

struct cause *cause_found(const struct work *w, enum cause_kind kind)
{
    for (size_t i = 0; i < w->out->n; i++)
        if (w->out->list[i].kind == kind)
            return &w->out->list[i];
    return NULL;
}

static char *text_of(struct work *w, const char *fmt, va_list ap)
{
    char line[1200];
    char *copy;

    vsnprintf(line, sizeof line, fmt, ap);
    copy = strdup(line);
    w->failed |= !copy;
    return copy;
}

void cause_text(struct work *w, struct cause *c, const char *fmt, ...)
{
    va_list ap;

    if (!c)
        return;
    va_start(ap, fmt);
    free(c->text);
    c->text = text_of(w, fmt, ap);
    va_end(ap);
}

void cause_step(struct work *w, struct cause *c, const char *fmt, ...)
{
    char **step = c ? realloc(c->step, (c->n_steps + 1) * sizeof *step) : NULL;
    va_list ap;

    if (!step) {
        w->failed |= c != NULL;
        return;
    }
    c->step = step;
    va_start(ap, fmt);
    step[c->n_steps] = text_of(w, fmt, ap);
    va_end(ap);
    c->n_steps += step[c->n_steps] != NULL;
}

void cause_step_plan(struct work *w, struct cause *c, const char *goal)
{
    const char *name = buf_str(&w->name);
    const char *what = !strcmp(goal, "header") ? "what the header should say"
                       : !strcmp(goal, "entries") ? "what the broken entries should say"
                       : "what can be put back in the place of lost tables";

    cause_step(w, c, "Plan %s: qcheck plan %s -o %s.plan %s; then read the disk as it would be: "
               "qcheck export --plan %s.plan %s %s.raw", what, goal, goal, name, goal, name, goal);
}

void cause_step_change(struct work *w, struct cause *c, const char *what, const char *goal,
                       const char *file)
{
    cause_step(w, c, "%s: qcheck plan %s -o %s.plan %s; then change the copy: qcheck apply %s.plan "
               "%s --in-place --undo %s.undo", what, goal, file, buf_str(&w->name), file,
               buf_str(&w->copy), file);
}

void cause_evidence(struct cause *c, const struct place *place, const char *fmt, ...)
{
    va_list ap;

    if (!c)
        return;
    c->evidence_total++;
    if (c->n_evidence == EVIDENCE_MAX)
        return;
    c->evidence[c->n_evidence].place = *place;
    va_start(ap, fmt);
    vsnprintf(c->evidence[c->n_evidence].text, sizeof c->evidence->text, fmt, ap);
    va_end(ap);
    c->n_evidence++;
}

static void claim_spans(struct work *w, struct guest_spans *to, const struct problem *p)
{
    const struct place *user[] = { &p->owner, &p->other };
    uint32_t layer = p->place.kind == PLACE_CLUSTER ? p->owner.layer : p->place.layer;
    uint64_t len;

    if (p->place.kind != PLACE_CLUSTER) {
        if (layer == LAYER_ACTIVE && p->guest_off != NO_ADDRESS)
            spans_add(to, p->guest_off, p->guest_len, w->geo->size);
        return;
    }
    for (int k = 0; k < 2; k++) {
        if (user[k]->layer != LAYER_ACTIVE || user[k]->guest_off == NO_ADDRESS)
            continue;
        if (user[k]->kind == PLACE_L2 && u64_mul(p->count, w->geo->cluster_size, &len))
            spans_add(to, user[k]->guest_off, len, w->geo->size);
        else if (user[k]->kind == PLACE_L1)
            spans_add(to, user[k]->guest_off, w->geo->l2_span, w->geo->size);
    }
}

uint64_t cause_claim(struct work *w, struct cause *c, const enum problem_kind *kinds,
                     claim_match *match, const void *ctx, enum claim_as as)
{
    bool wanted[N_PROBLEMS] = { false };
    uint64_t sum = 0;

    if (!c)
        return 0;
    while (*kinds != N_PROBLEMS)
        wanted[*kinds++] = true;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (!wanted[p->kind] || w->out->claim[i] || (match && !match(w, p, ctx)))
            continue;
        w->out->claim[i] = (uint16_t)(c - w->out->list + 1);
        c->explains[p->kind] += p->count;
        sum += p->count;
        if (as != CLAIM_ONLY)
            claim_spans(w, as == CLAIM_LOST ? &c->lost : &c->risk, p);
        if (c->n_evidence < EVIDENCE_MAX)
            cause_evidence(c, &p->place, "%s", problem_info(p->kind)->title);
        else
            c->evidence_total++;
    }
    return sum;
}

/* --- all of it --- */

/* Problems of kinds of which not all records were kept: they go to the cause that has
 * nearly all of those that were. */
static void claim_uncounted(struct work *w)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        uint64_t kept = 0, claimed = 0;
        struct cause *most = NULL;

        if (!w->ps->cut[k])
            continue;
        for (size_t i = 0; i < w->ps->n; i++)
            kept += (int)w->ps->list[i].kind == k ? w->ps->list[i].count : 0;
        for (size_t i = 0; i < w->out->n; i++) {
            struct cause *c = &w->out->list[i];

            claimed += c->explains[k];
            if (c->explains[k] && (!most || c->explains[k] > most->explains[k]))
                most = c;
        }
        if (most && claimed >= kept - kept / 100 && w->ps->count[k] > kept) {
            most->explains[k] += w->ps->count[k] - kept;
            most->about = true;
        }
    }
}

static bool is_note(int kind)
{
    return problem_info((enum problem_kind)kind)->severity == SEV_NOTE;
}

static int by_kind(const void *a, const void *b)
{
    const struct cause *x = a, *y = b;

    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* Causes in the order of the table, with the claims that say so. */
static bool put_in_order(struct work *w)
{
    struct insight *x = w->out;
    uint16_t *at = calloc(x->n + 1, sizeof *at);
    enum cause_kind *was = calloc(x->n + 1, sizeof *was);

    if (!at || !was) {
        free(at);
        free(was);
        return false;
    }
    for (size_t i = 0; i < x->n; i++)
        was[i] = x->list[i].kind;
    if (x->n)
        qsort(x->list, x->n, sizeof *x->list, by_kind);
    for (size_t i = 0; i < x->n; i++)       /* there is one cause of each kind */
        for (size_t k = 0; k < x->n; k++)
            if (x->list[k].kind == was[i])
                at[i + 1] = (uint16_t)(k + 1);
    for (size_t i = 0; i < w->ps->n; i++)
        x->claim[i] = at[x->claim[i]];
    free(at);
    free(was);
    return true;
}

static void add_up(struct work *w)
{
    struct insight *x = w->out;

    claim_uncounted(w);
    for (int k = 0; k < N_PROBLEMS; k++)
        x->problems += is_note(k) ? 0 : w->ps->count[k];
    for (size_t i = 0; i < x->n; i++) {
        struct cause *c = &x->list[i];

        for (int k = 0; k < N_PROBLEMS; k++)
            c->n_explained += is_note(k) ? 0 : c->explains[k];
        x->explained += c->n_explained;
        spans_settle(&c->lost);
        spans_settle(&c->risk);
        spans_subtract(&c->risk, &c->lost);
        spans_rest(&c->untouched, &c->lost, &c->risk, w->geo->size);
    }
}

static bool start(struct work *w, const struct scan_result *scan,
                  const struct insight_options *opt)
{
    const char *name = opt->name ? opt->name : source_get_info(scan->img->src).name;

    w->out->scan = scan;
    w->out->claim = calloc(w->ps->n + 1, sizeof *w->out->claim);
    w->scratch = malloc((size_t)scan->img->geo.cluster_size);
    text_quoted(&w->name, name, "");
    /* What a server exports is copied to a file here. */
    if (source_get_info(scan->img->src).kind == SOURCE_NBD)
        buf_puts(&w->copy, "copy.qcow2");
    else
        text_quoted(&w->copy, name, ".copy");
    return w->out->claim && w->scratch && !w->name.failed && !w->copy.failed;
}

static void look_for_causes(struct work *w)
{
    static void (*const families[])(struct work *w) = {
        work_list_bad, causes_storage, causes_chain, causes_shifted, causes_data,
        causes_streams, causes_deleted, causes_astray, causes_l1, causes_header, causes_l2,
        causes_lost_snapshot, causes_cut_short, causes_sharing, causes_entries, causes_holes,
        causes_refcounts, causes_lists, causes_space,
    };

    if (work_count(w, PROBLEM_LEAKED))
        work_sample(w, CLASS_LEAKED, &w->leaked);
    for (size_t i = 0; i < sizeof families / sizeof *families && !w->failed; i++) {
        if (w->opt->cancel && atomic_load(w->opt->cancel))
            return;
        families[i](w);
        if (cause_found(w, CAUSE_OF_SHIFTED))   /* what is elsewhere tells nothing more */
            break;
    }
    causes_told(w);
}

bool insight_find(const struct scan_result *scan, const struct insight_options *opt,
                  struct insight **out, struct error *err)
{
    static const struct insight_options none = { NULL, NULL, false, NULL };
    struct work w = { .opt = opt ? opt : &none, .img = scan->img, .geo = &scan->img->geo,
                      .scan = scan, .ps = &scan->problems, .bytes_left = CAUSE_BYTES_MAX };
    bool ok;

    w.out = calloc(1, sizeof *w.out);
    ok = w.out && start(&w, scan, w.opt);
    if (ok) {
        if (!scan->partial)
            look_for_causes(&w);
        ok = !w.failed && put_in_order(&w);
    }
    if (ok) {
        add_up(&w);
        ok = verdict_make(&w) && !w.failed;
    }
    free(w.scratch);
    free(w.bad);
    free(w.orphans);
    free(w.freed);
    buf_free(&w.name);
    buf_free(&w.copy);
    if (!ok) {
        insight_free(w.out);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *out = w.out;
    return true;
}

static void free_steps(char **step, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(step[i]);
    free(step);
}

void insight_free(struct insight *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->n; i++) {
        struct cause *c = &x->list[i];

        free(c->text);
        spans_free(&c->lost);
        spans_free(&c->risk);
        spans_free(&c->untouched);
        free_steps(c->step, c->n_steps);
    }
    free(x->list);
    free(x->claim);
    free(x->verdict.text);
    spans_free(&x->verdict.lost);
    spans_free(&x->verdict.risk);
    spans_free(&x->verdict.untouched);
    free_steps(x->verdict.step, x->verdict.n_steps);
    free(x);
}

const struct cause *insight_cause_of(const struct insight *x, size_t problem)
{
    return problem < x->scan->problems.n && x->claim[problem]
           ? &x->list[x->claim[problem] - 1] : NULL;
}

uint64_t insight_unexplained(const struct insight *x, enum problem_kind kind)
{
    uint64_t n = x->scan->problems.count[kind];

    for (size_t i = 0; i < x->n; i++)
        n -= u64_min(n, x->list[i].explains[kind]);
    return n;
}

int insight_strict_status(const struct insight *x)
{
    int status = scan_strict_status(x->scan);

    return x->verdict.data_lost == ANSWER_YES && !x->scan->partial ? 2 : status;
}

void insight_summary(const struct insight *x, struct buf *out)
{
    char a[TEXT_NUM], b[TEXT_NUM];
    size_t n = 0;
    bool about = false;

    for (size_t i = 0; i < x->n; i++) {
        n += x->list[i].n_explained > 0;
        about |= x->list[i].about;
    }
    if (!x->problems)
        return;
    if (!n)
        buf_printf(out, "No known cause explains %s problem%s.",
                   x->problems == 1 ? "the one" : text_group(a, x->problems),
                   x->problems == 1 ? "" : "s");
    else
        buf_printf(out, "%zu cause%s explain%s %s%s of %s problem%s.", n, n == 1 ? "" : "s",
                   n == 1 ? "s" : "", about ? "about " : "", text_group(a, x->explained),
                   text_group(b, x->problems), x->problems == 1 ? "" : "s");
}
