/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The judge of standard entries, which has no branches, says what the judge of all entries
 * says. */
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

static void agree(const struct geometry *geo, uint64_t e)
{
    struct judged_standard quick = judge_standard(geo, e);
    struct fault_counts a = { .copied = 0 }, b = { .copied = 0 };
    struct judged jd;

    l2_judge(geo, e, 0, 0, &jd);
    faults_add_sums(&a, quick.faults, quick.facts);
    if (quick.refers && e & OFLAG_COMPRESSED && stream_is_cut(geo, quick.off, quick.len)) {
        a.n[10]++;
        a.fact[FACT_INVALID] += !quick.faults;
    }
    faults_add(&b, &jd);
    if (memcmp(&a, &b, sizeof a) || quick.refers != jd.refers ||
        quick.copied_rule != jd.copied_rule ||
        (jd.len && (quick.off != jd.off || quick.len != jd.len)))
        fail_msg("version %u, clusters of %llu: 0x%016llx", geo->version,
                 (unsigned long long)geo->cluster_size, (unsigned long long)e);
}

static void both_judges_agree_on_every_entry(void **state)
{
    uint64_t seed = 88172645463325252;

    (void)state;
    for (uint32_t bits = 9; bits <= 21; bits += 3)
        for (uint32_t version = 2; version <= 3; version++) {
            struct builder_options opt = BUILDER_DEFAULTS;
            struct builder *b;
            struct image *img;

            opt.cluster_bits = bits;
            opt.version = version;
            b = builder_new(opt);
            builder_map(b, 0);
            builder_truncate(b, b->len + 777);
            img = builder_open(b);
            for (unsigned k = 0; k < 50000; k++)
                agree(&img->geo, some_word(&img->geo, &seed));
            image_close(img);
            builder_free(b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_judges_agree_on_every_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
