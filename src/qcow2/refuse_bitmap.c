/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* QEMU's demands on bitmaps, which it loads when it opens an image. */
#include "config.h"

#include "qcow2/refuse.h"

#include "base/limits.h"
#include "base/text.h"

typedef unsigned long long ull;

static bool entry_invalid(const struct geometry *geo, uint64_t e)
{
    uint64_t off = e & ENTRY_OFFSET_MASK;

    return e & BITMAP_ENTRY_RESERVED ||
           (off && (e & BITMAP_ENTRY_ALL_ONES || off & (geo->cluster_size - 1)));
}

/* Looks for a bad entry in what the file holds of the table; zeros, in holes and past its end,
 * are good ones. *budget: bytes that may still be read. */
static bool table_invalid(const struct image *img, const struct bitmap *b,
                          uint64_t *budget, uint64_t *index)
{
    uint8_t bytes[4096];
    uint64_t off = b->table_offset, n = image_entries_present(img, off, b->table_size);
    struct source_pieces pieces = { img->src, off, off + n * 8, off, { 0, 0, 0 } };
    struct source_piece p;

    while (*budget >= sizeof bytes && source_pieces_next(&pieces, bytes, sizeof bytes, &p)) {
        *budget -= p.len;
        *index = (p.off - off) / 8;
        if (p.bad.len)
            return true;
        for (size_t k = 0; k < p.len; k += 8, ++*index)
            if (entry_invalid(&img->geo, be64(bytes + k)))
                return true;
    }
    return false;
}

static bool past_reading(const struct bitmap *b)
{
    return b->table_offset > READ_OFFSET_MAX ||
           b->table_size * 8 > READ_OFFSET_MAX - b->table_offset;
}

/* The name as far as a message has room for it. */
static void shown_name(const struct bitmap *b, struct buf *out)
{
    text_visible(out, b->name, b->name_kept < 60 ? b->name_kept : 60);
}

static bool load_one(const struct refuse_case *j, const struct bitmap *b, const char *name,
                     uint64_t *budget, struct refusal *out)
{
    uint64_t needed = bitmap_table_needed(&j->img->geo, b->granularity_bits), index = 0;

    if (past_reading(b))
        return refuse(out, "bitmap-table-unreadable", "the table of bitmap '%s' lies "
                      "past all that can be read", name);
    if (table_invalid(j->img, b, budget, &index))
        return refuse(out, "bitmap-table-entry", "entry %llu of the table of bitmap '%s' "
                      "is not valid", (ull)index, name);
    if (b->table_size != needed)
        return refuse(out, "bitmap-table-size", "the table of bitmap '%s' has %llu "
                      "entries; the disk needs %llu", name, (ull)b->table_size,
                      (ull)needed);
    return false;
}

/* What is wrong with the directory as a whole. QEMU judges an entry before it goes to the
 * next one, so that an unsound one hides what follows it. */
static bool judge_dir(const struct refuse_case *j, struct refusal *out)
{
    const struct bitmaps *b = &j->img->bitmaps;

    if (b->end == BITMAPS_DIR_EMPTY)
        return refuse(out, "bitmap-dir-empty", "the bitmap directory has size 0");
    if (b->end == BITMAPS_BAD_OFFSET)
        return refuse(out, "bitmap-dir-past-end", "the bitmap directory at 0x%llx lies "
                      "after the end of the file",
                      (ull)j->img->ext.bitmaps.directory_offset);
    if (b->end == BITMAPS_UNREADABLE)
        return refuse(out, "bitmap-dir-unreadable",
                      "the bitmap directory cannot be read");
    for (size_t i = 0; i < b->n && i < b->announced; i++) {
        struct buf name = BUF_INIT;
        const struct bitmap *e = &b->list[i];

        if (e->extra_data_size)
            return refuse(out, "bitmap-extra-data",
                          "bitmap %llu has %llu bytes of extra data", (ull)i + 1,
                          (ull)e->extra_data_size);
        if (e->sound)
            continue;
        shown_name(e, &name);
        refuse(out, "bitmap-constraints", "bitmap '%s': %s", buf_str(&name), e->fault);
        buf_free(&name);
        return true;
    }
    if (b->end == BITMAPS_BROKEN)
        return refuse(out, "bitmap-dir-broken", "an entry of the bitmap directory "
                      "reaches past its end");
    if (b->end == BITMAPS_MORE || b->end == BITMAPS_LESS)
        return refuse(out, "bitmap-dir-count", "the bitmap directory has %s entries than "
                      "the %llu announced", b->end == BITMAPS_MORE ? "more" : "fewer",
                      (ull)j->img->ext.bitmaps.nb_bitmaps);
    return false;
}

bool refuse_bitmaps(const struct refuse_case *j, struct refusal *out)
{
    const struct bitmaps *b = &j->img->bitmaps;
    uint64_t budget = BITMAP_JUDGE_BYTES_MAX;
    bool refused = false;

    if (!b->consistent || b->end == BITMAPS_NONE)
        return false;
    if (judge_dir(j, out))
        return true;
    for (size_t i = 0; i < b->n && !refused; i++) {
        const struct bitmap *e = &b->list[i];
        struct buf name = BUF_INIT;

        shown_name(e, &name);
        if (e->repeated && !(e->flags & BITMAP_IN_USE))
            refused = refuse(out, "bitmap-name-twice", "two bitmaps have the name '%s'",
                             buf_str(&name));
        else if (!(e->flags & BITMAP_IN_USE))
            refused = load_one(j, e, buf_str(&name), &budget, out);
        buf_free(&name);
    }
    return refused;
}

bool refuse_bitmaps_in_use(const struct refuse_case *j, struct refusal *out)
{
    const struct bitmaps *b = &j->img->bitmaps;
    uint64_t budget = BITMAP_JUDGE_BYTES_MAX, index = 0;

    if (!b->consistent)
        return false;
    for (size_t i = 0; i < b->n; i++) {
        const struct bitmap *e = &b->list[i];

        if (past_reading(e))
            return refuse(out, "bitmap-table-unreadable", "the table of bitmap %llu lies "
                          "past all that can be read", (ull)i + 1);
        if (table_invalid(j->img, e, &budget, &index))
            return refuse(out, "bitmap-table-entry", "entry %llu of the table of bitmap "
                          "%llu, which is flagged as in use, is not valid", (ull)index,
                          (ull)i + 1);
    }
    return false;
}
