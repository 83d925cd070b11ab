/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters of a disk with btrfs find their places by addresses and checksums. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/num.h"
#include "support/made_disk.h"

#define CLUSTER 65536u
#define NODE    16384u

static struct made_disk make(void)
{
    return made_disk("mkfs.btrfs", "mkfs.btrfs -q --rootdir \"$root\" \"$part\"", 130);
}

static void all_clusters_are_placed_in_any_order(void **state)
{
    struct made_disk d = make();
    size_t n, *order = made_disk_shuffled(&d, CLUSTER, &n);

    (void)state;
    made_disk_expect(&d, &witness_btrfs, CLUSTER, order, n, 1000);
    made_disk_expect(&d, &witness_btrfs, 1 << 20, NULL, 0, 1000);
    free(order);
    made_disk_free(&d);
}

static void nodes_longer_than_a_cluster_are_put_together(void **state)
{
    struct made_disk d = make();

    (void)state;
    made_disk_expect(&d, &witness_btrfs, 4096, NULL, 0, 980);
    made_disk_expect(&d, &witness_btrfs, 8192, NULL, 0, 980);
    made_disk_free(&d);
}

static void marks_tell_what_is_free(void **state)
{
    struct made_disk d = make();
    struct rescue_memory m;
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_btrfs, NULL };
    size_t right;

    (void)state;
    rescue_memory_open(&m, d.bytes, d.size, CLUSTER, NULL, 0);
    rescue_memory_ask_all(&m, list, SURE_CERTAIN, &right);
    made_disk_expect_marks(&m, 2);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

static bool is_node(const uint8_t *p)
{
    return le_load(p, 4) && (uint32_t)~crc32c(UINT32_MAX, p + 32, NODE - 32) == le_load(p, 4) &&
           p[56] == 1 && p[63] == 1;
}

/* A copy of all nodes of a cluster, of an earlier generation and otherwise changed. */
static void an_old_copy_of_a_node_is_not_taken_for_the_node(void **state)
{
    struct made_disk d = make();
    size_t at = MADE_START, to = d.size - CLUSTER;

    (void)state;
    while (at < to && !is_node(d.bytes + at))
        at += CLUSTER;
    assert_true(at < to);
    memcpy(d.bytes + to, d.bytes + at, CLUSTER);
    for (size_t k = 0; k < CLUSTER; k += NODE) {
        uint8_t *p = d.bytes + to + k;
        uint32_t crc;

        if (!is_node(p))
            continue;
        p[80]--;
        p[200] ^= 1;
        crc = ~crc32c(UINT32_MAX, p + 32, NODE - 32);
        for (int i = 0; i < 4; i++)
            p[i] = (uint8_t)(crc >> 8 * i);
    }
    made_disk_expect(&d, &witness_btrfs, CLUSTER, NULL, 0, 980);
    /* The same if the old one comes first. */
    memcpy(d.bytes, d.bytes + to, CLUSTER);
    memset(d.bytes + to, 0, CLUSTER);
    made_disk_expect(&d, &witness_btrfs, CLUSTER, NULL, 0, 980);
    made_disk_free(&d);
}

/* Two that are equally new and differ: neither is certain. */
static void a_rival_of_the_same_age_leaves_nothing_certain(void **state)
{
    struct made_disk d = make();
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_btrfs, NULL };
    struct rescue_memory m;
    size_t at = MADE_START, right;

    (void)state;
    while (at < d.size && !is_node(d.bytes + at))
        at += CLUSTER;
    assert_true(at < d.size);
    memcpy(d.bytes, d.bytes + at, CLUSTER);
    d.bytes[CLUSTER - 1] ^= 1;
    rescue_memory_open(&m, d.bytes, d.size, CLUSTER, NULL, 0);
    assert_int_equal(rescue_memory_ask_all(&m, list, SURE_CERTAIN, &right), 0);
    assert_true(right > 0);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

static void damage_is_survived_and_nothing_certain_is_wrong(void **state)
{
    struct made_disk d = make();

    (void)state;
    made_disk_mutate(&d, &witness_btrfs, CLUSTER, MADE_START, d.size - MADE_START, 12);
    made_disk_mutate(&d, &witness_btrfs, CLUSTER, MADE_START + CLUSTER, 4096, 12);
    made_disk_mutate(&d, &witness_btrfs, 4096, MADE_START, d.size - MADE_START, 4);
    made_disk_free(&d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_clusters_are_placed_in_any_order),
        cmocka_unit_test(nodes_longer_than_a_cluster_are_put_together),
        cmocka_unit_test(marks_tell_what_is_free),
        cmocka_unit_test(an_old_copy_of_a_node_is_not_taken_for_the_node),
        cmocka_unit_test(a_rival_of_the_same_age_leaves_nothing_certain),
        cmocka_unit_test(damage_is_survived_and_nothing_certain_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
