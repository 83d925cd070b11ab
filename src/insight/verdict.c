/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One answer for the whole image. Advice comes from the verdict (verdict_steps.c) and from nowhere
 * else: a kind of problem knows nothing of the others. While a table is missing, cut, unreadable, or empty
 * beside clusters that fit it, or a file below is missing, nothing is called harmless and
 * no repair is named. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "insight/verdict_work.h"
#include "scan/missing.h"

const char *answer_name(enum verdict_answer a)
{
    static const char *const name[] = { "no", "perhaps", "yes" };

    return name[a];
}

/* --- what is known of the whole --- */

bool verdict_unexplained(const struct work *w, enum severity s)
{
    for (int k = 0; k < N_PROBLEMS; k++)
        if (problem_info((enum problem_kind)k)->severity == s &&
            insight_unexplained(w->out, (enum problem_kind)k))
            return true;
    return false;
}

static bool table_missing(const struct work *w)
{
    static const enum problem_kind kinds[] = {
        PROBLEM_L1_PAST_END, PROBLEM_L2_PAST_END, PROBLEM_UNREADABLE, PROBLEM_L1_RESERVED,
        PROBLEM_L2_MISALIGNED, PROBLEM_TAIL_TRUNCATED, PROBLEM_SNAPTABLE_PAST_END,
        PROBLEM_SNAPTABLE_FAULT, PROBLEM_SNAPSHOT_L1_MISALIGNED, PROBLEM_SNAPSHOT_L1_TOO_LARGE,
        PROBLEM_SNAPSHOT_INCOMPLETE, PROBLEM_HEADER_REPLACED, PROBLEM_HEADER_PROPOSED,
        PROBLEM_L1_TOO_SMALL, PROBLEM_BITMAP_DIR_FAULT, PROBLEM_SNAPSHOT_L1_SMALL,
        PROBLEM_DATA_PAST_END, PROBLEM_COMPRESSED_PAST_END,
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (w->ps->count[kinds[i]])
            return true;
    return false;
}

/* Guest ranges of records that nobody claimed. */
static void own_spans(struct work *w, struct verdict *v)
{
    for (size_t i = 0; i < w->out->n; i++) {
        spans_add_all(&v->lost, &w->out->list[i].lost);
        spans_add_all(&v->risk, &w->out->list[i].risk);
    }
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (!w->out->claim[i] && problem_info(p->kind)->loses_data &&
            p->place.layer == LAYER_ACTIVE && p->guest_off != NO_ADDRESS)
            spans_add(&v->lost, p->guest_off, p->guest_len, w->geo->size);
    }
    spans_settle(&v->lost);
    spans_settle(&v->risk);
    spans_subtract(&v->risk, &v->lost);
    spans_rest(&v->untouched, &v->lost, &v->risk, w->geo->size);
}

static bool unclaimed_loss(const struct work *w)
{
    for (int k = 0; k < N_PROBLEMS; k++)
        if (problem_info((enum problem_kind)k)->loses_data &&
            problem_info((enum problem_kind)k)->severity != SEV_NOTE &&
            insight_unexplained(w->out, (enum problem_kind)k))
            return true;
    return false;
}

/* Flags that are not set make writes slower, and no more. */
static bool slow_only(const struct cause *c)
{
    return c && c->kind == CAUSE_OF_COPIED_FLAGS && c->weight == CAUSE_HARMLESS;
}

/* Whatever QEMU counts as corruption keeps from writing, but for refcounts that it counts
 * anew itself, and flags that it need not find set. */
static bool corrupt(const struct cause *c)
{
    for (int k = 0; k < N_PROBLEMS; k++)
        if (c->explains[k] && problem_info((enum problem_kind)k)->severity == SEV_CORRUPTION)
            return c->kind != CAUSE_OF_REFCOUNTS_BEHIND && !slow_only(c);
    return false;
}

bool verdict_not_seen(const struct work *w)
{
    return w->out->short_of_reads && w->leaked.clusters > LEAK_SAMPLES &&
           w->leaked.data * 2 > w->leaked.n;
}

/* A data file that is only too short does not keep QEMU from opening the image. */
static bool data_file_gone(const struct work *w)
{
    return has(w, CAUSE_OF_DATA_FILE) && w->img->data_there.state != SIDE_SHORT;
}

uint64_t verdict_cut_by_size(const struct work *w, uint64_t *least)
{
    uint64_t n = 0, end;

    *least = 0;
    for (size_t i = 0; i < w->img->snaps.n; i++)
        if (w->img->snaps.list[i].vm_state_size)
            return 0;
    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (p->kind != PROBLEM_PAST_DISK_END || w->out->claim[i])
            continue;
        n += p->count;
        if (p->guest_off != NO_ADDRESS && u64_add(p->guest_off, p->guest_len, &end))
            *least = u64_max(*least, end);
    }
    return n;
}

static bool past_end(const struct work *w)
{
    uint64_t least;

    return verdict_cut_by_size(w, &least) > 0;
}

bool verdict_in_doubt(const struct work *w)
{
    const struct cause *holes = cause_found(w, CAUSE_OF_L2_PAGES);
    const struct cause *left = cause_found(w, CAUSE_OF_LEFT_OVERS);

    return (holes && holes->weight == CAUSE_LEAD) || (left && left->weight == CAUSE_LEAD);
}

/* What QEMU opens for a check and for nothing else: an image without a refcount table, or with a
 * snapshot table that cannot be read. What lies past the end of the file it reads as zeros. */
static bool opens_for_check_only(const struct work *w)
{
    if (!w->img->hdr.refcount_table_clusters)
        return true;
    return w->img->snaps.end != SNAPSHOTS_COMPLETE && w->img->snaps.end != SNAPSHOTS_PAST_FILE;
}

static void answer(struct work *w, struct verdict *v)
{
    bool loses = false, perhaps = false, danger = false;
    bool refused = w->scan->refused.id && !w->scan->refused.at_check;

    for (size_t i = 0; i < w->out->n; i++) {
        const struct cause *c = &w->out->list[i];

        loses |= cause_loses(c);
        perhaps |= c->weight == CAUSE_LOSES && !cause_loses(c);
        danger |= c->weight == CAUSE_DANGER || corrupt(c);
        v->incomplete |= c->weight == CAUSE_LOSES;
    }
    v->incomplete |= table_missing(w) || missing_tables(w->scan) || w->scan->partial || refused ||
                     verdict_not_seen(w) || work_many_orphans(w) ||
                     problems_of_severity(w->ps, SEV_ERROR) > 0;
    loses |= unclaimed_loss(w) || v->lost.n;
    /* Who wrote over the header wrote elsewhere too, most likely. */
    perhaps |= has(w, CAUSE_OF_HEADER_OVERWRITTEN);
    v->data_lost = loses ? ANSWER_YES
                   : perhaps || w->scan->partial || has(w, CAUSE_OF_UNFLUSHED) || past_end(w) ||
                     verdict_in_doubt(w) || (v->incomplete && w->leaked.clusters) ||
                     scan_guest_bytes_damaged(w->scan) ? ANSWER_PERHAPS : ANSWER_NO;
    danger |= verdict_unexplained(w, SEV_CORRUPTION) || verdict_unexplained(w, SEV_ERROR) ||
              w->scan->partial || v->incomplete;
    v->may_write = loses || danger || perhaps || w->scan->refused.id ? ANSWER_NO
                   : has(w, CAUSE_OF_BASE_NOT_SEEN) || has(w, CAUSE_OF_UNFLUSHED) ||
                     past_end(w) || verdict_in_doubt(w) ||
                     slow_only(cause_found(w, CAUSE_OF_COPIED_FLAGS)) ? ANSWER_PERHAPS
                   : ANSWER_YES;
    v->may_open = refused || opens_for_check_only(w) || has(w, CAUSE_OF_BASE_MISSING) ||
                  data_file_gone(w) ? ANSWER_NO
                  : loses || perhaps || w->scan->partial || has(w, CAUSE_OF_IN_USE) ||
                    has(w, CAUSE_OF_BASE_NOT_SEEN) ? ANSWER_PERHAPS : ANSWER_YES;
    verdict_told(w, v);
}

/* What the verdict means for the causes: while something is missing none is harmless, and
 * what QEMU does when it opens the image is no advice where it must not be opened. */
static void weigh_anew(struct work *w, const struct verdict *v)
{
    struct cause *behind = cause_found(w, CAUSE_OF_REFCOUNTS_BEHIND);
    char *was = behind ? behind->text : NULL;

    for (size_t i = 0; i < w->out->n && v->incomplete; i++)
        if (w->out->list[i].weight == CAUSE_HARMLESS)
            w->out->list[i].weight = CAUSE_LEAD;
    if (!was)
        return;
    behind->text = NULL;
    cause_text(w, behind, v->may_write != ANSWER_NO
               ? "%s: QEMU counts anew when it opens the image for writing."
               : "%s. QEMU would count anew when it opens the image for writing; but that must "
                 "not be, for what else is found.", was);
    free(was);
}

bool verdict_make(struct work *w)
{
    struct verdict *v = &w->out->verdict;
    struct buf text = BUF_INIT;

    own_spans(w, v);
    answer(w, v);
    weigh_anew(w, v);
    verdict_words(w, v, &text);
    v->text = strdup(buf_str(&text));
    buf_free(&text);
    verdict_steps(w, v);
    return v->text != NULL;
}
