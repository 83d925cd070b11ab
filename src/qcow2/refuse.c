/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/refuse.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"

typedef unsigned long long ull;

bool refuse(struct refusal *out, const char *id, const char *fmt, ...)
{
    va_list ap;

    out->id = id;
    va_start(ap, fmt);
    vsnprintf(out->text, sizeof out->text, fmt, ap);
    va_end(ap);
    return true;
}

static bool disk_size(const struct refuse_case *j, struct refusal *out)
{
    uint64_t len = j->hdr.size & ~UINT64_C(511);

    return len > READ_OFFSET_MAX &&
           refuse(out, "disk-size", "a disk of %llu bytes is longer than all that can be "
                  "addressed", (ull)j->hdr.size);
}

/* The snapshot table, which the check reads first of all. Its place and length are those in
 * the file, its entries those that were read, perhaps with guessed ones. */
static bool snapshot_table(const struct refuse_case *j, struct refusal *out)
{
    const struct snapshots *s = &j->img->snaps;
    uint64_t n = j->hdr.nb_snapshots, off = j->hdr.snapshots_offset;

    if (n > SNAPSHOTS_MAX)
        return refuse(out, "snapshots-too-many", "%llu snapshots are announced; %d are "
                      "allowed", (ull)n, SNAPSHOTS_MAX);
    if (snapshots_offset_bad(&j->img->geo, off, n))
        return refuse(out, "snapshot-table-offset", "the snapshot table offset 0x%llx is "
                      "not a multiple of the cluster size or too large%s", (ull)off,
                      n ? "" : " (although there are no snapshots)");
    switch (s->end) {
    case SNAPSHOTS_EXTRA_TOO_LARGE:
        return refuse(out, "snapshot-extra-data", "snapshot %llu has more than %d bytes "
                      "of extra data (QEMU counts from 0: entry %llu)", (ull)s->fault + 1,
                      SNAPSHOT_EXTRA_MAX, (ull)s->fault);
    case SNAPSHOTS_TABLE_TOO_LARGE:
        return refuse(out, "snapshot-table-too-large", "the snapshot table is longer "
                      "than 64 MiB");
    case SNAPSHOTS_UNREADABLE:
        return refuse(out, "snapshot-table-unreadable", "the entry of snapshot %llu "
                      "cannot be read (QEMU counts from 0: entry %llu)",
                      (ull)s->fault + 1, (ull)s->fault);
    default:
        break;
    }
    /* Zeros are what QEMU reads after the end of the file, but not so far away. */
    if (s->whole_len && (s->table_off > READ_OFFSET_MAX ||
                         s->whole_len > READ_OFFSET_MAX - s->table_off))
        return refuse(out, "snapshot-table-unreadable", "the snapshot table at 0x%llx "
                      "lies past all that can be read", (ull)s->table_off);
    return false;
}

static bool file_length(const struct refuse_case *j, struct refusal *out)
{
    return j->img->geo.n_clusters > CHECK_CLUSTERS_MAX &&
           refuse(out, "file-too-large", "the file has %llu clusters; QEMU checks no "
                  "more than %llu", (ull)j->img->geo.n_clusters, (ull)CHECK_CLUSTERS_MAX);
}

void refusal_judge(const struct image *img, struct refusal *out)
{
    struct refuse_case j = { .img = img };

    *out = (struct refusal){ .id = NULL };
    header_decode(img->head, img->head_len, &j.hdr);
    if (refuse_header(&j, out) || refuse_extensions(&j, out) || refuse_bitmaps(&j, out) ||
        disk_size(&j, out))
        return;
    out->at_check = snapshot_table(&j, out) || file_length(&j, out) ||
                    refuse_bitmaps_in_use(&j, out);
}
