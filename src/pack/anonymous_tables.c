/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "insight/content.h"
#include "insight/figures.h"
#include "pack/anonymous.h"
#include "scan/judge.h"

#define PIECE   (UINT64_C(1) << CLUSTER_BITS_MAX)   /* bytes of a table looked at at once */
#define TEXT_RUN 4              /* letters in a row */

struct cleaner {
    const struct scan_result *scan;
    const struct geometry *geo;
    struct patches *out;
    struct anonymous *told;
    struct error *err;
    uint8_t *bytes;             /* PIECE of them */
    uint64_t past;              /* a place that lies after the end of the file for certain */
    uint64_t far;               /* ... so far that no end that was lost could explain it */
    struct block_at { uint64_t off, first; } *block;       /* refcount blocks, by offset */
    size_t n_blocks;
};

static uint64_t counted_of(const struct cleaner *c, uint64_t cluster)
{
    struct map_cell cell = { .counted = 0 };

    if (cluster < map_clusters(c->scan->map))
        map_get(c->scan->map, cluster, &cell);
    return cell.counted;
}

/* As of a file that was cut: still a place, and nothing else. */
static bool in_lost_end(const struct cleaner *c, uint64_t off)
{
    return off / 4 < c->geo->file_len;
}

/* --- words that are in order, maybe as something else --- */

static int by_off(const void *a, const void *b)
{
    const struct block_at *x = a, *y = b;

    return (x->off > y->off) - (x->off < y->off);
}

static bool list_blocks(struct cleaner *c)
{
    const struct image *img = c->scan->img;

    c->block = calloc(img->reftable_n + 1, sizeof *c->block);
    if (!c->block)
        return err_set(c->err, ERR_NOMEM, "out of memory");
    for (uint64_t i = 0; i < img->reftable_n; i++) {
        uint64_t off = img->reftable[i] & REFTABLE_OFFSET_MASK;

        if (off && off < c->geo->file_size)
            c->block[c->n_blocks++] = (struct block_at){ off, i << c->geo->refblock_bits };
    }
    qsort(c->block, c->n_blocks, sizeof *c->block, by_off);
    return true;
}

/* Is the word of this offset one of a refcount block, in which all refcounts are right? */
static bool right_refcounts(const struct cleaner *c, uint64_t off, uint64_t word)
{
    uint32_t order = c->geo->refcount_order;
    uint64_t n = UINT64_C(64) >> order, from = 0, to = c->n_blocks, first;
    uint8_t bytes[8];

    while (from < to) {                 /* blocks before `from` begin at or before off */
        uint64_t mid = (from + to) / 2;

        if (c->block[mid].off <= off)
            from = mid + 1;
        else
            to = mid;
    }
    if (!from || off - c->block[from - 1].off >= c->geo->cluster_size)
        return false;
    first = c->block[from - 1].first + (off - c->block[from - 1].off) / 8 * n;
    be_store(bytes, 8, word);
    for (uint64_t j = 0; j < n; j++)
        if (refblock_get(bytes, order, j) != counted_of(c, first + j))
            return false;
    return true;
}

/* Where tables of two kinds lie in one place, what is wrong in one may be in order in the other.
 * Such words hold nothing that is not known from other tables. */
static bool leads_somewhere(const struct cleaner *c, uint64_t word)
{
    uint64_t off = word & ~(OFLAG_COPIED | OFLAG_ZERO);

    return off && !(off & (c->geo->cluster_size - 1)) && in_lost_end(c, off);
}

static bool in_order(const struct cleaner *c, uint64_t off, uint64_t word)
{
    return leads_somewhere(c, word) || right_refcounts(c, off, word);
}

/* --- entries that lead somewhere --- */

static uint64_t plain_past(const struct cleaner *c, uint64_t off)
{
    return near_end(c->geo, off) ? c->past : c->far;
}

/* The simplest offset with the faults of this one. */
static uint64_t plain_off(const struct cleaner *c, uint64_t off)
{
    uint64_t odd = off & (c->geo->cluster_size - 1) ? 512 : 0;

    if (!off)
        return 0;
    if (off > READ_OFFSET_MAX - c->geo->cluster_size)   /* as nobody can read there */
        return (UINT64_C(1) << 63) + odd;
    if (region_past_end(c->geo, off, c->geo->cluster_size) || off >= c->past)
        return plain_past(c, off) + odd;
    return (off & ~(c->geo->cluster_size - 1)) + odd;
}

/* An entry of a table that leads somewhere; `flags` have a meaning. */
static uint64_t plain_entry(const struct cleaner *c, uint64_t e, uint64_t mask,
                            uint64_t reserved, uint64_t flags)
{
    uint64_t odd = e & reserved;

    return plain_off(c, e & mask) | (odd & (~odd + 1)) | (e & flags);
}

static uint64_t plain_bitmap(uint64_t b)
{
    uint64_t allocated = b & UINT32_MAX, zeros = b >> 32;

    if (allocated & zeros)
        return UINT64_C(1) << 32 | 1;
    if (allocated && zeros)
        return UINT64_C(0xffff00000000ffff);
    return allocated ? UINT32_MAX : zeros ? ~(uint64_t)UINT32_MAX : 0;
}

/* Can no guest offset be this one, in the disk or in VM state behind it? */
static bool past_disk(const struct geometry *geo, uint64_t off)
{
    uint64_t end;

    return u64_mul(geo->l1_entries, geo->l2_span, &end) && off >= u64_max(end, geo->size);
}

/* In a data file clusters lie where the guest has them, which is not known here: an entry is
 * judged as one of the guest offset that it leads to. */
static void judge(const struct cleaner *c, uint64_t e, uint64_t bitmap, struct judged *out)
{
    l2_judge(c->geo, e, bitmap, e & ENTRY_OFFSET_MASK, out);
    if (c->geo->data_file && past_disk(c->geo, out->off))
        out->faults |= FAULT_DATA_FILE_OFFSET;
}

/* Entry and bitmap word become the simplest ones with the same faults; in a table that holds
 * something else also where they have none. */
static void plain_l2(const struct cleaner *c, uint64_t *e, uint64_t *bitmap, bool foreign)
{
    struct judged was, is;
    uint64_t plain, word = plain_bitmap(*bitmap);

    judge(c, *e, *bitmap, &was);
    if (!foreign && (!was.faults || (was.faults == FAULT_PAST_END && in_lost_end(c, was.off))))
        return;
    if (was.type != L2_COMPRESSED)
        plain = plain_entry(c, *e, ENTRY_OFFSET_MASK, L2_RESERVED_MASK,
                            OFLAG_COPIED | OFLAG_ZERO);
    else if (was.faults & (FAULT_COMPRESSED_PAST_END | FAULT_COMPRESSED_DATA_FILE
                           | FAULT_COMPRESSED_SUBCLUSTER))
        plain = (*e & (OFLAG_COPIED | OFLAG_COMPRESSED))
              | u64_min(plain_past(c, was.off), compressed_off(c->geo, UINT64_MAX) + 1 - 512);
    else
        plain = *e;
    judge(c, plain, word, &is);
    if (is.type != was.type || is.faults != was.faults)
        plain = word = 0;
    *e = plain;
    *bitmap = word;
}

static bool foreign_bytes(const struct cleaner *c, size_t len)
{
    struct content_context ctx = { .geo = c->geo };
    struct content content;

    content_look(&ctx, c->bytes, len, &content);
    return content_info(content.kind)->group == CONTENT_IS_DATA;
}

static bool faulty_l2(const struct cleaner *c, size_t len)
{
    struct judged j;

    for (size_t at = 0; at + c->geo->l2_entry_size <= len; at += c->geo->l2_entry_size) {
        judge(c, be64(c->bytes + at), c->geo->extended_l2 ? be64(c->bytes + at + 8) : 0, &j);
        if (j.faults)
            return true;
    }
    return false;
}

/* `off`: of the word in the file. */
static void store_if_new(const struct cleaner *c, uint64_t off, uint8_t *at, uint64_t v,
                         uint64_t *changed)
{
    if (be64(at) == v || in_order(c, off, be64(at)))
        return;
    be_store(at, 8, v);
    ++*changed;
}

static void tell_foreign(struct cleaner *c, uint64_t off)
{
    if (c->told->tables < ANONYMOUS_PLACES)
        c->told->table_off[c->told->tables] = off;
    c->told->tables++;
}

static uint64_t clean_l2(struct cleaner *c, uint64_t off, size_t len)
{
    bool foreign;
    uint64_t changed = 0;

    if (!faulty_l2(c, len))
        return 0;
    foreign = foreign_bytes(c, len);
    for (size_t at = 0; at + c->geo->l2_entry_size <= len; at += c->geo->l2_entry_size) {
        uint64_t e = be64(c->bytes + at), b = 0;

        if (c->geo->extended_l2)
            b = be64(c->bytes + at + 8);
        plain_l2(c, &e, &b, foreign);
        store_if_new(c, off + at, c->bytes + at, e, &changed);
        if (c->geo->extended_l2)
            store_if_new(c, off + at + 8, c->bytes + at + 8, b, &changed);
    }
    if (foreign)
        tell_foreign(c, off);
    return changed;
}

/* Tables of words that only lead somewhere. */
static uint64_t clean_words(struct cleaner *c, enum keep_kind kind, uint64_t off, size_t len)
{
    uint64_t changed = 0;

    for (size_t at = 0; at + 8 <= len; at += 8) {
        uint64_t e = be64(c->bytes + at);

        if (kind == KEEP_L1)
            e = plain_entry(c, e, ENTRY_OFFSET_MASK, L1_RESERVED_MASK, OFLAG_COPIED);
        else if (kind == KEEP_REFTABLE)
            e = plain_entry(c, e, REFTABLE_OFFSET_MASK, REFTABLE_RESERVED_MASK, 0);
        else
            e = plain_entry(c, e, ENTRY_OFFSET_MASK, BITMAP_ENTRY_RESERVED,
                            BITMAP_ENTRY_ALL_ONES);
        store_if_new(c, off + at, c->bytes + at, e, &changed);
    }
    return changed;
}

/* --- refcounts --- */

/* The refcount nearest to `counted` that is wrong as v is: 0 and 1 mean more than others. */
static uint64_t plain_refcount(uint64_t v, uint64_t counted)
{
    return v > counted ? counted + 1 : v > 1 ? 2 : v;
}

/* Refcounts that are wrong by more than `most`. */
static uint64_t clean_wide(struct cleaner *c, uint64_t first, uint64_t most)
{
    uint32_t order = c->geo->refcount_order;
    uint64_t changed = 0;

    for (uint64_t j = 0; j < c->geo->refblock_entries; j++) {
        uint64_t v = refblock_get(c->bytes, order, j), counted = counted_of(c, first + j);
        uint64_t wrong = v > counted ? v - counted : counted - v;

        if (counted == COUNTED_UNKNOWN || wrong <= most || plain_refcount(v, counted) == v
            || leads_somewhere(c, be64(c->bytes + ((j << order) / 64 * 8))))
            continue;
        refblock_set(c->bytes, order, j, plain_refcount(v, counted));
        changed++;
    }
    return changed;
}

/* Of the refcounts in a byte: is one wrong, does one say that a cluster in use is free? */
static bool wrong_byte(const struct cleaner *c, uint64_t first, size_t at, bool *lost)
{
    uint32_t order = c->geo->refcount_order;
    uint64_t n = 8 >> order;
    bool wrong = false;

    *lost = false;
    for (uint64_t j = at * n; j < (at + 1) * n; j++) {
        uint64_t v = refblock_get(c->bytes, order, j), counted = counted_of(c, first + j);

        wrong |= counted != COUNTED_UNKNOWN && v != counted;
        *lost |= counted && !v;
    }
    return wrong;
}

/* Refcounts of 2 bits that are all 1 are no text. */
static bool like_text(const struct cleaner *c, uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f && !(c->geo->refcount_order == 1 && byte == 0x55);
}

/* Refcounts of one and two bits that are wrong still show what stood there, however plain each
 * is. Where that is something else, or runs of bytes read as text, all of a byte with a wrong
 * one become wrong in one way. */
static uint64_t clean_narrow(struct cleaner *c, uint64_t first, bool foreign)
{
    size_t cs = (size_t)c->geo->cluster_size;
    uint64_t changed = 0;

    for (size_t at = 0, end; at < cs; at = end) {
        bool text = like_text(c, c->bytes[at]), lost;

        for (end = at + 1; end < cs && like_text(c, c->bytes[end]) == text; )
            end++;
        for (size_t i = at; i < end && (foreign || (text && end - at >= TEXT_RUN)); i++) {
            uint8_t byte = c->bytes[i];

            if (!wrong_byte(c, first, i, &lost)
                || leads_somewhere(c, be64(c->bytes + i / 8 * 8)))
                continue;
            c->bytes[i] = lost ? 0 : 255;
            changed += c->bytes[i] != byte;
        }
    }
    return changed;
}

/* Letters are more than 15 as refcounts of 8 bits, two of them more than 255. */
static uint64_t clean_refcounts(struct cleaner *c, uint64_t first, bool foreign)
{
    uint32_t order = c->geo->refcount_order;

    if (order < 2)
        return clean_narrow(c, first, foreign);
    return clean_wide(c, first, foreign || order == 2 ? 1 : order == 3 ? 15 : 255);
}

static bool clean_range(struct cleaner *c, const struct keep_range *r)
{
    for (uint64_t at = 0; at < r->len; at += PIECE) {
        size_t len = (size_t)u64_min(PIECE, r->len - at);
        uint64_t changed;

        if (!source_read(c->scan->img->src, r->off + at, c->bytes, len, c->err))
            return false;
        changed = r->kind == KEEP_L2 ? clean_l2(c, r->off + at, len)
                                    : clean_words(c, r->kind, r->off + at, len);
        c->told->entries += changed;
        if (changed)
            patches_write(c->out, r->off + at, c->bytes, len);
    }
    return true;
}

static bool clean_refblocks(struct cleaner *c)
{
    const struct image *img = c->scan->img;
    struct data_memo memo = { 0 };
    size_t cs = (size_t)c->geo->cluster_size;

    for (uint64_t i = 0; i < img->reftable_n; i++) {
        uint64_t off = img->reftable[i] & REFTABLE_OFFSET_MASK, changed;
        bool foreign;

        if (!off || off >= c->geo->file_size || source_all_hole(img->src, &memo, off, cs))
            continue;
        if (!source_read(img->src, off, c->bytes, cs, c->err))
            return false;
        foreign = foreign_bytes(c, cs);
        changed = clean_refcounts(c, i << c->geo->refblock_bits, foreign);
        if (!changed)
            continue;
        if (foreign)
            tell_foreign(c, off);
        c->told->entries += changed;
        patches_write(c->out, off, c->bytes, (size_t)u64_min(cs, c->geo->file_size - off));
    }
    return true;
}

bool anonymous_tables(const struct scan_result *scan, const struct keep *k,
                      struct patches *out, struct anonymous *told, struct error *err)
{
    const struct geometry *geo = &scan->img->geo;
    struct cleaner c = { .scan = scan, .geo = geo, .out = out, .told = told, .err = err,
                         .bytes = malloc(PIECE) };
    bool ok = c.bytes || err_set(err, ERR_NOMEM, "out of memory");

    ok = ok && list_blocks(&c);
    c.past = round_up(geo->file_len, geo->cluster_size) + 2 * geo->cluster_size;
    for (c.far = c.past; near_end(geo, c.far) && c.far <= ENTRY_OFFSET_MASK / 2;)
        c.far *= 2;
    for (size_t i = 0; i < k->n && ok; i++)
        switch (k->list[i].kind) {
        case KEEP_L1: case KEEP_L2: case KEEP_REFTABLE: case KEEP_BITMAP_TABLE:
            ok = clean_range(&c, &k->list[i]);
            break;
        default:
            break;
        }
    ok = ok && clean_refblocks(&c);
    free(c.block);
    free(c.bytes);
    return ok;
}
