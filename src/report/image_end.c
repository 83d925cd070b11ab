/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/image_end.h"

#include "report/stored.h"

uint64_t image_end_by_refcounts(const struct image *img)
{
    const struct geometry *geo = &img->geo;
    struct stored stored;
    uint64_t k = geo->n_clusters, count;

    stored_init(&stored, img, NULL);
    while (k > 0) {
        uint64_t block = (k - 1) >> geo->refblock_bits;

        if (stored_get(&stored, k - 1, &count) != STORED_OK) {
            k = block << geo->refblock_bits;    /* nothing is known of this whole block */
            continue;
        }
        if (count)
            break;
        k--;
    }
    stored_free(&stored);
    return k << geo->cluster_bits;
}
