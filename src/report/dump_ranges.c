/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The range set: what each part of the file is. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/dump.h"
#include "report/ranges.h"

static bool print_range(void *data, const struct range *r)
{
    struct dump *d = data;
    const struct class_info *cls = class_info(r->cls);
    uint64_t cs = d->img->geo.cluster_size;
    char size[TEXT_NUM];

    if (d->used && r->cls == CLASS_VACANT)
        return out_ok(d->out);
    if (d->json) {
        dump_line(d, "range");
        jw_u64(&d->jw, "offset", r->first * cs);
        jw_u64(&d->jw, "length", r->n * cs);
        jw_u64(&d->jw, "clusters", r->n);
        jw_text(&d->jw, "class", cls->id);
        if (r->problems)
            jw_u64(&d->jw, "clusters-with-problems", r->problems);
        dump_line_end(d);
    } else {
        out_printf(d->out,
                   "0x%012" PRIx64 " - 0x%012" PRIx64 "  %-20s %8" PRIu64
                   " clusters  %10s%s\n",
                   r->first * cs, (r->first + r->n) * cs - 1, cls->name, r->n,
                   text_size(size, r->n * cs), r->problems ? "  !" : "");
    }
    return out_ok(d->out);
}

bool dump_ranges(struct dump *d, struct error *err)
{
    const struct geometry *geo = &d->img->geo;

    (void)err;
    ranges_each(d->scan->map, geo_cluster_of(geo, d->from),
                div_up(d->to, geo->cluster_size), print_range, d);
    return true;
}
