/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/edit_at.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/text.h"
#include "inspect/address.h"
#include "plan/edit.h"

/* --- what there is --- */

/* The bits of a word that hold an offset. */
static uint64_t pointer_bits(const struct field_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->field[i];

        if (f->kind == FIELD_OFFSET)
            return (UINT64_MAX >> (64 - f->width)) << f->off;
    }
    return 0;
}

/* The second word of an extended L2 entry? */
static bool is_bitmap(const struct field_table *t)
{
    return t && t == field_table("l2-entry-extended");
}

static void name_of(const struct site *site, struct edit_target *out)
{
    struct buf text = BUF_INIT;

    if (site->field && site->place.kind == PLACE_HEADER)
        buf_puts(&text, site->field->name);
    else
        place_text(&site->place, &text);
    if (site->field && site->place.kind != PLACE_HEADER)
        buf_printf(&text, " %s", site->field->name);
    if (!site->field && is_bitmap(site->table))
        buf_puts(&text, " bitmap");
    snprintf(out->name, sizeof out->name, "%s", buf_str(&text));
    buf_free(&text);
}

static void bytes_at(uint64_t off, struct edit_target *out)
{
    *out = (struct edit_target){ .kind = EDIT_BYTES, .off = off, .width = 1,
                                 .place = { .kind = PLACE_FILE_OFFSET, .file_off = off,
                                            .guest_off = NO_ADDRESS } };
    snprintf(out->name, sizeof out->name, "byte 0x%" PRIx64, off);
}

/* Refcounts narrower than a byte: which one is told by the entry where one stands. */
static void narrow(const struct image *img, const struct place *here, struct edit_target *out)
{
    unsigned bits = img->geo.refcount_bits, per_byte = 8 / bits;
    uint64_t j = here->kind == PLACE_REFBLOCK ? here->j : out->place.j;

    out->place.j = j;
    out->shift = (unsigned)(j % per_byte) * bits;
    out->bits = bits;
    out->value = out->value >> out->shift & ((1u << bits) - 1);
}

static bool from_site(const struct image *img, const struct place *here,
                      const struct site *site, struct edit_target *out)
{
    *out = (struct edit_target){ .place = site->place, .table = site->table,
                                 .field = site->field, .off = site->start,
                                 .width = (unsigned)site->len, .value = site->value };
    if (site->unreadable || !site->len || site->len > 8)
        return false;
    if (site->place.kind == PLACE_REFBLOCK) {
        out->kind = EDIT_REFCOUNT;
        out->bits = img->geo.refcount_bits;
        if (out->bits < 8)
            narrow(img, here, out);
    } else if (site->field) {
        if (site->field->width == 0 || site->field->kind == FIELD_TEXT)
            return false;
        out->kind = EDIT_NUMBER;
        out->pointer = site->field->kind == FIELD_OFFSET ? UINT64_MAX : 0;
    } else if (site->table) {
        out->kind = EDIT_WORD;
        out->pointer = pointer_bits(site->table);
    } else {
        return false;
    }
    name_of(site, out);
    if (out->kind == EDIT_REFCOUNT) {
        struct buf text = BUF_INIT;

        place_text(&out->place, &text);
        snprintf(out->name, sizeof out->name, "%s", buf_str(&text));
        buf_free(&text);
    }
    return true;
}

bool edit_target_at(const struct image *img, const struct scan_result *scan,
                    const struct place *here, struct edit_target *out, struct error *err)
{
    struct site site;
    uint8_t byte;

    if (here->file_off == NO_ADDRESS || here->file_off >= img->geo.file_size)
        return err_set(err, ERR_USAGE, "This place has no bytes in the file that could be "
                       "changed");
    site_at(img, scan, here, here->file_off, &site);
    if (site.place.kind != PLACE_NONE && from_site(img, here, &site, out))
        return true;
    bytes_at(here->file_off, out);
    if (!source_read(img->src, out->off, &byte, 1, err))
        return false;
    out->value = byte;
    return true;
}

void edit_target_value(const struct edit_target *t, struct buf *out)
{
    bool hex = t->kind == EDIT_WORD
        || (t->kind == EDIT_NUMBER && (t->pointer || t->field->kind == FIELD_MASK
                                       || t->field->kind == FIELD_MAGIC));

    if (t->kind == EDIT_BYTES)
        buf_printf(out, "%02x", (unsigned)t->value);
    else
        buf_printf(out, hex ? "0x%" PRIx64 : "%" PRIu64, t->value);
}

/* --- what was typed --- */

/* Bit of the flag whose name begins with these characters; 0: there is none. */
static uint64_t flag_named(const struct edit_target *t, const char *name, size_t len)
{
    if (t->kind == EDIT_WORD) {
        for (size_t i = 0; i < t->table->n; i++) {
            const struct field *f = &t->table->field[i];

            if (f->kind == FIELD_FLAG && strncasecmp(f->name, name, len) == 0)
                return UINT64_C(1) << f->off;
        }
    } else if (t->kind == EDIT_NUMBER && t->field->kind == FIELD_MASK && t->field->names) {
        for (const struct field_name *n = t->field->names; n->name; n++)
            if (strncasecmp(n->name, name, len) == 0)
                return UINT64_C(1) << n->value;
    }
    return 0;
}

/* "+copied -zero" */
void edit_target_hint(const struct edit_target *t, struct buf *out)
{
    size_t start = out->len;

    if (t->kind == EDIT_BYTES) {
        buf_puts(out, "pairs of hex digits");
        return;
    }
    if (t->kind == EDIT_WORD) {
        for (size_t i = 0; i < t->table->n; i++)
            if (t->table->field[i].kind == FIELD_FLAG)
                buf_printf(out, "+%s ", t->table->field[i].name);
    } else if (t->kind == EDIT_NUMBER && t->field->kind == FIELD_MASK && t->field->names) {
        for (const struct field_name *n = t->field->names; n->name; n++)
            buf_printf(out, "+%s ", n->name);
    }
    if (out->len > start)
        buf_puts(out, "or - ");
    if (is_bitmap(t->table))
        buf_puts(out, "32 bits zero, 32 bits allocated");
    else if (t->pointer)
        buf_puts(out, "28c; Tab picks a cluster");
    else if (out->len == start)
        buf_puts(out, "a number");
}

static bool flags_typed(const struct edit_target *t, const char *typed, uint64_t *out,
                        struct error *err)
{
    uint64_t value = t->value;

    while (*typed) {
        size_t len = strcspn(typed + 1, " +-");
        uint64_t bit = len ? flag_named(t, typed + 1, len) : 0;

        if ((*typed != '+' && *typed != '-') || !bit)
            return err_set(err, ERR_USAGE, "'%.40s' is no flag of %s", typed, t->name);
        value = *typed == '+' ? value | bit : value & ~bit;
        typed += 1 + len;
        typed += strspn(typed, " ");
    }
    *out = value;
    return true;
}

static uint64_t pointing_to(const struct edit_target *t, uint64_t off)
{
    return (t->value & ~t->pointer) | (off & t->pointer);
}

static bool value_typed(const struct image *img, const struct edit_target *t,
                        const char *typed, uint64_t *out, struct error *err)
{
    struct place to;

    if (*typed == '+' || *typed == '-')
        return flags_typed(t, typed, out, err);
    if (text_parse_size(typed, out))
        return true;
    if (!t->pointer)
        return err_set(err, ERR_USAGE, "'%.40s' is not a number", typed);
    if (!address_parse(img, &t->place, typed, &to, err))
        return false;
    if (to.kind == PLACE_CLUSTER)
        to.file_off = to.i << img->geo.cluster_bits;
    if (to.file_off == NO_ADDRESS)
        return err_set(err, ERR_USAGE, "'%.40s' is not a place in the file", typed);
    *out = pointing_to(t, to.file_off);
    return true;
}

/* A value in words. */
static void describe(const struct image *img, const struct edit_target *t, uint64_t value,
                     struct buf *out)
{
    if (t->kind == EDIT_NUMBER) {
        field_describe(t->field, value, out);
    } else if (t->kind == EDIT_WORD && is_bitmap(t->table)) {
        edit_bitmap_text(value, out);
    } else if (t->kind == EDIT_WORD) {
        buf_printf(out, "0x%" PRIx64, value);
        edit_entry_means(img, &t->place, value, out);
    } else {
        buf_printf(out, "%" PRIu64, value);
    }
}

static bool store(const struct image *img, const struct edit_target *t, uint64_t value,
                  struct plan_step *step, struct error *err)
{
    unsigned bits = t->kind == EDIT_REFCOUNT ? t->bits : t->width * 8;
    struct buf title = BUF_INIT;
    uint8_t bytes[8];

    if (bits < 64 && value >> bits)
        return err_set(err, ERR_USAGE, "%s has %u bits, too few for that", t->name, bits);
    if (value == t->value)
        return err_set(err, ERR_USAGE, "%s has this value already", t->name);
    if (t->kind == EDIT_REFCOUNT && t->bits < 8) {
        uint64_t mask = ((UINT64_C(1) << t->bits) - 1) << t->shift;

        if (!source_read(img->src, t->off, bytes, 1, err))
            return false;
        bytes[0] = (uint8_t)((bytes[0] & ~mask) | value << t->shift);
    } else {
        be_store(bytes, t->width, value);
    }
    patches_write(&step->patches, t->off, bytes, t->width);
    buf_printf(&title, "Set %s from ", t->name);
    describe(img, t, t->value, &title);
    buf_puts(&title, " to ");
    describe(img, t, value, &title);
    buf_putc(&title, '.');
    step->title = buf_take(&title);
    step->place = t->place;
    return (step->title && !step->patches.failed)
        || err_set(err, ERR_NOMEM, "out of memory");
}

static bool store_bytes(const struct image *img, const struct edit_target *t,
                        const char *typed, struct plan_step *step, struct error *err)
{
    struct buf bytes = BUF_INIT, title = BUF_INIT;
    bool ok = false;

    for (const char *p = typed; *p; p += strspn(p, " ")) {
        char pair[3] = { p[0], p[1], '\0' };

        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1])) {
            err_set(err, ERR_USAGE, "Bytes are pairs of hexadecimal digits: 51 46 49 fb");
            goto out;
        }
        buf_putc(&bytes, (char)strtoul(pair, NULL, 16));
        p += 2;
    }
    if (!bytes.len || !range_inside(t->off, bytes.len, img->geo.file_size)) {
        err_set(err, ERR_USAGE, "They reach past the end of the file");
        goto out;
    }
    patches_write(&step->patches, t->off, bytes.data, bytes.len);
    buf_printf(&title, "Write %zu byte%s at 0x%" PRIx64 ".", bytes.len,
               bytes.len == 1 ? "" : "s", t->off);
    step->title = buf_take(&title);
    step->place = t->place;
    ok = (step->title && !step->patches.failed) || err_set(err, ERR_NOMEM, "out of memory");
out:
    buf_free(&bytes);
    return ok;
}

bool edit_target_set(const struct image *img, const struct edit_target *t, const char *typed,
                     struct plan_step *step, struct error *err)
{
    uint64_t value;

    typed += strspn(typed, " ");
    if (t->kind == EDIT_BYTES)
        return store_bytes(img, t, typed, step, err);
    return value_typed(img, t, typed, &value, err) && store(img, t, value, step, err);
}

bool edit_target_point(const struct image *img, const struct edit_target *t, uint64_t cluster,
                       struct plan_step *step, struct error *err)
{
    if (!t->pointer)
        return err_set(err, ERR_USAGE, "%s is no pointer", t->name);
    return store(img, t, pointing_to(t, cluster << img->geo.cluster_bits), step, err);
}
