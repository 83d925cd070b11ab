/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/place.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "qcow2/field_tables.h"

typedef unsigned long long ull;

void place_text(const struct place *p, struct buf *out)
{
    if (p->layer != LAYER_ACTIVE)
        buf_printf(out, "snapshot %u ", p->layer);
    switch (p->kind) {
    case PLACE_NONE: buf_puts(out, "image"); break;
    case PLACE_FILE_OFFSET: buf_printf(out, "file 0x%llx", (ull)p->file_off); break;
    case PLACE_CLUSTER: buf_printf(out, "cluster %llu", (ull)p->i); break;
    case PLACE_GUEST: buf_printf(out, "guest 0x%llx", (ull)p->guest_off); break;
    case PLACE_HEADER: buf_printf(out, "header byte %llu", (ull)p->i); break;
    case PLACE_L1: buf_printf(out, "L1[%llu]", (ull)p->i); break;
    case PLACE_L2: buf_printf(out, "L1[%llu] L2[%llu]", (ull)p->i, (ull)p->j); break;
    case PLACE_REFTABLE: buf_printf(out, "refcount table entry %llu", (ull)p->i); break;
    case PLACE_REFBLOCK:
        buf_printf(out, "refcount block %llu entry %llu", (ull)p->i, (ull)p->j);
        break;
    case PLACE_SNAPSHOT: buf_printf(out, "snapshot %llu", (ull)p->i + 1); break;
    case PLACE_BITMAP: buf_printf(out, "bitmap %llu", (ull)p->i + 1); break;
    case PLACE_BITMAP_TABLE:
        buf_printf(out, "bitmap %llu table entry %llu", (ull)p->i + 1, (ull)p->j);
        break;
    case PLACE_CRYPTO: buf_puts(out, "encryption header"); break;
    }
}

bool place_equal(const struct place *a, const struct place *b)
{
    if (a->kind != b->kind || a->layer != b->layer)
        return false;
    switch (a->kind) {
    case PLACE_NONE: case PLACE_CRYPTO: return true;
    case PLACE_FILE_OFFSET: return a->file_off == b->file_off;
    case PLACE_GUEST: return a->guest_off == b->guest_off;
    case PLACE_L2: case PLACE_REFBLOCK: case PLACE_BITMAP_TABLE:
        return a->i == b->i && a->j == b->j;
    default: return a->i == b->i;
    }
}

/* --- completing --- */

static struct place in_header(uint64_t base, const struct field_table *t,
                              const char *field)
{
    const struct field *f = field ? field_named(t, field) : NULL;
    uint64_t byte = base + (f ? f->off : 0);

    return (struct place){ PLACE_HEADER, 0, byte, 0, byte, NO_ADDRESS };
}

struct place place_of_pointer(const struct image *img, const struct structure *s)
{
    const struct header_ext *bitmaps = img->ext.bitmaps_at, *crypto = img->ext.crypto_at;

    switch ((enum structure_kind)s->kind) {
    case STRUCTURE_L1:
        if (s->i != LAYER_ACTIVE)
            return (struct place){ PLACE_SNAPSHOT, 0, s->i - 1, 0,
                                   img->snaps.list[s->i - 1].entry_off, NO_ADDRESS };
        return in_header(0, &FIELDS_HEADER, "l1_table_offset");
    case STRUCTURE_REFTABLE:
        return in_header(0, &FIELDS_HEADER, "refcount_table_offset");
    case STRUCTURE_SNAPSHOTS:
        return in_header(0, &FIELDS_HEADER, "snapshots_offset");
    case STRUCTURE_CRYPTO:
        return in_header(crypto ? crypto->data_off : 0, &FIELDS_CRYPTO_EXT, NULL);
    case STRUCTURE_BITMAP_DIR:
        return in_header(bitmaps ? bitmaps->data_off : 0, &FIELDS_BITMAPS_EXT,
                         bitmaps ? "bitmap_directory_offset" : NULL);
    case STRUCTURE_BITMAP_TABLE:
        return (struct place){ PLACE_BITMAP, 0, s->i, 0, img->bitmaps.list[s->i].entry_off,
                               NO_ADDRESS };
    case STRUCTURE_HEADER: case N_STRUCTURES: break;
    }
    return in_header(0, &FIELDS_HEADER, NULL);
}

static bool complete_l2(const struct image *img, struct place *p)
{
    const struct geometry *geo = &img->geo;
    struct layer_l1 l1;
    uint64_t word, l2;

    if (!image_layer_l1(img, p->layer, &l1) || p->i >= l1.n || p->j >= geo->l2_entries
        || !image_read_l1(img, l1.off, p->i, 1, &word, NULL))
        return false;
    l2 = word & ENTRY_OFFSET_MASK;
    p->guest_off = geo_guest_off(geo, p->i, p->j);
    if (!l2)
        return false;
    p->file_off = l2 + p->j * geo->l2_entry_size;
    return true;
}

static bool complete_refblock(const struct image *img, struct place *p)
{
    const struct geometry *geo = &img->geo;
    uint64_t block;

    if (p->i >= img->reftable_n || p->j >= geo->refblock_entries)
        return false;
    block = img->reftable[p->i] & REFTABLE_OFFSET_MASK;
    if (!block)
        return false;
    p->file_off = block + (p->j * geo->refcount_bits) / 8;
    return true;
}

bool place_complete(const struct image *img, struct place *p)
{
    const struct geometry *geo = &img->geo;
    struct layer_l1 l1;

    if (p->kind != PLACE_FILE_OFFSET)
        p->file_off = NO_ADDRESS;
    if (p->kind != PLACE_GUEST)
        p->guest_off = NO_ADDRESS;
    switch (p->kind) {
    case PLACE_NONE:
    case PLACE_GUEST:
        return true;
    case PLACE_FILE_OFFSET:
        return p->file_off < geo->file_size;
    case PLACE_CLUSTER:
        if (p->i > UINT64_MAX >> geo->cluster_bits)
            return false;
        p->file_off = p->i << geo->cluster_bits;
        return p->i < geo->n_clusters;
    case PLACE_HEADER:
        p->file_off = p->i;
        return p->i < geo->cluster_size;
    case PLACE_L1:
        if (!image_layer_l1(img, p->layer, &l1) || p->i >= l1.n)
            return false;
        p->file_off = l1.off + p->i * 8;
        p->guest_off = geo_guest_off(geo, p->i, 0);
        return true;
    case PLACE_L2:
        return complete_l2(img, p);
    case PLACE_REFTABLE:
        if (p->i >= geo->reftable_entries)
            return false;
        p->file_off = img->hdr.refcount_table_offset + p->i * 8;
        return true;
    case PLACE_REFBLOCK:
        return complete_refblock(img, p);
    case PLACE_SNAPSHOT:
        if (p->i >= img->snaps.n)
            return false;
        p->file_off = img->snaps.list[p->i].entry_off;
        return true;
    case PLACE_BITMAP:
    case PLACE_BITMAP_TABLE:
        if (p->i >= img->bitmaps.n)
            return false;
        p->file_off = img->bitmaps.list[p->i].entry_off;
        if (p->kind == PLACE_BITMAP)
            return true;
        p->file_off = img->bitmaps.list[p->i].table_offset + p->j * 8;
        return p->j < img->bitmaps.list[p->i].table_size;
    case PLACE_CRYPTO:
        if (!img->ext.has_crypto)
            return false;
        p->file_off = img->ext.crypto.offset;
        return true;
    }
    return false;
}

/* --- parsing --- */

struct typed { const char *at; };

static void skip_blanks(struct typed *t)
{
    while (isspace((unsigned char)*t->at))
        t->at++;
}

/* Takes a word when it stands here, whatever its case, and nothing of the kind follows. */
static bool take_word(struct typed *t, const char *word)
{
    size_t n = strlen(word);

    skip_blanks(t);
    if (strncasecmp(t->at, word, n) != 0 || isalpha((unsigned char)t->at[n]))
        return false;
    t->at += n;
    return true;
}

/* Takes a number, bare or in brackets. */
static bool take_index(struct typed *t, uint64_t *out)
{
    char digits[40];
    size_t n;
    bool bracket;

    skip_blanks(t);
    bracket = *t->at == '[';
    if (bracket)
        t->at++;
    skip_blanks(t);
    n = strspn(t->at, "0123456789abcdefABCDEFxX");
    if (!n || n >= sizeof digits || !isdigit((unsigned char)*t->at))
        return false;
    memcpy(digits, t->at, n);
    digits[n] = '\0';
    if (!text_parse_size(digits, out))
        return false;
    t->at += n;
    skip_blanks(t);
    if (bracket && *t->at++ != ']')
        return false;
    return true;
}

static bool at_end(struct typed *t)
{
    skip_blanks(t);
    return !*t->at;
}

static bool unknown(struct error *err, const char *text)
{
    struct buf shown = BUF_INIT;

    text_visible(&shown, text, strlen(text));
    err_set(err, ERR_USAGE, "'%s' is no address; type 0x1c0000, 28c, guest 1G, L1[3], "
            "L2[3][77], snap 2, rb 5, rt 5, bitmap 1, header or end", buf_str(&shown));
    buf_free(&shown);
    return false;
}

static bool parse_guest(struct typed *t, struct place *out)
{
    if (!take_word(t, "guest") && !take_word(t, "g")) {
        /* "g1G" without a blank */
        skip_blanks(t);
        if (tolower((unsigned char)*t->at) != 'g' || !isdigit((unsigned char)t->at[1]))
            return false;
        t->at++;
    }
    skip_blanks(t);
    if (!text_parse_size(t->at, &out->guest_off))
        return false;
    out->kind = PLACE_GUEST;
    t->at += strlen(t->at);
    return true;
}

/* "L1[i]", "L2[i][j]", "L1[i] L2[j]", "guest N": what can also follow a snapshot. */
static bool parse_in_layer(struct typed *t, struct place *out)
{
    if (take_word(t, "l1")) {
        if (!take_index(t, &out->i))
            return false;
        out->kind = PLACE_L1;
        if (at_end(t))
            return true;
        out->kind = PLACE_L2;
        return take_word(t, "l2") && take_index(t, &out->j) && at_end(t);
    }
    if (take_word(t, "l2")) {
        out->kind = PLACE_L2;
        return take_index(t, &out->i) && take_index(t, &out->j) && at_end(t);
    }
    return parse_guest(t, out);
}

static bool named_snapshot(const struct image *img, const char *name, size_t len,
                           uint64_t *out)
{
    for (int what = 0; what < 2; what++) {
        for (size_t i = 0; i < img->snaps.n; i++) {
            const char *s = what ? img->snaps.list[i].name : img->snaps.list[i].id;

            if (strlen(s) == len && memcmp(s, name, len) == 0) {
                *out = i;
                return true;
            }
        }
    }
    return false;
}

static bool parse_snapshot(const struct image *img, struct typed *t, struct place *out,
                           struct error *err)
{
    struct typed number = *t;
    uint64_t i;
    size_t len;

    skip_blanks(t);
    len = strlen(t->at);
    if (named_snapshot(img, t->at, len, &i)) {
        *out = (struct place){ .kind = PLACE_SNAPSHOT, .i = i };
        return true;
    }
    if (!take_index(&number, &i)) {
        /* A name, then perhaps something in that snapshot. */
        len = strcspn(t->at, " \t");
        number.at = t->at + len;
        if (!len || !named_snapshot(img, t->at, len, &i))
            return err_set(err, ERR_USAGE, "there is no such snapshot (there are %llu)",
                           (ull)img->snaps.n);
        i++;
    }
    if (i < 1 || i > img->snaps.n)
        return err_set(err, ERR_USAGE, "there is no snapshot %llu (there are %llu)", (ull)i,
                       (ull)img->snaps.n);
    *out = (struct place){ .kind = PLACE_SNAPSHOT, .i = i - 1 };
    if (at_end(&number))
        return true;
    *out = (struct place){ .layer = (uint32_t)i };
    return parse_in_layer(&number, out) || unknown(err, t->at);
}

static bool parse_bitmap(const struct image *img, struct typed *t, struct place *out,
                         struct error *err)
{
    uint64_t i = 0;

    skip_blanks(t);
    for (; i < img->bitmaps.n; i++) {
        if (strcmp(img->bitmaps.list[i].name, t->at) == 0)
            break;
    }
    if (i == img->bitmaps.n && (!take_index(t, &i) || i-- < 1 || i >= img->bitmaps.n))
        return err_set(err, ERR_USAGE, "there is no such bitmap (there are %llu)",
                       (ull)img->bitmaps.n);
    *out = (struct place){ .kind = PLACE_BITMAP, .i = i };
    return true;
}

static bool parse_refcounts(struct typed *t, struct place *out)
{
    if (take_word(t, "rt") || take_word(t, "reftable")) {
        out->kind = PLACE_REFTABLE;
        return take_index(t, &out->i) && at_end(t);
    }
    if (!take_word(t, "rb") && !take_word(t, "refblock"))
        return false;
    out->kind = PLACE_REFBLOCK;
    return take_index(t, &out->i) && (at_end(t) || (take_index(t, &out->j) && at_end(t)));
}

/* "28c", "cluster 28", "0x1c0000", "64M" */
static bool parse_host(const struct image *img, struct typed *t, struct place *out)
{
    size_t len;
    char digits[40];

    if (take_word(t, "end")) {
        out->kind = PLACE_CLUSTER;
        out->i = img->geo.n_clusters - 1;
        return at_end(t);
    }
    if (take_word(t, "cluster") || take_word(t, "c")) {
        out->kind = PLACE_CLUSTER;
        return take_index(t, &out->i) && at_end(t);
    }
    skip_blanks(t);
    len = strlen(t->at);
    while (len && isspace((unsigned char)t->at[len - 1]))
        len--;
    if (!len || len >= sizeof digits)
        return false;
    memcpy(digits, t->at, len);
    digits[len] = '\0';
    if (strncasecmp(digits, "0x", 2) != 0
        && (digits[len - 1] == 'c' || digits[len - 1] == 'C')) {
        digits[len - 1] = '\0';
        out->kind = PLACE_CLUSTER;
        return text_parse_size(digits, &out->i);
    }
    out->kind = PLACE_FILE_OFFSET;
    return text_parse_size(digits, &out->file_off);
}

bool place_parse(const struct image *img, const char *text, struct place *out,
                 struct error *err)
{
    struct typed t = { text };
    struct place p = { .kind = PLACE_NONE };
    bool ok;

    if (take_word(&t, "snap") || take_word(&t, "snapshot")) {
        ok = parse_snapshot(img, &t, &p, err);
        if (!ok)
            return false;
    } else if (take_word(&t, "bitmap")) {
        if (!parse_bitmap(img, &t, &p, err))
            return false;
    } else if (take_word(&t, "header")) {
        p.kind = PLACE_HEADER;
        ok = at_end(&t) || (take_index(&t, &p.i) && at_end(&t));
        if (!ok)
            return unknown(err, text);
    } else {
        struct typed u = t;

        ok = parse_refcounts(&u, &p);
        if (!ok) {
            p = (struct place){ .kind = PLACE_NONE };
            u = t;
            ok = parse_in_layer(&u, &p);
        }
        if (!ok) {
            p = (struct place){ .kind = PLACE_NONE };
            u = t;
            ok = parse_host(img, &u, &p);
        }
        if (!ok)
            return unknown(err, text);
    }
    if (!place_complete(img, &p) && p.kind != PLACE_FILE_OFFSET && p.kind != PLACE_CLUSTER
        && !(p.kind == PLACE_L2 && p.guest_off != NO_ADDRESS)) {
        struct buf shown = BUF_INIT;

        place_text(&p, &shown);
        err_set(err, ERR_USAGE, "this image has no %s", buf_str(&shown));
        buf_free(&shown);
        return false;
    }
    *out = p;
    return true;
}
