/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Entries that lead far past the end, or into the file and not past it, are judged by classes:
 * one stands for all. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "scan/faults.h"
#include "support/image_builder.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Words with few bits, of offsets near the end of the file, and of anything. */
static uint64_t some_word(const struct geometry *geo, uint64_t *state)
{
    uint64_t r = next_random(state), flags = next_random(state) & next_random(state);
    uint64_t near = geo->file_len + (r % 9 << geo->cluster_bits) - (UINT64_C(4) <<
                                                                    geo->cluster_bits);

    flags &= UINT64_C(0xff000000000001ff);
    switch (r >> 60) {
    case 0: return 0;
    case 1: return UINT64_C(1) << (r & 63);
    case 2: return (UINT64_C(1) << (r & 63)) | (UINT64_C(1) << (r >> 6 & 63));
    case 3: case 4: case 5: return (near & ENTRY_OFFSET_MASK) | flags;
    case 6: case 7: return OFLAG_COMPRESSED | (near + (r >> 8 & 4095)) |
                           (r & geo->csize_mask) << geo->csize_shift;
    case 8: case 9: return (r & (geo->file_len | 511)) | flags;
    default: return r;
    }
}

/* Counts an entry by itself, and as all of its class: as `last`, the one before. */
static void agree(const struct geometry *geo, uint64_t e, bool far, uint64_t *last)
{
    struct entry_class class = { .n = 1 };
    struct fault_counts a = { .copied = 0 }, b = { .copied = 0 };
    unsigned number = entry_class_of(geo, e);
    struct judged jd;

    l2_judge(geo, e, 0, 0, &jd);
    faults_add(&a, &jd, 1);
    a.copied = far && jd.copied_rule && e & OFLAG_COPIED;
    class.entry = last[number] ? last[number] : e;
    last[number] = e;
    if (far)
        faults_add_far(&b, geo, &class);
    else
        faults_add_class(&b, geo, &class);
    if (memcmp(&a, &b, sizeof a) || jd.refers == far
        || (!far && ((CLASS_IS_PLAIN(number) && jd.faults)
                     || CLASS_IS_MISALIGNED(number) != (jd.off % geo->cluster_size != 0))))
        fail_msg("version %u, clusters of %llu: 0x%016llx", geo->version,
                 (unsigned long long)geo->cluster_size, (unsigned long long)e);
}

static void entries_of_one_class_are_judged_alike(void **state)
{
    uint64_t seed = 88172645463325252;

    (void)state;
    for (uint32_t bits = 9; bits <= 21; bits += 3)
        for (uint32_t version = 2; version <= 3; version++) {
            struct builder_options opt = BUILDER_DEFAULTS;
            struct builder *b;
            struct image *img;
            uint64_t far[ENTRY_CLASSES] = { 0 }, inside[ENTRY_CLASSES] = { 0 };

            opt.cluster_bits = bits;
            opt.version = version;
            b = builder_new(opt);
            builder_map(b, 0);
            builder_truncate(b, b->len + (3 << bits) + 777);
            img = builder_open(b);
            for (unsigned k = 0; k < 50000; k++) {
                uint64_t e = some_word(&img->geo, &seed), off = entry_off(&img->geo, e);

                if (off >= far_begins(&img->geo, 0))
                    agree(&img->geo, e, true, far);
                else if (entry_is_inside(&img->geo, e))
                    agree(&img->geo, e, false, inside);
            }
            image_close(img);
            builder_free(b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_one_class_are_judged_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
