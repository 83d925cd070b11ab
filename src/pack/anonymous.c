/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "pack/anonymous.h"

#include <stdlib.h>
#include <string.h>

#include "qcow2/luks.h"

#define SNAPSHOT_FIXED  40      /* bytes of an entry of the snapshot table, */
#define SNAPSHOT_DATES  16      /* ... of them, before dates, clock and size of VM state, */
#define SNAPSHOT_KNOWN  24      /* ... of its extra data that the format describes, */
#define BITMAP_FIXED    24      /* ... of an entry of the bitmap directory */
#define FEATURE_LEN     48      /* bytes of a record of the feature name table */
#define ID_DIGITS       5       /* an id of so many digits is a number, not a name */

struct names {
    const struct image *img;
    struct patches *out;
    struct anonymous *told;
};

/* A stand-in of `len` bytes for name number i; `out` holds `len` bytes. */
static void anonymous_name(const char *what, uint64_t i, char *out, size_t len)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    size_t head = strlen(what);

    if (head + 4 > len)
        head = 0;
    for (size_t at = len; at-- > head; i /= 36)
        out[at] = digits[i % 36];
    memcpy(out, what, head);
}

/* Name number i at host byte `off`. */
static void replace(struct names *n, const char *what, uint64_t i, uint64_t off, uint64_t len)
{
    char name[256];

    if (!len)
        return;
    n->told->names++;
    for (uint64_t done = 0; done < len; ) {
        size_t k = (size_t)u64_min(len - done, sizeof name);

        anonymous_name(done ? "" : what, i, name, k);
        patches_write(n->out, off + done, name, k);
        done += k;
    }
}

static void erase(struct names *n, uint64_t off, uint64_t len)
{
    if (!len)
        return;
    n->told->extra_bytes += len;
    patches_zero(n->out, off, len);
}

/* --- header --- */

static bool known_format(const char *name)
{
    static const char *const names[] = {
        "raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels", "luks",
        "bochs", "cloop", "dmg", "host_device", "file",
    };

    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void clean_ext(struct names *n, const struct header_ext *e, uint64_t number)
{
    uint64_t known = e->type == EXT_BITMAPS ? 24 : e->type == EXT_CRYPTO ? 16 : 0;

    if (e->type == EXT_DATA_FILE) {
        replace(n, "data-file-", number, e->data_off, e->length);
    } else if (e->type == EXT_BACKING_FORMAT) {
        if (!known_format(n->img->backing_format))
            replace(n, "format-", number, e->data_off, e->length);
    } else if (e->type == EXT_FEATURE_NAMES) {
        for (uint64_t at = 0; e->length - at >= FEATURE_LEN; at += FEATURE_LEN)
            erase(n, e->data_off + at + 2, FEATURE_LEN - 2);
        erase(n, e->data_off + e->length / FEATURE_LEN * FEATURE_LEN, e->length % FEATURE_LEN);
    } else if (e->length > known) {
        erase(n, e->data_off + known, e->length - known);
    }
}

/* A value that cannot be right may be anything: all ones cannot be right as well. */
static void clean_guessed(struct names *n)
{
    const struct guesses *g = &n->img->guesses;
    static const uint8_t ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };

    for (size_t i = 0; i < g->n; i++) {
        const struct field_table *t = field_table(g->list[i].table);
        const struct field *f = t ? field_named(t, g->list[i].field) : NULL;

        if (f && g->list[i].damaged && f->width <= sizeof ones) {
            patches_write(n->out, g->list[i].off, ones, f->width);
            n->told->entries++;
        }
    }
}

static bool clean_header(struct names *n, struct error *err)
{
    const struct image *img = n->img;
    struct parts parts;

    if (!parts_of_header(img, &parts))
        return err_set(err, ERR_NOMEM, "out of memory");
    if (guesses_taken(&img->guesses)) {
        erase(n, 0, img->head_len);
        for (size_t i = 0; i < parts.n; i++)
            patches_copy(n->out, parts.list[i].off, parts.list[i].off, parts.list[i].len);
    }
    anonymous_fields(&parts, n->out, n->told);
    clean_guessed(n);
    parts_free(&parts);
    if (img->hdr.version != 2 && img->hdr.header_length > HEADER_V3_LEN + 8)
        erase(n, HEADER_V3_LEN + 8, u64_min(img->hdr.header_length, img->head_len)
              - (HEADER_V3_LEN + 8));
    for (size_t i = 0; i < img->ext.n; i++)
        clean_ext(n, &img->ext.list[i], i);
    replace(n, "backing-", 1, img->hdr.backing_file_offset, img->backing_file_len);
    return true;
}

static void clean_text(struct names *n, const uint8_t *h, uint64_t base, size_t at, size_t len)
{
    size_t used = 0;

    while (used < len && h[at + used])
        used++;
    erase(n, base + at + used, len - used);
}

static void clean_luks(struct names *n)
{
    uint64_t off = n->img->ext.crypto.offset;
    uint8_t h[LUKS_HEADER_LEN];
    struct luks luks;

    if (!n->img->ext.has_crypto)
        return;
    if (!luks_read(n->img->src, off, &luks) ||
        !source_read(n->img->src, off, h, sizeof h, NULL)) {
        erase(n, off, LUKS_HEADER_LEN);
        return;
    }
    clean_text(n, h, off, 8, 32);           /* cipher, mode, hash */
    clean_text(n, h, off, 40, 32);
    clean_text(n, h, off, 72, 32);
    erase(n, off + 112, 20 + 32);           /* digest and salt of the master key */
    erase(n, off + 168, 40);                /* UUID */
    for (uint64_t i = 0; i < LUKS_SLOTS; i++)
        erase(n, off + 208 + i * 48 + 8, 32);
}

/* --- names of snapshots and bitmaps: equal ones stay equal --- */

struct numbered_name { const char *name; uint64_t len; size_t i; };

static int by_name(const void *a, const void *b)
{
    const struct numbered_name *x = a, *y = b;
    int order;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    order = strcmp(x->name ? x->name : "", y->name ? y->name : "");
    return order ? order : (x->i > y->i) - (x->i < y->i);
}

/* Gives number[i], from 1, to each name; equal names get the same. */
static void number_names(struct numbered_name *list, size_t n, uint64_t *number)
{
    uint64_t next = 0;

    if (n)
        qsort(list, n, sizeof *list, by_name);
    for (size_t k = 0; k < n; k++) {
        bool same = k && list[k].len == list[k - 1].len && list[k].name && list[k - 1].name
            && strcmp(list[k].name, list[k - 1].name) == 0;

        number[list[k].i] = same ? number[list[k - 1].i] : ++next;
    }
}

static bool is_number(const char *id, uint64_t len)
{
    if (!id || !len || len > ID_DIGITS)
        return false;
    for (uint64_t i = 0; i < len; i++)
        if (id[i] < '0' || id[i] > '9')
            return false;
    return true;
}

/* An entry that makes no sense: of its last bytes, lengths, the last four become plain. */
static void clean_lost_entry(struct names *n, uint64_t off, uint64_t fixed, uint64_t lengths)
{
    static const struct field extra = { .width = 4, .kind = FIELD_BYTES };
    uint8_t bytes[4];

    erase(n, off, fixed - lengths);
    if (!source_read(n->img->src, off + fixed - 4, bytes, 4, NULL))
        return;
    be_store(bytes, 4, anonymous_value(&extra, be32(bytes)));
    patches_write(n->out, off + fixed - 4, bytes, 4);
}

static bool clean_parts(struct names *n, bool made, struct parts *parts, struct error *err)
{
    if (!made)
        return err_set(err, ERR_NOMEM, "out of memory");
    anonymous_fields(parts, n->out, n->told);
    parts_free(parts);
    return true;
}

/* Of entries that only look like ones, places and lengths. */
static void clean_proposed(struct names *n)
{
    struct snapshot_seen seen;
    uint64_t off = 0;

    for (uint64_t i = 1; keep_proposed_snapshot(n->img, &off, &seen); i++) {
        uint64_t id = off + SNAPSHOT_FIXED + seen.extra_len, name = id + seen.id_size;

        erase(n, off + SNAPSHOT_DATES, SNAPSHOT_FIXED - 4 - SNAPSHOT_DATES);
        erase(n, off + SNAPSHOT_FIXED, seen.extra_len);
        replace(n, "id-", i, id, seen.id_size);
        replace(n, "snapshot-", i, name, off + seen.len - name);
        erase(n, off + seen.len, round_up(seen.len, 8) - seen.len);
    }
}

static bool clean_snapshots(struct names *n, struct numbered_name *list, uint64_t *number,
                            struct error *err)
{
    const struct snapshots *s = &n->img->snaps;
    struct parts parts;

    clean_proposed(n);
    for (size_t i = 0; i < s->n; i++)
        list[i] = (struct numbered_name){ s->list[i].name, s->list[i].name_size, i };
    number_names(list, s->n, number);
    for (size_t i = 0; i < s->n; i++) {
        const struct snapshot *one = &s->list[i];
        uint64_t at = one->entry_off + SNAPSHOT_FIXED;

        if (!clean_parts(n, parts_of_snapshot(n->img, i, &parts), &parts, err))
            return false;
        if (one->extra_data_size > SNAPSHOT_KNOWN)
            erase(n, at + SNAPSHOT_KNOWN, one->extra_data_size - SNAPSHOT_KNOWN);
        at += one->extra_data_size;
        if (!is_number(one->id, one->id_size))
            replace(n, "id-", i + 1, at, one->id_size);
        replace(n, "snapshot-", number[i], at + one->id_size, one->name_size);
        at += one->id_size + one->name_size;
        erase(n, at, one->entry_off + round_up(one->entry_len, 8) - at);
    }
    if (s->end != SNAPSHOTS_COMPLETE)       /* all but the length of its extra data */
        clean_lost_entry(n, s->table_off + s->table_len, SNAPSHOT_FIXED, 4);
    return true;
}

static bool clean_bitmaps(struct names *n, struct numbered_name *list, uint64_t *number,
                          struct error *err)
{
    const struct bitmaps *b = &n->img->bitmaps;
    struct parts parts;
    uint64_t end = b->dir_off;

    for (size_t i = 0; i < b->n; i++)
        list[i] = (struct numbered_name){ b->list[i].name, b->list[i].name_size, i };
    number_names(list, b->n, number);
    for (size_t i = 0; i < b->n; i++) {
        const struct bitmap *one = &b->list[i];
        uint64_t at = one->entry_off + BITMAP_FIXED;

        if (!clean_parts(n, parts_of_bitmap(n->img, i, &parts), &parts, err))
            return false;
        erase(n, at, one->extra_data_size);
        at += one->extra_data_size;
        replace(n, "bitmap-", number[i], at, one->name_size);
        at += one->name_size;
        end = one->entry_off + round_up(one->entry_len, 8);
        erase(n, at, end - at);
    }
    if (b->end != BITMAPS_COMPLETE && b->end != BITMAPS_NONE)
        clean_lost_entry(n, end, BITMAP_FIXED, 6);      /* all but the lengths */
    return true;
}

bool anonymous_patches(const struct scan_result *scan, const struct keep *k,
                       struct patches *out, struct anonymous *told, struct error *err)
{
    const struct image *img = scan->img;
    size_t max = (img->snaps.n > img->bitmaps.n ? img->snaps.n : img->bitmaps.n) + 1;
    struct numbered_name *list = calloc(max, sizeof *list);
    uint64_t *number = calloc(max, sizeof *number);
    struct names n = { img, out, told };
    bool ok = false;

    *told = (struct anonymous){ 0 };
    if (!list || !number) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (!clean_header(&n, err))
        goto out;
    clean_luks(&n);
    ok = clean_snapshots(&n, list, number, err) && clean_bitmaps(&n, list, number, err)
        && anonymous_tables(scan, k, out, told, err);
out:
    free(list);
    free(number);
    return ok;
}
