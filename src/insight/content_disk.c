/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What lies around file systems: partition tables, volumes, swap. */
#include "config.h"

#include <string.h>

#include "insight/content_work.h"
#include "qcow2/place.h"

static bool has(const struct looking *l, size_t at, const char *bytes, size_t n)
{
    return at + n <= l->len && !memcmp(l->bytes + at, bytes, n);
}

/* Four entries of 16 bytes, some in use and none impossible. */
static bool mbr_at(const struct looking *l)
{
    unsigned used = 0;

    if (!has(l, 510, "\x55\xaa", 2))
        return false;
    for (size_t k = 0; k < 4; k++) {
        const uint8_t *e = l->bytes + 446 + k * 16;

        if (e[0] & 0x7f)
            return false;
        if (!e[4])
            continue;
        if (!le_load(e + 8, 4) || !le_load(e + 12, 4))
            return false;
        used++;
    }
    return used > 0;
}

static void vote_gpt(struct looking *l)
{
    for (size_t at = 0; at + 512 <= l->len; at += 512) {
        const uint8_t *p = l->bytes + at;
        uint64_t lba = le_load(p + 24, 8);

        if (!has(l, at, "EFI PART", 8) || le_load(p + 12, 4) > 512)
            continue;
        content_vote(l, CONTENT_GPT, 995, at,
                     lba < UINT64_MAX / 4096 ? lba * 512 : NO_ADDRESS, NULL);
        return;
    }
}

void content_vote_disk(struct looking *l)
{
    vote_gpt(l);
    if (mbr_at(l))
        content_vote(l, CONTENT_MBR, 980, 0, 0, NULL);
    if (has(l, 0, "LUKS\xba\xbe", 6))
        content_vote(l, CONTENT_LUKS, 990, 0, 0, "version %u", be16(l->bytes + 6));
    for (size_t at = 0; at + 32 <= l->len && at < 2048; at += 512)
        if (has(l, at, "LABELONE", 8) && has(l, at + 24, "LVM2 001", 8))
            content_vote(l, CONTENT_LVM, 985, at, at, NULL);
    if (has(l, 4086, "SWAPSPACE2", 10))
        content_vote(l, CONTENT_SWAP, 985, 0, 0, NULL);
}
