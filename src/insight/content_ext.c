/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* ext2, ext3, ext4: super blocks, group descriptors, inode tables, directories.
 * Everything is little endian. */
#include "config.h"

#include <string.h>

#include "insight/content_work.h"
#include "qcow2/place.h"

#define BLOCK 4096

static void vote_super(struct looking *l, size_t at)
{
    const uint8_t *p = l->bytes + at;
    uint64_t block_bits, group, per_group, first;

    if (at + 1024 > l->len || le_load(p + 56, 2) != 0xef53 || le_load(p + 24, 4) > 6 ||
        !le_load(p, 4) || !le_load(p + 4, 4) || !le_load(p + 32, 4))
        return;
    block_bits = 10 + le_load(p + 24, 4);
    group = le_load(p + 90, 2);
    per_group = le_load(p + 32, 4);
    first = le_load(p + 20, 4);
    content_vote(l, CONTENT_EXT_SUPER, 990, at,
                 group ? (first + group * per_group) << block_bits : 1024, "group %u",
                 (unsigned)group);
}

/* Descriptors of neighbouring groups: bitmaps and tables of inodes follow each other. */
static bool groups_at(const uint8_t *p, size_t len, size_t size)
{
    size_t n = len / size, good = 0, steps = 0;

    for (size_t i = 0; i + 1 < n; i++) {
        const uint8_t *a = p + i * size, *b = a + size;
        uint64_t block_a = le_load(a, 4), block_b = le_load(b, 4);
        uint64_t inode_a = le_load(a + 4, 4), inode_b = le_load(b + 4, 4);
        uint64_t table_a = le_load(a + 8, 4), table_b = le_load(b + 8, 4);

        if (!block_a || !block_b)
            break;
        if (!inode_a || !table_a || block_a == inode_a || inode_a == table_a)
            return false;
        steps++;
        good += block_b > block_a && inode_b > inode_a && table_b > table_a &&
                block_b - block_a == inode_b - inode_a;
    }
    return steps >= 2 && good * 4 >= steps * 3;
}

static bool inode_fits(const uint8_t *p, size_t size)
{
    unsigned mode = (unsigned)le_load(p, 2), type = mode >> 12;
    uint64_t flags = le_load(p + 32, 4);

    if (type != 1 && type != 2 && type != 4 && type != 6 && type != 8 && type != 10 &&
        type != 12)
        return mode == 0 && le_load(p + 26, 2) == 0;    /* reserved or never used */
    if (le_load(p + 26, 2) > 65000 || le_load(p + 16, 4) < 1)
        return false;
    if (flags & 0x80000 && le_load(p + 40, 2) != 0xf30a)
        return false;
    return size == 128 || (le_load(p + 128, 2) <= 128 && le_load(p + 128, 2) % 4 == 0);
}

/* No two inodes are alike: what repeats is a pattern. */
static unsigned inodes_at(const uint8_t *p, size_t len, size_t size)
{
    unsigned used = 0, typed = 0;
    const uint8_t *before = NULL;

    for (size_t at = 0; at + size <= len; at += size) {
        if (bytes_all_zero(p + at, size))
            continue;
        if (!inode_fits(p + at, size) || (before && !memcmp(before, p + at, size)))
            return 0;
        before = p + at;
        used++;
        typed += le_load(p + at, 2) != 0 && le_load(p + at + 26, 2) != 0;
    }
    return typed * 2 > used || typed >= 2 ? typed : 0;
}

static bool dir_at(const uint8_t *p, size_t len, uint64_t *names)
{
    size_t at = 0;

    *names = 0;
    while (at + 8 <= len) {
        size_t rec = (size_t)le_load(p + at + 4, 2), name = p[at + 6];

        if (rec < 8 || rec % 4 || at + rec > len || name + 8 > rec || p[at + 7] > 7) {
            /* The tail with a checksum is an entry of 12 bytes and type 0xde. */
            return at + 12 == len && rec == 12 && p[at + 7] == 0xde && *names > 0;
        }
        for (size_t i = 0; i < name; i++)
            if (p[at + 8 + i] < 0x20 || p[at + 8 + i] == '/')
                return false;
        *names += le_load(p + at, 4) && name;
        at += rec;
    }
    return at == len && *names > 0;
}

void content_vote_ext(struct looking *l)
{
    uint64_t names;
    unsigned typed;

    vote_super(l, 1024);
    for (size_t at = 0; at + 1024 <= l->len; at += 1024)
        if (at != 1024)
            vote_super(l, at);
    for (size_t at = 0; at + 1024 <= l->len; at += BLOCK) {
        size_t len = l->len - at < BLOCK ? l->len - at : BLOCK;
        const uint8_t *p = l->bytes + at;

        if (bytes_all_zero(p, len))
            continue;
        if (groups_at(p, len, 64) || groups_at(p, len, 32))
            content_vote(l, CONTENT_EXT_GROUPS, 880, at, NO_ADDRESS, NULL);
        typed = inodes_at(p, len, 256);
        if (!typed)
            typed = inodes_at(p, len, 128) > 1 ? 2 : 0;
        if (typed)
            content_vote(l, CONTENT_EXT_INODES, typed > 1 ? 900 : 700, at, NO_ADDRESS,
                         NULL);
        if (dir_at(p, len, &names) || (len > 1024 && dir_at(p, 1024, &names)))
            content_vote(l, CONTENT_EXT_DIR, names > 1 ? 950 : 750, at, NO_ADDRESS, NULL);
    }
}
