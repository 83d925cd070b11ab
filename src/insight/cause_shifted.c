/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Files of which a part lies elsewhere than it should: bytes are missing from the middle, or there
 * are some too many, or a transfer as text has changed the ends of lines. */
#include "config.h"

#include "base/text.h"
#include "insight/cause_shifted.h"

#define WINDOWS     256                     /* of WINDOW bytes, in which line feeds are counted */
#define WINDOW      4096
#define LINES_MIN   64

/* What the tables map that still are where they should be, but for data behind the point. */
static void add_lost(struct work *w, struct cause *c, const struct file_shift *s)
{
    uint64_t point = s->at != UINT64_MAX ? s->at : s->after;
    const struct geometry *geo = w->geo;

    for (size_t i = 0; c && i < w->scan->n_l2; i++) {
        const struct l2_table *t = &w->scan->l2[i];
        uint64_t begin = geo_guest_off(geo, t->l1_index, 0);

        if (!t->n_active || t->layer != LAYER_ACTIVE)
            continue;
        if (t->off >= point) {
            spans_add(&c->lost, begin, geo->l2_span, geo->size);
            continue;
        }
        if (!work_reads(w, geo->cluster_size) ||
            !source_read(w->img->src, t->off, w->scratch, (size_t)geo->cluster_size, NULL))
            continue;
        for (uint64_t j = 0; j < geo->l2_entries; j++) {
            struct l2_entry e;

            l2_decode(geo, w->scratch + j * geo->l2_entry_size, &e);
            if (l2_entry_has_host(&e) && e.host_off + e.host_len > point)
                spans_add(&c->lost, begin + (j << geo->cluster_bits), geo->cluster_size,
                          geo->size);
        }
    }
    if (c)
        spans_settle(&c->lost);
}

static void claim_all(struct work *w, struct cause *c)
{
    enum problem_kind kinds[N_PROBLEMS + 1];
    size_t n = 0;

    for (int k = 0; k < N_PROBLEMS; k++)
        if (problem_info((enum problem_kind)k)->severity != SEV_NOTE)
            kinds[n++] = (enum problem_kind)k;
    kinds[n] = N_PROBLEMS;
    cause_claim(w, c, kinds, NULL, NULL, CLAIM_ONLY);
}

static void tell_missing(struct work *w, struct cause *c, const struct file_shift *s)
{
    unsigned long long n = shift_missing(s->by), after = s->after, size = w->geo->file_size;
    char a[TEXT_NUM];

    cause_text(w, c, "%s %s missing from the middle of the file, somewhere between 0x%llx and "
               "0x%llx: all that comes behind lies %llu byte%s too early.",
               n == 1 ? "A byte" : text_size(a, n), n == 1 ? "is" : "are", after,
               (unsigned long long)(s->first->off - u64_min(n, s->first->off - s->after)), n,
               n == 1 ? "" : "s");
    cause_step(w, c, "Copy or download the file again, and compare sizes: it should have "
               "%llu bytes, and has %llu", size + n, size);
    cause_step(w, c, "If that cannot be had, fill the gap in a new file: { head -c %llu %s; "
               "head -c %llu /dev/zero; tail -c +%llu %s; } > NEW.qcow2; then read the disk out of "
               "that. Do not go on with it: what lies between the two addresses may be wrong in "
               "it, though qcheck calls it clean", after,
               buf_str(&w->name), n, after + 1, buf_str(&w->name));
}

static void tell_inserted(struct work *w, struct cause *c, const struct file_shift *s)
{
    unsigned long long n = (unsigned long long)s->by, size = w->geo->file_size;
    bool known = s->at != UINT64_MAX;
    unsigned long long cut = known ? s->at : s->after;
    char a[TEXT_NUM];

    if (known) {
        struct place place = work_cluster_place(w, s->at >> w->geo->cluster_bits);

        cause_evidence(c, &place, "%llu bytes from 0x%llx on %s", n, cut,
                       s->zeros ? "are zeros, and too many" : "are those before them once more");
        cause_text(w, c, "%s from 0x%llx on do not belong there: they %s. All that comes behind "
                   "lies %llu bytes too late.", text_size(a, n), cut,
                   s->zeros ? "are zeros that were put in"
                            : "repeat what comes before, as where a download went on too early",
                   n);
    } else {
        cause_text(w, c, "There %s %s too many in the middle of the file, somewhere between "
                   "0x%llx and 0x%llx: all that comes behind lies %llu byte%s too late.",
                   n == 1 ? "is" : "are", n == 1 ? "a byte" : text_size(a, n), cut,
                   (unsigned long long)s->first->off, n, n == 1 ? "" : "s");
    }
    cause_step(w, c, "Copy or download the file again, and compare sizes: it should have "
               "%llu bytes, and has %llu", size - n, size);
    cause_step(w, c, "If that cannot be had, leave %s out in a new file: { head -c %llu %s; "
               "tail -c +%llu %s; } > NEW.qcow2; then qcheck NEW.qcow2%s",
               known ? "them" : "as many", cut, buf_str(&w->name), cut + n + 1,
               buf_str(&w->name), known ? "" : ". Read the disk out of that, and do not go on "
               "with it: what lies between the two addresses may be wrong, though qcheck calls it "
               "clean");
}

static void shifted(struct work *w)
{
    struct file_shift s;
    struct place place;
    struct cause *c;

    if (!shift_find(w, &s))
        return;
    c = cause_add(w, CAUSE_OF_SHIFTED, s.found > 1 ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
    place = work_l1_place(w, s.first);
    cause_evidence(c, &place, "the L2 table that should be at 0x%llx is at 0x%llx",
                   (unsigned long long)s.first->off,
                   (unsigned long long)(s.first->off + (uint64_t)s.by));
    if (s.by < 0)
        tell_missing(w, c, &s);
    else
        tell_inserted(w, c, &s);
    add_lost(w, c, &s);
    claim_all(w, c);
}

/* --- line ends --- */

/* Does every line feed follow a carriage return? In what is not text one of 256 does. */
static bool sent_as_text(struct work *w)
{
    uint64_t size = w->geo->file_size, lines = 0;
    uint8_t bytes[WINDOW];

    for (uint64_t k = 0; k < WINDOWS; k++) {
        uint64_t off = size / WINDOWS * k;
        size_t n = (size_t)u64_min(WINDOW, size - off);

        if (!work_searches(w, n) || !source_read(w->img->src, off, bytes, n, NULL))
            return false;
        for (size_t i = 1; i < n; i++) {
            if (bytes[i] != '\n')
                continue;
            if (bytes[i - 1] != '\r')
                return false;
            lines++;
        }
    }
    return lines >= LINES_MIN;
}

static void text_mode(struct work *w)
{
    struct cause *c = cause_add(w, CAUSE_OF_SHIFTED, CONFIDENCE_CERTAIN);
    struct place place = work_cluster_place(w, 0);

    if (c)
        spans_add(&c->lost, 0, w->geo->size, w->geo->size);
    cause_evidence(c, &place, "no byte 0a in the file without 0d before it");
    claim_all(w, c);
    cause_text(w, c, "The file was sent as text: a byte 0d was put before every byte 0a, so all "
               "that comes behind the first lies too late.");
    cause_step(w, c, "Copy or download it again in binary mode");
    cause_step(w, c, "If that cannot be had, take the bytes out in a new file: LC_ALL=C sed "
               "'s/\\r$//' %s > NEW.qcow2; then qcheck NEW.qcow2", buf_str(&w->name));
}

void causes_shifted(struct work *w)
{
    if (source_get_info(w->img->src).kind == SOURCE_PACK || w->geo->data_file ||
        !problems_of_severity(w->ps, SEV_CORRUPTION))
        return;
    if (sent_as_text(w)) {
        text_mode(w);
        return;
    }
    shifted(w);
}
