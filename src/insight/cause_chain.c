/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Files that the image cannot do without: the backing file; for the data file see
 * cause_data_file.c. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"

/* Guest bytes that are not in this file. */
static uint64_t from_below(const struct work *w)
{
    const struct layer_stats *a = &w->scan->stats.active;
    uint64_t here = a->normal + a->zero_plain + a->zero_alloc + a->compressed, bytes;

    if (here >= w->geo->guest_clusters)
        return 0;
    return u64_mul(w->geo->guest_clusters - here, w->geo->cluster_size, &bytes)
           ? u64_min(bytes, w->geo->size) : w->geo->size;
}

static void names_of(const struct work *w, struct buf *base, struct buf *data)
{
    if (w->img->backing_file)
        text_visible(base, w->img->backing_file, w->img->backing_file_len < 200
                                                 ? w->img->backing_file_len : 200);
    if (w->img->data_file)
        text_visible(data, w->img->data_file, strnlen(w->img->data_file, 200));
}

/* What the guest would read from below. */
static void add_below(struct work *w, const struct guest_extent *x, void *out)
{
    if (!x->mapped)
        spans_add(out, x->start, x->length, w->geo->size);
}

static void base_missing(struct work *w, const char *base, uint64_t bytes, const char *where,
                         const char *what)
{
    struct place place = work_header_place(8);
    struct cause *c = cause_add(w, CAUSE_OF_BASE_MISSING, CONFIDENCE_CERTAIN);
    char size[TEXT_NUM], share[TEXT_NUM];

    cause_evidence(c, &place, "%s", base);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_SIDE_FILE);
    if (c)
        work_extents(w, add_below, &c->risk);
    cause_text(w, c, "The backing file %s: %s of the guest disk (%s) are read from '%s'. QEMU "
               "does not open the image without it.", what, text_size(size, bytes),
               text_percent(share, bytes, w->geo->size), base);
    cause_step(w, c, "Put the base back to where it is looked for (%s), unchanged since this "
               "image was made", where);
    cause_step(w, c, "If it lies somewhere else now, tell a copy of the overlay: qemu-img "
               "rebase -u -b NEW_PLACE -F %s %s",
               w->img->backing_format ? w->img->backing_format : "FORMAT", buf_str(&w->copy));
    cause_step(w, c, "What this file itself holds can be read without the base: qemu-img "
               "rebase -u -b '' %s, then qemu-img convert -O raw %s %s.raw (the rest is "
               "zeros)", buf_str(&w->copy), buf_str(&w->copy), buf_str(&w->copy));
}

/* By what was seen of its name and kind, or of the chain where it was opened. */
static void base_seen(struct work *w, const char *base, uint64_t bytes)
{
    const struct chain *chain = w->opt->chain;
    struct buf fault = BUF_INIT;

    if (w->img->backing_there.state == SIDE_MISSING) {
        base_missing(w, base, bytes, base, "is missing");
        return;
    }
    if (w->img->backing_there.state == SIDE_UNFIT) {
        base_missing(w, base, bytes, base, "is no image");
        return;
    }
    for (size_t i = 0; chain && i < chain->n; i++) {
        const struct chain_layer *l = &chain->layer[i];

        if (!l->fault || (!l->path && !l->format))
            continue;
        buf_printf(&fault, "cannot be used (%s)", l->fault);
        base_missing(w, base, bytes, l->path ? l->path : base, buf_str(&fault));
        break;
    }
    buf_free(&fault);
}

/* QEMU removes the name of the format with that of the file. */
static void base_name_lost(struct work *w)
{
    struct place place = work_header_place(8);
    struct cause *c = cause_add(w, CAUSE_OF_BASE_MISSING, CONFIDENCE_POSSIBLE);
    struct buf format = BUF_INIT;

    text_visible(&format, w->img->backing_format, strnlen(w->img->backing_format, 40));
    cause_evidence(c, &place, "no name, but the backing format '%s'", buf_str(&format));
    if (c)
        work_extents(w, add_below, &c->risk);
    cause_text(w, c, "The name of the backing file is lost, perhaps: the header names the format "
               "of one (%s), and no file. Without it, what this file does not hold reads as "
               "zeros.", buf_str(&format));
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, "If the image had a base, name it on a copy: qemu-img rebase -u -b BASE -F "
               "%s %s", buf_str(&format), buf_str(&w->copy));
    buf_free(&format);
}

static void base_format(struct work *w, const char *base)
{
    struct place place = work_header_place(8);
    struct cause *c = cause_add(w, CAUSE_OF_BASE_FORMAT, CONFIDENCE_CERTAIN);
    struct buf quoted = BUF_INIT;

    text_quoted(&quoted, w->img->backing_file, "");
    cause_evidence(c, &place, "no backing format extension");
    cause_text(w, c, "The format of the backing file '%s' is not named: libvirt refuses such an "
               "image, and newer versions of QEMU guess or warn.", base);
    cause_step(w, c, "Find out what the base is (qemu-img info), and name it, on a copy: qemu-img "
               "rebase -u -b %s -F FORMAT %s", buf_str(&quoted), buf_str(&w->copy));
    buf_free(&quoted);
}

static void not_seen(struct work *w, const char *base, const char *data, uint64_t bytes)
{
    struct place place = work_header_place(*data ? 72 : 8);
    char size[TEXT_NUM], share[TEXT_NUM];
    struct cause *c;

    if (!*data && (!*base || !bytes))
        return;
    c = cause_add(w, CAUSE_OF_BASE_NOT_SEEN, CONFIDENCE_CERTAIN);
    if (*data) {
        cause_evidence(c, &place, "external data file");
        cause_text(w, c, "All guest data lies in another file, '%s', which was not looked at: "
                   "whether it is there, and long enough, is not known.", data);
    } else {
        cause_evidence(c, &place, "backing file");
        cause_text(w, c, "%s of the guest disk (%s) are read from '%s', which was not looked "
                   "at: whether it is there, and unchanged, is not known.",
                   text_size(size, bytes), text_percent(share, bytes, w->geo->size), base);
    }
    cause_step(w, c, "Look at the files that the image names as well, if you trust it: qcheck "
               "info --backing %s", buf_str(&w->name));
}

static bool unknown(const struct side_file *f)
{
    return f->state == SIDE_UNKNOWN || f->state == SIDE_NONE;
}

void causes_chain(struct work *w)
{
    struct buf base = BUF_INIT, data = BUF_INIT;
    uint64_t bytes = from_below(w);

    names_of(w, &base, &data);
    if (w->geo->data_file && !data.len)
        buf_puts(&data, "(not named)");
    if (!w->geo->data_file)
        buf_reset(&data);
    if (base.len)
        base_seen(w, buf_str(&base), bytes);
    if (data.len)
        causes_data_file(w, buf_str(&data));
    not_seen(w, base.len && unknown(&w->img->backing_there) && !(w->opt->chain &&
                w->opt->chain->n && w->opt->chain->layer[0].format) ? buf_str(&base) : "",
             data.len && unknown(&w->img->data_there) ? buf_str(&data) : "", bytes);
    if (!base.len && w->img->backing_format && w->img->backing_format[0] && bytes)
        base_name_lost(w);
    if (base.len && !w->img->backing_format)
        base_format(w, buf_str(&base));
    buf_free(&base);
    buf_free(&data);
}
