/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The master file table of a disk with NTFS finds its place, and tells what is free. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "support/made_disk.h"

#define CLUSTER 65536u
#define RECORD  1024u

#define MKFS(options) \
    "mkntfs -q -F -f -p 2048 -H 255 -S 63 " options " \"$part\" && cd \"$root\" && " \
    "for f in file* deep/*; do ntfscp -f -q \"$part\" \"$f\" \"${f##*/}\" || exit 1; done"

static struct made_disk make(void)
{
    return made_disk("ntfscp", MKFS(""), 96);
}

static void ask(struct rescue_memory *m, const struct made_disk *d, uint32_t cluster)
{
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_ntfs, NULL };
    size_t right;

    rescue_memory_open(m, d->bytes, d->size, cluster, NULL, 0);
    assert_int_equal(rescue_memory_ask_all(m, list, SURE_LIKELY, &right), 0);
    assert_true(right > 0);
}

static bool has_record_in_use(const uint8_t *p)
{
    return !memcmp(p, "FILE", 4) && p[22] & 1;
}

static void expect_records_placed(struct rescue_memory *m)
{
    size_t n = 0;

    for (size_t at = MADE_START; at < m->size; at += RECORD)
        if (has_record_in_use(m->disk + at)) {
            n++;
            assert_true(rescue_placed(m->g, at / m->cluster, NULL, NULL));
        }
    assert_true(n > 24);
}

static void records_and_boot_sectors_are_placed_in_any_order(void **state)
{
    struct made_disk d = make();
    size_t n, *order = made_disk_shuffled(&d, CLUSTER, &n);
    struct rescue_memory m;

    (void)state;
    ask(&m, &d, CLUSTER);
    expect_records_placed(&m);
    assert_true(rescue_placed(m.g, MADE_START / CLUSTER, NULL, NULL));
    assert_true(rescue_placed(m.g, d.size / CLUSTER - 1, NULL, NULL));
    rescue_memory_close(&m);
    made_disk_expect(&d, &witness_ntfs, CLUSTER, order, n, 50);
    free(order);
    made_disk_free(&d);
}

static void clusters_of_128_sectors_are_known(void **state)
{
    struct made_disk d = made_disk("ntfscp", MKFS("-c 65536"), 96);
    struct rescue_memory m;

    (void)state;
    ask(&m, &d, CLUSTER);
    expect_records_placed(&m);
    assert_true(rescue_placed(m.g, MADE_START / CLUSTER, NULL, NULL));
    rescue_memory_close(&m);
    made_disk_free(&d);
}

static void the_copy_of_the_first_records_is_told_from_them(void **state)
{
    struct made_disk d = make();
    struct rescue_memory m;

    (void)state;
    ask(&m, &d, 4096);
    expect_records_placed(&m);
    rescue_memory_close(&m);
    ask(&m, &d, 1 << 20);
    expect_records_placed(&m);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

/* Everything that is stored and not free is known to be in use. */
static void expect_use(struct rescue_memory *m)
{
    uint32_t grain = rescue_grain(m->g);
    size_t used = 0, unknown = 0, zeros = 0, n;

    made_disk_expect_marks(m, 1);
    for (size_t off = MADE_START; off < m->size; off += grain)
        if (rescue_use_at(m->g, off) >= USE_DATA) {
            used++;
            zeros += !m->disk[off] && !memcmp(m->disk + off, m->disk + off + 1, grain - 1);
        } else {
            unknown += rescue_use_at(m->g, off) == USE_UNKNOWN && m->disk[off];
        }
    /* Security descriptors and the bitmap are mostly zeros, and that is known. */
    if (zeros * 50 > used)
        fail_msg("of %zu grains in use %zu are zeros", used, zeros);
    if (used < 6000 || unknown * 100 > used)
        fail_msg("%zu grains in use, %zu more hold something", used, unknown);
    rescue_extents(m->g, &n);
    assert_true(n >= 20);
}

static void marks_tell_what_is_free(void **state)
{
    static const char *const commands[] = { MKFS(""), MKFS("-c 512"), MKFS("-c 16384") };

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct made_disk d = made_disk("ntfscp", commands[i], 96);
        struct rescue_memory m;

        ask(&m, &d, CLUSTER);
        expect_use(&m);
        rescue_memory_close(&m);
        made_disk_free(&d);
    }
}

/* Of two clusters with the same records the one with the later log position is right. */
static void an_old_copy_is_not_taken_for_the_records(void **state)
{
    struct made_disk d = make();
    struct rescue_memory m;
    size_t at = MADE_START, right;
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_ntfs, NULL };

    (void)state;
    while (at < d.size && !(has_record_in_use(d.bytes + at) && le_load(d.bytes + at + 44, 4) > 3))
        at += CLUSTER;
    if (at >= d.size)
        at = MADE_START;
    memcpy(d.bytes, d.bytes + at, CLUSTER);
    for (size_t k = 0; k < CLUSTER; k += RECORD) {
        if (has_record_in_use(d.bytes + at + k))
            d.bytes[at + k + 12] = 1;               /* log position */
        d.bytes[k + 100] ^= 1;
    }
    rescue_memory_open(&m, d.bytes, d.size, CLUSTER, NULL, 0);
    assert_int_equal(rescue_memory_ask_all(&m, list, SURE_CERTAIN, &right), 0);
    assert_int_equal(right, 0);
    expect_records_placed(&m);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

static void damage_is_survived_and_nothing_is_certain(void **state)
{
    struct made_disk d = make();

    (void)state;
    made_disk_mutate(&d, &witness_ntfs, CLUSTER, MADE_START, d.size - MADE_START, 16);
    made_disk_mutate(&d, &witness_ntfs, CLUSTER, MADE_START, CLUSTER, 100);
    made_disk_free(&d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_boot_sectors_are_placed_in_any_order),
        cmocka_unit_test(clusters_of_128_sectors_are_known),
        cmocka_unit_test(the_copy_of_the_first_records_is_told_from_them),
        cmocka_unit_test(marks_tell_what_is_free),
        cmocka_unit_test(an_old_copy_is_not_taken_for_the_records),
        cmocka_unit_test(damage_is_survived_and_nothing_is_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
