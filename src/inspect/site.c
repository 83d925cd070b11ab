/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/site.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bisect.h"
#include "base/num.h"
#include "qcow2/spec.h"

static bool within(uint64_t off, uint64_t start, uint64_t len)
{
    return off - start < len;           /* before it, that wraps to a larger one */
}

/* Reads the word of `width` bytes the site is about. */
static void load_word(const struct image *img, struct site *s, size_t width)
{
    uint8_t bytes[8] = { 0 };
    struct error err;

    s->unreadable = !source_read(img->src, s->start, bytes, width, &err);
    s->coming = s->unreadable && err.sys == EAGAIN;
    s->value = be_load(bytes, width);
}

static void set_word(const struct image *img, struct site *s, const char *table,
                     struct place place, uint64_t start)
{
    s->place = place;
    s->place.file_off = start;
    s->start = start;
    s->len = 8;
    s->table = field_table(table);
    load_word(img, s, 8);
    place_complete(img, &s->place);
}

static void from_part(struct site *s, const struct part *p, struct place place)
{
    s->place = place;
    s->start = p->off;
    s->len = p->len;
    s->table = p->table;
    s->field = p->field;
    s->value = p->value;
}

static bool find_part(const struct parts *parts, uint64_t off, struct place place,
                      struct site *s)
{
    for (size_t i = 0; i < parts->n; i++) {
        if (within(off, parts->list[i].off, parts->list[i].len)) {
            from_part(s, &parts->list[i], place);
            return true;
        }
    }
    return false;
}

static bool in_header(const struct image *img, uint64_t off, struct site *s)
{
    struct place place = { .kind = PLACE_HEADER, .i = off, .guest_off = NO_ADDRESS };
    struct parts parts;
    bool found;

    if (!parts_of_header(img, &parts))
        return false;
    found = find_part(&parts, off, place, s);
    if (found) {
        s->place.i = s->start;
        s->place.file_off = s->start;
    }
    parts_free(&parts);
    return found;
}

/* A table of 8-byte words. */
static bool in_words(const struct image *img, const struct structure *x, uint64_t off,
                     struct site *s)
{
    struct place place = { .guest_off = NO_ADDRESS };
    uint64_t word = (off - x->off) / 8;

    if (x->kind == STRUCTURE_BITMAP_TABLE) {
        place.kind = PLACE_BITMAP_TABLE;
        place.i = x->i;
        place.j = word;
        set_word(img, s, "bitmap-table-entry", place, x->off + word * 8);
        return x->off;                      /* there is no table at byte 0 */
    }
    place.kind = x->kind == STRUCTURE_L1 ? PLACE_L1 : PLACE_REFTABLE;
    place.layer = x->i;
    place.i = word;
    set_word(img, s, x->kind == STRUCTURE_L1 ? "l1-entry" : "reftable-entry", place,
             x->off + word * 8);
    return true;
}

static bool in_refblock(const struct image *img, uint64_t off, struct site *s)
{
    const struct geometry *geo = &img->geo;
    uint64_t block = off & ~(geo->cluster_size - 1);
    uint64_t i = 0;
    uint64_t in;

    if (block == 0)
        return false;
    while (i < img->reftable_n && (img->reftable[i] & REFTABLE_OFFSET_MASK) != block)
        i++;
    if (i == img->reftable_n)
        return false;
    in = off - block;
    s->len = geo->refcount_bits < 8 ? 1 : geo->refcount_bits / 8;
    s->start = block + in / s->len * s->len;
    s->place = (struct place){ .kind = PLACE_REFBLOCK, .i = i, .file_off = s->start,
                               .j = (s->start - block) * 8 / geo->refcount_bits,
                               .guest_off = NO_ADDRESS };
    load_word(img, s, (size_t)s->len);
    return true;
}

static bool in_snapshot(const struct image *img, uint64_t off, struct site *s)
{
    for (size_t i = 0; i < img->snaps.n; i++) {
        const struct snapshot *snap = &img->snaps.list[i];
        struct place place = { .kind = PLACE_SNAPSHOT,
                               .i = i,
                               .file_off = snap->entry_off,
                               .guest_off = NO_ADDRESS };
        struct parts parts;
        bool found;

        if (!within(off, snap->entry_off, snap->entry_len))
            continue;
        if (!parts_of_snapshot(img, i, &parts))
            return false;
        found = find_part(&parts, off, place, s);
        parts_free(&parts);
        return found;
    }
    return false;
}

static bool in_bitmap_dir(const struct image *img, uint64_t off, struct site *s)
{
    for (size_t i = 0; i < img->bitmaps.n; i++) {
        const struct bitmap *bm = &img->bitmaps.list[i];
        struct place place = { .kind = PLACE_BITMAP, .i = i, .file_off = bm->entry_off,
                               .guest_off = NO_ADDRESS };
        struct parts parts;
        bool found;

        if (!within(off, bm->entry_off, bm->entry_len))
            continue;
        if (!parts_of_bitmap(img, i, &parts))
            return false;
        found = find_part(&parts, off, place, s);
        parts_free(&parts);
        return found;
    }
    return false;
}

static bool in_structure(const struct image *img, const struct structure *x, uint64_t off,
                         struct site *s)
{
    switch ((enum structure_kind)x->kind) {
    case STRUCTURE_HEADER:
        return in_header(img, off, s);
    case STRUCTURE_L1: case STRUCTURE_REFTABLE: case STRUCTURE_BITMAP_TABLE:
        return in_words(img, x, off, s);
    case STRUCTURE_SNAPSHOTS:
        return in_snapshot(img, off, s);
    case STRUCTURE_BITMAP_DIR:
        return in_bitmap_dir(img, off, s);
    case STRUCTURE_CRYPTO: case N_STRUCTURES: break;
    }
    return false;
}

static void set_l2(const struct image *img, struct place place, uint64_t table_off,
                   uint64_t off, struct site *s)
{
    uint32_t size = img->geo.l2_entry_size;
    uint64_t start;

    place.kind = PLACE_L2;
    place.j = (off - table_off) / size;
    place.guest_off = NO_ADDRESS;
    start = table_off + place.j * size;
    set_word(img, s, "l2-entry", place, start);
    if (off - start >= 8) {
        s->start = start + 8;
        s->table = field_table("l2-entry-extended");
        load_word(img, s, 8);
    } else if (s->value & OFLAG_COMPRESSED) {
        s->table = field_table_compressed(img->geo.cluster_bits);
    }
}

static bool in_l2(const struct image *img, const struct scan_result *scan,
                  const struct place *hint, uint64_t off, struct site *s)
{
    uint64_t table_len = img->geo.l2_entries * img->geo.l2_entry_size;
    struct place place = { .kind = PLACE_L2 };

    if (scan) {
        size_t low;

        /* the last table that starts at or before off */
        BISECT(low, scan->n_l2, mid, scan->l2[mid].off > off);
        if (low > 0 && within(off, scan->l2[low - 1].off, table_len)) {
            place.layer = scan->l2[low - 1].layer;
            place.i = scan->l2[low - 1].l1_index;
            set_l2(img, place, scan->l2[low - 1].off, off, s);
            return true;
        }
    }
    if (hint && hint->kind == PLACE_L2 && hint->file_off != NO_ADDRESS) {
        uint64_t start = hint->file_off - hint->j * img->geo.l2_entry_size;

        if (within(off, start, table_len)) {
            set_l2(img, *hint, start, off, s);
            return true;
        }
    }
    return false;
}

void site_at(const struct image *img, const struct scan_result *scan,
             const struct place *hint, uint64_t off, struct site *out)
{
    struct site s = { .place = { .kind = PLACE_NONE, .file_off = NO_ADDRESS,
                                 .guest_off = NO_ADDRESS } };

    const struct structure *x = NULL;
    bool found = false;

    if (off != NO_ADDRESS && off < img->geo.file_len) {
        while (!found && (x = structures_find(&img->structures, off, x)))
            found = in_structure(img, x, off, &s);
        found = found || in_refblock(img, off, &s) || in_l2(img, scan, hint, off, &s);
    }
    if (!found)
        s.place.kind = PLACE_NONE;
    *out = s;
}

uint64_t site_place_len(const struct image *img, const struct place *p)
{
    switch (p->kind) {
    case PLACE_NONE: return 0;
    case PLACE_FILE_OFFSET: case PLACE_HEADER: return 1;
    case PLACE_L1: case PLACE_REFTABLE: case PLACE_BITMAP_TABLE: return 8;
    case PLACE_L2: return img->geo.l2_entry_size;
    case PLACE_REFBLOCK: return u64_max(img->geo.refcount_bits / 8, 1);
    case PLACE_SNAPSHOT:
        return p->i < img->snaps.n ? img->snaps.list[p->i].entry_len : 0;
    case PLACE_BITMAP:
        return p->i < img->bitmaps.n ? img->bitmaps.list[p->i].entry_len : 0;
    default: return img->geo.cluster_size;
    }
}

static uint64_t part_of_word(const struct field_table *t, const struct field *f,
                             uint64_t word)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(word >> (56 - 8 * i));
    return field_value(t, f, bytes, sizeof bytes);
}

bool site_target(const struct image *img, const struct site *site, struct place *out,
                 const char **why)
{
    struct place to = { .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS,
                        .layer = site->place.layer, .i = site->place.i };
    const struct field *f = site->field;
    uint64_t value = site->value;

    *why = "nothing here points anywhere";
    if (!site->table)
        return false;
    for (size_t i = 0; site->table->bits && !f && i < site->table->n; i++)
        if (site->table->field[i].target != TARGET_NONE)
            f = &site->table->field[i];
    if (!f || f->target == TARGET_NONE)
        return false;
    if (site->table->bits)
        value = part_of_word(site->table, f, site->value);
    *why = "0: it points nowhere";
    if (value == 0)
        return false;
    *why = "it points past the end of the file";
    if (value >= img->geo.file_len)
        return false;
    *why = "";
    switch (f->target) {
    case TARGET_L1_TABLE:
        to.kind = PLACE_L1;
        to.layer = site->place.kind == PLACE_SNAPSHOT ? (uint32_t)site->place.i + 1
                                                      : LAYER_ACTIVE;
        to.i = 0;
        break;
    case TARGET_L2_TABLE: to.kind = PLACE_L2; break;
    case TARGET_REFTABLE: to.kind = PLACE_REFTABLE; to.i = 0; break;
    case TARGET_REFBLOCK: to.kind = PLACE_REFBLOCK; break;
    case TARGET_SNAPSHOT_TABLE: to.kind = PLACE_SNAPSHOT; to.i = 0; break;
    case TARGET_BITMAP_DIR: to.kind = PLACE_BITMAP; to.i = 0; break;
    case TARGET_BITMAP_TABLE: to.kind = PLACE_BITMAP_TABLE; break;
    default:
        to.kind = PLACE_FILE_OFFSET;
        to.i = 0;
        if (site->place.kind == PLACE_L2)
            to.guest_off = geo_guest_off(&img->geo, site->place.i, site->place.j);
    }
    to.file_off = value;
    if (to.kind != PLACE_FILE_OFFSET && !place_complete(img, &to)) {
        to.kind = PLACE_FILE_OFFSET; /* the table cannot be entered: show its bytes */
        to.file_off = value;
    }
    *out = to;
    return true;
}

void site_bits(const struct field_table *t, uint64_t word, struct buf *out)
{
    const char *sep = "";

    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->field[i];
        uint64_t value = part_of_word(t, f, word);

        if (value == 0)
            continue;
        if (f->kind == FIELD_FLAG)
            buf_printf(out, "%s%s", sep, f->name);
        else if (f->kind == FIELD_COUNT)
            buf_printf(out, "%s%s %" PRIu64, sep, f->name, value);
        else
            buf_printf(out, "%s%s 0x%" PRIx64, sep, f->name, value);
        sep = ", ";
    }
    if (!*sep)
        buf_puts(out, "empty");
}

void site_text(const struct image *img, const struct site *site, struct buf *out)
{
    if (site->place.kind == PLACE_NONE)
        return;
    place_text(&site->place, out);
    if (site->unreadable) {
        buf_puts(out, site->coming ? ": being read" : ": cannot be read");
    } else if (site->field) {
        buf_printf(out, " \u00b7 %s = ", site->field->name);
        field_describe(site->field, site->value, out);
    } else if (site->table) {
        buf_puts(out, " \u00b7 ");
        site_bits(site->table, site->value, out);
    } else if (site->place.kind == PLACE_REFBLOCK && img->geo.refcount_bits >= 8) {
        buf_printf(out, " \u00b7 refcount %" PRIu64, site->value);
    } else if (site->place.kind == PLACE_REFBLOCK) {
        buf_printf(out, " \u00b7 %u refcounts, byte 0x%02" PRIx64,
                   8 / img->geo.refcount_bits, site->value);
    }
}
