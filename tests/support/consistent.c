/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "scan/referrers.h"
#include "support/consistent.h"

/* The records of a kind make up its counts, as long as all were kept. */
static void records_add_up(const struct scan_result *scan)
{
    const struct problems *p = &scan->problems;
    uint64_t count[N_PROBLEMS] = { 0 }, qemu[N_PROBLEMS] = { 0 };

    for (size_t i = 0; i < p->n; i++) {
        count[p->list[i].kind] += p->list[i].count;
        qemu[p->list[i].kind] += p->list[i].qemu_count;
    }
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (p->cut[k])
            continue;
        assert_int_equal(count[k], p->count[k]);
        assert_int_equal(qemu[k], p->qemu_count[k]);
    }
}

/* Every answer of the map is that of its cells looked at one by one. */
static void map_agrees_with_its_cells(const struct scan_result *scan)
{
    uint64_t n = map_clusters(scan->map), sum[N_CLASSES] = { 0 }, step = n / 3 + 1;

    for (uint64_t first = 0; first < n; first += step) {
        struct map_hist hist, want = { .problems = 0 };
        uint64_t last[N_CLASSES + 1];

        memset(last, 0xff, sizeof last);
        for (uint64_t c = first; c < n && c < first + step; c++) {
            struct map_cell cell;

            map_get(scan->map, c, &cell);
            want.n[cell.cls]++;
            want.problems += cell.problem;
            sum[cell.cls]++;
            for (int k = 0; k <= N_CLASSES; k++) {
                uint64_t found = UINT64_MAX;

                if (k == N_CLASSES ? !cell.problem : cell.cls != (enum cluster_class)k)
                    continue;
                /* from the one before it, and from the end of the part back */
                if (last[k] != UINT64_MAX)
                    assert_true(map_find(scan->map, last[k], 1, (enum cluster_class)k, &found));
                assert_true(last[k] == UINT64_MAX || found == c);
                assert_true(last[k] == UINT64_MAX
                            || (map_find(scan->map, c, -1, (enum cluster_class)k, &found)
                                && found == last[k]));
                last[k] = c;
            }
        }
        map_histogram(scan->map, first, step, &hist);
        assert_memory_equal(&hist, &want, sizeof hist);
    }
    sum[CLASS_BEYOND] = scan->stats.class_clusters[CLASS_BEYOND];       /* not in the file */
    assert_memory_equal(sum, scan->stats.class_clusters, sizeof sum);
}

/* The references that "who points here" finds are those that the scan counted. */
static void counts_are_those_of_who_points_there(const struct scan_result *scan)
{
    const struct image *img = scan->img;
    uint64_t n = map_clusters(scan->map);
    struct referrers_query q = { .img = img, .scan = scan, .n = n, .max = 1 << 20, .threads = 1 };
    uint64_t *count = calloc(n, sizeof *count);
    uint32_t *owners = calloc(n, sizeof *owners);
    struct referrers found, again;

    assert_true(count && owners);
    assert_true(referrers_find(&q, NULL, NULL, &found, NULL));
    q.scan = NULL;
    q.threads = 2;
    assert_true(referrers_find(&q, NULL, NULL, &again, NULL));
    assert_int_equal(found.n, found.total);
    assert_int_equal(found.n, again.n);
    for (size_t i = 0; i < found.n; i++) {
        const struct referrer *r = &found.list[i];
        uint64_t end = r->host_off + u64_max(r->host_len, 1) - 1;

        assert_true(place_equal(&r->place, &again.list[i].place));
        assert_int_equal(r->walks, again.list[i].walks);
        if (!r->counted)
            continue;
        for (uint64_t c = geo_cluster_of(&img->geo, r->host_off);
             c < n && c <= geo_cluster_of(&img->geo, end); c++) {
            count[c] += r->walks;
            owners[c] |= r->owners;
        }
    }
    for (uint64_t c = 0; c < n; c++) {
        struct map_cell cell;

        map_get(scan->map, c, &cell);
        assert_int_equal(cell.counted, count[c]);
        assert_int_equal(cell.owners & OWNER_KINDS, owners[c] & OWNER_KINDS);
    }
    referrers_free(&found);
    referrers_free(&again);
    free(count);
    free(owners);
}

void scan_is_consistent(const struct scan_result *scan)
{
    records_add_up(scan);
    map_agrees_with_its_cells(scan);
    counts_are_those_of_who_points_there(scan);
}
