/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/pack_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/check_json.h"
#include "report/jw.h"
#include "report/outside.h"

/* Calls each(ctx, LINE) for all that stays in a pack and may be more than one wants to tell. */
static void each_left_in(const struct pack_report *r, void (*each)(void *ctx, const char *line),
                         void *ctx)
{
    const struct image *img = r->scan->img;
    struct buf b = BUF_INIT;

    each(ctx, "sizes: of the file, the disk, clusters and tables");
    each(ctx, "where each table and each cluster lies, and which are in use");
    if (img->backing_file)
        each(ctx, r->anonymous ? "backing file: length of its name, format, whether it is there"
                               : "backing file: name, format, whether it is there");
    if (img->data_file)
        each(ctx, r->anonymous ? "data file: length of its name, whether it is there"
                               : "data file: name, whether it is there");
    if (img->snaps.n)
        each(ctx, r->anonymous ? "snapshots: dates, clocks, sizes, lengths of names, ids that "
                                 "are numbers"
                               : "snapshots: names, ids, dates, clocks, sizes, extra data");
    if (img->bitmaps.n)
        each(ctx, r->anonymous ? "bitmaps: granularity, flags, lengths of names"
                               : "bitmaps: names, granularity, flags, extra data");
    if (img->ext.has_crypto)
        each(ctx, r->anonymous ? "encryption: cipher and numbers of iterations"
                               : "encryption: the LUKS header with its UUID, digest and salts; "
                                 "no key material");
    if (r->keep->bytes[KEEP_PROBLEM])
        each(ctx, "clusters that problems are about, whole: they may hold guest data");
    if (r->foreign.tables && !r->anonymous) {
        buf_printf(&b, "%" PRIu64 " tables that hold something else, maybe guest data, at",
                   r->foreign.tables);
        for (uint64_t i = 0; i < r->foreign.tables && i < ANONYMOUS_PLACES; i++)
            buf_printf(&b, " 0x%" PRIx64, r->foreign.table_off[i]);
        each(ctx, buf_str(&b));
    } else if (r->foreign.tables) {
        buf_printf(&b, "which faults the entries have of %" PRIu64 " tables that hold "
                   "something else", r->foreign.tables);
        each(ctx, buf_str(&b));
    }
    buf_free(&b);
}

static void each_difference(const struct pack_report *r,
                            void (*each)(void *ctx, const char *what, uint64_t image,
                                         uint64_t pack), void *ctx)
{
    const struct qemu_counts *a = &r->scan->qemu, *b = &r->kept->qemu;
    const struct { const char *what; uint64_t image, pack; } rows[] = {
        { "corruptions", a->corruptions, b->corruptions },
        { "leaks", a->leaks, b->leaks },
        { "check-errors", a->check_errors, b->check_errors },
        { "image-end-offset", a->image_end_offset, b->image_end_offset },
        { "allocated-clusters", a->allocated_clusters, b->allocated_clusters },
        { "fragmented-clusters", a->fragmented_clusters, b->fragmented_clusters },
        { "compressed-clusters", a->compressed_clusters, b->compressed_clusters },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].image != rows[i].pack)
            each(ctx, rows[i].what, rows[i].image, rows[i].pack);
    for (int k = 0; k < N_PROBLEMS; k++)
        if (r->scan->problems.count[k] != r->kept->problems.count[k])
            each(ctx, problem_info((enum problem_kind)k)->id, r->scan->problems.count[k],
                 r->kept->problems.count[k]);
}

static void one_more(void *ctx, const char *what, uint64_t image, uint64_t pack)
{
    (void)what, (void)image, (void)pack;
    ++*(unsigned *)ctx;
}

bool pack_report_same(const struct pack_report *r)
{
    unsigned n = 0;

    each_difference(r, one_more, &n);
    return n == 0;
}

/* --- JSON --- */

static void line_json(void *ctx, const char *line)
{
    jw_text(ctx, NULL, line);
}

static void difference_json(void *ctx, const char *what, uint64_t image, uint64_t pack)
{
    jw_object_flat(ctx, NULL);
    jw_text(ctx, "what", what);
    jw_u64(ctx, "image", image);
    jw_u64(ctx, "pack", pack);
    jw_close(ctx);
}

static void left_out_json(const struct pack_report *r, struct jw *j)
{
    jw_array(j, "left-out");
    for (int c = 0; c < N_CLASSES; c++) {
        uint64_t n = r->scan->stats.class_clusters[c];

        if (!n || class_info((enum cluster_class)c)->metadata || c == CLASS_VACANT ||
            c == CLASS_BEYOND)
            continue;
        jw_object_flat(j, NULL);
        jw_text(j, "class", class_info((enum cluster_class)c)->id);
        jw_u64(j, "clusters", n);
        jw_close(j);
    }
    jw_close(j);
}

void pack_manifest_write(const struct pack_report *r, struct out *out)
{
    const struct image *img = r->kept->img;     /* in which nothing is that is not kept */
    const struct verdict *v = &r->insight->verdict;
    struct jw j = JW_INIT(out);

    jw_object(&j, NULL);
    jw_text(&j, "format", "qcheck-pack");
    jw_u64(&j, "schema-version", JSON_SCHEMA_VERSION);
    jw_text(&j, "program", PACKAGE_STRING);
    jw_bool(&j, "anonymous", r->anonymous);
    jw_u64(&j, "image-length", img->geo.file_size);
    jw_u64(&j, "image-allocated", source_get_info(r->scan->img->src).allocated);
    jw_u64(&j, "virtual-size", img->geo.size);
    jw_u64(&j, "cluster-size", img->geo.cluster_size);
    jw_object(&j, "kept");
    for (int k = 0; k < N_KEEPS; k++)
        if (r->keep->bytes[k])
            jw_u64(&j, keep_info((enum keep_kind)k)->id, r->keep->bytes[k]);
    jw_close(&j);
    left_out_json(r, &j);
    jw_array(&j, "left-in");
    each_left_in(r, line_json, &j);
    jw_close(&j);
    if (r->anonymous) {
        jw_object(&j, "replaced");
        jw_u64(&j, "names", r->foreign.names);
        jw_u64(&j, "extra-bytes", r->foreign.extra_bytes);
        jw_u64(&j, "tables", r->foreign.tables);
        jw_u64(&j, "entries", r->foreign.entries);
        jw_close(&j);
    }
    side_files_json(&j, img);
    jw_object(&j, "verdict");
    jw_text(&j, "data-lost", answer_name(v->data_lost));
    jw_text(&j, "may-open", answer_name(v->may_open));
    jw_text(&j, "may-write", answer_name(v->may_write));
    jw_bool(&j, "incomplete", v->incomplete);
    jw_close(&j);
    jw_bool(&j, "same", pack_report_same(r));
    jw_array(&j, "differences");
    each_difference(r, difference_json, &j);
    jw_close(&j);
    jw_array(&j, "causes");
    for (size_t i = 0; i < r->insight->n; i++)
        jw_text(&j, NULL, cause_info(r->insight->list[i].kind)->id);
    jw_close(&j);
    jw_close(&j);
}

/* --- text --- */

static void line_text(void *ctx, const char *line)
{
    out_printf(ctx, "  %s\n", line);
}

static void difference_text(void *ctx, const char *what, uint64_t image, uint64_t pack)
{
    out_printf(ctx, "  %s: %" PRIu64 " in the image, %" PRIu64 " in the pack\n", what, image,
               pack);
}

static void bytes_line(struct out *out, const char *what, uint64_t bytes)
{
    char text[TEXT_NUM];

    out_printf(out, "%s%s\n", what, text_size(text, bytes));
}

void pack_report_write(const struct pack_report *r, const char *name,
                       const struct pack_size *size, struct out *out)
{
    out_puts(out, "Wrote ");
    out_visible(out, name, strlen(name));
    out_puts(out, "\n\n");
    bytes_line(out, "  length of the image  ", size->image);
    bytes_line(out, "  stored of it         ", size->stored);
    bytes_line(out, "  length of the pack   ", size->pack);
    out_puts(out, "\nThe guest's data is left out. What is left in:\n");
    each_left_in(r, line_text, out);
    if (r->anonymous)
        out_printf(out, "\nReplaced: %" PRIu64 " names, %" PRIu64 " entries of tables; %" PRIu64
                   " bytes of extra data became zeros.\n", r->foreign.names,
                   r->foreign.entries, r->foreign.extra_bytes);
    if (r->keep->cut)
        out_puts(out, "\nNot all clusters that problems are about fitted in.\n");
    if (pack_report_same(r)) {
        out_puts(out, "\nA check of the pack finds what a check of the image finds.\n");
    } else {
        out_puts(out, "\nA check of the pack differs:\n");
        each_difference(r, difference_text, out);
    }
}
