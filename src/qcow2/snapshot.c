/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/field.h"

#define FIXED       40                  /* bytes of an entry before its extra data */
#define EXTRA_KNOWN 24                  /* bytes of extra data that have a meaning */
#define ALIGNMENT   8                   /* entries start at multiples of this */

static uint64_t get(const char *table, const char *field, const uint8_t *bytes,
                    size_t len)
{
    const struct field_table *t = field_table(table);

    return field_value(t, field_named(t, field), bytes, len);
}

/* Does the extra data reach to the end of this field? */
static bool has_extra(const struct snapshot *s, const char *name)
{
    const struct field *f = field_named(field_table("snapshot-extra"), name);

    return s->extra_data_size >= (uint64_t)f->off + f->width;
}

static void decode_fixed(const uint8_t *b, struct snapshot *s)
{
    s->l1_table_offset = get("snapshot", "l1_table_offset", b, FIXED);
    s->l1_size = get("snapshot", "l1_size", b, FIXED);
    s->id_size = get("snapshot", "id_str_size", b, FIXED);
    s->name_size = get("snapshot", "name_size", b, FIXED);
    s->date_sec = get("snapshot", "date_sec", b, FIXED);
    s->date_nsec = get("snapshot", "date_nsec", b, FIXED);
    s->vm_clock_nsec = get("snapshot", "vm_clock_nsec", b, FIXED);
    s->vm_state_size = get("snapshot", "vm_state_size", b, FIXED);
    s->extra_data_size = get("snapshot", "extra_data_size", b, FIXED);
    s->entry_len = FIXED + s->extra_data_size + s->id_size + s->name_size;
}

static void decode_extra(const uint8_t *b, uint64_t disk_size, struct snapshot *s)
{
    static const char table[] = "snapshot-extra";

    s->disk_size = disk_size;
    s->icount = UINT64_MAX;
    if (has_extra(s, "vm_state_size_large"))
        s->vm_state_size = get(table, "vm_state_size_large", b, EXTRA_KNOWN);
    if (has_extra(s, "disk_size"))
        s->disk_size = get(table, "disk_size", b, EXTRA_KNOWN);
    if (has_extra(s, "icount"))
        s->icount = get(table, "icount", b, EXTRA_KNOWN);
}

size_t name_kept(uint64_t len, uint64_t *left)
{
    uint64_t kept = u64_min(len, NAME_KEPT_MAX);

    if (kept > *left)
        kept = u64_min(kept, NAME_KEPT_SHORT);
    else
        *left -= kept;
    return (size_t)kept;
}

/* A string of at most 65535 bytes; what lies past the end of the file is left out. */
static bool read_string(struct source *src, uint64_t off, uint64_t len, uint64_t *left,
                        struct snapshots *t, char **out, bool *cut)
{
    uint64_t size = source_size(src);
    uint64_t there = off < size ? u64_min(len, size - off) : 0;
    char *text;

    if (there < len)
        *cut = true;
    there = name_kept(there, left);
    text = arena_take(&t->text, (size_t)there + 1);
    if (!text)
        return false;
    if (there && !t->bad.len)
        source_read_known(src, off, text, (size_t)there, &t->bad);
    *out = text;
    return true;
}

#define ID_MAX 255                      /* bytes of an id or name that QEMU writes */

/* Is the id text, where extra data of this length puts it? */
static bool id_fits(struct source *src, uint64_t off, const struct snapshot *s,
                    uint64_t extra_len)
{
    uint8_t id[ID_MAX];
    uint64_t at = off + FIXED + extra_len;

    if (!range_inside(at, s->id_size + s->name_size, source_size(src)) ||
        !source_read(src, at, id, (size_t)s->id_size, NULL))
        return false;
    for (size_t i = 0; i < s->id_size; i++)
        if (id[i] < ' ' || id[i] > '~')
            return false;
    return true;
}

bool snapshot_seems(struct source *src, const struct geometry *geo, uint64_t off,
                    struct snapshot_seen *out)
{
    uint8_t fixed[FIXED];
    struct snapshot s = { .id = NULL };
    uint64_t extra[] = { 0, 24, 16, 0 };

    if (!range_inside(off, FIXED, geo->file_size) ||
        !source_read(src, off, fixed, sizeof fixed, NULL))
        return false;
    decode_fixed(fixed, &s);
    if (!s.l1_table_offset || s.l1_table_offset & (geo->cluster_size - 1) || !s.l1_size ||
        s.l1_size > L1_ENTRIES_MAX || s.date_nsec >= 1000000000 ||
        !range_inside(s.l1_table_offset, s.l1_size * 8,
                      geo->n_clusters << geo->cluster_bits) ||
        !s.id_size || s.id_size > ID_MAX || s.name_size > ID_MAX)
        return false;
    extra[0] = s.extra_data_size;
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        if (!id_fits(src, off, &s, extra[i]))
            continue;
        *out = (struct snapshot_seen){ FIXED + extra[i] + s.id_size + s.name_size, extra[i],
                                       s.id_size, s.l1_table_offset };
        return true;
    }
    return false;
}

bool snapshots_offset_bad(const struct geometry *geo, uint64_t off, uint64_t n)
{
    return off & (geo->cluster_size - 1) ||
           off > (uint64_t)INT64_MAX - u64_min(n, SNAPSHOTS_MAX) * FIXED;
}

/* QEMU stops at entry `n`; the first such reason counts. */
static void stops(struct snapshots *t, enum snapshots_end why)
{
    if (t->end != SNAPSHOTS_COMPLETE)
        return;
    t->end = why;
    t->fault = t->n;
}

enum read_step { STEP_ENTRY, STEP_END, STEP_NOMEM };

/* Reads the entry at `off`. STEP_END: it cannot be kept, and out->end says why. */
static enum read_step read_entry(struct source *src, const struct header *hdr,
                                 const struct geometry *geo, uint64_t off,
                                 struct snapshots *out, uint64_t *left,
                                 struct snapshot *s)
{
    uint8_t fixed[FIXED], extra[EXTRA_KNOWN] = { 0 };
    uint64_t string = off + FIXED;
    struct snapshot_seen seen;

    *s = (struct snapshot){ .entry_off = off };
    if (!source_read_known(src, off, fixed, sizeof fixed, &out->bad)) {
        stops(out, SNAPSHOTS_UNREADABLE);
        return STEP_END;
    }
    decode_fixed(fixed, s);
    if (s->extra_data_size > SNAPSHOT_EXTRA_MAX) {
        stops(out, SNAPSHOTS_EXTRA_TOO_LARGE);
        if (!snapshot_seems(src, geo, off, &seen))
            return STEP_END;
        s->extra_data_size = seen.extra_len;
        s->entry_len = seen.len;
    }
    if (off + s->entry_len - out->table_off > SNAPSHOT_TABLE_MAX) {
        stops(out, SNAPSHOTS_TABLE_TOO_LARGE);
        return STEP_END;
    }
    source_read_known(src, string, extra, (size_t)u64_min(s->extra_data_size, EXTRA_KNOWN),
                      &out->bad);
    decode_extra(extra, hdr->size, s);
    string += s->extra_data_size;
    if (!read_string(src, string, s->id_size, left, out, &s->id, &s->id_cut) ||
        !read_string(src, string + s->id_size, s->name_size, left, out, &s->name, &s->id_cut))
        return STEP_NOMEM;
    if (!out->bad.len)
        return STEP_ENTRY;
    stops(out, SNAPSHOTS_UNREADABLE);
    return STEP_END;
}

static bool append(struct snapshots *out, size_t *cap, const struct snapshot *s)
{
    if (out->n == *cap) {
        size_t more = *cap ? *cap * 2 : 8;
        struct snapshot *list = realloc(out->list, more * sizeof *list);

        if (!list)
            return false;
        out->list = list;
        *cap = more;
    }
    out->list[out->n++] = *s;
    return true;
}

/* Lengths with the all-zero entries past the end of the file, FIXED bytes each. */
static void count_zero_entries(struct snapshots *out)
{
    out->whole_len = out->table_len;
    if (out->end == SNAPSHOTS_PAST_FILE)
        out->whole_len = round_up(out->table_len, ALIGNMENT) +
                         (out->announced - out->n) * FIXED;
}

bool snapshots_read(struct source *src, const struct header *hdr,
                    const struct geometry *geo, struct snapshots *out, struct error *err)
{
    struct snapshots t = { .announced = hdr->nb_snapshots,
                           .table_off = hdr->snapshots_offset };
    uint64_t off = t.table_off, left = NAMES_KEPT_MAX;
    size_t cap = 0;
    bool readable;

    if (t.announced > SNAPSHOTS_MAX)
        t.end = SNAPSHOTS_TOO_MANY;
    else if (snapshots_offset_bad(geo, off, t.announced))
        t.end = SNAPSHOTS_BAD_OFFSET;
    readable = t.end == SNAPSHOTS_COMPLETE;
    while (readable && t.n < t.announced) {
        struct snapshot s;
        enum read_step step;

        off = round_up(off, ALIGNMENT);
        if (off >= geo->file_size) {
            stops(&t, SNAPSHOTS_PAST_FILE);
            break;
        }
        step = read_entry(src, hdr, geo, off, &t, &left, &s);
        if (step == STEP_END)
            break;
        if (step == STEP_NOMEM || !append(&t, &cap, &s)) {
            snapshots_free(&t);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        off += s.entry_len;
        t.table_len = off - t.table_off;
    }
    count_zero_entries(&t);
    *out = t;
    return true;
}

void snapshots_free(struct snapshots *s)
{
    arena_free(&s->text);
    free(s->list);
    *s = (struct snapshots){ .list = NULL };
}
