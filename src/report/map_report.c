/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/map_report.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/guest_list.h"
#include "report/jw.h"
#include "report/ranges.h"

struct listing {
    struct out *out;
    struct jw jw;
    bool json;
    uint64_t cluster_size;
};

static bool host_range(void *data, const struct range *r)
{
    struct listing *l = data;
    uint64_t start = r->first * l->cluster_size, length = r->n * l->cluster_size;
    const struct class_info *cls = class_info(r->cls);
    char size[TEXT_NUM];

    if (l->json) {
        jw_object_flat(&l->jw, NULL);
        jw_u64(&l->jw, "start", start);
        jw_u64(&l->jw, "length", length);
        jw_text(&l->jw, "class", cls->id);
        jw_u64(&l->jw, "clusters", r->n);
        if (r->problems)
            jw_u64(&l->jw, "clusters-with-problems", r->problems);
        jw_close(&l->jw);
    } else {
        out_printf(l->out, "0x%012" PRIx64 "  %10s  %c  %s%s\n", start,
                   text_size(size, length), cls->letter, cls->name,
                   r->problems ? "  !" : "");
    }
    return out_ok(l->out);
}

void map_host(const struct scan_result *scan, bool json, struct out *out)
{
    struct listing l = { out, JW_INIT(out), json, scan->img->geo.cluster_size };

    if (json)
        jw_array(&l.jw, NULL);
    else
        out_puts(out, "File offset         Length  Class\n");
    ranges_each(scan->map, 0, UINT64_MAX, host_range, &l);
    if (json)
        jw_close(&l.jw);
}

static bool guest_extent(void *data, const struct mapped_extent *x)
{
    struct listing *l = data;
    char size[TEXT_NUM];

    if (l->json) {
        jw_object_flat(&l->jw, NULL);
        jw_u64(&l->jw, "start", x->start);
        jw_u64(&l->jw, "length", x->length);
        jw_u64(&l->jw, "depth", x->depth);
        jw_bool(&l->jw, "present", x->present);
        jw_bool(&l->jw, "zero", x->zero);
        jw_bool(&l->jw, "data", x->data);
        jw_bool(&l->jw, "compressed", x->compressed);
        jw_address(&l->jw, "offset", x->offset);
        if (x->unknown)
            jw_bool(&l->jw, "unknown", true);
        if (x->damaged)
            jw_bool(&l->jw, "damaged", true);
        jw_close(&l->jw);
        return out_ok(l->out);
    }
    out_printf(l->out, "0x%012" PRIx64 "  %10s  ", x->start, text_size(size, x->length));
    if (x->offset != NO_ADDRESS)
        out_printf(l->out, "0x%012" PRIx64 "  ", x->offset);
    else
        out_printf(l->out, "%-14s  ", "-");
    out_printf(l->out, "%5u  %s%s\n", x->depth,
               x->compressed ? "compressed" : x->data ? "data"
               : x->present ? "zeros" : x->unknown ? "in a backing file that was not read"
               : "unallocated", x->damaged ? "  ! damaged" : "");
    return out_ok(l->out);
}

bool map_guest(const struct image *img, uint32_t layer, const struct chain *chain, bool json,
               struct out *out, struct error *err)
{
    struct listing l = { out, JW_INIT(out), json, img->geo.cluster_size };
    bool ok;

    if (json)
        jw_array(&l.jw, NULL);
    else
        out_puts(out, "Guest offset        Length  File offset     Depth  What\n");
    ok = guest_list_each(img, layer, chain, guest_extent, &l, err);
    if (json && ok)
        jw_close(&l.jw);
    return ok;
}
