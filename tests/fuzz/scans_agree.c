/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "target.h"

#include <assert.h>
#include <string.h>

#include "report/check_json.h"

/* Two threads find what one finds, and so does a scan of the same bytes in a sparse file. */
void compare_whole(const struct scan_result *one, struct scan_result *two)
{
    struct sink s[2];
    const struct scan_result *scan[2] = { one, two };

    for (int i = 0; two && i < 2; i++) {
        struct check_json json = { NAME, scan[i], NULL, NULL, false, false,
                                   scan_exit_status(scan[i]) };

        sink_init(&s[i]);
        sink_open(&s[i]);
        check_json_write(&json, &s[i].out, NULL);
        fclose(s[i].f);
    }
    if (two) {
        if (s[0].len != s[1].len || memcmp(s[0].bytes, s[1].bytes, s[0].len) != 0)
            fprintf(stderr, "%.*s\n--- and ---\n%.*s\n", (int)s[0].len, s[0].bytes,
                    (int)s[1].len, s[1].bytes);
        assert(s[0].len == s[1].len && memcmp(s[0].bytes, s[1].bytes, s[0].len) == 0);
        sink_free(&s[0]);
        sink_free(&s[1]);
    }
    scan_free(two);
}

/* However little there is kept in memory, what is counted is the same. */
void compare_tightest(const struct scan_result *one, struct scan_result *tight)
{
    struct map_run a, b;
    bool whole;

    if (!tight)
        return;
    /* Tables of more than one window are marked as far as there are records. */
    whole = problems_complete(&one->problems) && problems_complete(&tight->problems);
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (one->problems.count[k] != tight->problems.count[k])
            fprintf(stderr, "%s: %llu, with little memory %llu\n",
                    problem_info((enum problem_kind)k)->id,
                    (unsigned long long)one->problems.count[k],
                    (unsigned long long)tight->problems.count[k]);
        assert(one->problems.count[k] == tight->problems.count[k]);
        assert(one->problems.qemu_count[k] == tight->problems.qemu_count[k]);
    }
    assert(memcmp(one->stats.class_clusters, tight->stats.class_clusters,
                  sizeof one->stats.class_clusters) == 0);
    assert(memcmp(&one->stats.active, &tight->stats.active, sizeof one->stats.active) == 0);
    assert(one->qemu.image_end_offset == tight->qemu.image_end_offset);
    assert(one->qemu.fragmented_clusters == tight->qemu.fragmented_clusters);
    assert(one->stats.twice_active == tight->stats.twice_active);
    for (uint64_t at = 0; map_run_at(one->map, at, &a); at = a.first + a.n) {
        for (uint64_t k = at; k < a.first + a.n; k = b.first + b.n) {
            assert(map_run_at(tight->map, k, &b) && b.cell.cls == a.cell.cls);
            assert(!whole || b.cell.problem == a.cell.problem);
        }
    }
    scan_free(tight);
}
