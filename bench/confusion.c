/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How well content is told: for each image, what every cluster is by the scan (truth) and
 * what its bytes look like (guess). Prints one line "TRUTH GUESS COUNT" per pair, for
 * confusion.py to add up. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "insight/content.h"
#include "scan/scan.h"

static uint64_t pairs[N_CLASSES][N_CONTENTS];

static bool one_image(const char *name)
{
    struct source *src = NULL;
    struct image *img = NULL;
    struct scan_result *scan = NULL;
    struct error err;
    uint8_t *scratch;
    uint64_t n;

    if (!source_open(name, &src, &err) || !image_open(src, NULL, &img, &err) ||
        !scan_run(img, NULL, NULL, &scan, &err)) {
        fprintf(stderr, "%s: %s\n", name, err.text);
        return false;
    }
    scratch = malloc((size_t)img->geo.cluster_size);
    n = map_clusters(scan->map);
    for (uint64_t cl = 0; scratch && cl < n; cl++) {
        struct map_cell cell;
        struct content c;

        map_get(scan->map, cl, &cell);
        if (content_at(img, cl * img->geo.cluster_size, scratch, &c))
            pairs[cell.cls][c.kind]++;
    }
    free(scratch);
    scan_free(scan);
    image_close(img);
    return true;
}

int main(int argc, char **argv)
{
    bool ok = argc > 1;

    for (int i = 1; i < argc; i++)
        ok &= one_image(argv[i]);
    for (int k = 0; k < N_CLASSES; k++)
        for (int c = 0; c < N_CONTENTS; c++)
            if (pairs[k][c])
                printf("%s %s %llu\n", class_info((enum cluster_class)k)->id,
                       content_info((enum content_kind)c)->id,
                       (unsigned long long)pairs[k][c]);
    return !ok;
}
