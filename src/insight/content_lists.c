/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Lists of entries of variable length: the snapshot table and the bitmap directory. */
#include "config.h"

#include <ctype.h>

#include "base/limits.h"
#include "insight/content_work.h"
#include "qcow2/place.h"

static bool printable(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] < 0x20 || p[i] == 0x7f)
            return false;
    return true;
}

static bool aligned_in_file(const struct geometry *geo, uint64_t off)
{
    return off && !(off & (geo->cluster_size - 1)) && off < geo->file_size;
}

/* Length of the entry at `p`, padding included; 0: none. */
static size_t snapshot_len(const struct looking *l, size_t at)
{
    const uint8_t *p = l->bytes + at;
    size_t left = l->len - at, id, name, extra, len;

    if (left < 40)
        return 0;
    id = be16(p + 12);
    name = be16(p + 14);
    extra = be32(p + 36);
    if (extra > SNAPSHOT_EXTRA_MAX || !id || id > 64 || name > 1024 ||
        be32(p + 8) > L1_ENTRIES_MAX || be32(p + 20) >= 1000000000 ||
        !aligned_in_file(l->ctx->geo, be64(p)))
        return 0;
    len = 40 + extra + id + name;
    if (len > left || !printable(p + 40 + extra, id + name))
        return 0;
    return (len + 7) & ~(size_t)7;
}

static size_t bitmap_len(const struct looking *l, size_t at)
{
    const uint8_t *p = l->bytes + at;
    size_t left = l->len - at, name, extra, len;

    if (left < 24)
        return 0;
    name = be16(p + 18);
    extra = be32(p + 20);
    if (extra > 4096 || !name || name > BITMAP_NAME_MAX || p[16] != 1 || p[17] > 63 ||
        be32(p + 12) > 7 || !be32(p + 8) || !aligned_in_file(l->ctx->geo, be64(p)))
        return 0;
    len = 24 + extra + name;
    if (len > left || !printable(p + 24 + extra, name))
        return 0;
    return (len + 7) & ~(size_t)7;
}

static void vote_list(struct looking *l, enum content_kind kind,
                      size_t (*length)(const struct looking *, size_t))
{
    size_t at = 0, n = 0, len;

    while (at < l->len && (len = length(l, at)) != 0) {
        at += len;
        n++;
    }
    if (n)
        content_vote(l, kind, n > 1 ? 990 : 970, 0, NO_ADDRESS, "%zu %s", n,
                     n == 1 ? "entry" : "entries");
}

void content_vote_lists(struct looking *l)
{
    const uint8_t *p = l->bytes;

    vote_list(l, CONTENT_SNAPTABLE, snapshot_len);
    vote_list(l, CONTENT_BITMAP_DIR, bitmap_len);
    if (l->len >= 104 && be32(p) == QCOW2_MAGIC && be32(p + 4) >= 2 && be32(p + 4) <= 3 &&
        be32(p + 20) >= CLUSTER_BITS_MIN && be32(p + 20) <= CLUSTER_BITS_MAX)
        content_vote(l, CONTENT_HEADER, 995, 0, NO_ADDRESS, NULL);
}
