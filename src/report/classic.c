/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/classic.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "report/causes.h"
#include "report/dump.h"
#include "report/figures_report.h"
#include "report/ranges.h"
#include "report/sections.h"
#include "report/stats.h"
#include "report/streams.h"

#define SNAPSHOT_ROWS_MAX   1000000     /* entries of L1 tables of snapshots listed */

struct report {
    struct classic *c;
    const struct scan_result *scan;
    struct dump dump;           /* of the tables */
    struct error *err;
};

static bool on(const struct classic *c, enum stream s)
{
    return c->streams >> s & 1;
}

static void say_args(struct classic *c, enum stream s, const char *fmt, va_list ap)
{
    char line[1024];

    vsnprintf(line, sizeof line, fmt, ap);
    out_puts(stream_info(s)->to_stderr ? &c->err : c->out, line);
}

static void say(struct classic *c, enum stream s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct classic *c, enum stream s, const char *fmt, ...)
{
    va_list ap;

    if (!on(c, s))
        return;
    va_start(ap, fmt);
    say_args(c, s, fmt, ap);
    va_end(ap);
}

static void warn(struct classic *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* On the stream of nonfatal errors, with the name of the image. */
static void warn(struct classic *c, const char *fmt, ...)
{
    va_list ap;

    if (!on(c, STREAM_NONFATAL))
        return;
    out_puts(&c->err, "qcheck: ");
    out_visible(&c->err, c->name, strlen(c->name));
    out_puts(&c->err, ": ");
    va_start(ap, fmt);
    say_args(c, STREAM_NONFATAL, fmt, ap);
    va_end(ap);
}

static void heading(struct classic *c, const char *title)
{
    say(c, STREAM_SECTION, "\n== %s ==\n\n", title);
}

/* The tables that a section prints when their streams are on. */
static bool tables(struct report *r, enum section s)
{
    struct classic *c = r->c;
    struct dump *d = &r->dump;
    unsigned hidden = (on(c, STREAM_REFCOUNT_0) ? 0 : 1) |
                      (on(c, STREAM_REFCOUNT_1) ? 0 : 2) |
                      (on(c, STREAM_REFCOUNT_2) ? 0 : 4);

    d->all_layers = true;
    d->snapshot_rows_max = SNAPSHOT_ROWS_MAX;
    d->used = false;
    d->no_usage = !on(c, STREAM_CONFIRM);
    d->hide_refcounts = hidden;
    switch (s) {
    case SECTION_HEADER:
        return !on(c, STREAM_HEADER) || dump_header(d, r->err);
    case SECTION_REFTABLE:
        return !on(c, STREAM_REFTABLE) || dump_reftable(d, r->err);
    case SECTION_REFBLOCKS:
        return hidden == 7 || dump_refcounts(d, r->err);
    case SECTION_L1:
        return !on(c, STREAM_L1) || dump_l1(d, r->err);
    case SECTION_L2:
        d->used = true;
        return !on(c, STREAM_L2) || dump_l2(d, r->err);
    case SECTION_SNAPSHOTS:
        return !on(c, STREAM_INFO) || dump_snapshots(d, r->err);
    case SECTION_BITMAPS:
        return !on(c, STREAM_INFO) || dump_bitmaps(d, r->err);
    default:
        return true;
    }
}

/* The problems of a section, one by one. */
static void problem_lines(struct report *r, enum section s)
{
    const struct problems *list = &r->scan->problems;
    size_t n = on(r->c, STREAM_PROBLEM) ? list->n : 0;
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < n && out_ok(r->c->out); i++) {
        const struct problem *p = &list->list[i];

        if (problem_info(p->kind)->section != s)
            continue;
        buf_reset(&text);
        problem_text(p, r->scan->img, &text);
        out_printf(r->c->out, "%s: %s\n", severity_name(problem_info(p->kind)->severity),
                   buf_str(&text));
    }
    buf_free(&text);
}

/* What QEMU does not tell, by kind, on standard error. */
static void warnings(struct report *r, enum section s)
{
    const struct problems *list = &r->scan->problems;

    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        if (list->count[k] && info->section == s &&
            (info->severity == SEV_WARNING || info->severity == SEV_ERROR))
            warn(r->c, "%s: %s (%" PRIu64 ")\n", severity_name(info->severity),
                 info->title, list->count[k]);
    }
}

/* What was tested in a section and found in order. */
static void confirmations(struct report *r, enum section s)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        if (info->section == s &&
            !r->scan->problems.count[k] && info->severity != SEV_NOTE)
            say(r->c, STREAM_CONFIRM, "ok: no \"%s\"\n", info->title);
    }
}

static bool section(struct report *r, enum section s)
{
    uint64_t n = section_problems(&r->scan->problems, s);
    const char *title = section_info(s)->title;

    heading(r->c, title);
    if (!tables(r, s))
        return false;
    problem_lines(r, s);
    warnings(r, s);
    confirmations(r, s);
    if (n == 0)
        say(r->c, STREAM_SUMMARY, "%s: OK, 0 problems\n", title);
    else
        say(r->c, STREAM_SUMMARY, "%s: %" PRIu64 " %s found\n", title, n,
            n == 1 ? "problem" : "problems");
    return out_ok(r->c->out);
}

/* --- range dumps --- */

struct range_print {
    struct report *r;
    bool classes;               /* show the class of each */
    uint64_t clusters;
};

static bool range_line(void *data, const struct range *x)
{
    struct range_print *p = data;
    uint64_t cs = p->r->scan->img->geo.cluster_size;
    struct out *out = p->r->c->out;

    out_printf(out, "0x%09" PRIx64 " - 0x%09" PRIx64, x->first * cs,
               (x->first + x->n) * cs - 1);
    if (p->classes)
        out_printf(out, "  %s", class_info(x->cls)->name);
    if (x->n > 1)
        out_printf(out, "  (%" PRIu64 " clusters)", x->n);
    out_puts(out, "\n");
    p->clusters += x->n;
    return out_ok(out);
}

static uint32_t classes_that(bool metadata, bool guest)
{
    uint32_t set = 0;

    for (int k = 0; k < N_CLASSES; k++) {
        const struct class_info *c = class_info((enum cluster_class)k);

        if ((metadata && c->metadata) || (guest && c->guest))
            set |= UINT32_C(1) << k;
    }
    return set;
}

static void ranges(struct report *r, enum stream s, const char *title, uint32_t set,
                   bool merge)
{
    struct range_print p = { r, !merge, 0 };

    if (!on(r->c, s))
        return;
    heading(r->c, title);
    if (merge)
        ranges_merged(r->scan->map, set, range_line, &p);
    else
        ranges_of(r->scan->map, set, range_line, &p);
    out_printf(r->c->out, "%" PRIu64 " clusters\n", p.clusters);
}

static void all_ranges(struct report *r)
{
    const uint32_t vacant = UINT32_C(1) << CLASS_VACANT;
    const uint32_t leaked = UINT32_C(1) << CLASS_LEAKED;
    const uint32_t both = UINT32_C(1) << CLASS_MIXED;

    ranges(r, STREAM_METADATA, "Metadata", classes_that(true, false) | both, false);
    ranges(r, STREAM_DATA, "Guest data", classes_that(false, true) | both, false);
    ranges(r, STREAM_VACANT, "Vacant", vacant, true);
    ranges(r, STREAM_LEAKED, "Leaked", leaked, true);
    ranges(r, STREAM_ALLOCATED, "Allocated", classes_that(true, true) | both, true);
    ranges(r, STREAM_UNALLOCATED, "Unallocated", vacant | leaked, true);
    ranges(r, STREAM_EVERYTHING, "File map", UINT32_MAX, false);
}

/* --- the end --- */

static void figures(struct report *r)
{
    if (!r->c->figures || !on(r->c, STREAM_SUMMARY))
        return;
    heading(r->c, "Figures");
    figures_text(r->c->figures, r->scan->img, r->c->out);
}

static void cluster_counts(struct report *r)
{
    char size[TEXT_NUM], group[TEXT_NUM];

    heading(r->c, "Cluster counts");
    for (int k = 0; k < N_CLASSES; k++) {
        uint64_t n = r->scan->stats.class_clusters[k];

        if (n)
            say(r->c, STREAM_SUMMARY, "%-20s %15s  %s\n",
                class_info((enum cluster_class)k)->name, text_group(group, n),
                text_size(size, n << r->scan->img->geo.cluster_bits));
    }
    say(r->c, STREAM_SUMMARY, "%-20s %15s  %s\n", "total",
        text_group(group, map_clusters(r->scan->map)),
        text_size(size, r->scan->img->geo.file_size));
}

static void last_words(struct report *r)
{
    const struct scan_result *scan = r->scan;
    int strict = r->c->insight ? insight_strict_status(r->c->insight)
                               : scan_strict_status(scan);
    char limit[TEXT_NUM];
    uint64_t n = 0;

    for (int s = 0; s < N_REPORT_SECTIONS; s++)
        n += section_problems(&scan->problems, (enum section)s);
    if (scan->refused.id)
        warn(r->c, "warning: QEMU would not %s this image: %s\n",
             scan->refused.at_check ? "check" : "open", scan->refused.text);
    if (scan->memory_short)
        warn(r->c, "warning: with %s of memory (--memory-limit) not all that was found "
             "could be kept; the counts are exact\n",
             text_size(limit, scan->memory_limit));
    else if (!problems_complete(&scan->problems))
        warn(r->c, "warning: not all records of problems were kept (--max-problems); the "
             "counts are exact\n");
    say(r->c, STREAM_SUMMARY, "\nqcheck: %s%" PRIu64 " problem%s\n", n ? "" : "OK, ", n,
        n == 1 ? "" : "s");
    if (r->c->insight)
        say(r->c, STREAM_SUMMARY, "%s\n", r->c->insight->verdict.text);
    if (strict != r->c->status)
        say(r->c, STREAM_SUMMARY, "Exit status %d, as of qemu-img check; with --strict it "
            "is %d.\n", r->c->status, strict);
}

/* Values that are not those of the file: all that follows stands on them. */
static void header_values(struct report *r)
{
    const struct guesses *g = &r->scan->img->guesses;
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < g->n; i++) {
        buf_reset(&text);
        guess_text(&g->list[i], &text);
        warn(r->c, "warning: %s\n", buf_str(&text));
    }
    buf_free(&text);
}

static void first_words(struct report *r)
{
    const struct geometry *geo = &r->scan->img->geo;
    struct buf name = BUF_INIT;
    char size[TEXT_NUM], disk[TEXT_NUM], cs[TEXT_NUM];

    text_visible(&name, r->c->name, strlen(r->c->name));
    say(r->c, STREAM_INFO, "qcheck: %s\n", buf_str(&name));
    buf_free(&name);
    say(r->c, STREAM_INFO, "qcow2 version %" PRIu32 ", %s clusters, %s disk in %s file\n",
        geo->version, text_size(cs, geo->cluster_size), text_size(disk, geo->size),
        text_size(size, geo->file_size));
    say(r->c, STREAM_DEBUG, "debug: %" PRIu64 " L2 entries per table, %u-bit refcounts, "
        "%" PRIu64 " per block, %" PRIu64 " clusters in the file, %zu problem records\n",
        geo->l2_entries, geo->refcount_bits, geo->refblock_entries, geo->n_clusters,
        r->scan->problems.n);
}

bool classic_report(struct classic *c, const struct scan_result *scan, struct error *err)
{
    struct report r = { .c = c, .scan = scan, .err = err };
    bool ok;

    if (!c->streams)
        return true;
    if (!dump_begin(&r.dump, scan, c->out, false, err))
        return false;
    first_words(&r);
    header_values(&r);
    if (c->insight && on(c, STREAM_SUMMARY))
        causes_text(c->insight, c->out);
    ok = true;
    for (int s = 0; ok && s < N_REPORT_SECTIONS; s++)
        ok = section(&r, (enum section)s);
    if (!out_ok(c->out)) {
        ok = true;              /* the reader went away: told when the output ends */
    } else if (ok) {
        all_ranges(&r);
        cluster_counts(&r);
        figures(&r);
        last_words(&r);
        if (c->stats)
            stats_text(&scan->stats, c->out);
        if (on(c, STREAM_DEBUG))
            stats_text(&scan->stats, &c->err);
    }
    dump_end(&r.dump);
    return ok;
}
