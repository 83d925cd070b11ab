/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/field.h"
#include "qcow2/snapshot.h"

#define FIXED           24              /* bytes of a directory entry before its tail */
#define GRANULARITY_MIN 9
#define GRANULARITY_MAX 31
#define DIRTY_TRACKING  1

static uint64_t get(const char *field, const uint8_t *bytes)
{
    const struct field_table *t = field_table("bitmap-dir-entry");

    return field_value(t, field_named(t, field), bytes, FIXED);
}

/* The length of the disk as QEMU sees it: whole sectors. */
static uint64_t disk_len(const struct geometry *geo)
{
    return geo->size & ~UINT64_C(511);
}

uint64_t bitmap_table_needed(const struct geometry *geo, uint32_t granularity_bits)
{
    uint64_t len = disk_len(geo), last;

    if (!len)
        return 0;
    last = granularity_bits < 64 ? (len - 1) >> granularity_bits : 0;
    return div_up(8 * (last / 64 + 1), geo->cluster_size);
}

/* Which demand of QEMU this entry does not meet; NULL: none. */
static const char *fault_of(const struct bitmap *b, const struct geometry *geo)
{
    uint64_t bits;

    if (!b->table_size)
        return "its table has no entries";
    if (!b->table_offset)
        return "its table has no offset";
    if (b->table_offset & (geo->cluster_size - 1))
        return "its table is not cluster aligned";
    if (b->granularity_bits < GRANULARITY_MIN || b->granularity_bits > GRANULARITY_MAX)
        return "its granularity is not 512 bytes to 2 GiB";
    if (b->flags & ~(BITMAP_IN_USE | BITMAP_AUTO))
        return "it has flags that QEMU does not know";
    if (b->name_size > BITMAP_NAME_MAX)
        return "its name is longer than 1023 bytes";
    if (b->type != DIRTY_TRACKING)
        return "its type is not dirty tracking";
    if (b->table_size > BITMAP_TABLE_BYTES_MAX >> geo->cluster_bits)
        return "its table is for more than 512 MiB of bits";
    bits = b->table_size << geo->cluster_bits << 3;     /* at most 2^32, so 2^63 below */
    if (!(b->flags & BITMAP_IN_USE) && disk_len(geo) > bits << b->granularity_bits)
        return "its table is too small for the disk";
    return NULL;
}

static void decode_fixed(const uint8_t *bytes, const struct geometry *geo,
                         struct bitmap *b)
{
    b->table_offset = get("bitmap_table_offset", bytes);
    b->table_size = get("bitmap_table_size", bytes);
    b->flags = (uint32_t)get("flags", bytes);
    b->type = (uint32_t)get("type", bytes);
    b->granularity_bits = (uint32_t)get("granularity_bits", bytes);
    b->name_size = get("name_size", bytes);
    b->extra_data_size = get("extra_data_size", bytes);
    b->entry_len = FIXED + b->extra_data_size + b->name_size;
    b->fault = fault_of(b, geo);
    b->sound = !b->fault;
}

static bool append(struct bitmaps *out, size_t *cap, const struct bitmap *b)
{
    if (out->n == *cap) {
        size_t more = *cap ? *cap * 2 : 8;
        struct bitmap *list = realloc(out->list, more * sizeof *list);

        if (!list)
            return false;
        out->list = list;
        *cap = more;
    }
    out->list[out->n++] = *b;
    return true;
}

#define WINDOW 65536                    /* bytes of the directory in memory */

/* The directory, read piece by piece: it may be as long as all memory we want to take. */
struct dir {
    struct source *src;
    uint64_t off, size;                 /* bytes; zeros past the end of the file */
    uint8_t *window;                    /* bytes [from, from + WINDOW) of it */
    uint64_t from;
    bool loaded;
    bool open_ended;                    /* its size is not known: ends with the last of the
                                           announced entries, or the first unsound one */
    struct source_span bad;             /* of an entry */
};

/* The piece has failed: is it these very bytes? */
static struct source_span read_exactly(struct dir *d, uint64_t at, void *to, size_t len)
{
    struct source_span bad;

    source_read_known(d->src, d->off + at, to, len, &bad);
    return source_span_hull(d->bad, bad);
}

/* Copies `len` bytes at `at`, an entry's fixed part or its name. */
static void copy_out(struct dir *d, uint64_t at, void *to, size_t len)
{
    if (!d->loaded || at < d->from || at + len > d->from + WINDOW) {
        d->from = at;
        d->loaded = source_read(d->src, d->off + at, d->window,
                                (size_t)u64_min(WINDOW, d->size - at), NULL);
    }
    if (d->loaded)
        memcpy(to, d->window + (at - d->from), len);
    else
        d->bad = read_exactly(d, at, to, len);
}

static bool read_name(struct dir *d, uint64_t at, uint64_t *left, struct arena *text,
                      struct bitmap *b)
{
    b->name_kept = (uint16_t)name_kept(b->name_size, left);
    b->name = arena_take(text, b->name_kept + 1u);
    if (!b->name)
        return false;
    copy_out(d, at, b->name, b->name_kept);
    return true;
}

/* What was wrong first stays the reason. */
static void ends(struct bitmaps *out, enum bitmaps_end why)
{
    if (out->end == BITMAPS_COMPLETE || out->end == BITMAPS_EXTRA)
        out->end = why;
}

/* Decodes the directory. False: no memory. */
static bool decode_dir(struct dir *d, uint64_t announced, const struct geometry *geo,
                       struct bitmaps *out)
{
    uint64_t at = 0, left = NAMES_KEPT_MAX;
    size_t cap = 0;

    while (at < out->dir_size) {
        uint8_t fixed[FIXED];
        struct bitmap b = { .entry_off = out->dir_off + at };

        if (out->dir_size - at < FIXED) {
            ends(out, BITMAPS_BROKEN);
            break;
        }
        if (d->open_ended && out->n == announced)
            break;
        if (out->n == announced || out->n == BITMAPS_MAX)
            ends(out, BITMAPS_MORE);
        if (out->n == BITMAPS_MAX)
            break;
        copy_out(d, at, fixed, FIXED);
        decode_fixed(fixed, geo, &b);
        if (d->open_ended && !b.sound)
            break;
        if (round_up(b.entry_len, 8) > out->dir_size - at) {
            ends(out, BITMAPS_BROKEN);
            break;
        }
        if (!read_name(d, at + FIXED + b.extra_data_size, &left, &out->text, &b)
            || !append(out, &cap, &b))
            return false;
        if (d->bad.len) {
            out->bad = d->bad;
            ends(out, BITMAPS_UNREADABLE);
            out->n--;
            return true;
        }
        if (b.extra_data_size && out->end == BITMAPS_COMPLETE)
            out->end = BITMAPS_EXTRA;
        at += round_up(b.entry_len, 8);
    }
    if (d->open_ended)
        out->dir_size = at;
    if (out->n < announced && out->end == BITMAPS_COMPLETE)
        out->end = BITMAPS_LESS;
    return true;
}

/* Does the directory begin here? */
static bool begins_at(struct source *src, const struct geometry *geo, uint64_t off)
{
    uint8_t fixed[FIXED];
    struct bitmap b = { .name = NULL };

    if (off & (geo->cluster_size - 1) || !range_inside(off, FIXED, geo->file_size) ||
        !source_read(src, off, fixed, sizeof fixed, NULL))
        return false;
    decode_fixed(fixed, geo, &b);
    return b.sound && b.name_size && b.table_offset < geo->file_size;
}

/* The place meant by an impossible offset: cluster aligned, or with one bit put right. */
static bool nearest_place(struct source *src, const struct geometry *geo, uint64_t *off)
{
    uint64_t down = *off & ~(geo->cluster_size - 1);

    if (begins_at(src, geo, down)) {
        *off = down;
        return true;
    }
    for (unsigned bit = geo->cluster_bits; bit < 64; bit++) {
        if (!begins_at(src, geo, *off ^ UINT64_C(1) << bit))
            continue;
        *off ^= UINT64_C(1) << bit;
        return true;
    }
    return false;
}

/* Two bitmaps with one name: QEMU compares up to the first NUL. */
struct named {
    const char *name;
    size_t i;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : u64_order(x->i, y->i);
}

/* Faults that only show beside the other bitmaps, or beside the disk. False: no memory. */
static bool judge_together(struct bitmaps *b, const struct geometry *geo)
{
    struct named *sorted = calloc(b->n ? b->n : 1, sizeof *sorted);

    if (!sorted)
        return false;
    for (size_t i = 0; i < b->n; i++)
        sorted[i] = (struct named){ b->list[i].name, i };
    qsort(sorted, b->n, sizeof *sorted, by_name);
    for (size_t i = 1; i < b->n; i++)
        b->list[sorted[i].i].repeated = strcmp(sorted[i].name, sorted[i - 1].name) == 0;
    free(sorted);
    for (size_t i = 0; i < b->n; i++) {
        struct bitmap *x = &b->list[i];

        if (x->fault || x->flags & BITMAP_IN_USE)
            continue;
        if (x->repeated)
            x->fault = "an earlier bitmap has the same name";
        else if (x->table_size != bitmap_table_needed(geo, x->granularity_bits))
            x->fault = "its table has more entries than the disk needs";
    }
    return true;
}

/* Where the directory ends too early for the announced entries, its size may be what is
 * wrong. False: no memory. */
static bool read_dir(struct dir *d, const struct geometry *geo, struct bitmaps *b)
{
    struct bitmaps again = *b;
    uint64_t most = u64_min(BITMAP_DIR_MAX, geo->file_size - d->off);

    again.dir_size = most;
    if (d->open_ended)
        b->dir_size = most;
    d->size = b->dir_size;
    if (!decode_dir(d, b->announced, geo, b))
        return false;
    if (d->open_ended || b->n >= b->announced || b->announced > BITMAPS_MAX ||
        (b->end != BITMAPS_BROKEN && b->end != BITMAPS_LESS))
        return true;
    d->open_ended = true;
    d->loaded = false;
    d->size = most;
    if (!decode_dir(d, b->announced, geo, &again)) {
        bitmaps_free(&again);
        return false;
    }
    again.end = b->end;
    if (again.n > b->n) {
        struct bitmaps less = *b;

        *b = again;
        again = less;
    }
    bitmaps_free(&again);
    return true;
}

bool bitmaps_read(struct source *src, const struct header *hdr,
                  const struct geometry *geo, const struct extensions *ext,
                  struct bitmaps *out, struct error *err)
{
    struct bitmaps b = { .end = BITMAPS_COMPLETE };
    struct dir dir = { .src = src };
    bool ok;

    b.consistent = hdr->autoclear_features & AUTOCLEAR_BITMAPS;
    b.announced = ext->bitmaps.nb_bitmaps;
    b.dir_off = ext->bitmaps.directory_offset;
    b.dir_size = ext->bitmaps.directory_size;
    if (!ext->has_bitmaps)
        b.end = BITMAPS_NONE;
    else if (!b.dir_size)
        b.end = BITMAPS_DIR_EMPTY;
    else if (b.dir_size > BITMAP_DIR_MAX)
        b.end = BITMAPS_DIR_TOO_LARGE;
    else if (b.dir_off & (geo->cluster_size - 1) || b.dir_off >= geo->file_size)
        b.end = BITMAPS_BAD_OFFSET;
    dir.off = b.dir_off;
    if (b.end == BITMAPS_NONE ||
        (b.end != BITMAPS_COMPLETE && !nearest_place(src, geo, &dir.off))) {
        *out = b;
        return true;
    }
    dir.open_ended = b.end == BITMAPS_DIR_EMPTY || b.end == BITMAPS_DIR_TOO_LARGE;
    b.dir_off = dir.off;
    dir.window = malloc(WINDOW);
    ok = dir.window && read_dir(&dir, geo, &b) && judge_together(&b, geo);
    free(dir.window);
    if (!ok) {
        bitmaps_free(&b);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *out = b;
    return true;
}

bool bitmaps_lost(const struct bitmaps *b)
{
    return b->consistent && b->end != BITMAPS_NONE &&
           (b->n < b->announced || b->end == BITMAPS_BROKEN ||
            b->end == BITMAPS_UNREADABLE);
}

void bitmaps_free(struct bitmaps *b)
{
    arena_free(&b->text);
    free(b->list);
    *b = (struct bitmaps){ .end = BITMAPS_NONE };
}
