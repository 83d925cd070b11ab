/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/address.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "inspect/typed.h"
#include "scan/guest.h"

typedef unsigned long long ull;

/* --- what is not there --- */

static bool not_an_address(const char *text, struct error *err)
{
    struct buf shown = BUF_INIT;

    text_visible(&shown, text, strlen(text));
    err_set(err, ERR_FORMAT, "'%.100s' is not an address; type 0x1c0000, 64M, 2048s, 28c, 50%%, "
            "guest 1G, L1[3], L2[3][77], snap 2, rb 5, rt 5, bitmap 1, header 40, end, or "
            "+512", buf_str(&shown));
    buf_free(&shown);
    return false;
}

static bool no_such_place(const struct place *p, struct error *err)
{
    struct buf shown = BUF_INIT;

    place_text(p, &shown);
    err_set(err, ERR_USAGE, "this image has no %s", buf_str(&shown));
    buf_free(&shown);
    return false;
}

static uint64_t disk_size(const struct image *img, uint32_t layer)
{
    return layer == LAYER_ACTIVE || layer > img->snaps.n ? img->geo.size
                                                         : img->snaps.list[layer - 1].disk_size;
}

/* Past the end of the disk there is what snapshots keep of the memory of the machine, and
 * what stood there before the disk shrank. */
static bool guest_exists(const struct image *img, const struct place *p, struct error *err)
{
    uint64_t size = disk_size(img, p->layer);
    struct buf shown = BUF_INIT;
    char text[TEXT_NUM];
    struct guest_hit hit;

    if (p->guest_off < size ||
        (guest_lookup(img, p->layer, p->guest_off, &hit, NULL) && hit.entry.raw))
        return true;
    buf_puts(&shown, "guest ");
    text_offset(&shown, p->guest_off);
    err_set(err, ERR_USAGE, "%s is past the end of the disk (%s)", buf_str(&shown),
            text_size(text, size));
    buf_free(&shown);
    return false;
}

/* Fills in the rest of what was understood. */
static bool finish(const struct image *img, struct place *p, struct error *err)
{
    bool there = place_complete(img, p);

    switch (p->kind) {
    case PLACE_FILE_OFFSET:
    case PLACE_CLUSTER:
        return true;
    case PLACE_GUEST:
        return guest_exists(img, p, err);
    case PLACE_L2:
        return there || p->guest_off != NO_ADDRESS || no_such_place(p, err);
    default:
        return there || no_such_place(p, err);
    }
}

/* --- the forms --- */

static bool parse_guest(struct typed *t, struct place *out)
{
    bool clusters;

    if (!typed_either(t, "guest", "g")) {
        typed_skip_blanks(t);                 /* "g1G" without a blank */
        if (tolower((unsigned char)*t->at) != 'g' || !isdigit((unsigned char)t->at[1]))
            return false;
        t->at++;
    }
    out->kind = PLACE_GUEST;
    return typed_amount(t, disk_size(t->img, out->layer), &out->guest_off, &clusters);
}

/* "L1[i]", "L2[i][j]", "L1[i] L2[j]"; "L1 table", "active L1 table", "L2 table i": the first
 * entry of that */
static bool parse_entry(struct typed *t, struct place *out)
{
    bool active = typed_word(t, "active");

    if (typed_word(t, "l1")) {
        out->kind = PLACE_L1;
        if (typed_word(t, "table"))
            return typed_end(t);
        if (active || !typed_index(t, &out->i))
            return false;
        if (typed_end(t))
            return true;
        out->kind = PLACE_L2;
        return typed_word(t, "l2") && typed_index(t, &out->j) && typed_end(t);
    }
    out->kind = PLACE_L2;
    if (active || !typed_word(t, "l2"))
        return false;
    if (typed_word(t, "table"))
        return typed_index(t, &out->i) && typed_end(t);
    return typed_index(t, &out->i) && typed_index(t, &out->j) && typed_end(t);
}

/* "rt 5", "reftable[5]", "refcount table entry 5", "rb 5 7", "refcount block 5 entry 7" */
static bool parse_refcounts(struct typed *t, struct place *out)
{
    bool refcount = typed_word(t, "refcount");

    if (refcount ? typed_word(t, "table") : typed_either(t, "rt", "reftable")) {
        out->kind = PLACE_REFTABLE;
        (void)typed_word(t, "entry");
        return typed_end(t) ? refcount : typed_index(t, &out->i) && typed_end(t);
    }
    out->kind = PLACE_REFBLOCK;
    if (!(refcount ? typed_word(t, "block") : typed_either(t, "rb", "refblock")) ||
        !typed_index(t, &out->i))
        return false;
    (void)typed_word(t, "entry");
    return typed_end(t) || (typed_index(t, &out->j) && typed_end(t));
}

static bool parse_header(struct typed *t, struct place *out)
{
    if (typed_either(t, "encryption", "crypto")) {
        out->kind = PLACE_CRYPTO;
        return typed_word(t, "header") && typed_end(t);
    }
    out->kind = PLACE_HEADER;
    if (!typed_word(t, "header"))
        return false;
    (void)typed_word(t, "byte");
    return typed_end(t) || (typed_index(t, &out->i) && typed_end(t));
}

/* "28c", "cluster 28", "end", "0x1c0000", "file 64M" */
static bool parse_host(struct typed *t, struct place *out)
{
    bool clusters;

    out->kind = PLACE_CLUSTER;
    if (typed_word(t, "end")) {
        out->i = t->img->geo.n_clusters - 1;
        return typed_end(t);
    }
    if (typed_either(t, "cluster", "clusters") || typed_word(t, "c"))
        return typed_index(t, &out->i) && typed_end(t);
    out->kind = PLACE_FILE_OFFSET;
    (void)typed_either(t, "file", "offset");
    if (!typed_amount(t, t->img->geo.file_size, &out->file_off, &clusters))
        return false;
    if (clusters) {
        out->kind = PLACE_CLUSTER;
        out->i = geo_cluster_of(&t->img->geo, out->file_off);
    }
    return true;
}

typedef bool form(struct typed *t, struct place *out);

/* Whatever has a layer of its own in `place`. */
static bool parse_in_layer(const struct typed *t, uint32_t layer, struct place *out)
{
    static form *const forms[] = { parse_entry, parse_guest, parse_refcounts, parse_header,
                                   parse_host };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct typed u = *t;

        *out = (struct place){ .layer = layer };
        if (forms[i](&u, out))
            return true;
    }
    return false;
}

/* Does this name stand here, followed by nothing or by a blank? */
static bool name_here(const struct typed *t, const char *name)
{
    size_t n = strlen(name);

    return n && strncmp(t->at, name, n) == 0 &&
           (!t->at[n] || isspace((unsigned char)t->at[n]));
}

/* Snapshots and bitmaps: things with a number, names, and something inside. */
struct numbered {
    const char *noun, *list;    /* "snapshot", and "table" for what lists them */
    uint64_t (*list_off)(const struct image *img);      /* host byte of that; 0: none */
    uint64_t (*count)(const struct image *img);
    /* Names of number i; k counts them up to NULL. */
    const char *(*name)(const struct image *img, uint64_t i, unsigned k);
    form *rest;             /* reads what follows; out->i is the number */
};

static uint64_t snapshot_table_off(const struct image *img)
{
    return img->snaps.table_off;
}

static uint64_t bitmap_directory_off(const struct image *img)
{
    return img->bitmaps.dir_off;
}

static uint64_t count_snapshots(const struct image *img)
{
    return img->snaps.n;
}

static const char *snapshot_name(const struct image *img, uint64_t i, unsigned k)
{
    const struct snapshot *s = &img->snaps.list[i];

    return k == 0 ? s->id : k == 1 ? s->name : NULL;
}

static bool in_snapshot(struct typed *t, struct place *out)
{
    out->kind = PLACE_SNAPSHOT;
    return typed_end(t) || parse_in_layer(t, (uint32_t)out->i + 1, out);
}

static uint64_t count_bitmaps(const struct image *img)
{
    return img->bitmaps.n;
}

static const char *bitmap_name(const struct image *img, uint64_t i, unsigned k)
{
    return k == 0 ? img->bitmaps.list[i].name : NULL;
}

static bool in_bitmap(struct typed *t, struct place *out)
{
    out->kind = PLACE_BITMAP;
    if (typed_end(t))
        return true;
    out->kind = PLACE_BITMAP_TABLE;
    if (!typed_word(t, "table"))
        return false;
    (void)typed_word(t, "entry");
    return typed_end(t) || (typed_index(t, &out->j) && typed_end(t));
}

/* Takes a number from 1 to n that nothing but a blank follows. */
static bool take_number(struct typed *t, uint64_t n, uint64_t *out)
{
    if (!typed_index(t, out) || *out < 1 || *out > n ||
        (*t->at && !isspace((unsigned char)t->at[-1]) && t->at[-1] != ']'))
        return false;
    --*out;
    return true;
}

/* Passes over the name behind a number, as places are printed: "snapshot 1 (monday)". */
static void pass_name(struct typed *t, const struct numbered *what, uint64_t i)
{
    struct typed u = *t;
    const char *name;

    typed_skip_blanks(&u);
    for (unsigned k = 0; *u.at == '(' && (name = what->name(t->img, i, k)) != NULL; k++) {
        size_t n = strlen(name);

        if (strncmp(u.at + 1, name, n) == 0 && u.at[n + 1] == ')') {
            t->at = u.at + n + 2;
            return;
        }
    }
}

/* Takes the longest name that stands here; of equally long ones the first. */
static bool take_name(struct typed *t, const struct numbered *what, uint64_t n, uint64_t *out)
{
    size_t longest = 0;
    const char *name;

    typed_skip_blanks(t);
    for (unsigned k = 0; n && what->name(t->img, 0, k); k++)
        for (uint64_t i = 0; i < n; i++) {
            name = what->name(t->img, i, k);
            if (name_here(t, name) && strlen(name) > longest) {
                longest = strlen(name);
                *out = i;
            }
        }
    t->at += longest;
    return longest > 0;
}

/* "snapshot table", "bitmap directory" */
static bool parse_list(struct typed t, const struct numbered *what, struct place *out)
{
    uint64_t off = what->list_off(t.img);

    if (!typed_word(&t, what->list) || !typed_end(&t) || !off)
        return false;
    *out = (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = off };
    return true;
}

/* `all` is what was typed from its first character on. */
static bool parse_named(const struct typed *t, const struct numbered *what, const char *all,
                        struct place *out, struct error *err)
{
    uint64_t n = what->count(t->img);
    bool known = false;

    for (int by_name = 0; by_name < 2; by_name++) {
        struct typed u = *t;

        *out = (struct place){ .layer = LAYER_ACTIVE };
        if (by_name ? !take_name(&u, what, n, &out->i) : !take_number(&u, n, &out->i))
            continue;
        known = true;
        if (!by_name)
            pass_name(&u, what, out->i);
        if (what->rest(&u, out))
            return true;
    }
    if (known)
        return not_an_address(all, err);
    return parse_list(*t, what, out) ||
           err_set(err, ERR_USAGE, "there is no such %s (there %s %llu)", what->noun,
                   n == 1 ? "is" : "are", (ull)n);
}

/* --- relative ones --- */

static bool move(uint64_t from, bool back, uint64_t by, uint64_t *out)
{
    if (!back)
        return u64_add(from, by, out) && *out != NO_ADDRESS;
    *out = from - by;
    return by <= from;
}

static bool parse_relative(struct typed *t, const struct place *here, struct place *out,
                           struct error *err)
{
    bool back = *t->at == '-', clusters, in_guest = here && here->kind == PLACE_GUEST;
    uint64_t by, whole = t->img->geo.file_size;
    const char *all = t->at;

    if (in_guest)
        whole = disk_size(t->img, here->layer);
    t->at++;
    if (!typed_amount(t, whole, &by, &clusters))
        return not_an_address(all, err);
    if (!here || here->kind == PLACE_NONE || (!in_guest && here->file_off == NO_ADDRESS))
        return err_set(err, ERR_USAGE, "there is no place to count from");
    *out = (struct place){ .kind = in_guest ? PLACE_GUEST : PLACE_FILE_OFFSET,
                           .layer = here->layer };
    if (here->kind == PLACE_CLUSTER && clusters) {
        out->kind = PLACE_CLUSTER;
        by = geo_cluster_of(&t->img->geo, by);
    }
    if (!move(in_guest ? here->guest_off : out->kind == PLACE_CLUSTER ? here->i : here->file_off,
              back, by, in_guest ? &out->guest_off
                        : out->kind == PLACE_CLUSTER ? &out->i : &out->file_off))
        return err_set(err, ERR_USAGE, "that is %s", back ? "before the beginning"
                                                         : "farther than offsets reach");
    return true;
}

/* --- all together --- */

static const struct numbered snapshots = { "snapshot", "table", snapshot_table_off,
                                           count_snapshots, snapshot_name, in_snapshot };
static const struct numbered bitmaps = { "bitmap", "directory", bitmap_directory_off,
                                         count_bitmaps, bitmap_name, in_bitmap };

static bool parse_one(struct typed t, const struct place *here, struct place *out,
                      struct error *err)
{
    const char *text = t.at;
    struct place p;
    bool ok;

    typed_skip_blanks(&t);
    if (*t.at == '+' || *t.at == '-')
        ok = parse_relative(&t, here, &p, err);
    else if (typed_either(&t, "snap", "snapshot"))
        ok = parse_named(&t, &snapshots, text, &p, err);
    else if (typed_word(&t, "bitmap"))
        ok = parse_named(&t, &bitmaps, text, &p, err);
    else
        ok = parse_in_layer(&t, LAYER_ACTIVE, &p) || not_an_address(text, err);
    if (!ok || !finish(t.img, &p, err))
        return false;
    *out = p;
    return true;
}

/* Where a range goes on behind its first address; NULL: this is no range. */
static const char *range_tail(const char *text)
{
    static const char *const dash[] = { " - ", " \u2013 " };
    const char *first = NULL;

    for (size_t i = 0; i < sizeof dash / sizeof dash[0]; i++) {
        const char *at = strstr(text, dash[i]);

        if (at && (!first || at < first))
            first = at;
    }
    return first;
}

/* "L2 table 5 at 0x5000: ...", "stands at 0x5000": the number counts. False where there is none. */
static bool parse_at(const struct image *img, const char *text, struct place *out)
{
    const char *at = strstr(text, "at 0x");
    char number[2 + 16 + 1];
    struct error err;
    size_t n;

    if (!at || (at > text && !isspace((unsigned char)at[-1])))
        return false;
    at += 3;
    n = 2 + strspn(at + 2, "0123456789abcdefABCDEF");
    if (n == 2 || n >= sizeof number)
        return false;
    memcpy(number, at, n);
    number[n] = '\0';
    return parse_one((struct typed){ img, number }, NULL, out, &err);
}

bool address_parse(const struct image *img, const struct place *here, const char *text,
                   struct place *out, struct error *err)
{
    const char *tail = range_tail(text);
    struct buf first = BUF_INIT;
    struct error why;
    bool ok = parse_one((struct typed){ img, text }, here, out, err ? err : &why) ||
              parse_at(img, text, out);

    if (ok || !tail)
        return ok;
    buf_add(&first, text, (size_t)(tail - text));
    ok = !first.failed && parse_one((struct typed){ img, buf_str(&first) }, here, out, &why);
    buf_free(&first);
    return ok;
}
