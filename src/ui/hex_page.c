/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the hex view shows of places that have no bytes in the file, and its lesson. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scan/guest.h"
#include "ui/hex_view.h"

static void say_past_end(const struct ui *ui, uint64_t off, struct hex_page *out)
{
    uint64_t size = ui->img->geo.file_size;
    char text[TEXT_NUM];

    snprintf(out->title, sizeof out->title, "%s past the end of the file",
             off == size ? "Right" : text_size(text, off - size));
    snprintf(out->text, sizeof out->text,
             "The file has %" PRIu64 " bytes and ends at 0x%" PRIx64 "; this is byte 0x%" PRIx64
             ".\n\nWhat points here points to nothing: the file was cut short, as by a copy that "
             "did not finish, or the pointer is damaged. QEMU reads zeros here.",
             size, size, off);
}

/* The name of a file, made fit to be shown. */
static void add_name(struct buf *text, const char *name)
{
    buf_puts(text, name ? " " : "");
    if (name)
        text_visible(text, name, strlen(name));
}

static void say_unallocated(const struct ui *ui, uint64_t guest_off, struct hex_page *out)
{
    const struct image *img = ui->img;
    struct buf text = BUF_INIT;

    if (img->backing_file) {
        snprintf(out->title, sizeof out->title, "Read from the backing file");
        buf_puts(&text, "No cluster of this file holds this part of the disk. The guest reads "
                        "it from the backing file");
        add_name(&text, img->backing_file);
        buf_printf(&text, ", from byte 0x%" PRIx64 " of the disk there; past the end of that "
                          "disk it reads zeros.", guest_off);
    } else {
        snprintf(out->title, sizeof out->title, "Reads as zeros");
        buf_puts(&text, "No cluster of this file holds this part of the disk, and there is no "
                        "backing file: nothing was ever written here, or it was discarded. The "
                        "guest reads zeros.");
    }
    snprintf(out->text, sizeof out->text, "%s", buf_str(&text));
    buf_free(&text);
}

static void say_guest(const struct ui *ui, const struct place *p, struct hex_page *out)
{
    struct buf text = BUF_INIT;
    struct guest_hit hit;
    struct error err = { .code = ERR_NONE };

    if (!guest_lookup(ui->img, p->layer, p->guest_off, &hit, &err)) {
        snprintf(out->title, sizeof out->title, "Not to be found");
        snprintf(out->text, sizeof out->text, "%.300s", err.code ? err.text
                     : "The L1 table does not reach so far: this lies past the end of the disk.");
    } else if (hit.entry.type == L2_ZERO_PLAIN || hit.entry.type == L2_ZERO_ALLOC) {
        snprintf(out->title, sizeof out->title, "Reads as zeros");
        snprintf(out->text, sizeof out->text, "The entry L1[%" PRIu64 "] L2[%" PRIu64 "] says that "
                 "this part of the disk is all zeros; no cluster is kept for it.",
                 hit.l1_index, hit.l2_index);
    } else if (ui->img->geo.data_file && hit.entry.type != L2_UNALLOCATED) {
        snprintf(out->title, sizeof out->title, "In the external data file");
        buf_puts(&text, "The data of this image is in another file:");
        add_name(&text, ui->img->data_file ? ui->img->data_file : "(no name is given)");
        buf_printf(&text, ", byte 0x%" PRIx64 ".",
                   hit.host_off == NO_ADDRESS ? hit.entry.host_off : hit.host_off);
        snprintf(out->text, sizeof out->text, "%s", buf_str(&text));
    } else {
        say_unallocated(ui, p->guest_off, out);
    }
    buf_free(&text);
}

bool hex_page_of(const struct ui *ui, const struct place *p, struct hex_page *out)
{
    if (p->file_off != NO_ADDRESS && p->file_off < ui->img->geo.file_size)
        return false;
    *out = (struct hex_page){ .title = "Not in the file" };
    if (p->file_off != NO_ADDRESS)
        say_past_end(ui, p->file_off, out);
    else if (p->guest_off != NO_ADDRESS)
        say_guest(ui, p, out);
    else
        snprintf(out->text, sizeof out->text, "This place has no address in the file.");
    return true;
}

void hex_page_undecodable(const struct hex_stream *s, const char *why, struct hex_page *out)
{
    *out = (struct hex_page){ .title = "This compressed cluster cannot be decompressed",
                              .stream = true };
    snprintf(out->text, sizeof out->text, "%.250s\n\nThe guest gets an error when it reads "
             "0x%" PRIx64 ". The compressed bytes themselves, at most %" PRIu64 " from 0x%" PRIx64
             " on, can be seen: press z.", why, s->guest_off, s->host_len, s->host_off);
}

void hex_page_draw(const struct hex_page *page, const struct area *a)
{
    const char *text = page->text;
    int y = a->h > 4 ? 1 : 0;

    draw_cursor(a, y, 1);
    y += draw_wrapped(a, y, 1, a->w - 2, ROLE_HEADING, page->title, 0) + (a->h > 4);
    while (*text && y < a->h) {
        size_t len = strcspn(text, "\n");
        struct buf line = BUF_INIT;

        buf_add(&line, text, len);
        y += len ? draw_wrapped(a, y, 1, a->w > 82 ? 80 : a->w - 2, ROLE_TEXT, buf_str(&line), 0)
                 : 1;
        buf_free(&line);
        text += len + (text[len] == '\n');
    }
}

void hex_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct hex_view *v = state;
    const struct site *site = &ui->site;
    const struct geometry *geo = &ui->img->geo;

    buf_puts(
        out,
        "The bytes of the file as they are. All numbers of the format are big endian: "
        "the first byte counts most. The field under the cursor is marked and "
        "explained below; Enter follows it when it is a pointer.\n\n");
    buf_printf(out,
               "  byte 0x%" PRIx64 " / 0x%" PRIx64 " = cluster %" PRIu64 ", byte %" PRIu64
               " in it\n\n",
               v->at, geo->cluster_size, geo_cluster_of(geo, v->at),
               v->at & (geo->cluster_size - 1));
    if (site->place.kind != PLACE_NONE && site->table) {
        buf_printf(out, "Here lies: %s (specification: \"%s\").\n\n", site->table->title,
                   site->table->spec);
        for (size_t i = 0; i < site->table->n; i++) {
            const struct field *f = &site->table->field[i];

            if (site->table->bits)
                buf_printf(out, "  bits %2u to %2u  %s: %s\n", f->off,
                           (unsigned)f->off + f->width - 1, f->name, f->meaning);
            else if (f->width)
                buf_printf(out, "  byte %3u, %u long  %s: %s\n", f->off, f->width,
                           f->name, f->meaning);
        }
    }
    buf_puts(out, "\nSearch takes text, or bytes typed as: hex 51 46 49 fb\n");
}
