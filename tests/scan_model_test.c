/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a scan counts is compared with a model: one plain loop over every L1 table and every
 * entry, straight from the specification and from what qemu-img check does. Images are random,
 * and large enough for runs and lone entries, for several chunks of the map and for threads. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scan/scan.h"
#include "support/image_builder.h"
#include "support/pick.h"

typedef unsigned long long ull;

#define OFF_MASK UINT64_C(0x00fffffffffffe00)

struct model {
    const struct builder *b;
    uint64_t cs, n;                 /* bytes of a cluster; clusters of the file */
    uint64_t *counted, *stored;     /* references of each cluster */
    uint8_t *active;                /* uncompressed ones of guest data in the active layer */
    uint8_t *odd;                   /* of a table with something wrong in it */
    uint8_t *walked;                /* of an L2 table, once its faults are counted */
    uint64_t normal, zero_alloc, compressed, frag, steps, breaks, largest, tables;
    uint64_t data_copied, l2_copied, reserved, misaligned, zero_misaligned, past_end;
};

/* --- the model --- */

static uint64_t word(const struct model *m, uint64_t off, size_t width)
{
    return builder_peek(m->b, off, width);
}

static void refer(struct model *m, uint64_t off, uint64_t len)
{
    for (uint64_t c = off / m->cs; len && c <= (off + len - 1) / m->cs; c++) {
        assert_true(c < m->n);
        m->counted[c]++;
    }
}

static void read_refcounts(struct model *m)
{
    uint64_t table = word(m, 48, 8), bits = UINT64_C(1) << word(m, 96, 4);
    uint64_t per_block = m->cs * 8 / bits;

    refer(m, table, word(m, 56, 4) * m->cs);
    for (uint64_t i = 0; i < word(m, 56, 4) * m->cs / 8; i++) {
        uint64_t block = word(m, table + i * 8, 8) & OFF_MASK;

        if (!block)
            continue;
        refer(m, block, m->cs);
        for (uint64_t k = 0; k < per_block && i * per_block + k < m->n; k++) {
            uint64_t bit = k * bits;

            m->stored[i * per_block + k] = bits >= 8 ? word(m, block + bit / 8, bits / 8)
                : word(m, block + bit / 8, 1) >> bit % 8 & ((1u << bits) - 1);
        }
    }
}

static bool copied_is_wrong(const struct model *m, uint64_t entry, uint64_t off)
{
    if (off / m->cs >= m->n)
        return entry >> 63;
    return (m->stored[off / m->cs] == 1) != entry >> 63;
}

/* Faults of an entry that leads somewhere and is not compressed. Does it lead far past the end? */
static bool judge(struct model *m, uint64_t table, uint64_t entry, uint64_t off)
{
    bool first = !m->walked[table / m->cs], far = off / m->cs > m->n;
    bool misaligned = off % m->cs, zero = entry & 1 && !m->b->geo.extended_l2;
    bool reserved = entry & UINT64_C(0x3f000000000001fe);

    m->reserved += first && reserved;
    m->misaligned += first && misaligned && !zero;
    m->zero_misaligned += first && misaligned && zero;
    m->past_end += first && far;
    if (reserved || misaligned || far)
        m->odd[table / m->cs] = 1;
    return far;
}

/* Extents: clusters in a row, both on the guest's disk and in the file. */
static void walk_table(struct model *m, uint64_t table, bool active)
{
    const struct geometry *geo = &m->b->geo;
    unsigned x = 62 - (geo->cluster_bits - 8);
    uint64_t expect = 0, run = 0;
    bool after = false, far;

    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        uint64_t entry = word(m, table + j * geo->l2_entry_size, 8), off = entry & OFF_MASK;

        if (entry >> 62 & 1) {
            uint64_t at = entry & ((UINT64_C(1) << x) - 1);
            uint64_t sectors = (entry >> x & ((1u << (62 - x)) - 1)) + 1;

            refer(m, at, (at & ~UINT64_C(511)) + sectors * 512 - at);
            m->compressed += active;
            m->frag += active;
            after = false;
            continue;
        }
        if (!off) {
            after = false;
            continue;
        }
        far = judge(m, table, entry, off);
        if (!far)
            refer(m, off, m->cs);
        if (!active)
            continue;
        if (!far) {
            m->active[off / m->cs]++;
            m->active[off / m->cs + 1] += off % m->cs != 0;
        }
        if (entry & 1 && !geo->extended_l2)
            m->zero_alloc++;
        else
            m->normal++;
        if (copied_is_wrong(m, entry, off)) {
            m->data_copied++;
            m->odd[table / m->cs] = 1;
        }
        m->frag += expect && off != expect;
        m->steps += after;
        m->breaks += after && off != expect;
        run = after && off == expect ? run + 1 : 1;
        m->largest = u64_max(m->largest, run);
        expect = off + m->cs;
        after = true;
    }
    m->walked[table / m->cs] = 1;
}

static void walk_l1(struct model *m, uint64_t l1, uint64_t n, bool active)
{
    refer(m, l1, n * 8);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t entry = word(m, l1 + i * 8, 8), table = entry & OFF_MASK;

        if (!table)
            continue;
        refer(m, table, m->cs);
        m->tables += active;
        if (active && copied_is_wrong(m, entry, table)) {
            m->l2_copied++;
            m->odd[l1 / m->cs] = m->odd[(l1 + i * 8) / m->cs] = 1;
        }
        walk_table(m, table, active);
    }
}

static void model_make(struct model *m, const struct builder *b)
{
    uint64_t at = word(&(struct model){ .b = b }, 64, 8), begin = at;

    *m = (struct model){ .b = b, .cs = b->geo.cluster_size };
    m->n = div_up(b->len, m->cs);
    m->counted = calloc(m->n, sizeof *m->counted);
    m->stored = calloc(m->n, sizeof *m->stored);
    m->active = calloc(m->n + 1, 1);    /* an entry may lead to the end */
    m->odd = calloc(m->n, 1);
    m->walked = calloc(m->n, 1);
    assert_true(m->counted && m->stored && m->active && m->odd && m->walked);
    refer(m, 0, m->cs);
    read_refcounts(m);
    walk_l1(m, word(m, 40, 8), word(m, 36, 4), true);
    for (uint64_t i = 0; i < word(m, 60, 4); i++) {
        walk_l1(m, word(m, at, 8), word(m, at + 8, 4), false);
        at += round_up(40 + word(m, at + 36, 4) + word(m, at + 12, 2) + word(m, at + 14, 2), 8);
    }
    refer(m, begin, at - begin);
}

static void model_free(struct model *m)
{
    free(m->counted);
    free(m->stored);
    free(m->active);
    free(m->odd);
    free(m->walked);
}

/* --- the images --- */

/* Guest clusters [g, end): neighbours from host cluster `cl` on, or any of the n from there. */
static void put_stretch(struct builder *b, uint64_t g, uint64_t end, uint64_t cl, uint64_t n,
                        unsigned how)
{
    for (uint64_t i = 0; g + i < end; i++) {
        uint64_t host = cl + (how & 1 ? pick(n) : i % n);
        uint64_t flag = pick(how & 2 ? 4 : 2000) ? OFLAG_COPIED : 0;
        bool zero = how & 4 && !b->geo.extended_l2 && !pick(9);

        if (how & 8 && !pick(7))
            continue;
        builder_set_l2(b, g + i, host << b->geo.cluster_bits | flag | zero, UINT32_MAX);
    }
}

/* An entry with one bit turned over, if it then leads to the n clusters from cl on, or far past
 * the end. */
static uint64_t damaged(const struct builder *b, uint64_t entry, uint64_t cl, uint64_t n)
{
    uint64_t bad = entry ^ UINT64_C(1) << pick(62);
    uint64_t to = (bad & OFF_MASK) >> b->geo.cluster_bits;

    if (b->geo.extended_l2 && (bad ^ entry) == OFLAG_ZERO)
        return entry;
    return (to >= cl && to + 1 < cl + n) || to > b->len / b->geo.cluster_size * 4 ? bad : entry;
}

/* Of some stretches of the disk nearly every entry, of others now and then one. */
static void damage(struct builder *b, uint64_t cl, uint64_t n)
{
    for (uint64_t g = pick(99), end; g < b->geo.guest_clusters; g = end + pick(n / 6)) {
        unsigned rare = pick(2) ? 40 : 1;

        for (end = g + pick(n / 6); g < end && g < b->geo.guest_clusters; g += 1 + pick(rare)) {
            uint64_t off = builder_l2_entry_off(b, g), entry = builder_peek(b, off, 8);

            if (entry & OFF_MASK && !(entry & OFLAG_COMPRESSED))
                builder_poke(b, off, 8, damaged(b, entry, cl, n));
        }
    }
}

/* n host clusters for guest clusters from one third of the disk on; a snapshot of them, and
 * others written since. */
static struct builder *random_image(struct builder_options opt, uint64_t n)
{
    struct builder *b = builder_new(opt);
    uint64_t first = builder_alloc(b, n) / b->geo.cluster_size, guest = b->geo.guest_clusters;
    uint64_t stretch = n / 6;

    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint64_t g = 0; g < guest; g += stretch + pick(stretch)) {
            uint64_t at = pick(n - stretch), end = u64_min(guest, g + 1 + pick(stretch));

            put_stretch(b, g, end, first + at, n - at, (unsigned)pick(16));
        }
        for (unsigned i = 0; i < 12; i++)
            builder_map_compressed(b, pick(guest));
        if (!turn && opt.refcount_order > 2)
            builder_add_snapshot(b, "1", "one");
        for (unsigned i = 0; i < 3; i++)
            builder_map(b, pick(guest));
    }
    for (unsigned i = 0; i < 300; i++)
        builder_set_refcount(b, first + pick(n), pick(4));
    damage(b, first, n);
    return b;
}

/* --- both --- */

static void compare_clusters(const struct model *m, const struct scan_result *r)
{
    uint64_t max = m->b->geo.refcount_max, n[N_PROBLEMS] = { 0 }, vacant = 0, highest = 0;

    for (uint64_t c = 0; c < m->n; c++) {
        uint64_t is = m->stored[c], want = u64_min(m->counted[c], max);
        bool twice = m->active[c] > 1, over = m->counted[c] > max;
        struct map_cell cell;

        map_get(r->map, c, &cell);
        if (cell.counted == COUNTED_UNKNOWN && r->memory_short)
            assert_true(cell.problem);
        else
            assert_int_equal(cell.counted, m->counted[c]);
        assert_int_equal(cell.problem, is != want || twice || over || m->odd[c]);
        if (is || want)
            highest = c;
        vacant += !is && !want;
        n[PROBLEM_DOUBLE_ALLOCATION] += twice;
        n[PROBLEM_REFCOUNT_OVERFLOW] += over;
        n[PROBLEM_REFCOUNT_ZERO] += !is && want;
        n[PROBLEM_REFCOUNT_LOW] += is && is < want;
        n[PROBLEM_REFCOUNT_HIGH] += want && is > want;
        n[PROBLEM_LEAKED] += !want && is;
    }
    n[PROBLEM_DATA_COPIED] = m->data_copied;
    n[PROBLEM_L2_COPIED] = m->l2_copied;
    n[PROBLEM_L2_RESERVED] = m->reserved;
    n[PROBLEM_DATA_MISALIGNED] = m->misaligned;
    n[PROBLEM_ZERO_MISALIGNED] = m->zero_misaligned;
    n[PROBLEM_DATA_PAST_END] = m->past_end;
    for (int k = 0; k < N_PROBLEMS; k++)
        if (r->problems.count[k] != n[k])
            fail_msg("%s: %llu, not %llu", problem_info((enum problem_kind)k)->id,
                     (ull)r->problems.count[k], (ull)n[k]);
    assert_int_equal(r->stats.twice_active, n[PROBLEM_DOUBLE_ALLOCATION]);
    assert_int_equal(r->stats.highest_used, highest);
    assert_int_equal(r->stats.class_clusters[CLASS_VACANT], vacant);
    assert_int_equal(r->stats.class_clusters[CLASS_LEAKED], n[PROBLEM_LEAKED]);
    assert_int_equal(r->qemu.leaks, n[PROBLEM_LEAKED] + n[PROBLEM_REFCOUNT_HIGH]);
}

static void compare_figures(const struct model *m, const struct scan_result *r)
{
    const struct layer_stats *a = &r->stats.active;

    assert_int_equal(a->normal, m->normal);
    assert_int_equal(a->zero_alloc, m->zero_alloc);
    assert_int_equal(a->compressed, m->compressed);
    assert_int_equal(a->l2_tables, m->tables);
    assert_int_equal(a->l1_used, m->tables);
    assert_int_equal(a->unallocated + a->zero_plain + a->normal + a->zero_alloc + a->compressed,
                     m->tables * m->b->geo.l2_entries);
    assert_int_equal(r->qemu.allocated_clusters, m->normal + m->zero_alloc + m->compressed);
    assert_int_equal(r->qemu.compressed_clusters, m->compressed);
    assert_int_equal(r->qemu.fragmented_clusters, m->frag);
    assert_int_equal(r->stats.data_steps, m->steps);
    assert_int_equal(r->stats.data_breaks, m->breaks);
    assert_int_equal(r->stats.largest_extent, m->largest);
}

static void compare_all_ways(struct builder *b)
{
    static struct scan_progress progress;
    static const struct { struct scan_options opt; bool preview; } way[] = {
        { { .threads = 1 }, false }, { { .threads = 3 }, false }, { { .threads = 2 }, true },
        { { .threads = 1, .tightest = true }, false },
        { { .threads = 2, .problems_kept = 1 }, false },
    };
    struct image *img = builder_open(b);
    struct model m;

    model_make(&m, b);
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        struct scan_result *r;

        memset(&progress, 0, sizeof progress);
        progress.want_preview = way[i].preview;
        assert_true(scan_run(img, &way[i].opt, &progress, &r, NULL));
        compare_figures(&m, r);
        compare_clusters(&m, r);
        scan_free(r);
    }
    model_free(&m);
    image_close(img);
    builder_free(b);
}

static void small_clusters_are_counted_as_in_the_model(void **state)
{
    (void)state;
    for (uint32_t order = 2; order <= 6; order++) {
        struct builder_options opt = BUILDER_DEFAULTS;

        opt.cluster_bits = 9;
        opt.refcount_order = order;
        compare_all_ways(random_image(opt, 3000));
    }
}

static void runs_over_chunks_of_the_map_are_counted_as_in_the_model(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    opt.size = 40 << 20;
    compare_all_ways(random_image(opt, 6000));
    opt.refcount_order = 1;             /* one refcount block for all chunks */
    compare_all_ways(random_image(opt, 6000));
    opt.refcount_order = 2;
    compare_all_ways(random_image(opt, 9000));
}

static void extended_entries_are_counted_as_in_the_model(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    opt.cluster_bits = 14;
    opt.extended_l2 = true;
    opt.size = 64 << 20;
    compare_all_ways(random_image(opt, 1500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_clusters_are_counted_as_in_the_model),
        cmocka_unit_test(runs_over_chunks_of_the_map_are_counted_as_in_the_model),
        cmocka_unit_test(extended_entries_are_counted_as_in_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
