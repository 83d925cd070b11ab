/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/export_report.h"

#include <string.h>

#include "report/jw.h"

/* The files of range i, whose pairs begin at *next. */
static void owners(struct jw *j, const struct range_files *f, size_t i, size_t *next)
{
    if (!f || !f->n_files || !f->n_files[i])
        return;
    jw_array(j, "files");
    for (; *next < f->n && f->pair[*next].range == i; ++*next) {
        const struct volume_item *item = &f->items.item[f->pair[*next].item];
        const char *volume = f->volumes.list[item->volume].name;

        jw_object(j, NULL);
        jw_bytes(j, "volume", volume, strlen(volume));
        jw_bytes(j, "path", item->path, strlen(item->path));
        jw_close(j);
    }
    jw_close(j);
    jw_u64(j, "n-files", f->n_files[i]);
}

static void lost_range(struct jw *j, const struct disk_span *s, const struct range_files *f,
                       size_t i, size_t *next)
{
    jw_object_flat(j, NULL);
    jw_u64(j, "start", s->off);
    jw_u64(j, "length", s->len);
    jw_text(j, "state", disk_state_id(s->state));
    if (s->why)
        jw_text(j, "problem", s->why);
    jw_u64(j, "depth", s->depth);
    jw_address(j, "offset", s->host_off);
    owners(j, f, i, next);
    jw_close(j);
}

void export_json(const char *image, const char *output, struct disk_layer layer, bool qcow2,
                 const struct export_result *r, const struct range_files *files,
                 struct out *out)
{
    struct jw j = JW_INIT(out);
    size_t next = 0;

    jw_object(&j, NULL);
    jw_bytes(&j, "filename", image, strlen(image));
    jw_u64(&j, "snapshot", layer.layer);
    jw_bool(&j, "vm-state", layer.vm_state);
    jw_bytes(&j, "output", output, strlen(output));
    jw_text(&j, "format", qcow2 ? "qcow2" : "raw");
    jw_u64(&j, "virtual-size", r->size);
    jw_bool(&j, "complete", r->complete);
    jw_u64(&j, "written", r->written);
    jw_object(&j, "bytes");
    for (int i = 0; i < N_DISK_STATES; i++)
        jw_u64(&j, disk_state_id((enum disk_state)i), r->bytes[i]);
    jw_close(&j);
    jw_array(&j, "lost");
    for (size_t i = 0; i < r->lost.n && out_ok(out); i++)
        lost_range(&j, &r->lost.list[i], files, i, &next);
    jw_close(&j);
    jw_bool(&j, "lost-cut", r->lost_cut);
    jw_close(&j);
}
