/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/check_json.h"

#include "base/buf.h"
#include "report/causes.h"
#include "report/figures_report.h"
#include "report/guesses.h"
#include "report/jw.h"
#include "report/outside.h"
#include "report/viscera.h"
#include "scan/missing.h"

/* qemu-img leaves these out when they are zero. */
static void unless_zero(struct jw *j, const char *key, uint64_t v)
{
    if (v)
        jw_u64(j, key, v);
}

static void qemu_keys(struct jw *j, const struct check_json *c)
{
    const struct qemu_counts *q = &c->scan->qemu;

    jw_text(j, "filename", c->filename);
    jw_text(j, "format", "qcow2");
    jw_u64(j, "check-errors", q->check_errors);
    unless_zero(j, "corruptions", q->corruptions);
    unless_zero(j, "leaks", q->leaks);
    unless_zero(j, "image-end-offset", q->image_end_offset);
    unless_zero(j, "total-clusters", q->total_clusters);
    unless_zero(j, "allocated-clusters", q->allocated_clusters);
    unless_zero(j, "fragmented-clusters", q->fragmented_clusters);
    unless_zero(j, "compressed-clusters", q->compressed_clusters);
}

static void text_of_buf(struct jw *j, const char *key, struct buf *b)
{
    jw_bytes(j, key, buf_str(b), b->len);
    buf_free(b);
}

static void owners(struct jw *j, uint32_t set)
{
    jw_array(j, "owners");
    for (uint32_t bit = 1; bit & OWNER_KINDS; bit <<= 1)
        if (set & bit)
            jw_text(j, NULL, class_info(class_of_owners(bit | OWNER_IN_ACTIVE))->id);
    jw_close(j);
}

static void place(struct jw *j, const char *key, const struct place *p)
{
    struct buf text = BUF_INIT;

    place_text(p, &text);
    text_of_buf(j, key, &text);
}

static void problem(struct jw *j, const struct image *img, const struct problem *p)
{
    const struct problem_info *info = problem_info(p->kind);
    struct buf text = BUF_INIT;

    jw_object_flat(j, NULL);
    jw_text(j, "id", info->id);
    jw_text(j, "severity", severity_name(info->severity));
    place(j, "place", &p->place);
    jw_u64(j, "count", p->count);
    unless_zero(j, "qemu-count", p->qemu_count);
    jw_address(j, "file-offset", p->place.file_off);
    jw_address(j, "host-offset", p->host_off);
    if (p->host_off != NO_ADDRESS)
        jw_u64(j, "host-cluster", geo_cluster_of(&img->geo, p->host_off));
    if (p->guest_off != NO_ADDRESS) {
        jw_u64(j, "guest-offset", p->guest_off);
        jw_u64(j, "guest-length", p->guest_len);
    }
    jw_hex(j, "found", p->found);
    jw_hex(j, "expected", p->expected);
    if (p->owners)
        owners(j, p->owners);
    if (p->other.kind != PLACE_NONE)
        place(j, "other", &p->other);
    problem_text(p, img, &text);
    text_of_buf(j, "text", &text);
    jw_close(j);
}

static void kinds(struct jw *j, const char *key, const struct problems *list,
                  bool own_only)
{
    jw_array(j, key);
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        if (!list->count[k] || (own_only && info->qemu != QEMU_OWN))
            continue;
        jw_object_flat(j, NULL);
        jw_text(j, "id", info->id);
        jw_text(j, "severity", severity_name(info->severity));
        jw_u64(j, "count", list->count[k]);
        if (info->qemu != QEMU_OWN)
            jw_u64(j, "qemu-count", list->qemu_count[k]);
        jw_text(j, "title", info->title);
        jw_close(j);
    }
    jw_close(j);
}

static void problems(struct jw *j, const struct scan_result *r)
{
    const struct problems *list = &r->problems;

    jw_object(j, "counts");
    for (int s = 0; s < N_SEVERITIES; s++)
        jw_u64(j, severity_name((enum severity)s),
               problems_of_severity(list, (enum severity)s));
    jw_close(j);
    kinds(j, "kinds", list, false);
    kinds(j, "warnings", list, true);
    jw_array(j, "problems");
    for (size_t i = 0; i < list->n && out_ok(j->out); i++)
        problem(j, r->img, &list->list[i]);
    jw_close(j);
    jw_bool(j, "problems-complete", problems_complete(list));
    if (r->memory_short)
        jw_u64(j, "short-of-memory", r->memory_limit);
}

static void classes(struct jw *j, const struct scan_stats *st)
{
    jw_object(j, "classes");
    for (int c = 0; c < N_CLASSES; c++)
        jw_u64(j, class_info((enum cluster_class)c)->id, st->class_clusters[c]);
    jw_close(j);
}

static void statistics(struct jw *j, const struct scan_stats *st)
{
    const struct layer_stats *a = &st->active;

    jw_object(j, "statistics");
    jw_object(j, "active-layer");
    jw_u64(j, "l1-entries", a->l1_entries);
    jw_u64(j, "l1-used", a->l1_used);
    jw_u64(j, "l1-unaligned", a->l1_unaligned);
    jw_u64(j, "l1-invalid", a->l1_invalid);
    jw_u64(j, "l2-tables", a->l2_tables);
    jw_u64(j, "unallocated", a->unallocated);
    jw_u64(j, "zero-plain", a->zero_plain);
    jw_u64(j, "zero-allocated", a->zero_alloc);
    jw_u64(j, "normal", a->normal);
    jw_u64(j, "compressed", a->compressed);
    jw_u64(j, "unaligned", a->unaligned);
    jw_u64(j, "invalid", a->invalid);
    jw_close(j);
    jw_u64(j, "l2-tables", st->l2_tables);
    jw_u64(j, "refcount-blocks", st->refblocks);
    jw_u64(j, "references-beyond-end", st->beyond_references);
    jw_u64(j, "clusters-twice-in-active", st->twice_active);
    jw_u64(j, "data-steps", st->data_steps);
    jw_u64(j, "data-breaks", st->data_breaks);
    jw_u64(j, "largest-extent-clusters", st->largest_extent);
    jw_u64(j, "highest-used-cluster", st->highest_used);
    jw_close(j);
}

static void effort(struct jw *j, const struct scan_stats *st)
{
    double total = 0;

    jw_object(j, "stats");
    jw_object(j, "seconds");
    for (int p = 0; p < PHASE_DONE; p++) {
        total += st->seconds[p];
        jw_real(j, scan_phase_name((enum scan_phase)p), st->seconds[p]);
    }
    jw_real(j, "total", total);
    jw_close(j);
    jw_u64(j, "threads", st->threads);
    jw_u64(j, "entries", st->entries);
    jw_u64(j, "requests", st->requests);
    jw_u64(j, "bytes-read", st->bytes_read);
    jw_u64(j, "peak-memory", st->peak_memory);
    jw_close(j);
}

/* Nothing where nothing is missing. */
static void missing(struct jw *j, unsigned tables)
{
    if (!tables)
        return;
    jw_array(j, "missing-tables");
    for (unsigned t = 0; t < N_MISSING; t++)
        if (tables >> t & 1)
            jw_text(j, NULL, missing_id((enum missing_table)t));
    jw_close(j);
}

static void own_object(struct jw *j, const struct check_json *c)
{
    const struct scan_result *r = c->scan;

    jw_object(j, "qcheck");
    jw_u64(j, "schema-version", JSON_SCHEMA_VERSION);
    jw_bool(j, "partial", r->partial);
    if (c->insight)
        causes_json(c->insight, j);
    jw_u64(j, "exit-status", (uint64_t)c->status);
    if (r->refused.id) {
        jw_object(j, "refused");
        jw_text(j, "rule", r->refused.id);
        jw_text(j, "reason", r->refused.text);
        jw_text(j, "when", r->refused.at_check ? "check" : "open");
        jw_close(j);
    }
    missing(j, missing_tables(r));
    side_files_json(j, r->img);
    guesses_json(&r->img->guesses, j);
    jw_u64(j, "cluster-size", r->img->geo.cluster_size);
    jw_u64(j, "file-size", r->img->geo.file_size);
    jw_u64(j, "file-clusters", map_clusters(r->map));
    jw_u64(j, "guest-bytes-damaged", scan_guest_bytes_damaged(r));
    if (c->figures)
        figures_json(c->figures, r->img, j);
    classes(j, &r->stats);
    statistics(j, &r->stats);
    if (c->stats)
        effort(j, &r->stats);
    problems(j, r);
    jw_close(j);
}

const char *refused_rule(const struct error *err)
{
    if (err->code != ERR_FORMAT && err->code != ERR_SHORT)
        return NULL;
    return err->rule ? err->rule : "magic";
}

void refused_json_write(const char *filename, const struct error *err, struct out *out)
{
    struct jw j = JW_INIT(out);

    if (!refused_rule(err))
        return;
    jw_object(&j, NULL);
    jw_text(&j, "filename", filename);
    jw_object(&j, "qcheck");
    jw_u64(&j, "schema-version", JSON_SCHEMA_VERSION);
    verdict_refused_json(err, &j);
    jw_object(&j, "refused");
    jw_text(&j, "rule", refused_rule(err));
    jw_text(&j, "reason", err->text);
    jw_text(&j, "when", "open");
    jw_close(&j);
    jw_text(&j, "error", err->text);
    jw_close(&j);
    jw_close(&j);
}

bool check_json_write(const struct check_json *c, struct out *out, struct error *err)
{
    struct jw j = JW_INIT(out);
    bool ok = true;

    jw_object(&j, NULL);
    qemu_keys(&j, c);
    if (c->metadata)
        ok = viscera_write(&j, c->scan, err);
    own_object(&j, c);
    jw_close(&j);
    return ok;
}
