/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/watch_report.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/check_json.h"
#include "report/jw.h"

#define RANGES_SHOWN 8

static void time_text(time_t when, const char *form, char *out, size_t len)
{
    struct tm tm;

    if (!gmtime_r(&when, &tm) || !strftime(out, len, form, &tm))
        out[0] = '\0';
}

/* Without a scan before all are new; notes are no problems. */
static struct problem_change change_of(const struct watch_report *r, int kind)
{
    if (problem_info((enum problem_kind)kind)->severity == SEV_NOTE)
        return (struct problem_change){ 0, 0, 0 };
    if (r->diff)
        return r->diff->problem[kind];
    return (struct problem_change){ r->scan->problems.count[kind], 0, 0 };
}

static double seconds_of(const struct scan_result *scan)
{
    double sum = 0;

    for (int p = 0; p < N_PHASES; p++)
        sum += scan->stats.seconds[p];
    return sum;
}

static void problems_text(const struct watch_report *r, struct out *out)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        struct problem_change c = change_of(r, k);

        if (!c.same && !c.added && !c.gone)
            continue;
        out_printf(out, "    %-24s", problem_info((enum problem_kind)k)->id);
        if (c.same)
            out_printf(out, "  %" PRIu64 " persist", c.same);
        if (c.added)
            out_printf(out, "  %" PRIu64 " %s", c.added, r->diff ? "new" : "found");
        if (c.gone)
            out_printf(out, "  %" PRIu64 " passed", c.gone);
        out_puts(out, "\n");
    }
}

void watch_text(const struct watch_report *r, struct out *out)
{
    uint64_t size = r->scan->img->geo.file_size, cs = r->scan->img->geo.cluster_size;
    const struct difference *d = r->diff;
    char when[32], a[TEXT_NUM], b[TEXT_NUM], c[TEXT_NUM];

    time_text(r->when, "%H:%M:%SZ", when, sizeof when);
    out_printf(out, "%s  %s", when, text_size(a, size));
    if (d && size != r->file_before)
        out_printf(out, " (%c%s)", size > r->file_before ? '+' : '-',
                   text_size(a, size > r->file_before ? size - r->file_before
                                                      : r->file_before - size));
    if (d && d->n_hosts)
        out_printf(out, "  used %s, freed %s, changed %s",
                   text_size(a, d->host_clusters[HOST_USED_NOW] * cs),
                   text_size(b, d->host_clusters[HOST_FREED_NOW] * cs),
                   text_size(c, d->host_clusters[HOST_OTHER_NOW] * cs));
    else if (d)
        out_puts(out, "  no cluster changed hands");
    if (r->written)
        out_puts(out, "  (written to meanwhile)");
    out_puts(out, "\n");
    for (size_t i = 0; d && i < d->n_hosts && i < RANGES_SHOWN; i++) {
        struct buf what = BUF_INIT;

        host_change_text(&d->host[i], &what);
        out_printf(out, "    0x%012" PRIx64 "  %10s  %s\n", d->host[i].first * cs,
                   text_size(a, d->host[i].n * cs), buf_str(&what));
        buf_free(&what);
    }
    if (d && d->n_hosts > RANGES_SHOWN)
        out_printf(out, "    and %zu more ranges\n", d->n_hosts - RANGES_SHOWN);
    problems_text(r, out);
}

void watch_json(const struct watch_report *r, struct out *out)
{
    const struct difference *d = r->diff;
    uint64_t cs = r->scan->img->geo.cluster_size;
    struct jw j = JW_INIT(out);
    char when[32];

    time_text(r->when, "%Y-%m-%dT%H:%M:%SZ", when, sizeof when);
    jw_object_flat(&j, NULL);
    jw_u64(&j, "schema-version", JSON_SCHEMA_VERSION);
    jw_u64(&j, "scan", r->number);
    jw_text(&j, "time", when);
    jw_u64(&j, "file-size", r->scan->img->geo.file_size);
    if (d)
        jw_u64(&j, "file-size-before", r->file_before);
    jw_bool(&j, "in-use", source_get_info(r->scan->img->src).in_use);
    jw_bool(&j, "written-meanwhile", r->written);
    if (d) {
        jw_u64(&j, "used", d->host_clusters[HOST_USED_NOW] * cs);
        jw_u64(&j, "freed", d->host_clusters[HOST_FREED_NOW] * cs);
        jw_u64(&j, "changed", d->host_clusters[HOST_OTHER_NOW] * cs);
        jw_array_flat(&j, "ranges");
        for (size_t i = 0; i < d->n_hosts && i < RANGES_SHOWN; i++) {
            jw_object_flat(&j, NULL);
            jw_u64(&j, "start", d->host[i].first * cs);
            jw_u64(&j, "length", d->host[i].n * cs);
            jw_text(&j, "before", class_info(d->host[i].a)->id);
            jw_text(&j, "now", class_info(d->host[i].b)->id);
            jw_close(&j);
        }
        jw_close(&j);
        jw_u64(&j, "ranges-total", d->n_hosts);
    }
    jw_array_flat(&j, "problems");
    for (int k = 0; k < N_PROBLEMS; k++) {
        struct problem_change c = change_of(r, k);

        if (!c.same && !c.added && !c.gone)
            continue;
        jw_object_flat(&j, NULL);
        jw_text(&j, "id", problem_info((enum problem_kind)k)->id);
        jw_u64(&j, "persistent", c.same);
        jw_u64(&j, "new", c.added);
        jw_u64(&j, "passed", c.gone);
        jw_close(&j);
    }
    jw_close(&j);
    jw_real(&j, "seconds", seconds_of(r->scan));
    jw_close(&j);
}
