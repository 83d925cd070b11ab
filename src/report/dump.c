/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the dumps have in common. */
#include "config.h"

#include "report/dump.h"

#include <inttypes.h>
#include <stdlib.h>

#include "qcow2/names.h"

bool dump_begin(struct dump *d, const struct scan_result *scan, struct out *out,
                bool json, struct error *err)
{
    *d = (struct dump){ .scan = scan, .img = scan->img, .out = out, .jw = JW_INIT(out),
                        .json = json, .to = UINT64_MAX };
    if (!problem_index_new(scan, &d->index, err))
        return false;
    stored_init(&d->stored, scan->img, scan);
    return true;
}

void dump_end(struct dump *d)
{
    stored_free(&d->stored);
    problem_index_free(d->index);
    d->index = NULL;
}

void dump_line(struct dump *d, const char *type)
{
    jw_object_flat(&d->jw, NULL);
    jw_text(&d->jw, "type", type);
}

void dump_line_end(struct dump *d)
{
    jw_close(&d->jw);
    d->records++;
}

void dump_lost(struct dump *d, const struct error *why)
{
    if (d->lost.code == ERR_NONE)
        d->lost = *why;
    if (d->json) {
        dump_line(d, "unreadable");
        jw_text(&d->jw, "text", why->text);
        dump_line_end(d);
    } else {
        out_printf(d->out, "  ! unreadable: %s\n", why->text);
    }
}

void dump_end_record(struct dump *d)
{
    uint64_t records = d->records;

    dump_line(d, "end");
    jw_u64(&d->jw, "records", records);
    dump_line_end(d);
}

bool dump_wants_layer(const struct dump *d, uint32_t layer)
{
    return d->all_layers || layer == (d->one_layer ? d->layer : LAYER_ACTIVE);
}

uint32_t dump_layers(const struct dump *d)
{
    return (uint32_t)d->img->snaps.n + 1;
}

void dump_layer_heading(struct dump *d, uint32_t layer)
{
    const struct snapshot *s = layer ? &d->img->snaps.list[layer - 1] : NULL;
    struct layer_l1 l1;

    image_layer_l1(d->img, layer, &l1);
    if (d->json) {
        dump_line(d, "layer");
        jw_u64(&d->jw, "layer", layer);
        if (s) {
            jw_bytes(&d->jw, "id", s->id, snapshot_id_len(s));
            jw_bytes(&d->jw, "name", s->name, snapshot_name_len(s));
        }
        jw_u64(&d->jw, "l1-offset", l1.off);
        jw_u64(&d->jw, "l1-entries", l1.n);
        dump_line_end(d);
        return;
    }
    if (s) {
        out_printf(d->out, "Snapshot %" PRIu32 ", id ", layer);
        out_visible(d->out, s->id, snapshot_id_len(s));
        out_puts(d->out, ", ");
        out_visible(d->out, s->name, snapshot_name_len(s));
    } else {
        out_puts(d->out, "Active layer");
    }
    out_printf(d->out, ": L1 table at 0x%" PRIx64 ", %" PRIu64 " entries\n", l1.off, l1.n);
}

/* References counted to the cluster of this byte, maybe COUNTED_UNKNOWN; false past the
 * end of the file. */
static bool counted(const struct dump *d, uint64_t host_off, uint64_t *out)
{
    uint64_t cluster = geo_cluster_of(&d->img->geo, host_off);
    struct map_cell cell;

    if (cluster >= map_clusters(d->scan->map))
        return false;
    map_get(d->scan->map, cluster, &cell);
    *out = cell.counted;
    return true;
}

void dump_refcount_text(struct dump *d, uint64_t host_off)
{
    char text[COUNTED_TEXT];
    uint64_t n;

    out_puts(d->out, "  refcount ");
    if (stored_get(&d->stored, geo_cluster_of(&d->img->geo, host_off), &n) <=
        STORED_NO_BLOCK)
        out_dec(d->out, n);
    else
        out_puts(d->out, "?");
    out_puts(d->out, "/");
    if (counted(d, host_off, &n))
        out_puts(d->out, counted_text(text, n));
    else
        out_puts(d->out, "-");
}

void dump_refcount_json(struct dump *d, uint64_t host_off)
{
    uint64_t n;

    if (stored_get(&d->stored, geo_cluster_of(&d->img->geo, host_off), &n) <=
        STORED_NO_BLOCK)
        jw_u64(&d->jw, "stored", n);
    if (counted(d, host_off, &n) && n != COUNTED_UNKNOWN)
        jw_u64(&d->jw, "counted", n);
}
