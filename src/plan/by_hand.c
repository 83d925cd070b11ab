/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Goals by which a person says what to write: flags, the backing file, any field or byte. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "inspect/address.h"
#include "plan/edit.h"
#include "plan/header_area.h"
#include "plan/owners.h"
#include "plan/planner.h"

/* --- flags --- */

struct flag { const char *name, *field; uint64_t bit; const char *set, *clear; };

static const struct flag flags[] = {
    { "dirty", "incompatible_features", INCOMPAT_DIRTY,
      "QEMU rebuilds the refcounts when it opens the image for writing",
      "refcounts are trusted from then on; plan refcounts first when they are behind" },
    { "corrupt", "incompatible_features", INCOMPAT_CORRUPT,
      "QEMU opens the image only for reading",
      "QEMU may write to the image again, whatever is still broken in it" },
    { "lazy_refcounts", "compatible_features", COMPAT_LAZY_REFCOUNTS,
      "refcounts are written late, and rebuilt after a crash",
      "refcounts are written with each change" },
};

static const struct flag *flag_named(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strlen(flags[i].name) == len && strncmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

static bool describe(struct plan_step *step, struct buf *title, struct buf *cost,
                     struct error *err)
{
    step->title = title->len ? buf_take(title) : NULL;
    step->cost = cost->len ? buf_take(cost) : NULL;
    buf_free(title);
    buf_free(cost);
    return (!title->failed && !cost->failed) || err_set(err, ERR_NOMEM, "out of memory");
}

static bool take(struct trial *t, struct plan_step *step, struct patches *round,
                 struct error *err)
{
    bool ok = trial_take(t, round, err);

    if (ok)
        patches_append(&step->patches, round);
    patches_free(round);
    return ok;
}

bool planner_flags(struct trial *t, const struct planner_options *opt,
                   struct plan_step *step, struct error *err)
{
    uint64_t incompatible = t->img->hdr.incompatible_features;
    uint64_t compatible = t->img->hdr.compatible_features;
    struct buf title = BUF_INIT, cost = BUF_INIT;
    struct patches round = { 0 };

    if (t->img->hdr.version == 2)
        return err_set(err, ERR_USAGE, "a version 2 image has no flags");
    if (!opt->n_args)
        return err_set(err, ERR_USAGE, "flags: say which, e.g. dirty=off, corrupt=off, "
                       "lazy_refcounts=on");
    for (size_t i = 0; i < opt->n_args; i++) {
        const char *value = strchr(opt->args[i], '=') + 1;
        const struct flag *f = flag_named(opt->args[i], (size_t)(value - 1 - opt->args[i]));
        bool on = strcmp(value, "on") == 0;
        uint64_t *word;

        if (!f || (!on && strcmp(value, "off") != 0))
            return err_set(err, ERR_USAGE, "flags: '%.60s' is not one of dirty, corrupt, "
                           "lazy_refcounts with =on or =off", opt->args[i]);
        word = strcmp(f->field, "incompatible_features") == 0 ? &incompatible : &compatible;
        if (!(*word & f->bit) == !on)
            continue;
        *word ^= f->bit;
        edit_header(&round, f->field, *word);
        buf_printf(&title, "%s%s the %s flag", title.len ? ", " : "", on ? title.len ? "set" : "Set"
                   : title.len ? "clear" : "Clear", f->name);
        buf_printf(&cost, "%s%s: %s", cost.len ? "; " : "", f->name, on ? f->set : f->clear);
    }
    if (title.len)
        buf_puts(&title, ".");
    return describe(step, &title, &cost, err) && take(t, step, &round, err);
}

/* --- the backing file --- */

/* Names that QEMU has for formats of backing files, and for devices. */
static bool format_known(const char *format)
{
    static const char *const formats[] = {
        "raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels", "bochs", "cloop",
        "dmg", "luks", "file", "host_device",
    };

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i], format) == 0)
            return true;
    return false;
}

bool planner_backing(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    const char *name = planner_arg(opt, "file"), *format = planner_arg(opt, "format");
    struct area_change change = { 0 };
    struct buf title = BUF_INIT, cost = BUF_INIT;
    struct patches round = { 0 };

    if (!name && !format)
        return err_set(err, ERR_USAGE, "backing: say file=NAME and format=raw or qcow2; "
                       "file= without a name drops it");
    if ((name && strlen(name) > BACKING_NAME_MAX)
        || (format && strlen(format) > BACKING_FORMAT_MAX))
        return err_set(err, ERR_USAGE, "backing: the name or the format is too long");
    if (format && *format && !format_known(format))
        return err_set(err, ERR_USAGE, "backing: QEMU knows no format '%.40s'; raw and qcow2 are "
                       "the usual ones", format);
    if (name && !*name && t->img->hdr.backing_file_offset && !opt->accept_loss)
        return err_set(err, ERR_USAGE, "without its backing file all that this image does not "
                       "hold itself reads as zeros; --accept-loss plans it all the same");
    if (name) {
        change.name = *name ? AREA_SET : AREA_DROP;
        change.name_is = name;
        if (!*name)
            change.format = AREA_DROP;
    }
    if (format && change.format == AREA_KEEP) {
        change.format = *format ? AREA_SET : AREA_DROP;
        change.format_is = format;
    }
    if (!header_area_change(t->img, &change, &round, err))
        return false;
    buf_puts(&title, change.name == AREA_DROP ? "Drop the backing file."
             : change.name == AREA_SET ? "Set the backing file to " : "Record the format of the "
               "backing file: ");
    if (change.name == AREA_SET)
        text_visible(&title, name, strlen(name));
    if (change.name == AREA_SET && format)
        buf_puts(&title, ", format ");
    if (format && change.name != AREA_DROP)
        text_visible(&title, format, strlen(format));
    if (change.name != AREA_DROP)
        buf_putc(&title, '.');
    buf_puts(&cost, change.name == AREA_DROP
             ? "What this image does not hold itself reads as zeros from then on."
             : "What this image does not hold itself is read from that file; a wrong one gives "
               "a wrong disk.");
    return describe(step, &title, &cost, err) && take(t, step, &round, err);
}

/* --- anything --- */

static bool hex_bytes(const char *text, struct buf *out)
{
    size_t n = strlen(text);

    if (n < 2 || n % 2)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        char pair[3] = { text[i], text[i + 1], '\0' };

        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
            return false;
        buf_putc(out, (char)strtoul(pair, NULL, 16));
    }
    return true;
}

static bool number_of(const char *text, uint64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return !*end && !errno;
}

static bool set_entry(const struct image *img, const struct place *p, const char *value,
                      struct patches *round, struct buf *title, struct error *err)
{
    uint64_t old, now;
    uint8_t bytes[8];

    if (!number_of(value, &now))
        return err_set(err, ERR_USAGE, "set: '%.40s' is not a number", value);
    if (!source_read(img->src, p->file_off, bytes, 8, err))
        return false;
    old = be64(bytes);
    edit_entry(round, p->file_off, now);
    buf_puts(title, "Set ");
    place_text(p, title);
    buf_printf(title, " from 0x%" PRIx64, old);
    edit_entry_means(img, p, old, title);
    buf_printf(title, " to 0x%" PRIx64, now);
    edit_entry_means(img, p, now, title);
    buf_puts(title, ".");
    return true;
}

/* The byte at `off`, as what comes before in the same step leaves it. */
static bool byte_so_far(const struct image *img, const struct patches *round, uint64_t off,
                        uint8_t *out, struct error *err)
{
    if (!source_read(img->src, off, out, 1, err))
        return false;
    for (size_t i = 0; i < round->n; i++)
        if (round->list[i].kind == PATCH_BYTES && round->list[i].off == off)
            *out = (uint8_t)round->bytes.data[round->list[i].at];
    return true;
}

static bool set_refcount(const struct image *img, const struct place *p, const char *value,
                         struct patches *round, struct buf *title, struct error *err)
{
    const struct geometry *geo = &img->geo;
    unsigned bits = geo->refcount_bits, len = bits < 8 ? 1 : bits / 8;
    uint64_t in_byte = bits < 8 ? p->j % (8 / bits) : 0, old, now;
    uint8_t bytes[8];

    if (!number_of(value, &now) || now > geo->refcount_max)
        return err_set(err, ERR_USAGE, "set: '%.40s' is not a refcount of %u bits", value, bits);
    if (bits < 8 ? !byte_so_far(img, round, p->file_off, bytes, err)
        : !source_read(img->src, p->file_off, bytes, len, err))
        return false;
    old = refblock_get(bytes, geo->refcount_order, in_byte);
    refblock_set(bytes, geo->refcount_order, in_byte, now);
    patches_write(round, p->file_off, bytes, len);
    buf_puts(title, "Set ");
    place_text(p, title);
    buf_printf(title, " from %" PRIu64 " to %" PRIu64 ".", old, now);
    return true;
}

/* The second word of an extended L2 entry. */
static bool set_bitmap(const struct image *img, const struct place *p, const char *value,
                       struct patches *round, struct buf *title, struct error *err)
{
    uint64_t now;
    uint8_t bytes[8];

    if (p->kind != PLACE_L2 || !img->geo.extended_l2)
        return err_set(err, ERR_USAGE, "set: only extended L2 entries have a bitmap");
    if (!number_of(value, &now))
        return err_set(err, ERR_USAGE, "set: '%.40s' is not a number", value);
    if (!source_read(img->src, p->file_off + 8, bytes, 8, err))
        return false;
    edit_entry(round, p->file_off + 8, now);
    buf_puts(title, "Set the bitmap of ");
    place_text(p, title);
    buf_puts(title, " from ");
    edit_bitmap_text(be64(bytes), title);
    buf_puts(title, " to ");
    edit_bitmap_text(now, title);
    buf_puts(title, ".");
    return true;
}

static bool set_field(const struct image *img, const struct field *f, const char *value,
                      struct patches *round, struct buf *title, struct error *err)
{
    const struct field_table *t = field_table("header");
    uint64_t now;

    if (!number_of(value, &now) || (f->width < 8 && now >> (f->width * 8)))
        return err_set(err, ERR_USAGE, "set: '%.40s' is not a number that fits %s", value,
                       f->name);
    edit_header(round, f->name, now);
    buf_printf(title, "Set %s from ", f->name);
    field_describe(f, field_value(t, f, img->head, img->head_got), title);
    buf_puts(title, " to ");
    field_describe(f, now, title);
    buf_puts(title, ".");
    return true;
}

#define FROM_FILE_MAX (UINT64_C(64) << 20)      /* bytes that a plan carries of another file */

const char *planner_set_file(const char *arg)
{
    const char *value = strchr(arg, '=');
    const char *colon = value && value[1] == '@' ? strchr(value, ':') : NULL;

    return colon && colon[1] ? colon + 1 : NULL;
}

static bool write_from(struct source *src, uint64_t from, uint64_t len, uint64_t off,
                       struct patches *round, struct error *err)
{
    uint8_t bytes[4096];

    for (uint64_t done = 0; done < len;) {
        size_t n = (size_t)u64_min(sizeof bytes, len - done);

        if (!source_read(src, from + done, bytes, n, err))
            return false;
        patches_write(round, off + done, bytes, n);
        done += n;
    }
    return true;
}

static const struct planner_file *file_named(const struct planner_options *opt,
                                             const char *name)
{
    for (size_t i = 0; i < opt->n_files; i++)
        if (strcmp(opt->file[i].name, name) == 0)
            return &opt->file[i];
    return NULL;
}

/* value: @FROM+LENGTH, a range of the file itself, or @FROM+LENGTH:FILE. */
static bool set_copy(const struct trial *t, const struct planner_options *opt, uint64_t off,
                     const char *value, struct patches *round, struct buf *title,
                     struct error *err)
{
    const char *name = strchr(value, ':');
    const struct planner_file *file = name ? file_named(opt, name + 1) : NULL;
    uint64_t from, len, size;
    char part[64], *plus;

    snprintf(part, sizeof part, "%.*s", (int)strcspn(value + 1, ":"), value + 1);
    plus = strchr(part, '+');
    if (!plus || (name && !file))
        return err_set(err, ERR_USAGE, "set: a copy is written @FROM+LENGTH or "
                       "@FROM+LENGTH:FILE");
    *plus = '\0';
    size = file ? source_size(file->src) : t->img->geo.file_size;
    if (!number_of(part, &from) || !number_of(plus + 1, &len) || !len
        || !range_inside(from, len, size))
        return err_set(err, ERR_USAGE, "set: '%.40s' is not a range of the file", value);
    if (file && len > FROM_FILE_MAX)
        return err_set(err, ERR_LIMIT, "set: at most %llu bytes are copied from another file",
                       (unsigned long long)FROM_FILE_MAX);
    buf_printf(title, "Copy %" PRIu64 " bytes from 0x%" PRIx64, len, from);
    if (file) {
        buf_puts(title, " of ");
        text_visible(title, file->name, strlen(file->name));
    }
    buf_printf(title, " to 0x%" PRIx64 ".", off);
    return file ? write_from(file->src, from, len, off, round, err)
        : trial_copy(t, round, off, from, len, err);
}

static bool set_bytes(uint64_t off, const char *value, struct patches *round,
                      struct buf *title, struct error *err)
{
    struct buf bytes = BUF_INIT;

    if (!hex_bytes(value, &bytes)) {
        buf_free(&bytes);
        return err_set(err, ERR_USAGE, "set: bytes are written in pairs of hexadecimal "
                       "digits: 0x10000=00ff12");
    }
    patches_write(round, off, bytes.data, bytes.len);
    buf_printf(title, "Write %zu byte%s at 0x%" PRIx64 ".", bytes.len,
               bytes.len == 1 ? "" : "s", off);
    buf_free(&bytes);
    return true;
}

/* L2[3][77].bitmap: takes that away from the name of the entry. */
static bool ends_with_bitmap(char *name)
{
    char *dot = strrchr(name, '.');

    if (!dot || strcmp(dot, ".bitmap") != 0)
        return false;
    *dot = '\0';
    return true;
}

static bool set_one(const struct trial *t, const struct planner_options *opt,
                    const char *arg, struct patches *round, struct buf *title,
                    struct error *err)
{
    const char *value = strchr(arg, '=') + 1;
    const struct field *f;
    struct place p;
    char name[128];
    bool bitmap;

    if ((size_t)(value - arg) > sizeof name)
        return err_set(err, ERR_USAGE, "set: '%.40s' is too long an address", arg);
    memcpy(name, arg, (size_t)(value - 1 - arg));
    name[value - 1 - arg] = '\0';
    if (title->len)
        buf_putc(title, ' ');
    f = field_named(field_table("header"), name);
    if (f)
        return set_field(t->img, f, value, round, title, err);
    bitmap = ends_with_bitmap(name);
    if (!address_parse(t->img, NULL, name, &p, err))
        return false;
    if (bitmap)
        return set_bitmap(t->img, &p, value, round, title, err);
    if (p.kind == PLACE_L1 || p.kind == PLACE_L2 || p.kind == PLACE_REFTABLE)
        return set_entry(t->img, &p, value, round, title, err);
    if (p.kind == PLACE_REFBLOCK)
        return set_refcount(t->img, &p, value, round, title, err);
    if (p.kind == PLACE_CLUSTER)
        p.file_off = p.i << t->img->geo.cluster_bits;
    if (p.file_off == NO_ADDRESS)
        return err_set(err, ERR_USAGE, "set: '%.60s' is not a place in the file", name);
    if (p.file_off > t->img->geo.file_size)
        return err_set(err, ERR_USAGE, "set: '%.60s' lies after the end of the file", name);
    return *value == '@' ? set_copy(t, opt, p.file_off, value, round, title, err)
        : set_bytes(p.file_off, value, round, title, err);
}

/* What is written is known; what the guest reads then is compared. */
static bool take_by_hand(struct trial *t, struct plan_step *step, struct patches *round,
                         struct error *err)
{
    struct trial_past past;
    bool ok = trial_take_past(t, round, &past, err);

    if (ok) {
        patches_append(&step->patches, round);
        ok = plan_step_note_guest(step, past.img, t->img, err);
        trial_past_free(&past);
    }
    patches_free(round);
    return ok;
}

bool planner_set(struct trial *t, const struct planner_options *opt, struct plan_step *step,
                 struct error *err)
{
    struct buf title = BUF_INIT, cost = BUF_INIT;
    struct patches round = { 0 };
    bool ok = true;

    if (!opt->n_args)
        return err_set(err, ERR_USAGE, "set: say what, e.g. l1_size=4, L2[3][77]=0x50000 or "
                       "0x10000=00ff");
    for (size_t i = 0; ok && i < opt->n_args; i++)
        ok = set_one(t, opt, opt->args[i], &round, &title, err);
    if (!ok) {
        patches_free(&round);
        buf_free(&title);
        return false;
    }
    buf_puts(&cost, "Set by hand: only the scan afterwards tells whether it is right.");
    return describe(step, &title, &cost, err) && take_by_hand(t, step, &round, err);
}
