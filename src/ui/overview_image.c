/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the image itself says, and the building of lines. */
#include "config.h"

#include "ui/overview.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define LISTED_MAX 12           /* snapshots, bitmaps */

struct overview_line *overview_add(struct overview *o, enum overview_section section,
                                 enum overview_look look, const char *label)
{
    struct overview_line *line = &o->line[o->n < OVERVIEW_LINES_MAX ? o->n++ : o->n - 1];

    *line = (struct overview_line){ .section = section, .look = look, .role = ROLE_TEXT };
    snprintf(line->label, sizeof line->label, "%s", label);
    return line;
}

struct overview_line *overview_fact(struct overview *o, enum overview_section section,
                                  const char *label, const char *fmt, ...)
{
    struct overview_line *line = overview_add(o, section, LOOK_FACT, label);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line->text, sizeof line->text, fmt, ap);
    va_end(ap);
    return line;
}

static void link_header(struct overview_line *line, uint64_t byte)
{
    line->link = LINK_PLACE;
    line->place =
        (struct place){ .kind = PLACE_HEADER, .i = byte, .guest_off = NO_ADDRESS };
}

static void add_features(struct overview *o, const struct ui *ui)
{
    const struct header *h = &ui->img->hdr;
    const uint64_t masks[3] = { h->incompatible_features, h->compatible_features,
                                h->autoclear_features };
    struct buf b = BUF_INIT;

    for (int type = 0; type < 3; type++) {
        for (int bit = 0; bit < 64; bit++) {
            if (!(masks[type] >> bit & 1))
                continue;
            buf_puts(&b, b.len ? ", " : "");
            feature_bit_name(ui->img->head, ui->img->head_len, &ui->img->ext, type, bit,
                             &b);
        }
    }
    link_header(
        overview_fact(o, SECTION_IMAGE, "features", "%s", b.len ? buf_str(&b) : "none"),
        72);
    buf_free(&b);
}

/* Values that the header does not have, or should not. */
static void add_guesses(struct overview *o, const struct ui *ui)
{
    const struct guesses *g = &ui->img->guesses;

    for (size_t i = 0; i < g->n; i++) {
        struct buf b = BUF_INIT;
        struct overview_line *line;

        guess_text(&g->list[i], &b);
        line = overview_fact(o, SECTION_IMAGE, i ? "" : "header", "%s", buf_str(&b));
        line->role = ROLE_SEV + (g->list[i].damaged ? SEV_CORRUPTION : SEV_WARNING);
        link_header(line, g->list[i].off);
        buf_free(&b);
    }
}

static void add_names(struct overview *o, const struct ui *ui)
{
    const struct image *img = ui->img;
    struct buf b = BUF_INIT;

    if (img->backing_file) {
        text_visible(&b, img->backing_file, img->backing_file_len);
        if (img->backing_format) {
            buf_puts(&b, " (");
            text_visible(&b, img->backing_format, strlen(img->backing_format));
            buf_putc(&b, ')');
        }
        buf_puts(&b, ", not opened");
        link_header(overview_fact(o, SECTION_IMAGE, "backing file", "%s", buf_str(&b)),
                    8);
    } else {
        overview_fact(o, SECTION_IMAGE, "backing file", "none");
    }
    if (img->data_file) {
        buf_reset(&b);
        text_visible(&b, img->data_file, strlen(img->data_file));
        buf_puts(&b, ", not opened");
        overview_fact(o, SECTION_IMAGE, "data file", "%s", buf_str(&b));
    }
    buf_free(&b);
}

static void add_snapshots(struct overview *o, const struct ui *ui)
{
    const struct snapshots *s = &ui->img->snaps;
    char size[TEXT_NUM];
    char alone[TEXT_NUM];

    if (s->n == 0)
        overview_fact(o, SECTION_IMAGE, "snapshots",
                      s->announced ? "announced, but none can be read" : "none");
    for (size_t i = 0; i < s->n && i < LISTED_MAX; i++) {
        const struct snapshot *one = &s->list[i];
        struct overview_line *line;
        struct buf b = BUF_INIT;
        char when[TEXT_NUM];

        text_visible(&b, one->name, strlen(one->name));
        line = overview_fact(o, SECTION_IMAGE, i ? "" : "snapshots", "%zu: %s, %.16s", i + 1,
                             buf_str(&b), text_utc(when, one->date_sec));
        if (one->vm_state_size)
            snprintf(line->text + strlen(line->text),
                     sizeof line->text - strlen(line->text), ", VM state %s",
                     text_size(size, one->vm_state_size));
        if (ui->figures && i < ui->figures->n_snap)
            snprintf(line->text + strlen(line->text),
                     sizeof line->text - strlen(line->text),
                     "; deleting it frees %s (data only it has: %s)",
                     text_size(size, ui->figures->snap[i].frees),
                     text_size(alone, ui->figures->snap[i].alone));
        line->link = LINK_PLACE;
        line->place =
            (struct place){ .kind = PLACE_SNAPSHOT, .i = i, .guest_off = NO_ADDRESS };
        buf_free(&b);
    }
    if (s->n > LISTED_MAX || s->announced > s->n)
        overview_fact(o, SECTION_IMAGE, "", "%" PRIu64 " in all, %zu can be read",
                      s->announced, s->n);
}

static void add_bitmaps(struct overview *o, const struct ui *ui)
{
    const struct bitmaps *s = &ui->img->bitmaps;

    if (s->n == 0)
        overview_fact(o, SECTION_IMAGE, "bitmaps", "none");
    for (size_t i = 0; i < s->n && i < LISTED_MAX; i++) {
        struct overview_line *line;
        struct buf b = BUF_INIT;

        text_visible(&b, s->list[i].name, strlen(s->list[i].name));
        line = overview_fact(
            o, SECTION_IMAGE, i ? "" : "bitmaps", "%zu: %s%s%s", i + 1, buf_str(&b),
            s->list[i].flags & BITMAP_IN_USE ? ", in use when last closed" : "",
            s->list[i].flags & BITMAP_AUTO ? "" : ", disabled");
        line->link = LINK_PLACE;
        line->place =
            (struct place){ .kind = PLACE_BITMAP, .i = i, .guest_off = NO_ADDRESS };
        buf_free(&b);
    }
    if (s->n > LISTED_MAX)
        overview_fact(o, SECTION_IMAGE, "", "%zu in all", s->n);
}

void overview_add_image(struct overview *o, const struct ui *ui)
{
    const struct image *img = ui->img;
    const struct geometry *geo = &img->geo;
    struct source_info file = source_get_info(img->src);
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    overview_add(o, SECTION_IMAGE, LOOK_HEADING, "Image");
    link_header(overview_fact(o, SECTION_IMAGE, "format",
                              "qcow2 version %" PRIu64 " (compat %s)", img->hdr.version,
                              img->hdr.version == 2 ? "0.10" : "1.1"),
                4);
    add_guesses(o, ui);
    link_header(overview_fact(o, SECTION_IMAGE, "disk size", "%s, %s clusters of %s",
                     text_size(a, geo->size), text_group(b, geo->guest_clusters),
                     text_size((char[TEXT_NUM]){ 0 }, geo->cluster_size)), 24);
    if (file.kind == SOURCE_NBD)
        overview_fact(o, SECTION_IMAGE, "size", "%s, behind a server",
                      text_size(a, file.size));
    else
        overview_fact(
            o, SECTION_IMAGE, file.kind == SOURCE_BLOCK ? "block device" : "file size",
            "%s, %s of it on disk%s%s", text_size(a, file.size),
            text_size(b, file.allocated), file.fs_type ? ", on " : "",
            file.fs_type ? file.fs_type : "");
    if (file.in_use)
        overview_fact(o, SECTION_IMAGE, "in use", "another process may write to it now")
            ->role = ROLE_SEV + SEV_WARNING;
    overview_fact(o, SECTION_IMAGE, "refcounts", "%u bits%s", geo->refcount_bits,
         img->hdr.compatible_features & COMPAT_LAZY_REFCOUNTS ? ", lazy" : "");
    overview_fact(o, SECTION_IMAGE, "compression", "%s",
         img->hdr.compression_type == COMPRESSION_ZLIB ? "zlib"
         : img->hdr.compression_type == COMPRESSION_ZSTD ? "zstd" : "unknown");
    overview_fact(o, SECTION_IMAGE, "encryption", "%s",
         img->hdr.crypt_method == CRYPT_NONE ? "none"
         : img->hdr.crypt_method == CRYPT_AES ? "AES, old and unsafe"
         : img->hdr.crypt_method == CRYPT_LUKS ? "LUKS" : "unknown");
    add_features(o, ui);
    add_names(o, ui);
    add_snapshots(o, ui);
    add_bitmaps(o, ui);
}

