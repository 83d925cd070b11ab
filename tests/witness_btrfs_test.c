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

static void prove(uint8_t *node)
{
    uint32_t crc = ~crc32c(UINT32_MAX, node + 32, NODE - 32);

    for (int i = 0; i < 4; i++)
        node[i] = (uint8_t)(crc >> 8 * i);
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

        if (!is_node(p))
            continue;
        p[80]--;
        p[200] ^= 1;
        prove(p);
    }
    made_disk_expect(&d, &witness_btrfs, CLUSTER, NULL, 0, 980);
    /* The same if the old one comes first. */
    memcpy(d.bytes, d.bytes + to, CLUSTER);
    memset(d.bytes + to, 0, CLUSTER);
    made_disk_expect(&d, &witness_btrfs, CLUSTER, NULL, 0, 980);
    made_disk_free(&d);
}

/* The tree of checksums forgets all; old leaves of it remain where nothing was. */
static void old_checksums_place_data_of_deleted_files(void **state)
{
    struct made_disk d = make();
    size_t n, *order, forgotten = 0;
    uint64_t generation = 0;

    (void)state;
    for (size_t at = MADE_START; at < d.size; at += NODE) {
        uint8_t *p = d.bytes + at, *old = p + CLUSTER;

        if (!is_node(p) || le_load(p + 88, 8) != 7 || p[100] ||
            (forgotten && le_load(p + 80, 8) != generation))
            continue;
        generation = le_load(p + 80, 8);
        forgotten++;
        while (*old || memcmp(old, old + 1, NODE - 1))
            old += CLUSTER;
        memcpy(old, p, NODE);
        for (size_t i = 0, carry = (size_t)(old - p); i < 8; i++, carry >>= 8) {
            carry += old[48 + i];
            old[48 + i] = (uint8_t)carry;           /* its own address */
        }
        old[80]--;                                  /* generation */
        prove(old);
        memset(p + 96, 0, 4);                       /* number of items */
        prove(p);
    }
    assert_true(forgotten > 0);
    order = made_disk_shuffled(&d, CLUSTER, &n);
    made_disk_expect(&d, &witness_btrfs, CLUSTER, order, n, 980);
    free(order);
    made_disk_free(&d);
}

/* Which of them is which cannot be told. */
static void copies_that_differ_are_not_certain(void **state)
{
    struct made_disk d = make();
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_btrfs, NULL };
    struct rescue_memory m;
    size_t n, right, *order, at = d.size - CLUSTER;

    (void)state;
    while (at > MADE_START && !is_node(d.bytes + at))
        at -= CLUSTER;
    assert_true(at > MADE_START);
    order = made_disk_shuffled(&d, CLUSTER, &n);
    for (size_t k = 0; k < CLUSTER; k += 512)       /* what lies between nodes */
        if (!d.bytes[at + k] && !memcmp(d.bytes + at + k, d.bytes + at + k + 1, 511)) {
            size_t node = at + k / NODE * NODE;

            if (!is_node(d.bytes + node))
                d.bytes[at + k] = 1;
        }
    for (int turn = 0; turn < 2; turn++) {
        rescue_memory_open(&m, d.bytes, d.size, CLUSTER, order, n);
        assert_int_equal(rescue_memory_ask_all(&m, list, SURE_CERTAIN, &right), 0);
        rescue_memory_close(&m);
        for (size_t i = 0; i < n / 2; i++) {        /* and the other way round */
            size_t was = order[i];

            order[i] = order[n - 1 - i];
            order[n - 1 - i] = was;
        }
    }
    free(order);
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
        cmocka_unit_test(old_checksums_place_data_of_deleted_files),
        cmocka_unit_test(copies_that_differ_are_not_certain),
        cmocka_unit_test(a_rival_of_the_same_age_leaves_nothing_certain),
        cmocka_unit_test(damage_is_survived_and_nothing_certain_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
