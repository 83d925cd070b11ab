#include "qcow2/bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/field.h"

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

/* Copies `want` bytes at `at` of the directory, zeros where the file has ended. */
static void copy_out(const uint8_t *dir, uint64_t dir_len, uint64_t at, void *to,
                     uint64_t want)
{
    uint64_t there = at < dir_len ? u64_min(want, dir_len - at) : 0;

    memset(to, 0, (size_t)want);
    if (there)
        memcpy(to, dir + at, (size_t)there);
}

/* Decodes the directory, of which dir_len bytes lie inside the file. False: no memory. */
static bool decode_dir(const uint8_t *dir, uint64_t dir_len, uint64_t announced,
                       const struct geometry *geo, struct bitmaps *out)
{
    uint64_t at = 0;
    size_t cap = 0;

    while (at < out->dir_size) {
        uint8_t fixed[FIXED];
        struct bitmap b = { .entry_off = out->dir_off + at };

        if (out->dir_size - at < FIXED) {
            out->end = BITMAPS_BROKEN;
            return true;
        }
        if (out->n == announced || out->n == BITMAPS_MAX) {
            out->end = BITMAPS_MORE;
            return true;
        }
        copy_out(dir, dir_len, at, fixed, FIXED);
        decode_fixed(fixed, geo, &b);
        if (round_up(b.entry_len, 8) > out->dir_size - at) {
            out->end = BITMAPS_BROKEN;
            return true;
        }
        b.name = malloc((size_t)b.name_size + 1);
        if (!b.name || !append(out, &cap, &b)) {
            free(b.name);
            return false;
        }
        copy_out(dir, dir_len, at + FIXED + b.extra_data_size, b.name, b.name_size);
        b.name[b.name_size] = '\0';
        if (b.extra_data_size && out->end == BITMAPS_COMPLETE)
            out->end = BITMAPS_EXTRA;
        at += round_up(b.entry_len, 8);
    }
    if (out->n < announced && out->end == BITMAPS_COMPLETE)
        out->end = BITMAPS_LESS;
    return true;
}

bool bitmaps_read(struct source *src, const struct header *hdr,
                  const struct geometry *geo, const struct extensions *ext,
                  struct bitmaps *out, struct error *err)
{
    struct bitmaps b = { .end = BITMAPS_COMPLETE };
    uint8_t *dir = NULL;
    uint64_t dir_len;
    bool ok = false;

    b.consistent = hdr->autoclear_features & AUTOCLEAR_BITMAPS;
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
    if (b.end != BITMAPS_COMPLETE) {
        *out = b;
        return true;
    }
    dir_len = u64_min(b.dir_size, geo->file_size - b.dir_off);
    dir = malloc((size_t)dir_len);
    if (!dir)
        goto out;
    if (!source_read(src, b.dir_off, dir, (size_t)dir_len, NULL))
        b.end = BITMAPS_UNREADABLE;
    else if (!decode_dir(dir, dir_len, ext->bitmaps.nb_bitmaps, geo, &b))
        goto out;
    *out = b;
    ok = true;
out:
    free(dir);
    if (!ok) {
        bitmaps_free(&b);
        err_set(err, ERR_NOMEM, "out of memory");
    }
    return ok;
}

void bitmaps_free(struct bitmaps *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->list[i].name);
    free(b->list);
    *b = (struct bitmaps){ .end = BITMAPS_NONE };
}
