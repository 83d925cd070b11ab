/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The header as it was guessed is written down, and the size of the disk is taken from what
 * the disk says of itself where the header no longer does. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage.h"
#include "qcow2/field.h"

static const char *const FIELDS[] = {
    "magic", "version", "backing_file_offset", "backing_file_size", "cluster_bits", "size",
    "crypt_method", "l1_size", "l1_table_offset", "refcount_table_offset",
    "refcount_table_clusters", "nb_snapshots", "snapshots_offset",
    "incompatible_features", "compatible_features", "autoclear_features", "refcount_order",
    "header_length",
};
#define N_FIELDS (sizeof FIELDS / sizeof FIELDS[0])
#define N_FIELDS_V2 13

static bool size_was_guessed(const struct image *img)
{
    for (size_t i = 0; i < img->guesses.n; i++) {
        const struct guess *g = &img->guesses.list[i];

        if (strcmp(g->field, "size") == 0 && g->how == GUESS_TAKEN)
            return true;
    }
    return !img->hdr.size;
}

static void write_header(const struct image *img, struct patches *out)
{
    size_t n = img->hdr.version == 2 ? N_FIELDS_V2 : N_FIELDS;
    struct header now;
    uint8_t zeros[8] = { 0 };

    header_decode(img->head, img->head_got, &now);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = header_value(&img->hdr, FIELDS[i]);

        if (value != header_value(&now, FIELDS[i]) || now.magic != img->hdr.magic)
            edit_header(out, FIELDS[i], value);
    }
    for (size_t i = 0; i < img->guesses.n; i++) {
        const struct guess *g = &img->guesses.list[i];

        if (strcmp(g->table, "header-ext") == 0 && g->how != GUESS_PROPOSED)
            edit_field(out, g->table, g->off - 4, g->field, g->value);
    }
    /* What is left of extensions after a lost header has no end of its own. */
    if (now.magic != img->hdr.magic && img->ext.end == EXT_ENDED_TOO_LONG
        && img->ext.end_off + 8 <= img->geo.cluster_size)
        patches_write(out, img->ext.end_off, zeros, 8);
}

bool salvage_header(struct salvage *s, struct error *err)
{
    const struct image *img = s->t->img;
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step;

    s->size_unknown = size_was_guessed(img);
    if (!guesses_taken(&img->guesses))
        return true;
    s->header_lost = true;
    step = salvage_step(s, err);
    if (!step)
        return false;
    write_header(img, &step->patches);
    buf_puts(&title, "Write the header with the values that were found.");
    for (size_t i = 0; i < img->guesses.n; i++)
        if (img->guesses.list[i].how != GUESS_PROPOSED) {
            if (why.len)
                buf_puts(&why, "; ");
            guess_text(&img->guesses.list[i], &why);
        }
    if (why.len)
        buf_putc(&why, '.');
    return salvage_take(s, step, &title, &why, err);
}

/* --- how large the disk is --- */

static uint64_t le(const uint8_t *p, size_t width)
{
    uint64_t v = 0;

    while (width--)
        v = v << 8 | p[width];
    return v;
}

/* Where the disk ends by its GPT, or where its last partition of an MBR does; 0: neither. */
static uint64_t end_by_partitions(struct guest_reader *r, const char **why)
{
    uint8_t sector[512];
    uint64_t end = 0, lba;

    if (guest_reader_read(r, 512, sector, sizeof sector)
        && memcmp(sector, "EFI PART", 8) == 0) {
        lba = u64_max(le(sector + 24, 8), le(sector + 32, 8));
        *why = "its GPT";
        return lba && lba < INT64_MAX / 512 ? (lba + 1) * 512 : 0;
    }
    if (!guest_reader_read(r, 0, sector, sizeof sector) || sector[510] != 0x55
        || sector[511] != 0xaa)
        return 0;
    for (const uint8_t *p = sector + 446; p < sector + 510; p += 16)
        if (p[4] && p[4] != 0xee && !(p[0] & 0x7f))
            end = u64_max(end, (le(p + 8, 4) + le(p + 12, 4)) * 512);
    *why = "its partition table";
    return end;
}

static bool take_size(struct salvage *s, uint64_t size, const char *source, struct error *err)
{
    const struct geometry *geo = &s->t->img->geo;
    uint64_t needed = div_up(size, geo->l2_span);
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step;
    char text[TEXT_NUM];

    /* An L1 table grows only within its cluster. */
    if (needed > u64_max(geo->l1_entries, geo->cluster_size / 8))
        return true;
    step = salvage_step(s, err);
    if (!step)
        return false;
    edit_header(&step->patches, "size", size);
    if (needed > geo->l1_entries) {
        patches_zero(&step->patches, s->t->img->hdr.l1_table_offset + geo->l1_entries * 8,
                     (needed - geo->l1_entries) * 8);
        edit_header(&step->patches, "l1_size", needed);
    }
    buf_printf(&title, "Make the disk as large as %s says: %s.", source,
               text_size(text, size));
    buf_puts(&why, "The header does not say it any more.");
    return salvage_take(s, step, &title, &why, err);
}

bool salvage_size(struct salvage *s, struct error *err)
{
    struct guest_reader *r;
    const char *why = "";
    uint64_t end, mapped;

    if (!s->size_unknown)
        return true;
    if (!guest_reader_open(s->t, s->below, &r, err))
        return false;
    end = end_by_partitions(r, &why);
    mapped = guest_reader_end(r);
    guest_reader_close(r);
    if (end < mapped) {
        end = mapped;
        why = "what it has mapped";
    }
    if (!end || end > INT64_MAX || end == s->t->img->hdr.size)
        return true;
    return take_size(s, end, why, err);
}
