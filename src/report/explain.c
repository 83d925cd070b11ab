/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/explain.h"

#include "base/buf.h"
#include "report/causes.h"
#include "report/jw.h"
#include "report/wrap.h"
#include "scan/missing.h"

#define WIDTH 80

static void list_causes(struct out *out)
{
    static const char *const about[N_CAUSE_WEIGHTS] = {
        [CAUSE_LOSES] = "Causes of lost data",
        [CAUSE_DANGER] = "Causes of danger: writing destroys, or QEMU refuses",
        [CAUSE_LEAD] = "Leads: nothing is proved",
        [CAUSE_HARMLESS] = "Causes that cost nothing",
    };

    for (int w = 0; w < N_CAUSE_WEIGHTS; w++) {
        out_printf(out, "\n%s\n", about[w]);
        for (int k = 0; k < N_CAUSES; k++) {
            const struct cause_info *c = cause_info((enum cause_kind)k);

            if ((int)c->weight == w)
                out_printf(out, "  %-30s %s\n", c->id, c->title);
        }
    }
}

void explain_list(struct out *out)
{
    static const char *const about[N_SEVERITIES] = {
        [SEV_CORRUPTION] = "Corruptions: the image is damaged",
        [SEV_LEAK] = "Leaks: space is wasted, nothing is lost",
        [SEV_ERROR] = "Errors: something could not be checked",
        [SEV_WARNING] = "Warnings: suspicious or dangerous; QEMU says nothing",
        [SEV_NOTE] = "Notes: worth knowing, not wrong",
    };

    for (int s = 0; s < N_SEVERITIES; s++) {
        out_printf(out, "%s%s\n", s ? "\n" : "", about[s]);
        for (int k = 0; k < N_PROBLEMS; k++) {
            const struct problem_info *p = problem_info((enum problem_kind)k);

            if ((int)p->severity == s)
                out_printf(out, "  %-30s %s\n", p->id, p->title);
        }
    }
    list_causes(out);
    out_puts(out, "\nqcheck explain ID tells more about one of them.\n");
}

static void paragraph(struct out *out, const char *label, const char *text)
{
    struct buf b = BUF_INIT;

    wrap_text(&b, text, 0, 4, WIDTH);
    out_printf(out, "\n  %s\n    %s", label, buf_str(&b));
    buf_free(&b);
}

void explain_kind(enum problem_kind kind, struct out *out)
{
    static const char *const counts[] = {
        [QEMU_OWN] = "qemu-img check does not look for it",
        [QEMU_CORRUPTION] = "counted as a corruption by qemu-img check",
        [QEMU_LEAK] = "counted as a leak by qemu-img check",
        [QEMU_CHECK_ERROR] = "counted as a check error by qemu-img check",
    };
    const struct problem_info *p = problem_info(kind);
    struct buf advice = BUF_INIT;

    out_printf(out, "%s\n%s (%s; %s)\n", p->title, p->id, severity_name(p->severity),
               counts[p->qemu]);
    paragraph(out, "What it is", p->meaning);
    paragraph(out, "What it does to the guest", p->effect);
    problem_advice(kind, 0, &advice);
    paragraph(out, "What to do", buf_str(&advice));
    buf_free(&advice);
    if (p->spec)
        out_printf(out, "\n  Specification: section \"%s\"\n", p->spec);
}

void explain_json(const enum problem_kind *kind, size_t n, const enum cause_kind *cause,
                  size_t n_causes, struct out *out)
{
    static const char *const qemu[] = {
        [QEMU_OWN] = "none", [QEMU_CORRUPTION] = "corruptions", [QEMU_LEAK] = "leaks",
        [QEMU_CHECK_ERROR] = "check-errors",
    };
    struct jw j = JW_INIT(out);

    jw_array(&j, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct problem_info *p = problem_info(kind[i]);
        struct buf advice = BUF_INIT;

        jw_object(&j, NULL);
        jw_text(&j, "id", p->id);
        jw_text(&j, "severity", severity_name(p->severity));
        jw_text(&j, "qemu-counter", qemu[p->qemu]);
        jw_text(&j, "title", p->title);
        jw_text(&j, "meaning", p->meaning);
        jw_text(&j, "effect", p->effect);
        problem_advice(kind[i], 0, &advice);
        jw_text(&j, "advice", buf_str(&advice));
        buf_free(&advice);
        if (p->spec)
            jw_text(&j, "specification", p->spec);
        jw_close(&j);
    }
    for (size_t i = 0; i < n_causes; i++)
        causes_explain_json(cause[i], &j);
    jw_close(&j);
}
