/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The JSON form of info. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "qcow2/field.h"
#include "qcow2/luks.h"
#include "report/check_json.h"
#include "report/figures_report.h"
#include "report/guesses.h"
#include "report/info.h"
#include "report/jw.h"
#include "qcow2/names.h"

#define NSEC UINT64_C(1000000000)

static void snapshots(struct jw *j, const struct snapshots *list)
{
    if (!list->n)
        return;
    jw_array(j, "snapshots");
    for (size_t i = 0; i < list->n && out_ok(j->out); i++) {
        const struct snapshot *s = &list->list[i];

        jw_object(j, NULL);
        if (s->icount != UINT64_MAX)
            jw_u64(j, "icount", s->icount);
        jw_u64(j, "vm-clock-nsec", s->vm_clock_nsec % NSEC);
        jw_bytes(j, "name", s->name, snapshot_name_len(s));
        jw_u64(j, "date-sec", s->date_sec);
        jw_u64(j, "date-nsec", s->date_nsec);
        jw_u64(j, "vm-clock-sec", s->vm_clock_nsec / NSEC);
        jw_bytes(j, "id", s->id, snapshot_id_len(s));
        jw_u64(j, "vm-state-size", s->vm_state_size);
        jw_close(j);
    }
    jw_close(j);
}

static void bitmaps(struct jw *j, const struct bitmaps *list)
{
    if (!list->n || !list->consistent)
        return;
    jw_array(j, "bitmaps");
    for (size_t i = 0; i < list->n && out_ok(j->out); i++) {
        const struct bitmap *b = &list->list[i];

        jw_object(j, NULL);
        jw_array(j, "flags");
        if (b->flags & BITMAP_IN_USE)
            jw_text(j, NULL, "in-use");
        if (b->flags & BITMAP_AUTO)
            jw_text(j, NULL, "auto");
        jw_close(j);
        jw_bytes(j, "name", b->name, bitmap_name_len(b));
        jw_u64(j, "granularity",
               b->granularity_bits < 64 ? UINT64_C(1) << b->granularity_bits : 0);
        jw_close(j);
    }
    jw_close(j);
}

/* "xts-plain64" is two things, "cbc-essiv:sha256" three. */
static void luks_mode(struct jw *j, const struct luks *l)
{
    const char *iv = strchr(l->mode, '-'), *hash = strchr(l->mode, ':');

    if (!iv) {
        jw_text(j, "cipher-mode", l->mode);
        return;
    }
    jw_bytes(j, "cipher-mode", l->mode, (size_t)(iv - l->mode));
    iv++;
    jw_bytes(j, "ivgen-alg", iv, hash > iv ? (size_t)(hash - iv) : strlen(iv));
    if (hash > iv)
        jw_text(j, "ivgen-hash-alg", hash + 1);
}

static void luks_header(struct jw *j, const struct luks *l)
{
    bool xts = strncmp(l->mode, "xts", 3) == 0;     /* two keys in one */
    char cipher[64];

    snprintf(cipher, sizeof cipher, "%s-%u", l->cipher, l->key_bytes * 8 / (xts ? 2 : 1));
    jw_text(j, "cipher-alg", cipher);
    luks_mode(j, l);
    jw_text(j, "hash-alg", l->hash);
    jw_text(j, "uuid", l->uuid);
    jw_u64(j, "payload-offset", l->payload_offset);
    jw_u64(j, "master-key-iters", l->master_key_iterations);
    jw_array(j, "slots");
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        const struct luks_slot *s = &l->slot[i];

        jw_object(j, NULL);
        jw_bool(j, "active", s->active);
        if (s->active) {
            jw_u64(j, "iters", s->iterations);
            jw_u64(j, "stripes", s->stripes);
        }
        jw_u64(j, "key-offset", s->key_offset);
        jw_close(j);
    }
    jw_close(j);
}

static void encryption(struct jw *j, const struct image *img)
{
    struct luks luks;

    jw_object(j, "encrypt");
    jw_text(j, "format", img->hdr.crypt_method == CRYPT_LUKS ? "luks" : "aes");
    if (img->hdr.crypt_method == CRYPT_LUKS && img->ext.has_crypto &&
        luks_read(img->src, img->ext.crypto.offset, &luks))
        luks_header(j, &luks);
    jw_close(j);
}

static void format_specific(struct jw *j, const struct image *img)
{
    const struct header *h = &img->hdr;
    bool v2 = h->version == 2;

    jw_object(j, "format-specific");
    jw_text(j, "type", "qcow2");
    jw_object(j, "data");
    jw_text(j, "compat", v2 ? "0.10" : "1.1");
    jw_text(j, "compression-type",
            h->compression_type == COMPRESSION_ZSTD ? "zstd" : "zlib");
    if (!v2)
        jw_bool(j, "lazy-refcounts", h->compatible_features & COMPAT_LAZY_REFCOUNTS);
    jw_u64(j, "refcount-bits", img->geo.refcount_bits);
    if (!v2) {
        jw_bool(j, "corrupt", h->incompatible_features & INCOMPAT_CORRUPT);
        jw_bool(j, "extended-l2", img->geo.extended_l2);
        bitmaps(j, &img->bitmaps);
    }
    if (img->geo.data_file) {
        if (img->data_file)
            jw_text(j, "data-file", img->data_file);
        jw_bool(j, "data-file-raw", h->autoclear_features & AUTOCLEAR_DATA_FILE_RAW);
    }
    if (h->crypt_method == CRYPT_AES || h->crypt_method == CRYPT_LUKS)
        encryption(j, img);
    jw_close(j);
    jw_close(j);
}

static void qemu_keys(struct jw *j, const struct info *info)
{
    const struct image *img = info->img;

    jw_text(j, "filename", info->filename);
    jw_text(j, "format", "qcow2");
    jw_u64(j, "virtual-size", img->geo.size / 512 * 512);
    jw_u64(j, "cluster-size", img->geo.cluster_size);
    /* qemu-img leaves it out as well where it does not know. */
    if (info->file.kind != SOURCE_NBD)
        jw_u64(j, "actual-size", info->file.allocated);
    jw_bool(j, "dirty-flag", img->hdr.incompatible_features & INCOMPAT_DIRTY);
    if (img->hdr.crypt_method != CRYPT_NONE)
        jw_bool(j, "encrypted", true);
    if (img->backing_file && img->backing_file_len) {
        jw_bytes(j, "backing-filename", img->backing_file, img->backing_file_len);
        if (info->chain->n)             /* what is no name of a file is full as it is */
            jw_text(j, "full-backing-filename", info->chain->layer[0].path
                    ? info->chain->layer[0].path : info->chain->layer[0].name);
        if (img->backing_format)
            jw_text(j, "backing-filename-format", img->backing_format);
    }
    snapshots(j, &img->snaps);
    format_specific(j, img);
}

static void features(struct jw *j, const struct image *img)
{
    const struct header *h = &img->hdr;
    const uint64_t mask[] = { h->incompatible_features, h->compatible_features,
                              h->autoclear_features };
    static const char *const kind[] = { "incompatible", "compatible", "autoclear" };
    struct buf b = BUF_INIT;

    jw_array(j, "features");
    for (int type = 0; type < 3; type++) {
        for (int bit = 0; bit < 64; bit++) {
            if (!(mask[type] >> bit & 1))
                continue;
            buf_reset(&b);
            feature_bit_name(img->head, img->head_len, &img->ext, type, bit, &b);
            jw_object_flat(j, NULL);
            jw_text(j, "type", kind[type]);
            jw_u64(j, "bit", (uint64_t)bit);
            jw_bytes(j, "name", buf_str(&b), b.len);
            jw_close(j);
        }
    }
    jw_close(j);
    buf_free(&b);
}

static void extensions(struct jw *j, const struct extensions *ext)
{
    jw_array(j, "extensions");
    for (size_t i = 0; i < ext->n; i++) {
        jw_object_flat(j, NULL);
        jw_hex(j, "type", ext->list[i].type);
        jw_text(j, "name", extension_name(ext->list[i].type));
        jw_u64(j, "offset", ext->list[i].data_off);
        jw_u64(j, "length", ext->list[i].length);
        jw_close(j);
    }
    jw_close(j);
}

/* Every field of the header and its extensions, as it lies in the file. */
static void header_fields(struct jw *j, const struct image *img)
{
    struct parts parts;
    struct buf b = BUF_INIT;

    if (!parts_of_header(img, &parts))
        return;
    jw_array(j, "header");
    for (size_t i = 0; i < parts.n && out_ok(j->out); i++) {
        const struct part *p = &parts.list[i];
        bool number = p->field->width && p->field->width <= 8;

        jw_object_flat(j, NULL);
        jw_text(j, "structure", p->table->id);
        jw_text(j, "field", p->field->name);
        jw_u64(j, "offset", p->off);
        jw_u64(j, "length", p->len);
        if (number) {
            jw_hex(j, "raw", p->value);
            buf_reset(&b);
            field_describe(p->field, p->value, &b);
            jw_bytes(j, "text", buf_str(&b), b.len);
        } else if (p->off <= img->head_len && p->len <= img->head_len - p->off) {
            jw_bytes(j, "text", img->head + p->off,
                     strnlen((const char *)img->head + p->off, (size_t)p->len));
        }
        jw_close(j);
    }
    jw_close(j);
    buf_free(&b);
    parts_free(&parts);
}

static void chain(struct jw *j, const struct chain *c)
{
    jw_array(j, "backing-chain");
    for (size_t i = 0; i < c->n; i++) {
        const struct chain_layer *l = &c->layer[i];

        jw_object(j, NULL);
        jw_bytes(j, "name", l->name, l->name_len);
        if (l->path)
            jw_text(j, "path", l->path);
        jw_bool(j, "found", !l->fault);
        if (l->fault)
            jw_text(j, "fault", l->fault);
        if (l->format)
            jw_text(j, "format", l->format);
        if (!l->fault)
            jw_u64(j, "size", l->size);
        jw_close(j);
    }
    jw_close(j);
}

static void outside(struct jw *j, const struct image *img)
{
    struct outside ref[OUTSIDE_MAX];
    size_t n = outside_references(img, ref);

    jw_array(j, "untrusted-references");
    for (size_t i = 0; i < n; i++) {
        jw_object_flat(j, NULL);
        jw_text(j, "kind", ref[i].what);
        jw_bytes(j, "name", ref[i].name, ref[i].len);
        jw_bool(j, "absolute", ref[i].absolute);
        jw_bool(j, "parent", ref[i].parent);
        jw_bool(j, "protocol", ref[i].protocol);
        jw_bool(j, "json", ref[i].json);
        jw_close(j);
    }
    jw_close(j);
}

static void own_object(struct jw *j, const struct info *info)
{
    static const char *const kind[] = {
        [SOURCE_FILE] = "file",
        [SOURCE_BLOCK] = "block-device",
        [SOURCE_MEMORY] = "memory",
        [SOURCE_NBD] = "nbd",
        [SOURCE_PACK] = "pack",
    };
    const struct image *img = info->img;

    jw_object(j, "qcheck");
    jw_u64(j, "schema-version", JSON_SCHEMA_VERSION);
    jw_text(j, "source", kind[info->file.kind]);
    jw_u64(j, "file-size", info->file.size);
    if (info->file.fs_type)
        jw_text(j, "file-system", info->file.fs_type);
    if (info->sandbox) {
        struct buf text = BUF_INIT;

        sandbox_text(info->sandbox, &text);
        jw_text(j, "sandbox", buf_str(&text));
        buf_free(&text);
    }
    jw_bool(j, "in-use", info->file.in_use);
    if (info->end_known)
        jw_u64(j, "image-end-offset", info->end);
    jw_text(j, "preallocation", info->preallocation);
    figures_json(&info->figures, img, j);
    if (img->refused.id) {
        jw_object(j, "refused");
        jw_text(j, "rule", img->refused.id);
        jw_text(j, "reason", img->refused.text);
        jw_text(j, "when", img->refused.at_check ? "check" : "open");
        jw_close(j);
    }
    guesses_json(&img->guesses, j);
    jw_u64(j, "snapshots-announced", img->snaps.announced);
    jw_u64(j, "snapshots-read", img->snaps.n);
    features(j, img);
    extensions(j, &img->ext);
    outside(j, img);
    side_files_json(j, img);
    chain(j, info->chain);
    header_fields(j, img);
    jw_close(j);
}

void info_json(const struct info *info, struct out *out)
{
    struct jw j = JW_INIT(out);

    jw_object(&j, NULL);
    qemu_keys(&j, info);
    own_object(&j, info);
    jw_close(&j);
}
