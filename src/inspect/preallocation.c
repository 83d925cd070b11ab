/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/preallocation.h"

#include "base/limits.h"
#include "scan/guest.h"

static const struct { const char *name, *words; } texts[] = {
    [PREALLOCATION_OFF] = { "off", "off" },
    [PREALLOCATION_METADATA] = { "metadata",
        "metadata (everything mapped, most of it not yet on the disk)" },
    [PREALLOCATION_FULL] = { "full", "full (or the guest has written everywhere)" },
    [PREALLOCATION_UNKNOWN] = { "unknown", "not known" },
};

const char *preallocation_name(enum preallocation p)
{
    return texts[p].name;
}

const char *preallocation_words(enum preallocation p)
{
    return texts[p].words;
}

/* Metadata preallocation leaves the data clusters as holes. Where the data lies in a file
 * of its own, the holes of this one say nothing. */
static enum preallocation when_mapped(const struct image *img)
{
    struct source_info file = source_get_info(img->src);
    uint64_t size = img->geo.size;

    return !img->geo.data_file && file.allocated < size - size / 8 ? PREALLOCATION_METADATA
                                                                   : PREALLOCATION_FULL;
}

/* Data that is not shared takes its own place. */
static bool too_short(const struct image *img)
{
    return img->geo.size == 0 || (!img->geo.data_file && img->geo.size > img->geo.file_len);
}

enum preallocation preallocation_from_tables(const struct image *img)
{
    struct guest_walk *walk;
    struct guest_extent x;
    struct error err = { 0 };
    uint64_t end = img->geo.size, at = 0, seen;
    bool mapped = true;

    if (too_short(img))
        return PREALLOCATION_OFF;
    seen = u64_min(end, (uint64_t)PREALLOC_CLUSTERS_MAX << img->geo.cluster_bits);
    if (!guest_walk_open(img, LAYER_ACTIVE, 0, seen, &walk, &err))
        return PREALLOCATION_UNKNOWN;
    while (mapped && guest_walk_next(walk, &x, &err)) {
        mapped = x.host_off != NO_ADDRESS && !x.compressed;
        at = x.start + x.length;
    }
    guest_walk_free(walk);
    if (err.code)
        return PREALLOCATION_UNKNOWN;
    if (!mapped || at < seen)
        return PREALLOCATION_OFF;
    return seen < end ? PREALLOCATION_UNKNOWN : when_mapped(img);
}

enum preallocation preallocation_from_scan(const struct scan_result *scan)
{
    const struct layer_stats *a = &scan->stats.active;

    if (too_short(scan->img) || a->compressed)
        return PREALLOCATION_OFF;
    if (a->normal + a->zero_alloc < scan->img->geo.guest_clusters)
        return scan->partial ? PREALLOCATION_UNKNOWN : PREALLOCATION_OFF;
    return when_mapped(scan->img);
}
