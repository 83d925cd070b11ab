/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Images damaged at random, and their scans. */
#ifndef QCHECK_TESTS_SCANNED_H
#define QCHECK_TESTS_SCANNED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "scan/scan.h"
#include "support/image_builder.h"

static inline struct scan_result *scan_with(const struct image *img, unsigned threads, size_t kept)
{
    struct scan_options opt = { .threads = threads, .problems_kept = kept };
    struct scan_result *r;
    struct error err = { 0 };

    if (!scan_run(img, &opt, NULL, &r, &err))
        fail_msg("scan: %s", err.text);
    return r;
}

/* A few hundred tables of small clusters, with snapshots and damage of many kinds. */
static inline struct builder *damaged(unsigned seed, bool extended)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.cluster_bits = extended ? 14 : 9;
    opt.extended_l2 = extended;
    opt.size = extended ? UINT64_C(32) << 20 : UINT64_C(2) << 20;
    b = builder_new(opt);
    srand(seed);
    for (int i = 0; i < 600; i++) {
        uint64_t g = (uint64_t)rand() % b->geo.guest_clusters;

        if (i % 50 == 7)
            builder_map_compressed(b, g);
        else if (i % 50 == 9)
            builder_map_zero(b, g, i & 1);
        else
            builder_map(b, g);
        if (i == 200 || i == 300)
            builder_add_snapshot(b, i == 200 ? "1" : "2", "s");
    }
    for (int i = 0; i < 300; i++) {
        uint64_t at = 512 + (uint64_t)rand() % (b->len - 1024);

        builder_poke(b, at & ~UINT64_C(7), 8, (uint64_t)rand() << (rand() % 33));
    }
    return b;
}

#endif
