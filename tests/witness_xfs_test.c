/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Metadata of a disk with XFS finds its place by the addresses it bears; the rest is known to be
 * free or in use. */
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
#define BLOCK   4096u

#define MKFS(options) \
    "(printf 'boot\\n0 0\\nd--755 0 0\\n'; cd \"$root\"; for f in file* deep/*; do " \
    "echo \"${f##*/} ---644 0 0 $root/$f\"; done; printf '$\\n$\\n') >\"$root/../proto\"; " \
    "mkfs.xfs -q " options " -p \"$root/../proto\" \"$part\""

static struct made_disk make(void)
{
    return made_disk("mkfs.xfs", MKFS(""), 320);
}

static void ask(struct rescue_memory *m, const struct made_disk *d, enum rescue_sure sure)
{
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_xfs, NULL };
    size_t right;

    rescue_memory_open(m, d->bytes, d->size, CLUSTER, NULL, 0);
    assert_int_equal(rescue_memory_ask_all(m, list, sure, &right), 0);
    assert_true(right > 0);
}

/* Fails unless every block with that magic lies in a cluster that is placed. */
static void expect_blocks_placed(struct rescue_memory *m, const char *magic, size_t step)
{
    size_t n = 0, len = strlen(magic);

    for (size_t at = MADE_START; at < m->size; at += step) {
        if (memcmp(m->disk + at, magic, len))
            continue;
        n++;
        assert_true(rescue_placed(m->g, at / m->cluster, NULL, NULL));
    }
    assert_true(n > 0);
}

static void metadata_is_placed_in_any_order(void **state)
{
    struct made_disk d = make();
    struct rescue_memory m;
    size_t n, *order = made_disk_shuffled(&d, CLUSTER, &n);

    (void)state;
    ask(&m, &d, SURE_LIKELY);
    expect_blocks_placed(&m, "XFSB", 512);
    expect_blocks_placed(&m, "XAGI", 512);
    expect_blocks_placed(&m, "AB3B", BLOCK);
    expect_blocks_placed(&m, "IN", 512);
    expect_blocks_placed(&m, "\xfe\xed\xba\xbe", 512);
    rescue_memory_close(&m);
    made_disk_expect(&d, &witness_xfs, CLUSTER, order, n, 1);
    made_disk_expect(&d, &witness_xfs, 4096, NULL, 0, 1);
    made_disk_expect(&d, &witness_xfs, 512, NULL, 0, 1);
    made_disk_expect(&d, &witness_xfs, 1 << 21, NULL, 0, 1);
    free(order);
    made_disk_free(&d);
}

/* Everything that is stored and not free is known to be in use. */
static void expect_use(struct rescue_memory *m)
{
    uint32_t grain = rescue_grain(m->g);
    size_t used = 0, unknown = 0;

    made_disk_expect_marks(m, 1);
    for (size_t off = MADE_START; off < m->size; off += grain)
        if (rescue_use_at(m->g, off) >= USE_DATA)
            used++;
        else
            unknown += rescue_use_at(m->g, off) == USE_UNKNOWN && m->disk[off];
    if (used < 6000 || unknown * 100 > used)
        fail_msg("%zu grains in use, %zu more hold something", used, unknown);
}

static void marks_tell_what_is_free(void **state)
{
    struct made_disk d = make();
    struct rescue_memory m;
    size_t n;

    (void)state;
    ask(&m, &d, SURE_CERTAIN);
    expect_use(&m);
    rescue_extents(m.g, &n);
    assert_true(n >= 24);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

static void options_of_mkfs_change_nothing(void **state)
{
    static const char *const commands[] = {
        MKFS("-b size=1024"), MKFS("-i size=1024 -n size=16384"), MKFS("-s size=4096"),
        MKFS("-m reflink=1,rmapbt=1 -d agcount=3"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct made_disk d = made_disk("mkfs.xfs", commands[i], 400);
        struct rescue_memory m;

        ask(&m, &d, SURE_LIKELY);
        expect_use(&m);
        rescue_memory_close(&m);
        made_disk_free(&d);
    }
}

/* Its blocks bear no addresses, but for the headers of groups. */
static void version_4_is_read_as_far_as_it_goes(void **state)
{
    struct made_disk d = made_disk("mkfs.xfs", MKFS("-m crc=0"), 320);
    struct rescue_memory m;

    (void)state;
    ask(&m, &d, SURE_LIKELY);
    made_disk_expect_marks(&m, 1);
    expect_blocks_placed(&m, "XAGF", 512);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

/* A copy of an inode cluster elsewhere, with an earlier log position: it is not believed. */
static void an_old_copy_is_not_taken_for_the_block(void **state)
{
    struct made_disk d = make();
    size_t at = MADE_START;

    (void)state;
    while (at < d.size && memcmp(d.bytes + at, "XFSB", 4))
        at += CLUSTER;
    assert_true(at < d.size);
    memcpy(d.bytes, d.bytes + at, CLUSTER);         /* before the volume: comes first */
    for (size_t k = 0; k < CLUSTER; k += 512) {
        uint8_t *p = d.bytes + k;
        uint32_t crc;

        if (memcmp(p, "IN", 2) && memcmp(p, "XAGF", 4))
            continue;
        p[k == 512 ? 64 + 40 : 60] ^= 1;            /* something else in it */
        memset(p + (k == 512 ? 216 : 100), 0, 4);
        crc = ~crc32c(UINT32_MAX, p, 512);
        for (int i = 0; i < 4; i++)
            p[(k == 512 ? 216 : 100) + i] = (uint8_t)(crc >> 8 * i);
    }
    struct rescue_memory m;
    size_t right;
    const struct rescue_witness *const list[] = { &witness_of_made_disk, &witness_xfs, NULL };

    rescue_memory_open(&m, d.bytes, d.size, CLUSTER, NULL, 0);
    assert_int_equal(rescue_memory_ask_all(&m, list, SURE_CERTAIN, &right), 0);
    rescue_memory_close(&m);
    made_disk_free(&d);
}

static void damage_is_survived_and_nothing_certain_is_wrong(void **state)
{
    struct made_disk d = make();

    (void)state;
    made_disk_mutate(&d, &witness_xfs, CLUSTER, MADE_START, d.size - MADE_START, 8);
    made_disk_mutate(&d, &witness_xfs, CLUSTER, MADE_START, 8 * BLOCK, 24);
    made_disk_free(&d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_is_placed_in_any_order),
        cmocka_unit_test(marks_tell_what_is_free),
        cmocka_unit_test(options_of_mkfs_change_nothing),
        cmocka_unit_test(version_4_is_read_as_far_as_it_goes),
        cmocka_unit_test(an_old_copy_is_not_taken_for_the_block),
        cmocka_unit_test(damage_is_survived_and_nothing_certain_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
