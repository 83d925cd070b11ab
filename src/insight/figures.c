/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/figures.h"

#include <stdlib.h>

#include "base/limits.h"

#define GUEST_BYTES_MAX     UINT64_C(0x7fffffffc0000000)    /* QEMU's largest disk */
#define HOST_BYTES_MAX      (UINT64_C(1) << 56)             /* what an entry can point to */

/* --- of the header --- */

/* Later versions stand above earlier ones: the first that fits tells. Only what keeps an
 * older version from opening the image counts; it ignores compatible and autoclear bits.
 *
 * From QEMU's qapi/block-core.json: extended-l2 "since 5.2", compression-type "since 5.1",
 * data-file "since 4.0", BlockdevQcow2Encryption "since 2.10", refcount-bits "since 2.3",
 * BlockdevQcow2Version v3 "as introduced in QEMU 1.1", v2 "as introduced in QEMU 0.10". Of
 * its history: "qcow2: Add corrupt bit" (69c9872653, August 2013, after 1.6), the dirty bit for
 * lazy refcounts (July 2012, after 1.1), "qcow2: Increase maximum cluster size to 2 MB"
 * (80ee15a6b2; the sources of 0.11 have a limit of 16 bits). */
static void first_version(const struct image *img, struct figures *f)
{
    const uint64_t known = INCOMPAT_DIRTY | INCOMPAT_CORRUPT | INCOMPAT_DATA_FILE |
                           INCOMPAT_COMPRESSION | INCOMPAT_EXTENDED_L2;
    const struct header *h = &img->hdr;
    uint64_t bits = h->incompatible_features;
    const struct { bool needed; const char *since, *what; } need[] = {
        { (bits & ~known) != 0, NULL, "an unknown feature" },
        { h->version > 3 || h->version < 2, NULL, "an unknown version" },
        { h->compression_type > COMPRESSION_ZSTD, NULL, "an unknown compression type" },
        { ((bits & INCOMPAT_COMPRESSION) != 0) != (h->compression_type == COMPRESSION_ZSTD),
          NULL, "a compression type that its feature bit denies" },
        { (bits & INCOMPAT_EXTENDED_L2) != 0, "5.2", "extended L2 entries" },
        { (bits & INCOMPAT_COMPRESSION) != 0, "5.1", "zstd compression" },
        { (bits & INCOMPAT_DATA_FILE) != 0, "4.0", "an external data file" },
        { h->crypt_method == CRYPT_LUKS, "2.10", "LUKS encryption" },
        { h->version == 3 && h->refcount_order != 4, "2.3", "the width of its refcounts" },
        { (bits & INCOMPAT_CORRUPT) != 0, "1.7", "the corrupt bit" },
        { (bits & INCOMPAT_DIRTY) != 0, "1.2", "the dirty bit" },
        { h->version == 3, "1.1", "version 3" },
        { h->cluster_bits > 16, "0.12", "clusters of more than 64 KiB" },
        { true, "0.10", "version 2" },
    };
    size_t i = 0;

    while (!need[i].needed)
        i++;
    f->since = need[i].since;
    f->since_for = need[i].what;
}

void figures_of_header(const struct image *img, struct figures *out)
{
    const struct geometry *geo = &img->geo;

    *out = (struct figures){ 0 };
    first_version(img, out);
    if (!u64_mul(L1_ENTRIES_MAX, geo->l2_span, &out->guest_max))
        out->guest_max = GUEST_BYTES_MAX;
    out->guest_max = u64_min(out->guest_max, GUEST_BYTES_MAX);
    if (img->hdr.version == 2 && img->snaps.announced)
        out->guest_max = geo->size;     /* QEMU resizes none such */
    if (!u64_mul(REFTABLE_BYTES_MAX / 8 * geo->refblock_entries, geo->cluster_size,
                 &out->file_max))
        out->file_max = HOST_BYTES_MAX;
    out->file_max = u64_min(out->file_max, HOST_BYTES_MAX);
}

/* --- of the scan --- */

/* How much further than the end of the file what is in use reaches. */
static uint64_t missing_end(const struct scan_result *scan)
{
    const struct geometry *geo = &scan->img->geo;
    uint64_t end = geo->file_size, stop;

    for (size_t i = 0; i < scan->problems.n; i++) {
        const struct problem *p = &scan->problems.list[i];

        switch (p->kind) {
        case PROBLEM_DATA_PAST_END: case PROBLEM_COMPRESSED_PAST_END:
        case PROBLEM_L2_PAST_END: case PROBLEM_REFBLOCK_PAST_END:
            break;
        default:
            continue;
        }
        if (p->host_off == NO_ADDRESS || !near_end(geo, p->host_off))
            continue;
        if (u64_add(p->host_off & ~(geo->cluster_size - 1),
                    u64_min(p->count, UINT32_MAX) * geo->cluster_size, &stop))
            end = u64_max(end, stop);
    }
    return end - geo->file_size;
}

bool figures_of_scan(const struct scan_result *scan, const struct figures_options *opt,
                     struct figures *out, struct error *err)
{
    const struct geometry *geo = &scan->img->geo;
    struct figures f;

    figures_of_header(scan->img, &f);
    f.scanned = !scan->partial;
    f.whole = f.scanned && !opt->incomplete;
    f.missing_end = missing_end(scan);
    f.device_min = u64_max(scan->qemu.image_end_offset, f.missing_end ?
                           geo->file_size + f.missing_end : 0);
    if (!figures_walk(scan, opt, &f, err) || !figures_snapshots(scan, opt, &f, err)) {
        figures_free(&f);
        return false;
    }
    *out = f;
    return true;
}

void figures_free(struct figures *f)
{
    free(f->snap);
    f->snap = NULL;
    f->n_snap = 0;
}
