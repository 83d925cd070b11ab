/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "target.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "report/check_json.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_record(const struct problem *a, const struct problem *b)
{
    return a->kind == b->kind && place_equal(&a->place, &b->place) && a->count == b->count
        && a->qemu_count == b->qemu_count && a->host_off == b->host_off
        && a->guest_off == b->guest_off && a->guest_len == b->guest_len && a->found == b->found
        && a->expected == b->expected && place_equal(&a->owner, &b->owner)
        && place_equal(&a->other, &b->other) && a->owners == b->owners
        && same_text(a->note, b->note);
}

static bool same_map(const struct map *one, const struct map *two)
{
    struct map_run a, b;

    for (uint64_t at = 0; map_run_at(one, at, &a); at = a.first + a.n) {
        if (!map_run_at(two, at, &b) || a.n != b.n || a.cell.cls != b.cell.cls
            || a.cell.problem != b.cell.problem)
            return false;
    }
    return true;
}

/* All but what a scan says of the work it was. */
static bool same_scan(const struct scan_result *a, const struct scan_result *b)
{
    if (a->problems.n != b->problems.n || a->partial != b->partial
        || a->memory_short != b->memory_short || !same_text(a->refused.id, b->refused.id)
        || memcmp(a->problems.count, b->problems.count, sizeof a->problems.count) != 0
        || memcmp(a->problems.qemu_count, b->problems.qemu_count,
                  sizeof a->problems.qemu_count) != 0
        || memcmp(&a->qemu, &b->qemu, sizeof a->qemu) != 0
        || memcmp(&a->stats, &b->stats, offsetof(struct scan_stats, seconds)) != 0)
        return false;
    for (size_t i = 0; i < a->problems.n; i++) {
        if (!same_record(&a->problems.list[i], &b->problems.list[i]))
            return false;
    }
    return same_map(a->map, b->map);
}

static void print_scan(const struct scan_result *scan)
{
    struct check_json json = { NAME, scan, NULL, NULL, false, false, scan_exit_status(scan) };
    struct sink s;

    sink_init(&s);
    sink_open(&s);
    check_json_write(&json, &s.out, NULL);
    fclose(s.f);
    fprintf(stderr, "%.*s\n", (int)s.len, s.bytes);
    sink_free(&s);
}

/* Two threads find what one finds, and so does a scan of the same bytes in a sparse file. */
void compare_whole(const struct scan_result *one, struct scan_result *two)
{
    bool same = !two || same_scan(one, two);

    if (!same) {
        print_scan(one);
        print_scan(two);
    }
    assert(same);
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
