/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a result means, in few words. */
#include "config.h"

#include "scan/scan.h"

#include "base/text.h"
#include "scan/damage.h"
#include "scan/missing.h"

int scan_exit_status(const struct scan_result *r)
{
    const struct qemu_counts *q = &r->qemu;

    if (r->partial)
        return 1;
    if (r->problems.count[PROBLEM_SIDE_FILE])       /* qemu-img does not come so far */
        return 1;
    if (r->refused.id || q->check_errors || problems_of_severity(&r->problems, SEV_ERROR))
        return 1;
    if (q->corruptions)
        return 2;
    return q->leaks ? 3 : 0;
}

int scan_strict_status(const struct scan_result *r)
{
    if (!r->partial && problems_of_severity(&r->problems, SEV_CORRUPTION))
        return 2;
    return scan_exit_status(r);
}

static uint64_t bytes_damaged(const struct scan_result *r, bool active)
{
    struct damage d;
    uint64_t bytes;

    damage_find(r, active, &d);
    bytes = d.bytes;
    damage_free(&d);
    return bytes;
}

uint64_t scan_guest_bytes_damaged(const struct scan_result *r)
{
    return bytes_damaged(r, true);
}

static uint64_t of_kinds(const struct problems *ps, const enum problem_kind *kind, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ps->count[kind[i]];
    return sum;
}

/* Nothing but leaks, as qemu-img counts, but something is missing that may refer to them. */
static void leaks_in_doubt(const struct scan_result *r, uint64_t leaks, struct buf *out)
{
    uint64_t lost = bytes_damaged(r, true);
    char a[TEXT_NUM];

    buf_printf(out, "Incomplete: %s cluster%s no reference was found for may be in use",
               text_group(a, leaks), leaks == 1 ? "" : "s");
    if (lost)
        buf_printf(out, "; %s of the guest disk cannot be trusted", text_size(a, lost));
    buf_puts(out, ".");
}

/* What could not be read, where that bears on what was said. */
static void verdict_on_missing(const struct scan_result *r, struct buf *out)
{
    unsigned tables = missing_tables(r);

    if (!tables || r->partial)
        return;
    buf_puts(out, " Not all of ");
    missing_text(tables, out);
    buf_puts(out, problems_of_severity(&r->problems, SEV_LEAK)
             ? " could be read: what counts as leaked may be in use. Do not repair before that "
               "is solved."
             : " could be read.");
}

static void verdict_corrupt(const struct scan_result *r, uint64_t bad, struct buf *out)
{
    static const enum problem_kind refcounts[] = {
        PROBLEM_REFCOUNT_ZERO, PROBLEM_REFCOUNT_LOW, PROBLEM_L2_COPIED, PROBLEM_DATA_COPIED,
        PROBLEM_REFCOUNT_OVERFLOW,
    };
    uint64_t refs = of_kinds(&r->problems, refcounts, sizeof refcounts / sizeof *refcounts);
    uint64_t lost = bytes_damaged(r, true), lost_to_snapshots;
    char a[TEXT_NUM];

    buf_printf(out, "Corrupt: %s problem%s", text_group(a, bad), bad == 1 ? "" : "s");
    lost_to_snapshots = lost ? 0 : bytes_damaged(r, false);
    if (lost)
        buf_printf(out, "; %s of the guest disk cannot be trusted.", text_size(a, lost));
    else if (lost_to_snapshots)
        buf_printf(out, "; the disk can be read, but %s that snapshots hold cannot be "
                   "trusted.", text_size(a, lost_to_snapshots));
    else if (refs == bad && r->problems.count[PROBLEM_DIRTY_BIT])
        buf_puts(out, " with refcounts, which are behind because the image was not closed "
                 "in order. Guest data is readable; QEMU repairs them when it opens the "
                 "image for writing.");
    else if (refs == bad)
        buf_puts(out, " with refcounts or COPIED flags. Guest data is still readable, but "
                 "the next write may destroy some.");
    else
        buf_puts(out, ", none in the way of guest data.");
}

static void verdict_leaks(const struct scan_result *r, uint64_t leaks, struct buf *out)
{
    uint64_t clusters = r->problems.count[PROBLEM_LEAKED], high = leaks - clusters;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (clusters)
        buf_printf(out, "Leaks only: %s cluster%s, %s wasted.", text_group(a, clusters),
                   clusters == 1 ? "" : "s",
                   text_size(b, clusters * r->img->geo.cluster_size));
    if (high)
        buf_printf(out, "%s%s refcount%s too high: such clusters will not be freed.",
                   clusters ? " " : "Leaks only: ", text_group(a, high),
                   high == 1 ? " is" : "s are");
}

static void verdict_by_problems(const struct scan_result *r, struct buf *out)
{
    const struct problems *ps = &r->problems;
    uint64_t bad = problems_of_severity(ps, SEV_CORRUPTION);
    uint64_t leaks = problems_of_severity(ps, SEV_LEAK);
    uint64_t errors = problems_of_severity(ps, SEV_ERROR);
    char a[TEXT_NUM];

    if (r->partial) {
        buf_printf(out, "Not finished: the scan was stopped. %s problem%s found so far.",
                   text_group(a, bad + leaks), bad + leaks == 1 ? "" : "s");
        return;
    }
    if (errors)
        buf_puts(out, "Could not be checked completely. ");
    if (bad)
        verdict_corrupt(r, bad, out);
    else if (leaks && missing_tables(r))
        leaks_in_doubt(r, leaks, out);
    else if (leaks)
        verdict_leaks(r, leaks, out);
    else if (!errors)
        buf_puts(out, problems_of_severity(ps, SEV_WARNING)
                 ? "Clean by refcounts, but there are warnings." : "Clean.");
}

static void verdict_on_side_file(const struct scan_result *r, const char *what,
                                 const struct side_file *f, struct buf *out)
{
    char a[TEXT_NUM], b[TEXT_NUM];

    switch (f->state) {
    case SIDE_MISSING:
        buf_printf(out, " The %s is missing, and QEMU does not open the image without it.",
                   what);
        break;
    case SIDE_UNFIT:
        buf_printf(out, " The %s is no image, and QEMU does not open this one with it.",
                   what);
        break;
    case SIDE_SHORT:
        buf_printf(out, " The %s has only %s of the %s of the disk.", what,
                   text_size(a, f->size), text_size(b, r->img->geo.size));
        break;
    case SIDE_UNKNOWN:
        buf_printf(out, " The %s was not looked at.", what);
        break;
    default:
        break;
    }
}

void scan_verdict(const struct scan_result *r, struct buf *out)
{
    size_t n = guesses_taken(&r->img->guesses);

    verdict_by_problems(r, out);
    verdict_on_missing(r, out);
    verdict_on_side_file(r, "backing file", &r->img->backing_there, out);
    verdict_on_side_file(r, "data file", &r->img->data_there, out);
    if (n == 1)
        buf_puts(out, " One value of the header was guessed: the rest stands on it.");
    else if (n)
        buf_printf(out, " %zu values of the header were guessed: the rest stands on them.",
                   n);
}
