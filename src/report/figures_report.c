/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/figures_report.h"

#include <inttypes.h>

#include "base/text.h"
#include "qcow2/names.h"

/* --- for people --- */

static void bytes(struct out *out, const char *label, uint64_t n, const char *after)
{
    char size[TEXT_NUM];

    out_printf(out, "%-16s %s (%" PRIu64 " bytes)%s\n", label, text_size(size, n), n, after);
}

static void header_lines(const struct figures *f, struct out *out)
{
    if (f->since)
        out_printf(out, "%-16s QEMU %s, for %s\n", "opens from", f->since, f->since_for);
    else
        out_printf(out, "%-16s no known QEMU, for %s\n", "opens from", f->since_for);
    bytes(out, "disk can grow to", f->guest_max, "");
}

static void walk_lines(const struct figures *f, const struct image *img, struct out *out)
{
    bytes(out, "guest data", f->guest_data, f->absent ? ", some of it in files that are "
          "not here" : "");
    if (img->backing_file)
        bytes(out, "  in backing", f->from_backing, "");
    if (img->geo.data_file)
        bytes(out, "  in data file", f->from_data_file, "");
    if (f->whole)
        bytes(out, "can shrink to", f->guest_end, ": nothing but zeros follows");
    if (f->converts) {
        bytes(out, "as new qcow2", f->qcow2_required, "");
        bytes(out, "  when filled", f->qcow2_full, "");
        bytes(out, "as raw", f->raw, "");
    }
    if (f->read) {
        bytes(out, "stored zeros", f->zeros, "");
        bytes(out, "  without them", f->qcow2_no_zeros, " as new qcow2");
    }
}

static void snapshot_lines(const struct figures *f, const struct image *img, struct out *out)
{
    char a[TEXT_NUM], b[TEXT_NUM];

    for (size_t k = 0; k < f->n_snap; k++) {
        const struct snapshot *s = &img->snaps.list[k];

        out_printf(out, "%-16s id ", k ? "" : "snapshots");
        out_visible(out, s->id, snapshot_id_len(s));
        out_puts(out, ", ");
        out_visible(out, s->name, snapshot_name_len(s));
        out_printf(out, ": deleting it frees %s; it alone holds %s of data\n",
                   text_size(a, f->snap[k].frees), text_size(b, f->snap[k].alone));
    }
}

void figures_text(const struct figures *f, const struct image *img, struct out *out)
{
    header_lines(f, out);
    if (f->scanned)
        bytes(out, "needs a device", f->device_min, "");
    if (f->device_full)
        bytes(out, "  when filled", f->device_full, "");
    if (f->missing_end)
        bytes(out, "missing at end", f->missing_end, ", at least");
    if (f->walked)
        walk_lines(f, img, out);
    snapshot_lines(f, img, out);
}

/* --- JSON --- */

static void walk_json(const struct figures *f, struct jw *j)
{
    jw_u64(j, "guest-data", f->guest_data);
    jw_u64(j, "guest-from-backing", f->from_backing);
    jw_u64(j, "guest-from-data-file", f->from_data_file);
    jw_bool(j, "guest-absent", f->absent);
    if (f->whole)
        jw_u64(j, "guest-end", f->guest_end);
    if (f->converts) {
        jw_object(j, "convert");
        jw_u64(j, "qcow2-required", f->qcow2_required);
        jw_u64(j, "qcow2-fully-allocated", f->qcow2_full);
        jw_u64(j, "raw", f->raw);
        if (f->read)
            jw_u64(j, "qcow2-without-zeros", f->qcow2_no_zeros);
        jw_close(j);
    }
    if (f->read)
        jw_u64(j, "zeros-stored", f->zeros);
}

static void snapshots_json(const struct figures *f, const struct image *img, struct jw *j)
{
    if (!f->snap)
        return;
    jw_array(j, "snapshots");
    for (size_t k = 0; k < f->n_snap; k++) {
        const struct snapshot *s = &img->snaps.list[k];

        jw_object_flat(j, NULL);
        jw_bytes(j, "id", s->id, snapshot_id_len(s));
        jw_bytes(j, "name", s->name, snapshot_name_len(s));
        jw_u64(j, "frees", f->snap[k].frees);
        jw_u64(j, "alone", f->snap[k].alone);
        jw_close(j);
    }
    jw_close(j);
}

void figures_json(const struct figures *f, const struct image *img, struct jw *j)
{
    jw_object(j, "figures");
    if (f->since)
        jw_text(j, "opens-since", f->since);
    jw_text(j, "opens-since-for", f->since_for);
    jw_u64(j, "guest-size-max", f->guest_max);
    jw_u64(j, "file-size-max", f->file_max);
    if (f->scanned)
        jw_u64(j, "device-size-min", f->device_min);
    if (f->device_full)
        jw_u64(j, "device-size-full", f->device_full);
    if (f->missing_end)
        jw_u64(j, "missing-at-end", f->missing_end);
    if (f->walked)
        walk_json(f, j);
    snapshots_json(f, img, j);
    jw_close(j);
}
