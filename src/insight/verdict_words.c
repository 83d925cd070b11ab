/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The verdict in words. */
#include "config.h"

#include <stdio.h>

#include "base/text.h"
#include "insight/verdict_work.h"
#include "scan/missing.h"

static void stopped(const struct work *w, struct buf *out)
{
    uint64_t n = problems_of_severity(w->ps, SEV_CORRUPTION) +
                 problems_of_severity(w->ps, SEV_LEAK);
    char a[TEXT_NUM];

    buf_printf(out, "Not finished: the scan was stopped. %s problem%s found so far.",
               text_group(a, n), n == 1 ? "" : "s");
}

/* Bytes that cannot be read as the image stands, though they are not lost. */
static uint64_t out_of_reach(const struct work *w)
{
    struct guest_spans s = { 0 };
    uint64_t n;

    for (size_t i = 0; i < w->out->n; i++)
        if (w->out->list[i].weight == CAUSE_LOSES)
            spans_add_all(&s, &w->out->list[i].risk);
    spans_settle(&s);
    n = spans_bytes(&s);
    spans_free(&s);
    return n;
}

static void lost_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    uint64_t lost = spans_bytes(&v->lost), risk = spans_bytes(&v->risk);
    uint64_t unread = lost || v->data_lost == ANSWER_YES ? 0 : out_of_reach(w);
    char a[TEXT_NUM], b[TEXT_NUM];

    if (lost)
        buf_printf(out, "Data is lost: %s of the guest disk cannot be read, or cannot be "
                   "trusted", text_size(a, lost));
    else if (v->data_lost == ANSWER_YES)
        buf_puts(out, "Data is lost, of snapshots or in a range that is not known");
    else
        buf_puts(out, "Data may be lost");
    if (unread)
        buf_printf(out, ": as the image stands, %s of the guest disk cannot be read, or cannot "
                   "be trusted", text_size(b, unread));
    else if (risk)
        buf_printf(out, "; %s%s in danger", text_size(b, risk),
                   lost ? " more are" : " of the guest disk are");
    buf_puts(out, ". Do not start a guest on this file, and do not write to it.");
}

static void unflushed_words(const struct work *w, struct buf *out)
{
    if (has(w, CAUSE_OF_UNFLUSHED))
        buf_puts(out, " Data that nothing maps lies after the end of the image.");
}

static void cut_words(const struct work *w, struct buf *out)
{
    uint64_t least, n = verdict_cut_by_size(w, &least);
    char a[TEXT_NUM];

    if (n)
        buf_printf(out, " %s cluster%s mapped after the end of the disk, where no guest reaches "
                   "%s: was it larger?", text_group(a, n), n == 1 ? " is" : "s are",
                   n == 1 ? "it" : "them");
}

static void clean_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    const struct cause *below = cause_found(w, CAUSE_OF_BASE_NOT_SEEN);
    bool warned = problems_of_severity(w->ps, SEV_WARNING) > 0;

    if (v->data_lost != ANSWER_NO)
        buf_printf(out, "Data may be lost%s.%s%s",
                   problems_of_severity(w->ps, SEV_CORRUPTION) ? ""
                   : ", though the refcounts are in order",
                   has(w, CAUSE_OF_L2_PAGES) ? " " : "",
                   has(w, CAUSE_OF_L2_PAGES) ? cause_found(w, CAUSE_OF_L2_PAGES)->text : "");
    else if (below)
        buf_printf(out, "%s %s", warned ? "Clean by refcounts, but there are warnings."
                                        : "Clean, as far as this file goes.", below->text);
    else
        buf_puts(out, warned ? "Clean by refcounts, but there are warnings."
                      : w->geo->data_file && !w->opt->chain
                      ? "Clean, as far as this file goes: the data lies in another." : "Clean.");
    unflushed_words(w, out);
    cut_words(w, out);
}

static void leak_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    const char *leaks = v->data_lost == ANSWER_NO ? "Leaks only" : "Leaks";
    uint64_t lost = w->ps->count[PROBLEM_LEAKED], high = w->ps->count[PROBLEM_REFCOUNT_HIGH];
    char a[TEXT_NUM], b[TEXT_NUM];

    if (lost)
        buf_printf(out, "%s: %s cluster%s, %s%s.", leaks, text_group(a, lost),
                   lost == 1 ? "" : "s", text_size(b, lost * w->geo->cluster_size),
                   verdict_in_doubt(w) ? ", which may hold data that was lost" : " wasted");
    if (high)
        buf_printf(out, "%s%s%s refcount%s too high: such clusters will not be freed.",
                   lost ? "" : leaks, lost ? " " : ": ", text_group(a, high),
                   high == 1 ? " is" : "s are");
    unflushed_words(w, out);
    cut_words(w, out);
}

void verdict_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    bool bad = problems_of_severity(w->ps, SEV_CORRUPTION) > 0;
    bool leaks = problems_of_severity(w->ps, SEV_LEAK) > 0;
    size_t guessed = guesses_taken(&w->img->guesses);

    if (w->scan->partial)
        stopped(w, out);
    else if (v->data_lost != ANSWER_NO &&
             (v->data_lost == ANSWER_YES || v->may_write == ANSWER_NO))
        lost_words(w, v, out);
    else if (bad && v->may_write != ANSWER_NO && v->data_lost == ANSWER_NO)
        buf_puts(out, has(w, CAUSE_OF_REFCOUNTS_BEHIND)
                 ? "Corrupt by refcounts, which are behind because the image was not closed "
                   "in order. No guest data is lost; QEMU counts anew when it opens the image "
                   "for writing."
                 : "Corrupt by COPIED flags that are not set. No guest data is lost or in danger; "
                   "writes are slower.");
    else if (v->may_write == ANSWER_NO)
        buf_printf(out, "%s: no guest data is known to be lost, but %s.",
                   bad ? "Corrupt" : "In danger",
                   w->scan->refused.id && !w->scan->refused.at_check
                   ? "QEMU does not open the image" : has(w, CAUSE_OF_IN_USE)
                   ? "another program has the image open"
                   : "the next write may destroy some. Do not start a guest on this file");
    else if (leaks)
        leak_words(w, v, out);
    else
        clean_words(w, v, out);
    if (missing_tables(w->scan) && leaks) {
        buf_puts(out, " What could not be read of ");
        missing_text(missing_tables(w->scan), out);
        buf_puts(out, " may refer to the clusters that have no owner.");
    }
    if (problems_of_severity(w->ps, SEV_ERROR))
        buf_puts(out, " Not all of it could be checked.");
    if (guessed == 1)
        buf_puts(out, " One value of the header was guessed: everything else depends on it.");
    else if (guessed)
        buf_printf(out, " %zu values of the header were guessed: everything else depends on them.",
                   guessed);
}
