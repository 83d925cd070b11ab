/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/plan_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/wrap.h"

#define WIDTH 80

/* What a step does to the counts of problems: fewer first, then more. */
static void print_counts(const struct plan_step *s, struct out *out)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);
        char a[TEXT_NUM], b[TEXT_NUM];

        if (s->before[k] == s->after[k])
            continue;
        out_printf(out, "     %s %s: %s before, %s after\n",
                   s->before[k] > s->after[k] ? "mends" : "adds", info->id,
                   text_group(a, s->before[k]), text_group(b, s->after[k]));
    }
}

#define LOSSES_SHOWN 20

static void print_losses(const struct plan_step *s, struct out *out)
{
    char size[TEXT_NUM];

    for (size_t i = 0; i < s->n_losses && i < LOSSES_SHOWN; i++) {
        const struct loss *l = &s->loss[i];

        out_printf(out, "     %s ", l->regained ? "regains" : "gives up");
        if (l->layer)
            out_printf(out, "snapshot %u, ", l->layer);
        out_printf(out, "guest 0x%" PRIx64 ": %s\n", l->guest_off, text_size(size, l->len));
    }
    if (s->n_losses > LOSSES_SHOWN)
        out_printf(out, "     and %s more ranges; the plan file has all of them\n",
                   text_group(size, s->n_losses - LOSSES_SHOWN));
}

#define OWNERS_SHOWN 12

static void print_owners(const struct plan_step *s, struct out *out)
{
    uint64_t more = s->owners_left_out;
    char text[TEXT_NUM];

    for (size_t i = 0; i < s->n_owners && i < OWNERS_SHOWN; i++) {
        const struct plan_owner *o = &s->owner[i];

        out_printf(out, "     of it %s: ", text_size(text, o->len));
        if (o->layer)
            out_printf(out, "snapshot %u, ", o->layer);
        out_printf(out, "%s\n", o->text);
    }
    more += s->n_owners > OWNERS_SHOWN ? s->n_owners - OWNERS_SHOWN : 0;
    if (more)
        out_printf(out, "     and %s more\n", text_group(text, more));
}

static void print_step(const struct plan_step *s, size_t number, struct out *out)
{
    uint64_t bytes = 0;
    char size[TEXT_NUM];

    for (size_t i = 0; i < s->patches.n; i++)
        bytes += s->patches.list[i].len;
    out_printf(out, "%2zu. %s\n", number, s->title ? s->title : s->goal);
    if (s->why)
        out_printf(out, "     why: %s\n", s->why);
    if (s->cost)
        out_printf(out, "     note: %s\n", s->cost);
    print_losses(s, out);
    print_owners(s, out);
    print_counts(s, out);
    out_printf(out, "     writes %s\n", text_size(size, bytes));
}

static void print_refused(const struct refusal *why, struct out *out)
{
    struct buf all = BUF_INIT, text = BUF_INIT;

    buf_printf(&all, "QEMU refuses to %s the image then: %s.", why->at_check ? "check" : "open",
               why->text);
    wrap_text(&text, buf_str(&all), 0, 0, WIDTH);
    out_printf(out, "%s", buf_str(&text));
    buf_free(&all);
    buf_free(&text);
}

static void print_outcome(const struct trial *after, uint64_t size_before, struct out *out)
{
    const struct scan_result *scan = after->scan;
    uint64_t size = source_size(after->img->src);
    uint64_t errors = scan->qemu.check_errors;
    char a[TEXT_NUM], b[TEXT_NUM];

    out_printf(out, "\nAfterwards: %s corruption%s, %s leaked cluster%s",
               text_group(a, scan->qemu.corruptions), scan->qemu.corruptions == 1 ? "" : "s",
               text_group(b, scan->qemu.leaks), scan->qemu.leaks == 1 ? "" : "s");
    if (errors)
        out_printf(out, ", %s error%s of the check", text_group(a, errors), errors == 1 ? "" : "s");
    if (size != size_before)
        out_printf(out, "; the file has %s bytes instead of %s", text_group(a, size),
                   text_group(b, size_before));
    out_printf(out, ".\n");
    if (scan->refused.id)
        print_refused(&scan->refused, out);
}

static void print_left(const struct plan *plan, struct out *out)
{
    struct buf text = BUF_INIT, one = BUF_INIT;

    if (!plan->left)
        return;
    for (const char *at = plan->left; *at; at += at[0] == '\n') {
        size_t len = strcspn(at, "\n");

        buf_reset(&one);
        buf_add(&one, at, len);
        buf_puts(&text, "  - ");
        wrap_text(&text, buf_str(&one), 0, 4, WIDTH);
        at += len;
    }
    out_printf(out, "\nLeft as it is:\n%s", buf_str(&text));
    buf_free(&one);
    buf_free(&text);
}

void plan_report(const struct plan *plan, uint64_t size_before,
                 const struct trial *after, const char *file, struct out *out)
{
    if (!plan->n) {
        out_printf(out, plan->left ? "No step is proposed.\n" : "There is nothing to do.\n");
        print_left(plan, out);
        return;
    }
    for (size_t i = 0; i < plan->n; i++)
        print_step(&plan->step[i], i + 1, out);
    print_left(plan, out);
    print_outcome(after, size_before, out);
    if (file)
        out_printf(out, "The plan is in %s. Nothing was changed; qcheck apply carries it out.\n",
                   file);
    else
        out_printf(out, "Nothing was changed. -o FILE keeps the plan.\n");
}
