/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the guest's clusters hold against what the header says of them: the compression
 * type, the LUKS header. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"
#include "scan/guest.h"
#include "qcow2/decompress.h"
#include "qcow2/luks.h"

#define STREAMS 12              /* looked at */
#define STREAM_TABLES 32        /* L2 tables read to find them */
#define ZSTD_MAGIC 0x28b52ffdu

/* --- the compression type --- */

struct stream_look {
    unsigned n, zstd, decode;   /* looked at; with the magic of zstd; that decode */
    unsigned deflate;           /* that decode as the other type, where zstd is named */
    struct place first;
    uint64_t first_off;
};

static void look_at_stream(struct work *w, const struct l2_table *t, size_t j,
                           const struct l2_entry *e, uint8_t *room, struct stream_look *s)
{
    struct image other = *w->img;       /* ... but for the compression type */
    uint8_t head[4];

    if (e->host_off >= w->geo->file_size || !work_reads(w, e->host_len) ||
        !source_read(w->img->src, e->host_off, head, sizeof head, NULL))
        return;
    if (!s->n++) {
        s->first = work_l2_place(w, t, j);
        s->first_off = e->host_off;
    }
    s->zstd += be32(head) == ZSTD_MAGIC;
    if (cluster_decompress(w->img, e->host_off, e->host_len, room, NULL)) {
        s->decode++;
    } else if (other.hdr.compression_type == COMPRESSION_ZSTD) {
        other.hdr.compression_type = COMPRESSION_ZLIB;
        s->deflate += cluster_decompress(&other, e->host_off, e->host_len, room, NULL);
    }
}

static void look_at_streams(struct work *w, struct stream_look *s)
{
    const struct geometry *geo = w->geo;
    size_t tables = 0, step = geo->l2_entry_size, cs = (size_t)geo->cluster_size;
    uint8_t *room = malloc(cs);

    for (size_t i = 0; room && i < w->scan->n_l2 && s->n < STREAMS; i++) {
        const struct l2_table *t = &w->scan->l2[i];

        if (++tables > STREAM_TABLES || !work_reads(w, cs))
            break;
        if (!source_read(w->img->src, t->off, w->scratch, cs, NULL))
            continue;
        for (size_t j = 0; j < geo->l2_entries && s->n < STREAMS; j++) {
            struct l2_entry e;

            l2_decode(geo, w->scratch + j * step, &e);
            if (e.type == L2_COMPRESSED && !l2_entry_invalid(geo, &e)) {
                look_at_stream(w, t, j, &e, room, s);
                j += s->n > 4 ? geo->l2_entries / STREAMS : 0;
            }
        }
    }
    free(room);
}

static bool of_compression(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    (void)ctx;
    return p->place.kind == PLACE_HEADER &&
           (p->place.i == 104 || (p->place.i == 72 && p->found == 0));
}

static void compression_type(struct work *w)
{
    struct stream_look s = { 0 };
    bool zstd = w->img->hdr.compression_type == COMPRESSION_ZSTD, want_zstd;
    struct place place = work_header_place(104);
    struct cause *c;

    if (!w->scan->stats.class_clusters[CLASS_COMPRESSED])
        return;
    look_at_streams(w, &s);
    want_zstd = s.zstd == s.n;
    if (!s.n || want_zstd == zstd || s.decode * 4 > s.n || (s.n < 2 && s.decode))
        return;
    if (!want_zstd && (s.zstd || s.deflate * 4 < s.n * 3))
        return;                     /* some of both, or of neither: other damage */
    c = cause_add(w, CAUSE_OF_COMPRESSION_TYPE, s.n >= 2 ? CONFIDENCE_CERTAIN
                                                         : CONFIDENCE_LIKELY);
    cause_evidence(c, &place, "compression_type %llu",
                   (unsigned long long)w->img->hdr.compression_type);
    cause_evidence(c, &s.first, "a %s stream at 0x%llx", want_zstd ? "zstd" : "deflate",
                   (unsigned long long)s.first_off);
    CLAIM(w, c, of_compression, NULL, CLAIM_ONLY, PROBLEM_HEADER_FAULT, PROBLEM_HEADER_ODD);
    cause_text(w, c, "The header says that clusters are packed with %s, but all %u streams "
               "looked at are %s: none of them can be read.", zstd ? "zstd" : "zlib", s.n,
               want_zstd ? "zstd (they begin with 28 b5 2f fd)" : "deflate");
    if (c)
        spans_add(&c->risk, 0, w->geo->size, w->geo->size);
    cause_step_plan(w, c, "header");
}

/* --- LUKS --- */

#define KEY_BYTES_MAX (1u << 20)    /* of key material looked at, each slot */

/* Key material looks like noise. Sectors of it that do not. */
static uint64_t dull_sectors(struct work *w, uint64_t off, uint64_t len, uint64_t *first)
{
    uint8_t sector[512];
    uint64_t dull = 0;

    for (uint64_t at = 0; at + sizeof sector <= len && at < KEY_BYTES_MAX; at += sizeof sector) {
        uint32_t count[256] = { 0 };
        unsigned distinct = 0;

        if (!work_reads(w, sizeof sector) ||
            !source_read(w->img->src, off + at, sector, sizeof sector, NULL))
            break;
        for (size_t i = 0; i < sizeof sector; i++)
            distinct += count[sector[i]]++ == 0;
        if (distinct < 128 && !dull++)      /* 220 of 256 values are usual */
            *first = off + at;
    }
    return dull;
}

static bool of_crypto(const struct work *w, const struct problem *p, const void *ctx)
{
    const struct crypto_ext *e = &w->img->ext.crypto;
    uint64_t first = e->offset >> w->geo->cluster_bits;
    uint64_t n = (u64_min(e->length, UINT32_MAX) >> w->geo->cluster_bits) + 2;

    (void)ctx;
    if (p->place.kind != PLACE_CLUSTER)
        return p->place.kind == PLACE_CRYPTO;
    return (p->owners & OWNER_CRYPTO) || (p->place.i >= first && p->place.i - first < n);
}

static bool luks_leak(const struct work *w, const struct problem *p, const void *ctx)
{
    const uint64_t *off = ctx;

    return *off != NO_ADDRESS && p->host_off != NO_ADDRESS && *off >= p->host_off &&
           *off - p->host_off < p->count * w->geo->cluster_size;
}

static void luks_gone(struct work *w)
{
    uint64_t off = w->img->ext.crypto.offset, found = NO_ADDRESS;
    struct place place = { .kind = PLACE_CRYPTO, .file_off = off, .guest_off = NO_ADDRESS };
    struct content content = { .kind = CONTENT_BYTES };
    struct cause *c;

    for (size_t i = 0; i < w->leaked.n; i++)
        if (w->leaked.list[i].content.kind == CONTENT_LUKS)
            found = w->leaked.list[i].cluster << w->geo->cluster_bits;
    /* An offset a cluster off is the usual slip. */
    for (int k = -2; k <= 2 && found == NO_ADDRESS; k++) {
        uint64_t at = off + (uint64_t)(int64_t)k * w->geo->cluster_size;
        struct luks luks;

        if (k && at < w->geo->file_size && luks_read(w->img->src, at, &luks))
            found = at;
    }
    (void)content_at(w->img, off, w->scratch, &content);
    c = cause_add(w, CAUSE_OF_LUKS_HEADER, CONFIDENCE_CERTAIN);
    cause_evidence(c, &place, "%s, no LUKS header", content_info(content.kind)->name);
    CLAIM(w, c, of_crypto, NULL, CLAIM_ONLY, PROBLEM_OVERLAP, PROBLEM_REFCOUNT_LOW,
          PROBLEM_REFCOUNT_ZERO, PROBLEM_CRYPTO_PAST_END, PROBLEM_LEAKED);
    CLAIM(w, c, luks_leak, &found, CLAIM_ONLY, PROBLEM_LEAKED);
    if (found != NO_ADDRESS) {
        place = work_cluster_place(w, found >> w->geo->cluster_bits);
        cause_evidence(c, &place, "a LUKS header");
        if (c)
            spans_add(&c->risk, 0, w->geo->size, w->geo->size);
        cause_text(w, c, "The header of the image looks for the LUKS header at 0x%llx, where "
                   "none is; there is one at 0x%llx.", (unsigned long long)off,
                   (unsigned long long)found);
        if (w->img->ext.crypto_at) {
            char goal[64];

            snprintf(goal, sizeof goal, "set 0x%llx=%016llx",
                     (unsigned long long)w->img->ext.crypto_at->data_off,
                     (unsigned long long)found);
            cause_step_change(w, c, "Plan the right offset", goal, "luks");
        }
    } else {
        if (c)
            spans_add(&c->lost, 0, w->geo->size, w->geo->size);
        cause_text(w, c, "The LUKS header at 0x%llx is gone (%s in its place). Without it no "
                   "passphrase opens the disk.", (unsigned long long)off,
                   content_info(content.kind)->name);
        cause_step(w, c, "Look for a backup of the LUKS header, or an older copy of the file: "
                   "its first %llu bytes from 0x%llx on are what is missing",
                   (unsigned long long)u64_min(w->img->ext.crypto.length, UINT32_MAX),
                   (unsigned long long)off);
    }
}

static void luks_slots(struct work *w, const struct luks *luks)
{
    uint64_t off = w->img->ext.crypto.offset, dull = 0, first = 0;
    unsigned active = 0, spoilt = 0;
    struct cause *c;
    struct place place = { .kind = PLACE_CRYPTO, .guest_off = NO_ADDRESS };

    for (unsigned k = 0; k < LUKS_SLOTS; k++) {
        const struct luks_slot *s = &luks->slot[k];
        uint64_t len, at, n;

        if (!s->active)
            continue;
        active++;
        if (!u64_mul(luks->key_bytes, s->stripes, &len) || !u64_add(off, s->key_offset, &at) ||
            at >= w->geo->file_size) {
            spoilt++;
            continue;
        }
        /* A pack has no key material: what it was is told by causes_told(). */
        n = source_get_info(w->img->src).kind == SOURCE_PACK
                ? 0 : dull_sectors(w, at, u64_min(len, w->geo->file_size - at), &first);
        dull += n;
        spoilt += n > 0;
    }
    if (active && !spoilt)
        return;
    c = cause_add(w, CAUSE_OF_LUKS_HEADER, dull > 1 || !active ? CONFIDENCE_CERTAIN
                                                                : CONFIDENCE_LIKELY);
    place.file_off = first ? first : off;
    cause_evidence(c, &place, "key material that is not random");
    if (c)
        spans_add(spoilt == active ? &c->lost : &c->risk, 0, w->geo->size, w->geo->size);
    if (!active)
        cause_text(w, c, "The LUKS header has no active key slot: no passphrase opens the "
                   "disk.");
    else
        cause_text(w, c, "The key material of %u of %u active LUKS key slots was overwritten "
                   "(%llu sectors of it are not random): %s.", spoilt, active,
                   (unsigned long long)dull, spoilt == active
                   ? "no passphrase opens the disk" : "the other slots still do");
    cause_step(w, c, "Look for a backup of the LUKS header, or an older copy of the file");
}

static void luks_header(struct work *w)
{
    struct luks luks;

    if (w->img->hdr.crypt_method != CRYPT_LUKS || !w->img->ext.has_crypto ||
        work_count(w, PROBLEM_CRYPTO_PAST_END))
        return;
    if (!luks_read(w->img->src, w->img->ext.crypto.offset, &luks))
        luks_gone(w);
    else
        luks_slots(w, &luks);
}

/* --- what the guest would boot from --- */

static void guest_is_file(struct work *w)
{
    struct guest_hit hit;
    struct content content;
    struct place place;
    struct cause *c;

    if (w->geo->data_file || w->img->hdr.crypt_method ||
        !guest_lookup(w->img, LAYER_ACTIVE, 0, &hit, NULL) || hit.entry.type != L2_NORMAL ||
        hit.host_off >= w->geo->file_size ||
        !content_at(w->img, hit.host_off, w->scratch, &content) ||
        (content.kind != CONTENT_FILE && content.kind != CONTENT_HEADER &&
         content.kind != CONTENT_COMPRESSED) || content.score < 800)
        return;
    c = cause_add(w, CAUSE_OF_GUEST_IS_FILE, CONFIDENCE_LIKELY);
    place = work_cluster_place(w, hit.host_off >> w->geo->cluster_bits);
    cause_evidence(c, &place, "%s at the start of the guest disk",
                   content.kind == CONTENT_HEADER ? "a qcow2 header" : content.detail);
    cause_text(w, c, "The guest disk begins like %s: what was taken for a raw disk is such a "
               "file, so no guest starts from it.", content.kind == CONTENT_HEADER
               ? "another qcow2 image" : content.detail);
    cause_step(w, c, "Take the file out, and open or unpack it: qemu-img convert -O raw %s FILE",
               buf_str(&w->name));
}

void causes_data(struct work *w)
{
    guest_is_file(w);
    compression_type(w);
    luks_header(w);
}
