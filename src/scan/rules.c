/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is wrong with header, snapshots and bitmaps themselves: mostly things that make
 * QEMU refuse the image as a whole, told one by one. */
#include "config.h"

#include "scan/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "qcow2/field.h"

typedef unsigned long long ull;

static struct place header_place(uint64_t byte)
{
    return (struct place){ PLACE_HEADER, 0, byte, 0, byte, NO_ADDRESS };
}

/* Byte of the header where the field of this name starts. */
static uint64_t field_off(const char *name)
{
    return field_named(field_table("header"), name)->off;
}

static void header_problem(struct engine *e, enum problem_kind kind, uint64_t field,
                           uint64_t found, uint64_t expected, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

static void header_problem(struct engine *e, enum problem_kind kind, uint64_t field,
                           uint64_t found, uint64_t expected, const char *fmt, ...)
{
    struct place place = header_place(field);
    char text[384];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    problem_note(&e->res->problems, kind, &place, found, expected, "%s", text);
}

static void field_problem(struct engine *e, enum problem_kind kind, const char *name,
                          uint64_t expected, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The value of a header field, by its name, is wrong. */
static void field_problem(struct engine *e, enum problem_kind kind, const char *name,
                          uint64_t expected, const char *fmt, ...)
{
    char text[384];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    header_problem(e, kind, field_off(name), header_value(&e->img->hdr, name), expected,
                   "%s", text);
}

static void rules_sizes(struct engine *e)
{
    const struct header *h = &e->img->hdr;
    const struct geometry *geo = e->geo;
    uint64_t cs = geo->cluster_size;

    if (h->version != 2 && h->header_length < HEADER_V3_LEN)
        field_problem(e, PROBLEM_HEADER_FAULT, "header_length", HEADER_V3_LEN,
                      "header_length %llu is less than 104", (ull)h->header_length);
    if (h->header_length > cs)
        field_problem(e, PROBLEM_HEADER_FAULT, "header_length", cs,
                      "header_length %llu is more than a cluster", (ull)h->header_length);
    if (h->refcount_order > REFCOUNT_ORDER_MAX)
        field_problem(e, PROBLEM_HEADER_FAULT, "refcount_order", REFCOUNT_ORDER_MAX,
                      "refcount_order %llu is over 6; read as %u", (ull)h->refcount_order,
                      geo->refcount_order);
    if (h->refcount_table_clusters > REFTABLE_BYTES_MAX >> geo->cluster_bits)
        field_problem(e, PROBLEM_HEADER_LIMIT, "refcount_table_clusters",
                      REFTABLE_BYTES_MAX >> geo->cluster_bits,
                      "refcount_table_clusters %llu is over the limit of 8 MiB",
                      (ull)h->refcount_table_clusters);
    if (h->refcount_table_clusters == 0)
        field_problem(e, PROBLEM_HEADER_FAULT, "refcount_table_clusters", 1,
                      "refcount_table_clusters is 0: there is no refcount table");
    if (h->refcount_table_offset & (cs - 1) || h->refcount_table_offset >> 63)
        field_problem(e, PROBLEM_HEADER_FAULT, "refcount_table_offset", 0,
                      "refcount_table_offset 0x%llx is not a place for a table",
                      (ull)h->refcount_table_offset);
    if (h->l1_size > L1_ENTRIES_MAX)
        field_problem(e, PROBLEM_HEADER_LIMIT, "l1_size", L1_ENTRIES_MAX,
                      "l1_size %llu is over the limit of 4194304", (ull)h->l1_size);
    if (h->l1_table_offset & (cs - 1) || h->l1_table_offset >> 63)
        field_problem(e, PROBLEM_HEADER_FAULT, "l1_table_offset", 0,
                      "l1_table_offset 0x%llx is not a place for a table",
                      (ull)h->l1_table_offset);
    if (h->l1_size < geo->l1_needed)
        field_problem(e, PROBLEM_L1_TOO_SMALL, "l1_size", geo->l1_needed,
                      "l1_size is %llu, the disk needs %llu entries", (ull)h->l1_size,
                      (ull)geo->l1_needed);
    if (h->size > READ_OFFSET_MAX)
        field_problem(e, PROBLEM_HEADER_LIMIT, "size", READ_OFFSET_MAX,
                      "size %llu is more than can be addressed", (ull)h->size);
}

/* Values that the scan did not take from the header, and why. */
static void rules_guesses(struct engine *e)
{
    const struct guesses *g = &e->img->guesses;
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < g->n; i++) {
        const struct guess *x = &g->list[i];

        buf_reset(&text);
        guess_text(x, &text);
        header_problem(e, x->damaged ? PROBLEM_HEADER_REPLACED
                       : x->how == GUESS_PROPOSED ? PROBLEM_HEADER_PROPOSED
                       : PROBLEM_HEADER_FORCED, x->off, x->found, x->value, "%s",
                       buf_str(&text));
    }
    buf_free(&text);
}

static void rules_features(struct engine *e)
{
    const struct header *h = &e->img->hdr;
    const struct extensions *ext = &e->img->ext;
    bool bit3 = h->incompatible_features & INCOMPAT_COMPRESSION;

    if (h->incompatible_features & ~INCOMPAT_KNOWN)
        field_problem(e, PROBLEM_UNKNOWN_FEATURE, "incompatible_features", INCOMPAT_KNOWN,
                      "unknown incompatible features 0x%llx",
                      (ull)(h->incompatible_features & ~INCOMPAT_KNOWN));
    if (h->incompatible_features & INCOMPAT_DIRTY)
        field_problem(e, PROBLEM_DIRTY_BIT, "incompatible_features", 0,
                      "%s",
                      h->compatible_features & COMPAT_LAZY_REFCOUNTS
                      ? "lazy refcounts are on: refcounts may simply not be up to date"
                      : "the image was not closed properly");
    if (h->incompatible_features & INCOMPAT_CORRUPT)
        field_problem(e, PROBLEM_CORRUPT_BIT, "incompatible_features", 0,
                      "a program saw damage and said so");
    if (h->compression_type > COMPRESSION_ZSTD)
        field_problem(e, PROBLEM_HEADER_FAULT, "compression_type", COMPRESSION_ZSTD,
                      "compression_type %llu is unknown", (ull)h->compression_type);
    else if (bit3 != (h->compression_type != COMPRESSION_ZLIB))
        field_problem(e, PROBLEM_HEADER_FAULT, "compression_type", bit3,
                      "compression_type %llu and incompatible feature bit 3 (%d) disagree",
                      (ull)h->compression_type, bit3);
    if (e->geo->extended_l2 && e->geo->cluster_bits < 14)
        field_problem(e, PROBLEM_HEADER_FAULT, "cluster_bits", 14,
                      "extended L2 entries need clusters of 16 KiB or more");
    if (h->crypt_method > CRYPT_LUKS)
        field_problem(e, PROBLEM_HEADER_FAULT, "crypt_method", CRYPT_LUKS,
                      "crypt_method %llu is unknown", (ull)h->crypt_method);
    if (h->crypt_method == CRYPT_LUKS && !ext->crypto_at)
        field_problem(e, PROBLEM_HEADER_FAULT, "crypt_method", 0,
                      "encrypted with LUKS, but the encryption header pointer is missing");
    if (e->geo->data_file && !e->img->data_file)
        field_problem(e, PROBLEM_HEADER_FAULT, "incompatible_features", 0,
                      "guest data is in another file, but its name is missing");
    if (!e->geo->data_file && (h->autoclear_features & AUTOCLEAR_DATA_FILE_RAW))
        field_problem(e, PROBLEM_HEADER_FAULT, "autoclear_features", 0,
                      "a raw data file is announced, but there is no data file");
    if (h->autoclear_features & AUTOCLEAR_BITMAPS && !ext->bitmaps_at)
        field_problem(e, PROBLEM_HEADER_FAULT, "autoclear_features", 0,
                      "bitmaps are announced, but the bitmaps extension is missing");
}

static void rules_odd(struct engine *e)
{
    const struct header *h = &e->img->hdr;
    const struct extensions *ext = &e->img->ext;

    if (h->compatible_features & ~COMPAT_LAZY_REFCOUNTS)
        field_problem(e, PROBLEM_HEADER_ODD, "compatible_features", 0,
                      "unknown compatible features 0x%llx",
                      (ull)(h->compatible_features & ~COMPAT_LAZY_REFCOUNTS));
    if (h->autoclear_features & ~(AUTOCLEAR_BITMAPS | AUTOCLEAR_DATA_FILE_RAW))
        field_problem(e, PROBLEM_HEADER_ODD, "autoclear_features", 0,
                      "unknown autoclear features 0x%llx",
                      (ull)(h->autoclear_features
                            & ~(AUTOCLEAR_BITMAPS | AUTOCLEAR_DATA_FILE_RAW)));
    if (h->version != 2 && h->header_length % 8)
        field_problem(e, PROBLEM_HEADER_ODD, "header_length", 0,
                      "header_length %llu is not a multiple of 8", (ull)h->header_length);
    if (ext->backing_format && !h->backing_file_offset)
        header_problem(e, PROBLEM_HEADER_ODD, ext->backing_format->data_off - 8, 0, 0,
                       "a backing format, but no backing file");
    for (size_t i = 0; i < ext->n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (ext->list[i].type == ext->list[j].type) {
                header_problem(e, PROBLEM_HEADER_ODD, ext->list[i].data_off - 8,
                               ext->list[i].type, 0, "a second extension of type %s",
                               extension_name(ext->list[i].type));
                break;
            }
        }
    }
    if (e->geo->size % 512)
        field_problem(e, PROBLEM_HEADER_ODD, "size", e->geo->size / 512 * 512,
                      "size %llu is not a multiple of 512", (ull)e->geo->size);
}

static void rules_extensions(struct engine *e)
{
    const struct header *h = &e->img->hdr;
    const struct extensions *ext = &e->img->ext;
    uint64_t cs = e->geo->cluster_size;

    if (ext->end == EXT_ENDED_TOO_LONG)
        header_problem(e, PROBLEM_HEADER_EXTENSION, ext->end_off, 0, 0,
                       "a header extension reaches past the header area");
    if (ext->end == EXT_ENDED_OUR_LIMIT)
        header_problem(e, PROBLEM_HEADER_EXTENSION, ext->end_off, ext->n, EXTENSIONS_MAX,
                       "more than %d header extensions; the rest was not read",
                       EXTENSIONS_MAX);
    if (ext->backing_format && ext->backing_format->length > BACKING_FORMAT_MAX)
        header_problem(e, PROBLEM_HEADER_EXTENSION, ext->backing_format->data_off - 4,
                       ext->backing_format->length, BACKING_FORMAT_MAX,
                       "the backing format name has %u bytes, 15 are allowed",
                       ext->backing_format->length);
    if (ext->crypto_at && h->crypt_method != CRYPT_LUKS)
        header_problem(e, PROBLEM_HEADER_EXTENSION, ext->crypto_at->data_off - 8, 0, 0,
                       "an encryption header pointer, but the image is not LUKS encrypted");
    if (ext->crypto_at && ext->crypto_at->length != 16)
        header_problem(e, PROBLEM_HEADER_EXTENSION, ext->crypto_at->data_off - 4,
                       ext->crypto_at->length, 16,
                       "the encryption header pointer has %u bytes, not 16",
                       ext->crypto_at->length);
    if (ext->crypto_at && ext->has_crypto && (ext->crypto.offset & (cs - 1)))
        header_problem(e, PROBLEM_HEADER_EXTENSION, ext->crypto_at->data_off,
                       ext->crypto.offset, 0, "encryption header offset 0x%llx is not a "
                       "multiple of the cluster size", (ull)ext->crypto.offset);
    if (h->backing_file_offset > cs)
        field_problem(e, PROBLEM_HEADER_FAULT, "backing_file_offset", cs,
                      "the backing file name lies outside the header cluster");
    else if (h->backing_file_offset
             && h->backing_file_size > u64_min(BACKING_NAME_MAX, cs - h->backing_file_offset))
        field_problem(e, PROBLEM_HEADER_FAULT, "backing_file_size", BACKING_NAME_MAX,
                      "the backing file name is too long (%llu bytes)",
                      (ull)h->backing_file_size);
}

/* --- snapshots --- */

static struct place snapshot_place(const struct engine *e, size_t i)
{
    return (struct place){ PLACE_SNAPSHOT, 0, i, 0,
        i < e->img->snaps.n ? e->img->snaps.list[i].entry_off : e->img->snaps.table_off,
        NO_ADDRESS };
}

static void snapshot_problem(struct engine *e, enum problem_kind kind, size_t i,
                             uint64_t count, uint64_t found, uint64_t expected)
{
    struct problem p = {
        .kind = kind, .place = snapshot_place(e, i), .count = count,
        .qemu_count = problem_info(kind)->qemu == QEMU_OWN ? 0 : count,
        .host_off = i < e->img->snaps.n ? e->img->snaps.list[i].l1_table_offset : NO_ADDRESS,
        .guest_off = NO_ADDRESS, .found = found, .expected = expected,
    };

    problems_add(&e->res->problems, &p);
}

static int by_text(const void *a, const void *b)
{
    const struct snapshot *x = *(const struct snapshot *const *)a;
    const struct snapshot *y = *(const struct snapshot *const *)b;
    int order = strcmp(x->id, y->id);

    return order ? order : u64_order(x->entry_off, y->entry_off);
}

static int by_name(const void *a, const void *b)
{
    const struct snapshot *x = *(const struct snapshot *const *)a;
    const struct snapshot *y = *(const struct snapshot *const *)b;
    int order = strcmp(x->name, y->name);

    return order ? order : u64_order(x->entry_off, y->entry_off);
}

static void duplicate_snapshots(struct engine *e)
{
    const struct snapshots *s = &e->img->snaps;
    const struct snapshot **sorted = calloc(s->n ? s->n : 1, sizeof *sorted);

    if (!sorted)
        return;
    for (int what = 0; what < 2; what++) {
        for (size_t i = 0; i < s->n; i++)
            sorted[i] = &s->list[i];
        qsort(sorted, s->n, sizeof *sorted, what ? by_name : by_text);
        for (size_t i = 1; i < s->n; i++) {
            const char *a = what ? sorted[i - 1]->name : sorted[i - 1]->id;
            const char *b = what ? sorted[i]->name : sorted[i]->id;
            struct place place = snapshot_place(e, (size_t)(sorted[i] - s->list));

            if (strcmp(a, b) == 0)
                problem_note(&e->res->problems, PROBLEM_SNAPSHOT_DUPLICATE, &place,
                             (uint64_t)(sorted[i - 1] - s->list) + 1, 0,
                             "same %s as snapshot %llu", what ? "name" : "id",
                             (ull)(sorted[i - 1] - s->list) + 1);
        }
    }
    free(sorted);
}

static void rules_snapshot_table(struct engine *e)
{
    const struct snapshots *s = &e->img->snaps;
    struct place place = snapshot_place(e, s->fault);
    const char *why = NULL;

    switch (s->end) {
    case SNAPSHOTS_COMPLETE: break;
    case SNAPSHOTS_PAST_FILE: why = "entries lie after the end of the file"; break;
    case SNAPSHOTS_TOO_MANY: why = "more than 65536 snapshots are announced"; break;
    case SNAPSHOTS_BAD_OFFSET: why = "snapshots_offset is not a place for a table"; break;
    case SNAPSHOTS_EXTRA_TOO_LARGE: why = "an entry has more than 1024 bytes of extra data";
        break;
    case SNAPSHOTS_TABLE_TOO_LARGE: why = "the table is longer than 64 MiB"; break;
    case SNAPSHOTS_UNREADABLE: why = "an entry cannot be read"; break;
    }
    if (s->end == SNAPSHOTS_TOO_MANY || s->end == SNAPSHOTS_BAD_OFFSET)
        place = header_place(field_off(s->end == SNAPSHOTS_TOO_MANY ? "nb_snapshots"
                                       : "snapshots_offset"));
    if (why && place.kind == PLACE_SNAPSHOT)
        problem_note(&e->res->problems, PROBLEM_SNAPTABLE_FAULT, &place, s->announced, s->n,
                     "%s (entry %zu in QEMU's messages)", why, s->fault);
    else if (why)
        problem_note(&e->res->problems, PROBLEM_SNAPTABLE_FAULT, &place, s->announced, s->n,
                     "%s", why);
}

static void rules_snapshots(struct engine *e)
{
    const struct snapshots *s = &e->img->snaps;
    const struct geometry *geo = e->geo;

    rules_snapshot_table(e);
    if (geo->data_file && s->announced)
        snapshot_problem(e, PROBLEM_SNAPSHOT_DATA_FILE, 0, 1, s->announced, 0);
    for (size_t i = 0; i < s->n; i++) {
        const struct snapshot *x = &s->list[i];
        uint64_t needed = x->disk_size / geo->l2_span + (x->disk_size % geo->l2_span != 0);

        if (geo->version != 2 && x->extra_data_size < 16)
            snapshot_problem(e, PROBLEM_SNAPSHOT_INCOMPLETE, i, 1, x->extra_data_size, 16);
        if (x->l1_table_offset & (geo->cluster_size - 1))
            snapshot_problem(e, PROBLEM_SNAPSHOT_L1_MISALIGNED, i, 1, x->l1_table_offset, 0);
        else if (x->l1_size > L1_ENTRIES_MAX)
            snapshot_problem(e, PROBLEM_SNAPSHOT_L1_TOO_LARGE, i, 1, x->l1_size,
                             L1_ENTRIES_MAX);
        else if (x->l1_size < needed)
            snapshot_problem(e, PROBLEM_SNAPSHOT_L1_SMALL, i, 1, x->l1_size, needed);
        if (x->vm_state_size)
            snapshot_problem(e, PROBLEM_VM_STATE, i, 1, x->vm_state_size, 0);
    }
    if (s->end == SNAPSHOTS_PAST_FILE && geo->version != 2)
        snapshot_problem(e, PROBLEM_SNAPSHOT_INCOMPLETE, s->n, s->announced - s->n, 0, 16);
    duplicate_snapshots(e);
}

/* --- bitmaps --- */

static void rules_bitmaps(struct engine *e)
{
    const struct extensions *ext = &e->img->ext;
    const struct bitmaps *b = &e->img->bitmaps;
    uint64_t at = ext->bitmaps_at ? ext->bitmaps_at->data_off : 0;
    const char *why = NULL;

    if (!ext->bitmaps_at)
        return;
    if (ext->bitmaps_at->length != 24)
        header_problem(e, PROBLEM_HEADER_EXTENSION, at - 4, ext->bitmaps_at->length, 24,
                       "the bitmaps extension has %u bytes, not 24", ext->bitmaps_at->length);
    if (!b->consistent)
        header_problem(e, PROBLEM_BITMAPS_INCONSISTENT, at, e->img->hdr.autoclear_features, 1,
                       "a program that does not know bitmaps has written to the image; QEMU "
                       "ignores them, and their clusters count as leaked");
    if (ext->has_bitmaps && ext->bitmaps.reserved)
        header_problem(e, PROBLEM_HEADER_EXTENSION, at + 4, ext->bitmaps.reserved, 0,
                       "reserved bytes of the bitmaps extension are not zero");
    if (ext->has_bitmaps && ext->bitmaps.nb_bitmaps - 1 >= BITMAPS_MAX)
        header_problem(e, PROBLEM_HEADER_EXTENSION, at, ext->bitmaps.nb_bitmaps, BITMAPS_MAX,
                       "nb_bitmaps is %llu", (ull)ext->bitmaps.nb_bitmaps);
    switch (b->end) {
    case BITMAPS_COMPLETE: case BITMAPS_NONE: break;
    case BITMAPS_DIR_EMPTY: why = "its size is 0"; break;
    case BITMAPS_DIR_TOO_LARGE: why = "it is longer than QEMU allows"; break;
    case BITMAPS_BAD_OFFSET: why = "its offset is not a place for it"; break;
    case BITMAPS_BROKEN: why = "an entry overruns it"; break;
    case BITMAPS_MORE: why = "it has more entries than announced"; break;
    case BITMAPS_LESS: why = "it has fewer entries than announced"; break;
    case BITMAPS_EXTRA: why = "an entry has extra data"; break;
    case BITMAPS_UNREADABLE: why = "it cannot be read"; break;
    }
    if (why)
        header_problem(e, PROBLEM_BITMAP_DIR_FAULT, at, b->dir_off, b->dir_size,
                       "bitmap directory: %s", why);
    for (size_t i = 0; i < b->n; i++) {
        struct place place = { PLACE_BITMAP, 0, i, 0, b->list[i].entry_off, NO_ADDRESS };

        if (b->list[i].fault)
            problem_note(&e->res->problems, PROBLEM_BITMAP_FAULT, &place, 0, 0, "%s",
                         b->list[i].fault);
        if (b->list[i].flags & BITMAP_IN_USE)
            problem_note(&e->res->problems, PROBLEM_BITMAP_IN_USE_FLAG, &place,
                         b->list[i].flags, 0, NULL);
    }
}

/* --- other files --- */

static void rules_side_file(struct engine *e, const char *what, uint64_t field,
                            const char *name, size_t len, const struct side_file *f)
{
    struct buf shown = BUF_INIT;

    if (f->state != SIDE_MISSING && f->state != SIDE_UNFIT && f->state != SIDE_SHORT)
        return;
    text_visible(&shown, name, len < 200 ? len : 200);
    if (f->state == SIDE_SHORT)
        header_problem(e, PROBLEM_DATA_FILE_SHORT, field, f->size, e->geo->size,
                       "the %s '%s' has %llu of %llu bytes", what, buf_str(&shown),
                       (ull)f->size, (ull)e->geo->size);
    else
        header_problem(e, PROBLEM_SIDE_FILE, field, 0, 0, "the %s '%s' %s", what,
                       buf_str(&shown), f->state == SIDE_MISSING ? "is not there"
                       : "is no file that can be an image");
    buf_free(&shown);
}

void pass_rules(struct engine *e)
{
    struct source_info info = source_get_info(e->img->src);
    struct place none = { .kind = PLACE_NONE, .file_off = NO_ADDRESS,
                          .guest_off = NO_ADDRESS };

    rules_guesses(e);
    rules_sizes(e);
    rules_features(e);
    rules_extensions(e);
    rules_odd(e);
    rules_snapshots(e);
    rules_bitmaps(e);
    rules_side_file(e, "backing file", 8, e->img->backing_file, e->img->backing_file_len,
                    &e->img->backing_there);
    rules_side_file(e, "data file", e->img->ext.data_file ? e->img->ext.data_file->data_off
                    : 72, e->img->data_file, e->img->data_file ? strlen(e->img->data_file) : 0,
                    &e->img->data_there);
    pass_unreadable(e);
    if (info.in_use)
        problem_note(&e->res->problems, PROBLEM_IMAGE_IN_USE, &none, 0, 0, NULL);
}
