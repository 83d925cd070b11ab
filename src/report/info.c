/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/info.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "qcow2/field.h"
#include "report/figures_report.h"
#include "report/guesses.h"
#include "report/image_end.h"
#include "qcow2/names.h"
#include "inspect/preallocation.h"

void info_gather(const char *filename, const struct image *img, const struct chain *chain,
                 struct info *out)
{
    *out = (struct info){
        .filename = filename,
        .img = img,
        .file = source_get_info(img->src),
        .chain = chain,
        .preallocation = preallocation_name(preallocation_from_tables(img)),
    };
    figures_of_header(img, &out->figures);
    out->end_known = image_end_by_refcounts(img, &out->end);
}

static void line(struct out *out, const char *label, const char *text)
{
    out_printf(out, "%-16s %s\n", label, text);
}

static void bytes_line(struct out *out, const char *label, uint64_t n)
{
    char size[TEXT_NUM];

    out_printf(out, "%-16s %s (%" PRIu64 " bytes)\n", label, text_size(size, n), n);
}

static void name_line(struct out *out, const char *label, const void *name, size_t len)
{
    out_printf(out, "%-16s ", label);
    out_visible(out, name, len);
    out_puts(out, "\n");
}

static void feature_lines(const struct info *info, struct out *out)
{
    const struct header *h = &info->img->hdr;
    const uint64_t mask[] = { h->incompatible_features, h->compatible_features,
                              h->autoclear_features };
    static const char *const kind[] = { "incompatible", "compatible", "autoclear" };
    struct buf b = BUF_INIT;

    for (int type = 0; type < 3; type++) {
        for (int bit = 0; bit < 64; bit++) {
            if (!(mask[type] >> bit & 1))
                continue;
            buf_reset(&b);
            feature_bit_name(info->img->head, info->img->head_len, &info->img->ext, type,
                             bit, &b);
            out_printf(out, "%-16s %s (%s bit %d)\n", "feature", buf_str(&b), kind[type],
                       bit);
        }
    }
    buf_free(&b);
}

static void chain_lines(const struct info *info, struct out *out)
{
    char size[TEXT_NUM];

    for (size_t i = 0; i < info->chain->n; i++) {
        const struct chain_layer *l = &info->chain->layer[i];

        name_line(out, i ? "  then" : "backing file", l->name, l->name_len);
        if (l->fault)
            out_printf(out, "%-16s   %s\n", "", l->fault);
        else
            out_printf(out, "%-16s   %s, %s\n", "", l->format, text_size(size, l->size));
    }
}

static void outside_lines(const struct info *info, struct out *out)
{
    struct outside ref[OUTSIDE_MAX];
    size_t n = outside_references(info->img, ref);

    for (size_t i = 0; i < n; i++) {
        out_printf(out, "%-16s ", "refers to");
        out_printf(out, "%s ", ref[i].what);
        out_visible(out, ref[i].name, ref[i].len);
        out_printf(out, "%s%s%s%s\n", ref[i].absolute ? "  (an absolute path)" : "",
                   ref[i].parent ? "  (leads upwards: ..)" : "",
                   ref[i].protocol ? "  (not a plain file)" : "",
                   ref[i].json ? "  (json: can name anything)" : "");
    }
}

static void side_line(const char *what, const struct side_file *f, struct out *out)
{
    static const char *const words[] = {
        [SIDE_UNKNOWN] = "was not looked at",
        [SIDE_MISSING] = "is missing: QEMU does not open the image without it",
        [SIDE_UNFIT] = "is no image: QEMU does not open this one with it",
        [SIDE_SHORT] = "is shorter than the disk",
    };

    if (f->state != SIDE_NONE && f->state != SIDE_THERE)
        out_printf(out, "%-16s %s\n", what, words[f->state]);
}

static void snapshot_lines(const struct info *info, struct out *out)
{
    char when[TEXT_NUM], size[TEXT_NUM];

    for (size_t i = 0; i < info->img->snaps.n; i++) {
        const struct snapshot *s = &info->img->snaps.list[i];

        out_printf(out, "%-16s %zu: id ", i ? "" : "snapshots", i + 1);
        out_visible(out, s->id, snapshot_id_len(s));
        out_puts(out, ", ");
        out_visible(out, s->name, snapshot_name_len(s));
        out_printf(out, ", %s UTC, VM state %s", text_utc(when, s->date_sec),
                   text_size(size, s->vm_state_size));
        out_printf(out, ", disk %s\n", text_size(size, s->disk_size));
    }
    if (info->img->snaps.announced > info->img->snaps.n)
        out_printf(out, "%-16s (%" PRIu64 " are announced, %zu could be read)\n",
                   "snapshots", info->img->snaps.announced, info->img->snaps.n);
}

static void bitmap_lines(const struct info *info, struct out *out)
{
    char size[TEXT_NUM];

    for (size_t i = 0; i < info->img->bitmaps.n; i++) {
        const struct bitmap *b = &info->img->bitmaps.list[i];

        out_printf(out, "%-16s ", i ? "" : "bitmaps");
        out_visible(out, b->name, bitmap_name_len(b));
        if (b->granularity_bits < 64)
            out_printf(out, ", granularity %s",
                       text_size(size, UINT64_C(1) << b->granularity_bits));
        out_printf(out, "%s%s", b->flags & BITMAP_AUTO ? ", enabled" : ", disabled",
                   b->flags & BITMAP_IN_USE ? ", in use (not saved in order)" : "");
        if (b->fault)
            out_printf(out, "; not valid: %s", b->fault);
        out_puts(out, "\n");
    }
    if (info->img->bitmaps.n && !info->img->bitmaps.consistent)
        out_printf(out, "%-16s not in step with the image: they will be ignored\n",
                   "bitmaps");
}

static void header_lines(const struct info *info, struct out *out)
{
    struct parts parts;
    struct buf b = BUF_INIT;

    if (!parts_of_header(info->img, &parts))
        return;
    for (size_t i = 0; i < parts.n && out_ok(out); i++) {
        const struct part *p = &parts.list[i], *above = i ? p - 1 : NULL;

        if (!above || p->table != above->table || p->index != above->index)
            out_printf(out, "\n%s\n", p->table->title);
        buf_reset(&b);
        if (p->field->width && p->field->width <= 8)
            guess_describe(&info->img->guesses, p, &b);
        else if (p->field->kind == FIELD_TEXT && p->off <= info->img->head_len &&
                 p->len <= info->img->head_len - p->off)
            text_visible(&b, info->img->head + p->off,
                         strnlen((const char *)info->img->head + p->off, (size_t)p->len));
        else
            buf_printf(&b, "%" PRIu64 " bytes", p->len);
        out_printf(out, "  0x%04" PRIx64 "  %-24s  %s\n", p->off, p->field->name,
                   buf_str(&b));
    }
    buf_free(&b);
    parts_free(&parts);
}

void info_text(const struct info *info, struct out *out)
{
    static const char *const kind[] = {
        [SOURCE_FILE] = "file",
        [SOURCE_BLOCK] = "block device",
        [SOURCE_MEMORY] = "memory",
        [SOURCE_NBD] = "network block device",
        [SOURCE_PACK] = "pack",
    };
    const struct image *img = info->img;
    struct buf text = BUF_INIT;
    char size[TEXT_NUM];

    name_line(out, "image", info->filename, strlen(info->filename));
    out_printf(out, "%-16s qcow2, version %" PRIu64 " (compat %s)\n", "format",
               img->hdr.version, img->hdr.version == 2 ? "0.10" : "1.1");
    bytes_line(out, "guest disk", img->hdr.size);
    out_printf(out, "%-16s %s\n", "clusters", text_size(size, img->geo.cluster_size));
    out_printf(out, "%-16s %u bits\n", "refcounts", img->geo.refcount_bits);
    line(out, "compression", img->hdr.compression_type == COMPRESSION_ZLIB ? "zlib" :
         img->hdr.compression_type == COMPRESSION_ZSTD ? "zstd" : "unknown");
    line(out, "encryption", img->hdr.crypt_method == CRYPT_NONE ? "none" :
         img->hdr.crypt_method == CRYPT_AES ? "AES" :
         img->hdr.crypt_method == CRYPT_LUKS ? "LUKS" : "unknown");
    line(out, "preallocation", info->preallocation);
    bytes_line(out, kind[info->file.kind], info->file.size);
    if (info->file.kind == SOURCE_NBD)
        line(out, "on disk", "unknown: the server does not tell");
    else
        bytes_line(out, "on disk", info->file.allocated);
    if (info->end_known)
        bytes_line(out, "end of image", info->end);
    else
        line(out, "end of image", "unknown: the refcounts are behind or damaged; qcheck check "
             "finds it");
    figures_text(&info->figures, img, out);
    if (info->file.fs_type)
        line(out, "file system", info->file.fs_type);
    line(out, "lock", info->file.in_use ? "another process may write to it now" :
         info->file.kind == SOURCE_NBD ? "unknown: the server does not tell" : "free");
    if (info->sandbox) {
        sandbox_text(info->sandbox, &text);
        line(out, "sandbox", buf_str(&text));
        buf_free(&text);
    }
    outside_lines(info, out);
    side_line("backing file", &img->backing_there, out);
    side_line("data file", &img->data_there, out);
    feature_lines(info, out);
    chain_lines(info, out);
    snapshot_lines(info, out);
    bitmap_lines(info, out);
    if (img->refused.id)
        out_printf(out, "%-16s QEMU would not %s it: %s\n", "refused",
                   img->refused.at_check ? "check" : "open", img->refused.text);
    guesses_lines(&img->guesses, "header value     ", out);
    header_lines(info, out);
}
