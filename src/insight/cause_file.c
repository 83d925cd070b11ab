/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The file as a whole: used by somebody else, unreadable in parts, shorter than it was. */
#include "config.h"

#include "base/text.h"
#include "insight/cause_work.h"
#include "insight/figures.h"

static void in_use(struct work *w)
{
    struct cause *c;

    if (!work_count(w, PROBLEM_IMAGE_IN_USE) && !work_count(w, PROBLEM_IMAGE_CHANGED))
        return;
    c = cause_add(w, CAUSE_OF_IN_USE, CONFIDENCE_CERTAIN);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_IMAGE_IN_USE, PROBLEM_IMAGE_CHANGED);
    cause_text(w, c, "Another program %s while it was scanned: what is found may be nothing "
               "but a moment between two writes.",
               work_count(w, PROBLEM_IMAGE_CHANGED) ? "changed the image"
                                                    : "had the image open for writing");
    cause_step(w, c, "End the program that has the image open (a running virtual machine?), "
               "then check again: qcheck check %s", buf_str(&w->name));
}

static void unreadable(struct work *w)
{
    struct cause *c;
    char size[TEXT_NUM];
    uint64_t bytes = 0;

    if (!work_count(w, PROBLEM_UNREADABLE))
        return;
    c = cause_add(w, CAUSE_OF_UNREADABLE, CONFIDENCE_CERTAIN);
    for (size_t i = 0; c && i < w->ps->n; i++)
        if (w->ps->list[i].kind == PROBLEM_UNREADABLE)
            u64_add(bytes, w->ps->list[i].found, &bytes);
    CLAIM(w, c, NULL, NULL, CLAIM_LOST, PROBLEM_UNREADABLE, PROBLEM_REFCOUNT_UNREADABLE);
    cause_text(w, c, "The storage fails: %s of tables cannot be read. What they map is not "
               "known.", text_size(size, bytes));
    cause_step(w, c, "Rescue the file to healthy storage first: ddrescue %s %s %s.map",
               buf_str(&w->name), buf_str(&w->copy), buf_str(&w->copy));
    cause_step(w, c, "Then check the copy: qcheck check %s", buf_str(&w->copy));
}

/* --- the end is missing --- */

static bool was_inside(const struct work *w, uint64_t off)
{
    return off != NO_ADDRESS && near_end(w->geo, off);
}

static bool points_near(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)ctx;
    switch (p->kind) {
    case PROBLEM_TAIL_TRUNCATED: case PROBLEM_SNAPTABLE_PAST_END:
    case PROBLEM_BITMAP_PAST_END: case PROBLEM_CRYPTO_PAST_END:
        return true;
    case PROBLEM_L1_PAST_END: case PROBLEM_REFTABLE_PAST_END:
        return was_inside(w, p->found);
    default:
        return was_inside(w, p->host_off);
    }
}

/* References to what lies after the end, and the last stream of the file cut: at least a byte of
 * it is missing. */
struct tail { uint64_t n, first, end; bool stream; };

/* Bytes that a cluster of data has at least: some subclusters are never written. */
static uint64_t least_of_data(const struct work *w)
{
    return w->geo->extended_l2 ? 1 : w->geo->cluster_size;
}

static struct tail tail_of(const struct work *w)
{
    uint64_t last = (w->geo->file_size - 1) >> w->geo->cluster_bits;
    struct tail t = { 0, UINT64_MAX, 0, false };

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];
        uint64_t end;

        switch (p->kind) {
        case PROBLEM_DATA_PAST_END: case PROBLEM_COMPRESSED_PAST_END:
        case PROBLEM_L2_PAST_END: case PROBLEM_REFBLOCK_PAST_END:
        case PROBLEM_STREAM_PAST_END:
            break;
        default:
            continue;
        }
        if (w->out->claim[i] || !was_inside(w, p->host_off))
            continue;
        t.n += p->count;
        t.first = u64_min(t.first, p->host_off);
        if (p->kind == PROBLEM_STREAM_PAST_END) {
            t.stream |= p->host_off >> w->geo->cluster_bits == last;
            t.end = u64_max(t.end, w->geo->file_size + 1);
        } else if (p->kind == PROBLEM_COMPRESSED_PAST_END) {
            t.end = u64_max(t.end, p->host_off + 1);
        } else if (u64_add(p->host_off, (u64_min(p->count, UINT32_MAX) - 1) * w->geo->cluster_size +
                                        least_of_data(w), &end)) {
            t.end = u64_max(t.end, end);
        }
    }
    return t;
}

/* Refcounts of 0 that were read, not missing with their block: tables that name such
 * clusters are newer. *last: the last of those clusters. */
static bool older_refcounts(const struct work *w, uint64_t *last)
{
    bool found = false;

    if (w->img->hdr.compatible_features & COMPAT_LAZY_REFCOUNTS)
        return false;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];
        uint64_t stored;

        if (p->kind != PROBLEM_REFCOUNT_ZERO || w->out->claim[i] ||
            image_stored_refcount(w->img, p->place.i, &stored) != STORED_OK)
            continue;
        *last = found ? u64_max(*last, p->place.i + p->count - 1) : p->place.i + p->count - 1;
        found = true;
    }
    return found;
}

static bool end_is_missing(const struct work *w, const struct tail *t)
{
    uint64_t size = w->geo->file_size, last;
    bool near = t->first <= size + 64 * w->geo->cluster_size;

    if (work_count(w, PROBLEM_TAIL_TRUNCATED) || t->stream)
        return true;
    if (!t->n)
        return false;
    /* References go on where the file ends, or refcounts do; or refcounts ended before. */
    return work_count(w, PROBLEM_REFCOUNT_PAST_END) || (near && t->n >= 3) ||
           (near && older_refcounts(w, &last) && last + 8 >= w->geo->n_clusters);
}

/* Least end of the last cluster in use, if the file reached so far: streams and L1 tables need not
 * fill theirs, and of what lies past the end references tell. */
static uint64_t last_used_end(const struct work *w)
{
    uint64_t used = w->scan->stats.highest_used, bits = w->geo->cluster_bits;
    struct map_cell cell;

    if (used >= UINT64_MAX >> bits || !was_inside(w, used << bits))
        return 0;
    work_cell(w, used, &cell);
    return (used << bits) + (cell.cls == CLASS_DATA ? least_of_data(w)
                             : cell.cls == CLASS_L2 ? w->geo->cluster_size : 1);
}

/* COPIED flags of entries whose cluster, or its refcount, is missing. */
static bool refcount_is_missing(const struct work *w, const struct problem *p, const void *ctx)
{
    uint64_t stored;

    (void)ctx;
    return p->host_off == NO_ADDRESS || p->host_off >= w->geo->file_size ||
           image_stored_refcount(w->img, p->host_off >> w->geo->cluster_bits, &stored) != STORED_OK;
}

void causes_cut_short(struct work *w)
{
    struct tail t = tail_of(w);
    uint64_t end, missing, last;
    bool older, tables = work_count(w, PROBLEM_L2_PAST_END) > 0;
    struct cause *c;
    char size[TEXT_NUM];

    if (!end_is_missing(w, &t))
        return;
    /* Tables that name clusters which the refcounts do not know are newer than these. */
    older = t.n && !work_count(w, PROBLEM_REFTABLE_PAST_END) && older_refcounts(w, &last);
    c = cause_add(w, older ? CAUSE_OF_COPIED_RUNNING : CAUSE_OF_CUT_SHORT,
                  older || !(work_count(w, PROBLEM_TAIL_TRUNCATED) ||
                             work_count(w, PROBLEM_REFCOUNT_PAST_END))
                  ? CONFIDENCE_LIKELY : CONFIDENCE_CERTAIN);
    CLAIM(w, c, points_near, NULL, CLAIM_LOST, PROBLEM_DATA_PAST_END, PROBLEM_L2_PAST_END,
          PROBLEM_L1_PAST_END, PROBLEM_COMPRESSED_PAST_END, PROBLEM_REFTABLE_PAST_END,
          PROBLEM_REFBLOCK_PAST_END, PROBLEM_SNAPTABLE_PAST_END, PROBLEM_BITMAP_PAST_END,
          PROBLEM_CRYPTO_PAST_END, PROBLEM_TAIL_TRUNCATED, PROBLEM_STREAM_PAST_END,
          PROBLEM_REFCOUNT_PAST_END);
    CLAIM(w, c, refcount_is_missing, NULL, CLAIM_ONLY, PROBLEM_DATA_COPIED, PROBLEM_L2_COPIED);
    if (tables || (c && w->ps->count[PROBLEM_TAIL_TRUNCATED] && w->leaked.clusters))
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    if (older)
        CLAIM(w, c, NULL, NULL, CLAIM_RISK, PROBLEM_REFCOUNT_ZERO, PROBLEM_REFCOUNT_LOW,
              PROBLEM_DATA_COPIED, PROBLEM_L2_COPIED);
    end = t.end;
    end = u64_max(end, last_used_end(w));
    missing = end > w->geo->file_size ? end - w->geo->file_size : 0;
    if (older)
        cause_text(w, c, "The file was copied while it was written to: its tables name "
                   "clusters that are not in it, and refcounts older than these. At least "
                   "%s are missing at the end.", text_size(size, missing));
    else
        cause_text(w, c, "The file was cut short: at least %s %s missing at the end%s.",
                   missing == 1 ? "a byte" : text_size(size, missing), missing == 1 ? "is" : "are",
                   tables || work_count(w, PROBLEM_TAIL_TRUNCATED) == 0 ? ""
                   : ", and what lies across the end is cut");
    cause_step(w, c, "Look for a longer copy of the file (at least %llu bytes): fetch it "
               "again, or copy it again %s", (unsigned long long)(w->geo->file_size + missing),
               older ? "after the machine is shut down" : "to storage that has room");
    if ((tables || work_count(w, PROBLEM_TAIL_TRUNCATED)) && w->leaked.clusters)
        cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, "Without one, read out what is left: qcheck export %s %s.raw (what is lost "
               "reads as zeros there)", buf_str(&w->name), buf_str(&w->name));
}

void causes_storage(struct work *w)
{
    in_use(w);
    unreadable(w);
}
