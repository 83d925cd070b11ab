/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/fleet_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/check_json.h"
#include "report/jw.h"

void fleet_fill(const struct scan_result *scan, const struct insight *insight,
                struct fleet_result *out)
{
    const struct image *img = scan->img;

    out->scanned = true;
    if (img->refused.id)
        snprintf(out->refused, sizeof out->refused, "%s", img->refused.id);
    out->corruptions = scan->qemu.corruptions;
    out->leaks = scan->qemu.leaks;
    out->check_errors = scan->qemu.check_errors;
    out->file_bytes = img->geo.file_size;
    out->allocated_bytes = source_get_info(img->src).allocated;
    out->disk_bytes = img->geo.size;
    out->leaked_bytes = scan->stats.class_clusters[CLASS_LEAKED] << img->geo.cluster_bits;
    out->damaged_bytes = scan_guest_bytes_damaged(scan);
    out->allocated_clusters = scan->qemu.allocated_clusters;
    out->fragmented_clusters = scan->qemu.fragmented_clusters;
    memcpy(out->problems, scan->problems.count, sizeof out->problems);
    for (size_t i = 0; i < insight->n; i++)
        out->causes[insight->list[i].kind]++;
    out->data_lost = (uint8_t)insight->verdict.data_lost;
    for (int p = 0; p < N_PHASES; p++)
        out->seconds += scan->stats.seconds[p];
}

void fleet_fail(const char *why, const char *rule, struct fleet_result *out)
{
    *out = (struct fleet_result){ .status = 1, .data_lost = ANSWER_PERHAPS };
    snprintf(out->error, sizeof out->error, "%s", why);
    if (rule)
        snprintf(out->refused, sizeof out->refused, "%s", rule);
}

static const char *status_word(const struct fleet_result *r)
{
    static const char *const words[] = { "clean", "failed", "corrupt", "leaks" };

    return r->status >= 0 && r->status < 4 ? words[r->status] : "failed";
}

static double fragmentation(const struct fleet_result *r)
{
    return r->allocated_clusters
        ? (double)r->fragmented_clusters / (double)r->allocated_clusters : 0;
}

/* --- lines of JSON --- */

static void text_or_null(struct jw *j, const char *key, const char *text)
{
    if (*text)
        jw_bytes(j, key, text, strlen(text));
    else
        jw_null(j, key);
}

static void figures_line(const struct fleet_result *r, struct jw *j)
{
    const struct { const char *key; uint64_t v; } number[] = {
        { "corruptions", r->corruptions }, { "leaks", r->leaks },
        { "check-errors", r->check_errors }, { "file-size", r->file_bytes },
        { "allocated-size", r->allocated_bytes }, { "virtual-size", r->disk_bytes },
        { "leaked-bytes", r->leaked_bytes }, { "guest-bytes-damaged", r->damaged_bytes },
    };

    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
        if (r->scanned)
            jw_u64(j, number[i].key, number[i].v);
        else
            jw_null(j, number[i].key);
    if (r->scanned)
        jw_real(j, "fragmentation", fragmentation(r));
    else
        jw_null(j, "fragmentation");
    jw_text(j, "data-lost", answer_name((enum verdict_answer)r->data_lost));
    jw_object_flat(j, "problems");
    for (int k = 0; k < N_PROBLEMS; k++)
        if (r->problems[k])
            jw_u64(j, problem_info((enum problem_kind)k)->id, r->problems[k]);
    jw_close(j);
    jw_array_flat(j, "causes");
    for (int k = 0; k < N_CAUSES; k++)
        if (r->causes[k])
            jw_text(j, NULL, cause_info((enum cause_kind)k)->id);
    jw_close(j);
    if (r->scanned)
        jw_real(j, "seconds", r->seconds);
    else
        jw_null(j, "seconds");
}

void fleet_line(const char *name, const struct fleet_result *r, struct out *out)
{
    struct jw j = JW_INIT(out);

    jw_object_flat(&j, NULL);
    jw_bytes(&j, "filename", name, strlen(name));
    jw_u64(&j, "schema-version", JSON_SCHEMA_VERSION);
    jw_text(&j, "status", status_word(r));
    jw_u64(&j, "exit-status", (uint64_t)r->status);
    text_or_null(&j, "refused", r->refused);
    text_or_null(&j, "error", r->error);
    figures_line(r, &j);
    jw_close(&j);
}

/* --- OpenMetrics --- */

struct fleet {
    char *const *name;
    const struct fleet_result *list;
    size_t n;
    struct out *out;
};

static void family(const struct fleet *f, const char *name, const char *unit, const char *help)
{
    out_printf(f->out, "# TYPE %s gauge\n", name);
    if (unit)
        out_printf(f->out, "# UNIT %s %s\n", name, unit);
    out_printf(f->out, "# HELP %s %s\n", name, help);
}

/* A label is UTF-8 with \, " and line feeds escaped. Names are made visible first: then no byte
 * is left that is not UTF-8 or moves a terminal, and a backslash appears doubled. */
static void label(struct out *out, const char *text)
{
    struct buf b = BUF_INIT;

    text_visible(&b, text, strlen(text));
    for (const char *p = buf_str(&b); *p; p++) {
        if (*p == '"')
            out_puts(out, "\\\"");
        else if (*p == '\\')
            out_puts(out, "\\\\");
        else
            out_write(out, p, 1);
    }
    buf_free(&b);
}

static void sample_begin(const struct fleet *f, const char *name, size_t i)
{
    out_printf(f->out, "%s{image=\"", name);
    label(f->out, f->name[i]);
    out_puts(f->out, "\"");
}

typedef uint64_t number_of(const struct fleet_result *r);

static uint64_t file_bytes(const struct fleet_result *r) { return r->file_bytes; }
static uint64_t allocated_bytes(const struct fleet_result *r) { return r->allocated_bytes; }
static uint64_t disk_bytes(const struct fleet_result *r) { return r->disk_bytes; }
static uint64_t leaked_bytes(const struct fleet_result *r) { return r->leaked_bytes; }
static uint64_t damaged_bytes(const struct fleet_result *r) { return r->damaged_bytes; }
static uint64_t corruptions(const struct fleet_result *r) { return r->corruptions; }
static uint64_t leaks(const struct fleet_result *r) { return r->leaks; }

static void numbers(const struct fleet *f, const char *name, const char *unit,
                    const char *help, number_of *get)
{
    family(f, name, unit, help);
    for (size_t i = 0; i < f->n; i++) {
        if (!f->list[i].scanned)
            continue;
        sample_begin(f, name, i);
        out_printf(f->out, "} %" PRIu64 "\n", get(&f->list[i]));
    }
}

static void reals(const struct fleet *f)
{
    family(f, "qcheck_image_fragmentation_ratio", "ratio",
           "Share of allocated clusters that do not follow the one before.");
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].scanned) {
            sample_begin(f, "qcheck_image_fragmentation_ratio", i);
            out_printf(f->out, "} %.6g\n", fragmentation(&f->list[i]));
        }
    family(f, "qcheck_image_scan_seconds", "seconds", "Time that the scan took.");
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].scanned) {
            sample_begin(f, "qcheck_image_scan_seconds", i);
            out_printf(f->out, "} %.6g\n", f->list[i].seconds);
        }
}

static void problems(const struct fleet *f)
{
    family(f, "qcheck_image_problems", NULL, "Problems of one kind in the image.");
    for (size_t i = 0; i < f->n; i++)
        for (int k = 0; k < N_PROBLEMS; k++) {
            const struct problem_info *info = problem_info((enum problem_kind)k);

            if (!f->list[i].problems[k])
                continue;
            sample_begin(f, "qcheck_image_problems", i);
            out_printf(f->out, ",kind=\"%s\",severity=\"%s\"} %" PRIu64 "\n", info->id,
                       severity_name(info->severity), f->list[i].problems[k]);
        }
}

static void statuses(const struct fleet *f)
{
    uint64_t count[4] = { 0 };

    family(f, "qcheck_image_status", NULL,
           "Exit status of qcheck check: 0 clean, 1 failed or refused, 2 corrupt, 3 leaks.");
    for (size_t i = 0; i < f->n; i++) {
        int status = f->list[i].status >= 0 && f->list[i].status < 4 ? f->list[i].status : 1;

        sample_begin(f, "qcheck_image_status", i);
        out_printf(f->out, "} %d\n", status);
        count[status]++;
    }
    family(f, "qcheck_images", NULL, "Images that were looked at, by their state.");
    for (int s = 0; s < 4; s++) {
        const struct fleet_result one = { .status = s };

        out_printf(f->out, "qcheck_images{state=\"%s\"} %" PRIu64 "\n", status_word(&one),
                   count[s]);
    }
}

void fleet_metrics(char *const *name, const struct fleet_result *list, size_t n, uint64_t now,
                   struct out *out)
{
    const struct fleet f = { name, list, n, out };

    statuses(&f);
    problems(&f);
    numbers(&f, "qcheck_image_corruptions", NULL, "Corruptions, as qemu-img check counts them.",
            corruptions);
    numbers(&f, "qcheck_image_leaks", NULL, "Leaks, as qemu-img check counts them.", leaks);
    numbers(&f, "qcheck_image_leaked_bytes", "bytes", "Clusters that nobody refers to.",
            leaked_bytes);
    numbers(&f, "qcheck_image_damaged_bytes", "bytes",
            "Bytes of the guest's disk that cannot be trusted.", damaged_bytes);
    numbers(&f, "qcheck_image_file_bytes", "bytes", "Length of the file.", file_bytes);
    numbers(&f, "qcheck_image_allocated_bytes", "bytes", "Space that the file takes.",
            allocated_bytes);
    numbers(&f, "qcheck_image_virtual_bytes", "bytes", "Size of the guest's disk.", disk_bytes);
    reals(&f);
    family(&f, "qcheck_check_timestamp_seconds", "seconds", "When this check ended.");
    out_printf(out, "qcheck_check_timestamp_seconds %" PRIu64 "\n# EOF\n", now);
}
