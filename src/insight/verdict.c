/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One answer for the whole image. Advice comes from here and from nowhere else: a kind of
 * problem knows nothing of the others. While a table is missing, cut, unreadable, or empty
 * beside clusters that fit it, or a file below is missing, nothing is called harmless and
 * no repair is named. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"
#include "scan/missing.h"

const char *answer_name(enum verdict_answer a)
{
    static const char *const name[] = { "no", "perhaps", "yes" };

    return name[a];
}

static bool has(const struct work *w, enum cause_kind kind)
{
    return cause_found(w, kind) != NULL;
}

/* --- what is known of the whole --- */

static bool unexplained(const struct work *w, enum severity s)
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

/* So many clusters without an owner hold data that not all could be looked at: there may be
 * tables among them. */
static bool not_seen(const struct work *w)
{
    return w->out->short_of_reads && w->leaked.clusters > LEAK_SAMPLES &&
           w->leaked.data * 2 > w->leaked.n;
}

/* A data file that is only too short does not keep QEMU from opening the image. */
static bool data_file_gone(const struct work *w)
{
    return has(w, CAUSE_OF_DATA_FILE) && w->img->data_there.state != SIDE_SHORT;
}

/* Entries for what lies after the end of the disk. VM state lies there too; but without a
 * snapshot that has any, the disk was larger than its size says now. *least: bytes that it had
 * at least. */
static uint64_t cut_by_size(const struct work *w, uint64_t *least)
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

    return cut_by_size(w, &least) > 0;
}

/* Clusters without an owner may be what a mapping has lost, and that is all that is known. */
static bool in_doubt(const struct work *w)
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
                     not_seen(w) || work_many_orphans(w) ||
                     problems_of_severity(w->ps, SEV_ERROR) > 0;
    loses |= unclaimed_loss(w) || v->lost.n;
    /* Who wrote over the header wrote elsewhere too, most likely. */
    perhaps |= has(w, CAUSE_OF_HEADER_OVERWRITTEN);
    v->data_lost = loses ? ANSWER_YES
                   : perhaps || w->scan->partial || has(w, CAUSE_OF_UNFLUSHED) || past_end(w) ||
                     in_doubt(w) || (v->incomplete && w->leaked.clusters) ||
                     scan_guest_bytes_damaged(w->scan) ? ANSWER_PERHAPS : ANSWER_NO;
    danger |= unexplained(w, SEV_CORRUPTION) || unexplained(w, SEV_ERROR) ||
              w->scan->partial || v->incomplete;
    v->may_write = loses || danger || perhaps || w->scan->refused.id ? ANSWER_NO
                   : has(w, CAUSE_OF_BASE_NOT_SEEN) || has(w, CAUSE_OF_UNFLUSHED) ||
                     past_end(w) || in_doubt(w) ||
                     slow_only(cause_found(w, CAUSE_OF_COPIED_FLAGS)) ? ANSWER_PERHAPS
                   : ANSWER_YES;
    v->may_open = refused || opens_for_check_only(w) || has(w, CAUSE_OF_BASE_MISSING) ||
                  data_file_gone(w) ? ANSWER_NO
                  : loses || perhaps || w->scan->partial || has(w, CAUSE_OF_IN_USE) ||
                    has(w, CAUSE_OF_BASE_NOT_SEEN) ? ANSWER_PERHAPS : ANSWER_YES;
    verdict_told(w, v);
}

/* --- in words --- */

static void stopped(const struct work *w, struct buf *out)
{
    uint64_t n = problems_of_severity(w->ps, SEV_CORRUPTION) +
                 problems_of_severity(w->ps, SEV_LEAK);
    char a[TEXT_NUM];

    buf_printf(out, "Not finished: the scan was stopped. %s problem%s found so far.",
               text_group(a, n), n == 1 ? "" : "s");
}

/* Bytes that cannot be read as the image stands, though they are not lost. */
static uint64_t out_of_reach(const struct work *w)
{
    struct guest_spans s = { 0 };
    uint64_t n;

    for (size_t i = 0; i < w->out->n; i++)
        if (w->out->list[i].weight == CAUSE_LOSES)
            spans_add_all(&s, &w->out->list[i].risk);
    spans_settle(&s);
    n = spans_bytes(&s);
    spans_free(&s);
    return n;
}

static void lost_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    uint64_t lost = spans_bytes(&v->lost), risk = spans_bytes(&v->risk);
    uint64_t unread = lost || v->data_lost == ANSWER_YES ? 0 : out_of_reach(w);
    char a[TEXT_NUM], b[TEXT_NUM];

    if (lost)
        buf_printf(out, "Data is lost: %s of the guest disk cannot be read, or cannot be "
                   "trusted", text_size(a, lost));
    else if (v->data_lost == ANSWER_YES)
        buf_puts(out, "Data is lost, of snapshots or in a range that is not known");
    else
        buf_puts(out, "Data may be lost");
    if (unread)
        buf_printf(out, ": as the image stands, %s of the guest disk cannot be read, or cannot "
                   "be trusted", text_size(b, unread));
    else if (risk)
        buf_printf(out, "; %s%s in danger", text_size(b, risk),
                   lost ? " more are" : " of the guest disk are");
    buf_puts(out, ". Do not start a guest on this file, and do not write to it.");
}

static void unflushed_words(const struct work *w, struct buf *out)
{
    if (has(w, CAUSE_OF_UNFLUSHED))
        buf_puts(out, " Data that nothing maps lies after the end of the image.");
}

static void cut_words(const struct work *w, struct buf *out)
{
    uint64_t least, n = cut_by_size(w, &least);
    char a[TEXT_NUM];

    if (n)
        buf_printf(out, " %s cluster%s mapped after the end of the disk, where no guest reaches "
                   "%s: was it larger?", text_group(a, n), n == 1 ? " is" : "s are",
                   n == 1 ? "it" : "them");
}

static void clean_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    const struct cause *below = cause_found(w, CAUSE_OF_BASE_NOT_SEEN);
    bool warned = problems_of_severity(w->ps, SEV_WARNING) > 0;

    if (v->data_lost != ANSWER_NO)
        buf_printf(out, "Data may be lost%s.%s%s",
                   problems_of_severity(w->ps, SEV_CORRUPTION) ? ""
                   : ", though the refcounts are in order",
                   has(w, CAUSE_OF_L2_PAGES) ? " " : "",
                   has(w, CAUSE_OF_L2_PAGES) ? cause_found(w, CAUSE_OF_L2_PAGES)->text : "");
    else if (below)
        buf_printf(out, "%s %s", warned ? "Clean by refcounts, but there are warnings."
                                        : "Clean, as far as this file goes.", below->text);
    else
        buf_puts(out, warned ? "Clean by refcounts, but there are warnings."
                      : w->geo->data_file && !w->opt->chain
                      ? "Clean, as far as this file goes: the data lies in another." : "Clean.");
    unflushed_words(w, out);
    cut_words(w, out);
}

static void leak_words(const struct work *w, const struct verdict *v, struct buf *out)
{
    const char *leaks = v->data_lost == ANSWER_NO ? "Leaks only" : "Leaks";
    uint64_t lost = w->ps->count[PROBLEM_LEAKED], high = w->ps->count[PROBLEM_REFCOUNT_HIGH];
    char a[TEXT_NUM], b[TEXT_NUM];

    if (lost)
        buf_printf(out, "%s: %s cluster%s, %s%s.", leaks, text_group(a, lost),
                   lost == 1 ? "" : "s", text_size(b, lost * w->geo->cluster_size),
                   in_doubt(w) ? ", which may hold data that was lost" : " wasted");
    if (high)
        buf_printf(out, "%s%s%s refcount%s too high: such clusters will not be freed.",
                   lost ? "" : leaks, lost ? " " : ": ", text_group(a, high),
                   high == 1 ? " is" : "s are");
    unflushed_words(w, out);
    cut_words(w, out);
}

static void words(struct work *w, struct verdict *v, struct buf *out)
{
    bool bad = problems_of_severity(w->ps, SEV_CORRUPTION) > 0;
    bool leaks = problems_of_severity(w->ps, SEV_LEAK) > 0;
    size_t guessed = guesses_taken(&w->img->guesses);

    if (w->scan->partial)
        stopped(w, out);
    else if (v->data_lost != ANSWER_NO &&
             (v->data_lost == ANSWER_YES || v->may_write == ANSWER_NO))
        lost_words(w, v, out);
    else if (bad && v->may_write != ANSWER_NO && v->data_lost == ANSWER_NO)
        buf_puts(out, has(w, CAUSE_OF_REFCOUNTS_BEHIND)
                 ? "Corrupt by refcounts, which are behind because the image was not closed "
                   "in order. No guest data is lost; QEMU counts anew when it opens the image "
                   "for writing."
                 : "Corrupt by COPIED flags that are not set. No guest data is lost or in danger; "
                   "writes are slower.");
    else if (v->may_write == ANSWER_NO)
        buf_printf(out, "%s: no guest data is known to be lost, but %s.",
                   bad ? "Corrupt" : "In danger",
                   w->scan->refused.id && !w->scan->refused.at_check
                   ? "QEMU does not open the image" : has(w, CAUSE_OF_IN_USE)
                   ? "another program has the image open"
                   : "the next write may destroy some. Do not start a guest on this file");
    else if (leaks)
        leak_words(w, v, out);
    else
        clean_words(w, v, out);
    if (missing_tables(w->scan) && leaks) {
        buf_puts(out, " What could not be read of ");
        missing_text(missing_tables(w->scan), out);
        buf_puts(out, " may refer to the clusters that have no owner.");
    }
    if (problems_of_severity(w->ps, SEV_ERROR))
        buf_puts(out, " Not all of it could be checked.");
    if (guessed == 1)
        buf_puts(out, " One value of the header was guessed: everything else depends on it.");
    else if (guessed)
        buf_printf(out, " %zu values of the header were guessed: everything else depends on them.",
                   guessed);
}

/* --- what to do --- */

static void step(struct work *w, struct verdict *v, const char *text)
{
    char **list;

    for (size_t i = 0; i < v->n_steps; i++)
        if (!strcmp(v->step[i], text))
            return;
    list = realloc(v->step, (v->n_steps + 1) * sizeof *list);
    if (!list) {
        w->failed = true;
        return;
    }
    v->step = list;
    list[v->n_steps] = strdup(text);
    w->failed |= !list[v->n_steps];
    v->n_steps += list[v->n_steps] != NULL;
}

static void stepf(struct work *w, struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void stepf(struct work *w, struct verdict *v, const char *fmt, ...)
{
    char line[1200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    step(w, v, line);
}

static void copy_first(struct work *w, struct verdict *v)
{
    struct source_info info = source_get_info(w->img->src);

    step(w, v, "Shut down every machine that uses the image; let nothing write to it");
    if (info.kind == SOURCE_NBD)
        stepf(w, v, "Copy it before anything else: nbdcopy %s %s", buf_str(&w->name),
              buf_str(&w->copy));
    else
        stepf(w, v, "Copy it before anything else: cp --reflink=auto --sparse=always %s %s",
              buf_str(&w->name), buf_str(&w->copy));
}

/* May refcounts be counted anew by qemu-img, on a copy? */
static bool repairable(const struct work *w, const struct verdict *v)
{
    return !v->incomplete && !w->scan->refused.id && v->data_lost == ANSWER_NO &&
           !has(w, CAUSE_OF_IN_USE) && !has(w, CAUSE_OF_FEATURE) &&
           !has(w, CAUSE_OF_UNFLUSHED) && !w->img->guesses.n;
}

static void repair(struct work *w, struct verdict *v, bool bad)
{
    if (!repairable(w, v))
        return;
    if (has(w, CAUSE_OF_SNAPSHOTS_AND_BITMAP)) {
        stepf(w, v, "Do not let qemu-img repair it: that would delete the snapshots. Read out "
              "the disk and each snapshot instead (qemu-img convert -l SNAPSHOT -O qcow2 %s "
              "NEW.qcow2)", buf_str(&w->name));
        return;
    }
    if (bad) {
        stepf(w, v, "Count the refcounts anew, on the copy: qemu-img check -r all %s",
              buf_str(&w->copy));
        stepf(w, v, "Check the copy: qcheck check %s", buf_str(&w->copy));
    } else {
        if (w->beside)
            stepf(w, v, "Some of it would fit entries that are empty. Should the guest miss "
                  "something, see whether it has a place before you free it: qcheck plan rescue "
                  "%s", buf_str(&w->name));
        stepf(w, v, "You may leave it as it is. To get the space back while no guest runs, on a "
              "copy (cp --reflink=auto --sparse=always %s %s): qemu-img check -r leaks %s",
              buf_str(&w->name), buf_str(&w->copy), buf_str(&w->copy));
    }
}

static void steps(struct work *w, struct verdict *v)
{
    bool bad = problems_of_severity(w->ps, SEV_CORRUPTION) > 0;
    bool leaks = problems_of_severity(w->ps, SEV_LEAK) > 0;
    const char *name = buf_str(&w->name);
    uint64_t least;

    if (w->scan->partial) {
        stepf(w, v, "Scan it to the end: qcheck check %s", buf_str(&w->name));
        return;
    }
    if (has(w, CAUSE_OF_IN_USE)) {
        const struct cause *c = cause_found(w, CAUSE_OF_IN_USE);

        for (size_t i = 0; i < c->n_steps; i++)
            step(w, v, c->step[i]);
    }
    if (v->may_write == ANSWER_NO && !has(w, CAUSE_OF_IN_USE))
        copy_first(w, v);
    for (size_t i = 0; i < w->out->n; i++)
        for (size_t k = 0; k < w->out->list[i].n_steps; k++)
            if (v->may_write != ANSWER_NO || strcmp(w->out->list[i].step[k], STEP_HANDS_OFF))
                step(w, v, w->out->list[i].step[k]);
    if (bad && v->may_write == ANSWER_NO)
        repair(w, v, true);
    else if (leaks && !bad)
        repair(w, v, false);
    if (cut_by_size(w, &least))
        stepf(w, v, "If the disk was larger, plan its size, at least %llu bytes: qcheck plan set "
              "size=%llu -o size.plan %s; then read the disk as it would be: qcheck export --plan "
              "size.plan %s %s.raw", (unsigned long long)least, (unsigned long long)least, name,
              name, name);
    if (not_seen(w))
        stepf(w, v, "Look at all clusters that have no owner, for tables among them: qcheck "
              "check --deep %s", buf_str(&w->name));
    if (unexplained(w, SEV_CORRUPTION) || unexplained(w, SEV_ERROR))
        stepf(w, v, "Look at the problems that no cause explains: qcheck %s, key 3",
              buf_str(&w->name));
    if (bad && v->may_write != ANSWER_NO && has(w, CAUSE_OF_REFCOUNTS_BEHIND))
        step(w, v, "Nothing needs to be done: QEMU counts the refcounts anew when a guest is "
                   "started");
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
    words(w, v, &text);
    v->text = strdup(buf_str(&text));
    buf_free(&text);
    steps(w, v);
    return v->text != NULL;
}
