/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One line for a record: what it says depends on the kind, so this stands apart from the
 * list. */
#include "config.h"

#include "scan/problem.h"

#include "base/text.h"
#include "scan/class.h"
#include "scan/map.h"

typedef unsigned long long ull;

static void owners_text(uint32_t owners, struct buf *out)
{
    static const struct { uint32_t owner; const char *name; } names[] = {
        { OWNER_HEADER, "header" }, { OWNER_L1_ACTIVE, "active L1 table" },
        { OWNER_L1_SNAPSHOT, "snapshot L1 table" }, { OWNER_L2, "L2 table" },
        { OWNER_REFTABLE, "refcount table" }, { OWNER_REFBLOCK, "refcount block" },
        { OWNER_SNAPTABLE, "snapshot table" }, { OWNER_BITMAP_DIR, "bitmap directory" },
        { OWNER_BITMAP_TABLE, "bitmap table" }, { OWNER_BITMAP_DATA, "bitmap data" },
        { OWNER_CRYPTO, "encryption header" }, { OWNER_DATA, "guest data" },
        { OWNER_COMPRESSED, "compressed data" }, { OWNER_ZERO, "allocated zeros" },
        { OWNER_VMSTATE, "VM state" },
    };
    const char *between = "";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (owners & names[i].owner) {
            buf_printf(out, "%s%s", between, names[i].name);
            between = " and ";
        }
    }
}

/* "clusters 4000 - 6000" or the place of a single problem. */
static void where_text(const struct problem *p, struct buf *out)
{
    place_text(&p->place, out);
    if (p->count < 2)
        return;
    switch (p->place.kind) {
    case PLACE_CLUSTER:
        buf_printf(out, " - %llu", (ull)(p->place.i + p->count - 1));
        break;
    case PLACE_L1: case PLACE_REFTABLE:
        buf_printf(out, " - [%llu]", (ull)(p->place.i + p->count - 1));
        break;
    case PLACE_L2: case PLACE_REFBLOCK: case PLACE_BITMAP_TABLE:
        buf_printf(out, " - [%llu]", (ull)(p->place.j + p->count - 1));
        break;
    default:
        break;
    }
}

static void what_text(const struct problem *p, struct buf *out)
{
    char a[TEXT_NUM];

    switch (p->kind) {
    case PROBLEM_REFCOUNT_ZERO: case PROBLEM_REFCOUNT_LOW: case PROBLEM_REFCOUNT_HIGH:
    case PROBLEM_LEAKED:
        buf_printf(out, "refcount %llu, references %llu", (ull)p->found, (ull)p->expected);
        break;
    case PROBLEM_REFCOUNT_OVERFLOW:
        buf_printf(out, "%llu references, the refcounts of this image end at %llu",
                   (ull)p->expected, (ull)p->found);
        break;
    case PROBLEM_L2_COPIED: case PROBLEM_DATA_COPIED:
        buf_printf(out, "entry 0x%llx, COPIED is %s but the refcount is %llu", (ull)p->found,
                   p->found >> 63 ? "set" : "clear", (ull)p->expected);
        break;
    case PROBLEM_OVERLAP:
        owners_text(p->owners, out);
        buf_puts(out, " in one cluster");
        break;
    case PROBLEM_DOUBLE_ALLOCATION:
        buf_puts(out, "used more than once by the active layer");
        break;
    case PROBLEM_DATA_PAST_END: case PROBLEM_COMPRESSED_PAST_END: case PROBLEM_L2_PAST_END:
    case PROBLEM_REFBLOCK_PAST_END: case PROBLEM_STREAM_PAST_END:
        buf_printf(out, "entry 0x%llx points to 0x%llx, after the end of the file",
                   (ull)p->found, (ull)p->host_off);
        break;
    case PROBLEM_L1_PAST_END: case PROBLEM_REFTABLE_PAST_END:
    case PROBLEM_SNAPTABLE_PAST_END: case PROBLEM_BITMAP_PAST_END:
    case PROBLEM_CRYPTO_PAST_END:
        buf_printf(out, "ends at 0x%llx, the file at 0x%llx", (ull)p->found,
                   (ull)p->expected);
        break;
    case PROBLEM_REFBLOCK_SHARED:
        buf_printf(out, "cluster 0x%llx has %s references", (ull)p->host_off,
                   counted_text(a, p->found));
        if (p->owners)
            buf_puts(out, "; claimed by ");
        owners_text(p->owners, out);
        break;
    case PROBLEM_TAIL_TRUNCATED:
        buf_printf(out, "the file ends after %s", text_size(a, p->found));
        buf_printf(out, " of the %s it needs", text_size(a, p->expected));
        break;
    case PROBLEM_UNREADABLE:
        buf_printf(out, "%s at 0x%llx", text_size(a, p->found), (ull)p->host_off);
        break;
    case PROBLEM_REFCOUNT_UNREADABLE:
        buf_printf(out, "refcount table entry 0x%llx", (ull)p->found);
        break;
    case PROBLEM_SNAPSHOT_INCOMPLETE:
        buf_printf(out, "%llu bytes of extra data, %llu are needed", (ull)p->found,
                   (ull)p->expected);
        break;
    case PROBLEM_SNAPSHOT_L1_SMALL: case PROBLEM_SNAPSHOT_L1_TOO_LARGE:
        buf_printf(out, "%llu entries, %llu %s", (ull)p->found, (ull)p->expected,
                   p->kind == PROBLEM_SNAPSHOT_L1_SMALL ? "are needed" : "are allowed");
        break;
    case PROBLEM_VM_STATE:
        buf_printf(out, "%s of VM state", text_size(a, p->found));
        break;
    case PROBLEM_REFCOUNT_PAST_END:
        buf_printf(out, "%llu refcounts of clusters after the end of the file",
                   (ull)p->found);
        break;
    case PROBLEM_SNAPSHOT_DATA_FILE:
        buf_printf(out, "%llu snapshots", (ull)p->found);
        break;
    default:
        if (p->place.kind == PLACE_L1 || p->place.kind == PLACE_L2
            || p->place.kind == PLACE_REFTABLE || p->place.kind == PLACE_BITMAP_TABLE)
            buf_printf(out, "entry 0x%llx", (ull)p->found);
        else if (p->place.kind == PLACE_SNAPSHOT && !p->note)
            buf_printf(out, "0x%llx", (ull)p->found);
        break;
    }
}

void problem_text(const struct problem *p, const struct image *img, struct buf *out)
{
    size_t before;
    char a[TEXT_NUM];

    (void)img;
    where_text(p, out);
    buf_puts(out, ": ");
    before = out->len;
    what_text(p, out);
    if (p->note) {
        buf_puts(out, out->len > before ? "; " : "");
        buf_puts(out, p->note);
    }
    if (out->len == before)
        buf_puts(out, problem_info(p->kind)->title);
    if (p->count > 1)
        buf_printf(out, " (%s)", text_group(a, p->count));
    if (p->owner.kind != PLACE_NONE) {
        buf_puts(out, ", by ");
        place_text(&p->owner, out);
    }
    if (p->other.kind != PLACE_NONE) {
        buf_puts(out, " and ");
        place_text(&p->other, out);
    }
    if (p->guest_off != NO_ADDRESS && p->guest_len)
        buf_printf(out, ", guest 0x%llx + %s", (ull)p->guest_off, text_size(a, p->guest_len));
}

void problem_line(const struct problem *p, const struct image *img, struct buf *out)
{
    buf_printf(out, "%s: ", problem_info(p->kind)->title);
    problem_text(p, img, out);
}
