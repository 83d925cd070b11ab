/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "base/text.h"
#include "insight/content.h"
#include "plan/edit.h"
#include "plan/rescue/salvage.h"
#include "plan/rescue/shape_bare.h"
#include "qcow2/decompress.h"
#include "qcow2/sniff.h"

#define SECTOR 512
#define SECTORS_MAX (1u << 22)          /* that might be of a table */
#define CHUNK ((size_t)1 << 20)

/* Sectors that hold nothing but what may be L2 entries. */
struct suspect_list {
    uint64_t *off;                      /* owned, rising */
    size_t n, cap;
    uint64_t content;                   /* sectors of the file that are not zeros */
};

/* Of any size of clusters, normal or extended. */
static bool word_possible(uint64_t w, uint64_t file_size)
{
    uint64_t off = w & ENTRY_OFFSET_MASK;

    if (w & OFLAG_COMPRESSED)
        return !(w & OFLAG_COPIED) && (w & ((UINT64_C(1) << 49) - 1)) < file_size;
    if (!(w & L2_RESERVED_MASK) && off < file_size && (off >= SECTOR || w == OFLAG_ZERO))
        return true;
    return !((w >> 32) & w);            /* a bitmap of subclusters */
}

static bool sector_possible(const uint8_t *p, uint64_t file_size)
{
    unsigned used = 0, led = 0;

    for (size_t i = 0; i < SECTOR; i += 8) {
        uint64_t w = be64(p + i);

        if (!w)
            continue;
        if (!word_possible(w, file_size))
            return false;
        used++;
        led += w & OFLAG_COMPRESSED
            || ((w & ENTRY_OFFSET_MASK) >= SECTOR && !(w & L2_RESERVED_MASK));
    }
    return used && led * 2 >= used;
}

static bool add_suspect(struct suspect_list *l, uint64_t off)
{
    if (l->n == SECTORS_MAX)
        return false;
    if (!list_room(&l->off, l->n, &l->cap, sizeof *l->off))
        return false;
    l->off[l->n++] = off;
    return true;
}

static bool find_suspects(struct source *src, const _Atomic bool *cancel,
                          struct suspect_list *l, struct bare *bare)
{
    uint8_t *bytes = malloc(CHUNK);
    uint64_t size = source_size(src), start, end, at = 0;
    bool ok = bytes != NULL;

    while (ok && source_next_data(src, at, &start, &end)) {
        for (at = start & ~(uint64_t)(SECTOR - 1); ok && at < end; at += CHUNK) {
            size_t len = (size_t)u64_min(CHUNK, (u64_min(end, size) - at + SECTOR - 1)
                                         & ~(uint64_t)(SECTOR - 1));
            struct source_span bad;

            source_read_known(src, at, bytes, len, &bad);
            for (size_t i = 0; ok && i < len; i += SECTOR) {
                if (bytes_all_zero(bytes + i, SECTOR))
                    continue;
                l->content++;
                ok = bare_look(bare, at + i, bytes + i, len - i)
                    && (!sector_possible(bytes + i, size) || add_suspect(l, at + i));
            }
            ok = ok && !(cancel && *cancel);
        }
        at = end;
    }
    free(bytes);
    return ok || l->n == SECTORS_MAX;
}

/* --- trying shapes --- */

struct shape_trial {
    struct source *src;
    struct geometry geo;
    uint8_t *bytes, *out;               /* owned: a cluster each, of the largest size */
    uint8_t *in;                        /* owned: two of them */
    struct unpacker *unpacker;          /* owned */
};

static bool decodes(struct shape_trial *t, const struct l2_entry *e, uint64_t type)
{
    size_t len = (size_t)u64_min(e->host_len, t->geo.cluster_size * 2);

    return source_read(t->src, e->host_off, t->in, len, NULL)
        && unpacker_run(t->unpacker, type, t->in, len, t->out, (size_t)t->geo.cluster_size,
                        NULL);
}

#define DECODED_MAX 4                   /* streams of one table */

/* Is the cluster at `off` an L2 table? Adds it to *s. */
static void try_table(struct shape_trial *t, uint64_t off, struct image_shape *s)
{
    const struct geometry *geo = &t->geo;
    size_t used = 0, streams = 0, good = 0;

    if (!source_read(t->src, off, t->bytes, (size_t)geo->cluster_size, NULL))
        return;
    for (size_t i = 0; i < geo->l2_entries; i++) {
        struct l2_entry e;

        l2_decode(geo, t->bytes + i * geo->l2_entry_size, &e);
        if (!e.raw && !e.bitmap)
            continue;
        if (!l2_entry_possible(geo, &e, geo->file_size))
            return;
        used++;
        if (e.type != L2_COMPRESSED || streams == DECODED_MAX)
            continue;
        streams++;
        if (decodes(t, &e, COMPRESSION_ZLIB)) {
            good++;
        } else if (decodes(t, &e, COMPRESSION_ZSTD)) {
            good++;
            s->compression = COMPRESSION_ZSTD;
        }
    }
    if (used < 2 || good < streams)
        return;
    s->tables++;
    s->entries += used;
}

static void try_shape(struct shape_trial *t, const struct suspect_list *l, uint32_t bits,
                      bool extended, struct image_shape *out)
{
    struct header hdr = {
        .magic = QCOW2_MAGIC, .version = 3, .cluster_bits = bits, .refcount_order = 4,
        .header_length = HEADER_V3_LEN, .size = INT64_MAX,
        .incompatible_features = extended ? INCOMPAT_EXTENDED_L2 : 0,
    };
    uint64_t last = UINT64_MAX;

    *out = (struct image_shape){ .cluster_bits = bits, .extended_l2 = extended };
    if (!geometry_init(&hdr, source_size(t->src), &t->geo, NULL))
        return;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t cl = l->off[i] >> bits;

        if (cl == last || !cl)
            continue;
        last = cl;
        try_table(t, cl << bits, out);
    }
}

static bool better(const struct image_shape *a, const struct image_shape *b)
{
    uint64_t x = a->entries << a->cluster_bits, y = b->entries << b->cluster_bits;

    return x > y || (x == y && a->cluster_bits > b->cluster_bits);
}

#define SHARE_MIN 64

/* Entries that lead to next to nothing of what the file holds are data that looks like some. */
static bool explains_enough(const struct image_shape *s, uint64_t sectors)
{
    return s->entries && (s->entries << s->cluster_bits) >= sectors / SHARE_MIN * SECTOR;
}

/* No table is left: then by what the guest's data says. */
static bool find_bare(struct source *src, struct bare *bare, struct image_shape *out)
{
    *out = (struct image_shape){ 0 };
    return bare_cluster_bits(bare, source_size(src), &out->cluster_bits, &out->likely);
}

/* False: nothing tells it, or *cancel was set. Reads the whole file once. */
static bool shape_find(struct source *src, const _Atomic bool *cancel, struct image_shape *out)
{
    struct bare bare = { .n_seen = 0 };
    struct shape_trial t = { .src = src };
    struct suspect_list l = { 0 };
    size_t most = (size_t)1 << CLUSTER_BITS_MAX;
    bool ok;

    *out = (struct image_shape){ 0 };
    t.bytes = malloc(most);
    t.out = malloc(most);
    t.in = malloc(most * 2);
    t.unpacker = unpacker_new();
    ok = t.bytes && t.out && t.in && t.unpacker && find_suspects(src, cancel, &l, &bare);
    for (uint32_t bits = CLUSTER_BITS_MAX; ok && bits >= CLUSTER_BITS_MIN; bits--)
        for (int extended = 0; extended < 2 && !(cancel && *cancel); extended++) {
            struct image_shape s;

            if (extended && bits < 14)
                continue;
            try_shape(&t, &l, bits, extended, &s);
            if (better(&s, out))
                *out = s;
        }
    free(t.bytes);
    free(t.out);
    free(t.in);
    unpacker_free(t.unpacker);
    free(l.off);
    ok = ok && (explains_enough(out, l.content) || find_bare(src, &bare, out));
    bare_free(&bare);
    return ok;
}

/* --- a header for it --- */

static void write_header(const struct image_shape *s, struct patches *out)
{
    uint64_t features = 0;

    if (s->extended_l2)
        features |= INCOMPAT_EXTENDED_L2;
    if (s->compression)
        features |= INCOMPAT_COMPRESSION;
    patches_zero(out, 0, SECTOR);
    edit_header(out, "magic", QCOW2_MAGIC);
    edit_header(out, "version", 3);
    edit_header(out, "cluster_bits", s->cluster_bits);
    edit_header(out, "incompatible_features", features);
    edit_header(out, "refcount_order", 4);
    edit_header(out, "header_length", s->compression ? HEADER_V3_LEN + 8 : HEADER_V3_LEN);
    if (s->compression)
        edit_header(out, "compression_type", s->compression);
}

static bool add_step(const struct image_shape *s, struct plan *plan, struct error *err)
{
    struct plan_step *step = plan_add(plan, "rescue");
    struct buf title = BUF_INIT, why = BUF_INIT;
    char size[TEXT_NUM], a[TEXT_NUM], b[TEXT_NUM];

    if (!step)
        return err_set(err, ERR_NOMEM, "out of memory");
    write_header(s, &step->patches);
    buf_printf(&title, "Write a new header for clusters of %s%s.",
               text_size(size, UINT64_C(1) << s->cluster_bits),
               s->extended_l2 ? " with extended L2 entries" : "");
    if (s->tables)
        buf_printf(&why, "%s L2 table%s with %s entries in use fit%s no other size (likely).",
                   text_group(a, s->tables), s->tables == 1 ? "" : "s", text_group(b, s->entries),
                   s->tables == 1 ? "s" : "");
    else
        buf_puts(&why, s->likely ? "No table is left. What the guest's data says of its own place "
                                   "fits no larger size (likely)."
                                 : "No table is left. This is the usual size, and nothing that the "
                                   "guest's data says of its own place contradicts (possible).");
    buf_puts(&why, " Names of a backing file, snapshots and bitmaps are lost.");
    step->title = buf_take(&title);
    step->why = buf_take(&why);
    return (step->title && step->why) || err_set(err, ERR_NOMEM, "out of memory");
}

/* Of the older format, or something else with a header of its own. */
static bool known_as_other(struct source *src)
{
    struct buf unused = BUF_INIT;
    uint8_t head[8];
    bool other = !source_read(src, 0, head, sizeof head, NULL)
        || (be32(head) == QCOW2_MAGIC && be32(head + 4) == 1)
        || sniff_describe(src, &unused) == SNIFF_OTHER;

    buf_free(&unused);
    return other;
}

bool rescue_open(struct source *src, const struct trial_options *how, struct plan *plan,
                 struct trial **out, struct error *err)
{
    _Atomic bool *cancel = how->progress ? &how->progress->cancel : NULL;
    struct image_shape s;

    if (trial_open(src, how, NULL, out, err))
        return true;
    if (known_as_other(src) || !shape_find(src, cancel, &s))
        return false;
    return add_step(&s, plan, err)
        && trial_open(src, how, &plan->step[plan->n - 1].patches, out, err);
}
