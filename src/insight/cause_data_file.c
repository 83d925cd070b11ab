/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The external data file: missing or too short, or with data that nothing maps. */
#include "config.h"

#include "base/text.h"
#include "insight/cause_work.h"

/* --- missing, or too short --- */

struct from { uint64_t off; struct guest_spans *out; };

static void add_from(struct work *w, const struct guest_extent *x, void *ctx)
{
    const struct from *f = ctx;
    uint64_t skip = x->host_off < f->off ? f->off - x->host_off : 0;

    if (x->data && x->host_off != NO_ADDRESS && skip < x->length)
        spans_add(f->out, x->start + skip, x->length - skip, w->geo->size);
}

/* What was written to the data file at or past byte `from` of it. */
static void ranges_in_data_file(struct work *w, uint64_t from, struct guest_spans *out)
{
    struct from f = { from, out };

    if (!work_extents(w, add_from, &f))     /* not all was looked at */
        spans_add(out, from, w->geo->size - u64_min(from, w->geo->size), w->geo->size);
    spans_settle(out);
}

static void data_file_gone(struct work *w, struct cause *c, const char *name, const char *lost)
{
    cause_text(w, c, "The data file %s: all guest data (%s) lies in '%s', and this file holds "
               "nothing but its mapping.", w->img->data_there.state == SIDE_MISSING
               ? "is missing" : "is no image", c && c->lost.n ? lost : "none was written yet",
               name);
    if (c && c->lost.n)
        cause_step(w, c, "Put the data file back to where it is looked for (%s)", name);
    else
        cause_step(w, c, "Put the data file back to where it is looked for (%s), or make an "
                   "empty one of the length of the disk: truncate -s %llu DATA_FILE", name,
                   (unsigned long long)w->geo->size);
}

static void data_file_short(struct work *w, struct cause *c, const char *name,
                            const char *lost)
{
    char a[TEXT_NUM], b[TEXT_NUM];

    if (c && c->lost.n) {
        cause_text(w, c, "The data file is too short: '%s' has %s, the disk %s. What was "
                   "written behind that is missing: %s.", name,
                   text_size(a, w->img->data_there.size), text_size(b, w->geo->size), lost);
        cause_step(w, c, "Look for a longer copy of the data file");
        return;
    }
    cause_text(w, c, "The data file '%s' has %s, the disk %s. Nothing was written behind that.",
               name, text_size(a, w->img->data_there.size), text_size(b, w->geo->size));
    cause_step(w, c, "Make it as long as the disk: truncate -s %llu DATA_FILE",
               (unsigned long long)w->geo->size);
}

static void data_file(struct work *w, const char *name)
{
    const struct side_file *f = &w->img->data_there;
    bool is_short = f->state == SIDE_SHORT;
    struct place place = work_header_place(72);
    struct cause *c;
    char lost[TEXT_NUM] = "";

    if (f->state == SIDE_THERE || f->state == SIDE_UNKNOWN || f->state == SIDE_NONE)
        return;
    c = cause_add(w, CAUSE_OF_DATA_FILE, CONFIDENCE_CERTAIN);
    cause_evidence(c, &place, "%s", name);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_SIDE_FILE, PROBLEM_DATA_FILE_SHORT);
    if (c) {
        ranges_in_data_file(w, is_short ? f->size : 0, &c->lost);
        text_size(lost, spans_bytes(&c->lost));
        if (!c->lost.n)         /* nothing was written that could be missing */
            c->weight = is_short ? CAUSE_LEAD : CAUSE_DANGER;
    }
    if (is_short)
        data_file_short(w, c, name, lost);
    else
        data_file_gone(w, c, name, lost);
}

/* --- data that nothing maps --- */

#define HOST_BLOCK  4096u       /* what a file system gives out at once */
#define SLACK       16384u      /* bytes that it may need besides */

/* Adds what of the guest range [from, to) is in the data file and not zeros. Its bytes lie
 * there where the guest has them. */
static void look_in(struct work *w, struct source *src, uint64_t from, uint64_t to,
                    struct guest_spans *out)
{
    uint64_t start, stop;

    while (from < to && source_next_data(src, from, &start, &stop) && start < to) {
        from = u64_max(start, from);
        stop = u64_min(stop, to);
        while (from < stop) {
            uint64_t next = u64_min((from | (w->geo->cluster_size - 1)) + 1, stop);
            size_t len = (size_t)(next - from);

            if (!work_reads(w, len))
                return;
            if (source_read(src, from, w->scratch, len, NULL) && !bytes_all_zero(w->scratch, len))
                spans_add(out, from, len, w->geo->size);
            from = next;
        }
    }
}

/* What the data file holds where the image maps nothing. */
static void add_hidden(struct work *w, const struct guest_extent *x, void *out)
{
    if (!x->mapped)
        look_in(w, w->opt->chain->data.src, x->start, x->start + x->length, out);
}

/* Bytes that the file takes up on its disk beyond all that the image maps of it. A discard
 * leaves an entry that says zeros, and may leave the bytes. */
static uint64_t more_than_mapped(const struct work *w)
{
    const struct layer_stats *a = &w->scan->stats.active;
    uint64_t entries = a->normal + a->zero_plain + a->zero_alloc, mapped;
    uint64_t held = w->img->data_there.allocated;

    if (!u64_mul(entries, u64_max(w->geo->cluster_size, HOST_BLOCK), &mapped) ||
        !u64_add(mapped, mapped / 256 + SLACK, &mapped) || held <= mapped)
        return 0;
    return held - mapped;
}

static void unmapped_data(struct work *w)
{
    struct source *src = w->opt->chain ? w->opt->chain->data.src : NULL;
    uint64_t more = src ? 0 : more_than_mapped(w);
    struct guest_spans found = { 0 };
    struct place place;
    struct cause *c = NULL;
    char a[TEXT_NUM];

    if (src) {
        work_extents(w, add_hidden, &found);
        spans_settle(&found);
    }
    if (found.n || more)
        c = cause_add(w, CAUSE_OF_L2_PAGES, found.n ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
    for (size_t i = 0; c && i < found.n; i++) {
        place = (struct place){ .kind = PLACE_GUEST, .file_off = NO_ADDRESS,
                                .guest_off = found.list[i].start };
        cause_evidence(c, &place, "%s in the data file, not mapped",
                       text_size(a, found.list[i].end - found.list[i].start));
    }
    if (c && found.n) {
        spans_add_all(&c->lost, &found);
        cause_text(w, c, "Entries of L2 tables were lost: the data file holds %s of data where the "
                   "image maps nothing, so that the guest reads zeros there.",
                   text_size(a, spans_bytes(&found)));
        cause_step(w, c, STEP_HANDS_OFF);
        cause_step(w, c, STEP_OLDER_COPY);
    } else if (c) {
        c->weight = CAUSE_LEAD;
        cause_text(w, c, "The data file takes up %s more than all that the image maps of it: "
                   "entries of L2 tables were lost, or the file held something before.",
                   text_size(a, more));
        cause_step(w, c, "Have the data file looked into, if you trust the image: qcheck check "
                   "--backing %s", buf_str(&w->name));
    }
    spans_free(&found);
}

void causes_data_file(struct work *w, const char *name)
{
    data_file(w, name);
    if (w->img->data_there.state == SIDE_THERE || w->img->data_there.state == SIDE_SHORT)
        unmapped_data(w);
}
