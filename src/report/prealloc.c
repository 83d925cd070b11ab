/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/prealloc.h"

#include "base/limits.h"
#include "scan/guest.h"

const char *preallocation_mode(const struct image *img)
{
    struct source_info file = source_get_info(img->src);
    struct guest_walk *walk;
    struct guest_extent x;
    struct error err = { 0 };
    uint64_t end = img->geo.size, at = 0, seen;
    bool mapped = true;

    /* Data that is not shared takes its own place. */
    if (end == 0 || (!img->geo.data_file && end > img->geo.file_len))
        return "off";
    seen = u64_min(end, (uint64_t)PREALLOC_CLUSTERS_MAX << img->geo.cluster_bits);
    if (!guest_walk_open(img, LAYER_ACTIVE, 0, seen, &walk, &err))
        return "unknown";
    while (mapped && guest_walk_next(walk, &x, &err)) {
        mapped = x.host_off != NO_ADDRESS && !x.compressed;
        at = x.start + x.length;
    }
    guest_walk_free(walk);
    if (err.code)
        return "unknown";
    if (!mapped || at < seen)
        return "off";
    if (seen < end)
        return "unknown";
    /* Metadata preallocation leaves the data clusters as holes. Where the data lies in a
     * file of its own, the holes of this one say nothing. */
    return !img->geo.data_file && file.allocated < end - end / 8 ? "metadata" : "full";
}
