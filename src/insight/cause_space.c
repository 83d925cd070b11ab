/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Space: holes under what is mapped, clusters without an owner, bytes after the image. */
#include "config.h"

#include <stdlib.h>

#include "base/bisect.h"
#include "base/text.h"
#include "insight/cause_work.h"

#define HOLES_MAX 65536         /* runs of mapped clusters looked at */

/* Free space is worth a word if getting it back makes a file small that is not, or saves much
 * of a disk: QEMU fills what is left, so some is always there. */
#define BLOAT_MIN   (UINT64_C(1) << 20)     /* bytes, where it is most of what is in use */
#define BLOAT_LARGE (UINT64_C(1) << 30)     /* bytes, where it is an eighth of that */

/* --- holes of the host file under mapped data --- */

#define RUNS_MAX 4096           /* of holes, whose guest ranges are looked for */

struct hole_run { uint64_t first, n; };         /* clusters */

struct holes {
    uint64_t clusters, holes;   /* looked at, and of them without a byte on the host */
    uint64_t first, first_n;    /* the longest run of holes */
    uint64_t whole, whole_n;    /* ... of clusters looked at */
    struct hole_run *run;       /* RUNS_MAX, rising; NULL: no memory */
    size_t n_run;
};

static bool is_data(enum cluster_class c)
{
    return c == CLASS_DATA || c == CLASS_DATA_SHARED;
}

static bool is_vacant(enum cluster_class c)
{
    return c == CLASS_VACANT;
}

/* Looks at the clusters of these classes before `past`; h->run may be NULL. */
static void look_for_holes(struct work *w, bool (*of)(enum cluster_class c), uint64_t past,
                           struct holes *h)
{
    uint64_t from = 0, runs = 0, cs = w->geo->cluster_size;
    struct map_run run;

    while (runs < HOLES_MAX && map_run_at(w->scan->map, from, &run)) {
        uint64_t at = run.first, end = u64_min(run.first + run.n, past);

        from = run.first + run.n;
        if (at >= end || !of(run.cell.cls))
            continue;
        h->clusters += end - at;
        if (end - at > h->whole_n) {
            h->whole = at;
            h->whole_n = end - at;
        }
        while (at < end && runs++ < HOLES_MAX) {
            uint64_t start, stop, hole;

            if (!source_next_data(w->img->src, at * cs, &start, &stop))
                start = stop = end * cs;
            hole = u64_min(start / cs, end);        /* whole clusters before the data */
            if (hole > at) {
                h->holes += hole - at;
                if (h->run && h->n_run < RUNS_MAX)
                    h->run[h->n_run++] = (struct hole_run){ at, hole - at };
                if (hole - at > h->first_n) {
                    h->first = at;
                    h->first_n = hole - at;
                }
            }
            at = u64_max(div_up(u64_min(stop, end * cs), cs), at + 1);
        }
    }
}

static bool in_hole(const struct holes *h, uint64_t cluster)
{
    size_t low;

    BISECT(low, h->n_run, mid, h->run[mid].first + h->run[mid].n > cluster);
    return low < h->n_run && cluster >= h->run[low].first;
}

/* Guest bytes [off, end) read as zeros because of a hole. */
struct guest_hole { uint64_t off, end; };

static void tell_guest_hole(struct work *w, struct cause *c, const struct guest_hole *g)
{
    struct place place = { .kind = PLACE_GUEST, .file_off = NO_ADDRESS, .guest_off = g->off };
    char n[TEXT_NUM];

    if (g->end > g->off)
        cause_evidence(c, &place, "%s of the guest disk, up to 0x%llx, read as zeros",
                       text_size(n, g->end - g->off), (unsigned long long)g->end);
    (void)w;
}

/* The guest ranges of the active layer that the holes are under, as far as may be read. */
static void name_guest_holes(struct work *w, struct cause *c, const struct holes *h)
{
    const struct geometry *geo = w->geo;
    struct guest_hole g = { 0, 0 };

    for (size_t i = 0; i < w->scan->n_l2 && work_reads(w, geo->cluster_size); i++) {
        const struct l2_table *t = &w->scan->l2[i];

        if (t->layer != LAYER_ACTIVE || !source_read(w->img->src, t->off, w->scratch,
                                                     (size_t)geo->cluster_size, NULL))
            continue;
        for (uint64_t j = 0; j < geo->l2_entries; j++) {
            uint64_t off = geo_guest_off(geo, t->l1_index, j);
            struct l2_entry e;

            l2_decode(geo, w->scratch + j * geo->l2_entry_size, &e);
            if (e.type != L2_NORMAL || !in_hole(h, geo_cluster_of(geo, e.host_off)))
                continue;
            if (off != g.end) {
                tell_guest_hole(w, c, &g);
                g.off = off;
            }
            g.end = off + geo->cluster_size;
        }
    }
    tell_guest_hole(w, c, &g);
}

static void tell_of_holes(struct work *w, const struct holes *h)
{
    struct place place;
    struct cause *c;
    char a[TEXT_NUM], b[TEXT_NUM];

    c = cause_add(w, CAUSE_OF_HOST_HOLES, CONFIDENCE_POSSIBLE);
    place = work_cluster_place(w, h->first);
    cause_evidence(c, &place, "%llu clusters without a byte on the host",
                   (unsigned long long)h->first_n);
    if (c && !w->geo->data_file)
        name_guest_holes(w, c, h);
    cause_text(w, c, "%s of the %s that the tables map are holes in the host file and read as "
               "zeros: zeros of the guest in a sparse copy, preallocation, or data that a copy "
               "or a crash has lost.", text_size(a, h->holes * w->geo->cluster_size),
               text_size(b, h->clusters * w->geo->cluster_size));
    cause_step(w, c, "If the guest misses data there, compare with an older copy: qcheck %s, "
               "Enter on a guest range of the evidence: the place line names the file",
               buf_str(&w->name));
}

/* Most was never written, or all of the disk is mapped, which a guest hardly ever does. */
static bool preallocated(const struct work *w, const struct holes *h)
{
    const struct geometry *geo = w->geo;

    return h->holes * 2 > h->clusters ||
           w->scan->stats.active.normal >= div_up(geo->size, geo->cluster_size);
}

#define PAGES_FIRST 64u         /* where the header and tables are, which have zeros */
#define PAGES_SPREAD 64u        /* over the whole file */

/* A sparse copy makes a hole of every page of zeros, in tables as well: then holes under data
 * are zeros of the guest. */
static bool copied_sparsely(struct work *w)
{
    uint64_t pages = w->geo->file_size / PAGE;
    struct data_memo memo = { 0 };
    bool in_tables = false;

    for (uint64_t k = 0; k < PAGES_FIRST + PAGES_SPREAD; k++) {
        uint64_t at = k < PAGES_FIRST ? k : pages / PAGES_SPREAD * (k - PAGES_FIRST);
        uint8_t page[PAGE];
        struct map_cell cell;

        if (at >= pages)
            continue;
        if (source_all_hole(w->img->src, &memo, at * PAGE, PAGE)) {
            work_cell(w, at * PAGE >> w->geo->cluster_bits, &cell);
            in_tables |= class_info(cell.cls)->metadata;
        } else if (!work_reads(w, PAGE) ||
                   !source_read(w->img->src, at * PAGE, page, PAGE, NULL) ||
                   bytes_all_zero(page, PAGE)) {
            return false;
        }
    }
    return in_tables;
}

static void host_holes(struct work *w)
{
    struct source_info info = source_get_info(w->img->src);
    struct holes h = { 0 };

    /* A file without holes has none to look for. */
    if (info.allocated >= info.size || info.kind != SOURCE_FILE)
        return;
    h.run = malloc(RUNS_MAX * sizeof *h.run);
    look_for_holes(w, is_data, w->geo->n_clusters, &h);
    if (h.holes && !preallocated(w, &h) && !copied_sparsely(w) &&
        h.holes * w->geo->cluster_size <= info.size - info.allocated)
        tell_of_holes(w, &h);
    free(h.run);
}

/* --- what has no owner --- */

static void what_it_holds(const struct samples *s, struct buf *out)
{
    if (!s->n)
        return;
    buf_printf(out, " Of %zu looked at, ", s->n);
    if (s->data)
        buf_printf(out, "%zu hold data", s->data);
    if (s->empty)
        buf_printf(out, "%s%zu zeros", s->data ? ", " : "", s->empty);
    if (s->l2 + s->l1 + s->other_tables)
        buf_printf(out, "%s%zu old tables", s->data + s->empty ? ", " : "",
                   s->l2 + s->l1 + s->other_tables);
    buf_putc(out, '.');
}

#define ORPHANS_MIN 64      /* leaks that are no left-overs of a few interrupted writes */

/* A table that was overwritten with an older one, of a snapshot, say: what both map now has a
 * reference too many, and the newer data of the guest none. */
static bool replaced_by_snapshot(const struct work *w)
{
    uint64_t n = 0;

    for (size_t i = 0; i < w->ps->n && w->leaked.clusters > 1; i++) {
        const struct problem *p = &w->ps->list[i];
        struct map_cell cell;

        if (p->kind != PROBLEM_REFCOUNT_LOW || p->place.kind != PLACE_CLUSTER)
            continue;
        work_cell(w, p->place.i, &cell);
        n += cell.cls == CLASS_DATA_SHARED ? p->count : 0;
    }
    return n > 1;
}

bool work_many_orphans(const struct work *w)
{
    uint64_t mapped = w->scan->stats.active.normal + w->scan->stats.active.compressed;

    if (w->leaked.data * 2 <= w->leaked.n)
        return false;
    return (w->leaked.clusters >= ORPHANS_MIN && w->leaked.clusters * 4 >= mapped) ||
           (w->leaked.clusters > mapped &&
            w->leaked.clusters * w->geo->cluster_size > UNDER_WAY_MAX) ||
           replaced_by_snapshot(w);
}

/* Of the clusters looked at, those that hold a part of a file system; *first: the first. A guest
 * writes such clusters early and maps them for ever: an interrupted write seldom leaves one. */
static size_t of_file_systems(const struct samples *s, const struct content **first)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].content.kind >= CONTENT_MBR && s->list[i].content.kind <= CONTENT_FAT) {
            if (!n++)
                *first = &s->list[i].content;
        }
    return n;
}

static void left_overs(struct work *w)
{
    struct buf holds = BUF_INIT;
    const struct content *first = NULL;
    struct cause *c;
    uint64_t n = work_unclaimed_orphans(w), leaked = 0;
    size_t of_fs = w->deleted ? 0 : of_file_systems(&w->leaked, &first);
    bool keep = work_many_orphans(w) || of_fs;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (!n)
        return;
    what_it_holds(&w->leaked, &holds);
    if (of_fs)
        buf_printf(&holds, " %zu of them %s of a file system (%s%s).", of_fs,
                   of_fs == 1 ? "is part" : "are parts", content_info(first->kind)->name,
                   of_fs == 1 ? "" : " first");
    c = cause_add(w, CAUSE_OF_LEFT_OVERS, w->leaked.data * 2 > w->leaked.n
                                           ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY);
    for (size_t i = 0; i < w->leaked.n && i < EVIDENCE_MAX / 2; i++) {
        struct place place = work_cluster_place(w, w->leaked.list[i].cluster);

        cause_evidence(c, &place, "%s", content_info(w->leaked.list[i].content.kind)->name);
    }
    leaked = CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_REFCOUNT_HIGH);
    if (leaked)
        cause_text(w, c, "%s cluster%s (%s) %s a refcount and no owner: taken for a write that was "
                   "interrupted, or left behind by one%s.%s", text_group(a, leaked),
                   leaked == 1 ? "" : "s", text_size(b, leaked * w->geo->cluster_size),
                   leaked == 1 ? "has" : "have",
                   keep ? ", or what a part of a table that is empty now "
                   "referred to" : "", buf_str(&holds));
    else
        cause_text(w, c, "%s refcount%s too high: these clusters will not be freed when their last "
                   "user is gone.", text_group(a, n), n == 1 ? " is" : "s are");
    if (c && of_fs)
        c->weight = CAUSE_LEAD;
    if (keep) {
        cause_step(w, c, STEP_KEEP_LEAKS);
        cause_step_plan(w, c, "rescue");
    }
    buf_free(&holds);
}

/* --- after the end of the image --- */

static void tail(struct work *w)
{
    uint64_t end = w->scan->stats.highest_used + 1, n = w->geo->n_clusters, held = 0;
    struct place place;
    struct content content = { .kind = CONTENT_ZERO };
    struct cause *c;
    bool dirty = w->img->hdr.incompatible_features & INCOMPAT_DIRTY;
    char size[TEXT_NUM];

    if (end >= n || end == 0)
        return;
    for (unsigned k = 0; k < 16; k++) {
        uint64_t cl = end + (n - end) / 16 * k;
        struct content got;

        if (!work_reads(w, u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX)) ||
            !content_at(w->img, cl << w->geo->cluster_bits, w->scratch, &got) ||
            content_info(got.kind)->group == CONTENT_IS_EMPTY)
            continue;
        if (!held++) {
            content = got;
            place = work_cluster_place(w, cl);
        }
        if (n - end < 16)
            break;
    }
    if (!held)
        return;
    dirty = dirty || !w->scan->stats.active.l1_used;
    c = cause_add(w, dirty ? CAUSE_OF_UNFLUSHED : CAUSE_OF_OLD_TAIL, CONFIDENCE_POSSIBLE);
    cause_evidence(c, &place, "%s", content_info(content.kind)->name);
    cause_text(w, c, "%s lie after the end of the image and hold something (%s first), which "
               "nothing maps: %s.", text_size(size, (n - end) << w->geo->cluster_bits),
               content_info(content.kind)->name,
               dirty ? "data whose tables were not written before a crash, perhaps"
                     : "something older that was there before, space that was freed, or the last "
                       "writes of a machine or a conversion that was killed");
    if (dirty)
        cause_step(w, c, "Do not open the file for writing before you know what lies there: it "
                   "would be overwritten");
}

static void bloated(struct work *w)
{
    uint64_t vacant = w->scan->stats.class_clusters[CLASS_VACANT], gain, used;
    struct holes h = { 0 };
    struct place place;
    struct cause *c;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (w->ps->n || vacant << w->geo->cluster_bits < BLOAT_MIN)
        return;
    look_for_holes(w, is_vacant, w->scan->stats.highest_used + 1, &h);
    gain = (h.clusters - h.holes) << w->geo->cluster_bits;
    used = (w->geo->n_clusters - vacant) << w->geo->cluster_bits;
    if (gain < BLOAT_MIN || gain < used / 8 || (gain < BLOAT_LARGE && gain < used / 4 * 3))
        return;
    c = cause_add(w, CAUSE_OF_BLOATED, CONFIDENCE_CERTAIN);
    place = work_cluster_place(w, h.whole);
    cause_evidence(c, &place, "%s of free space", text_size(a, h.whole_n << w->geo->cluster_bits));
    cause_text(w, c, "%s of the file are free space between what is in use (%s).",
               text_size(a, gain), text_size(b, used));
    cause_step(w, c, "To make the file smaller while no guest runs: qemu-img convert -O qcow2 "
               "%s NEW.qcow2 (snapshots are not copied)", buf_str(&w->name));
}

/* --- zeros as data: only where everything may be read --- */

static void zeros_stored(struct work *w)
{
    uint64_t from = 0, zeros = 0, first = 0, data = 0;
    struct map_run run;
    struct place place;
    struct cause *c;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (!w->opt->deep || source_get_info(w->img->src).kind == SOURCE_PACK)
        return;
    while (map_run_at(w->scan->map, from, &run)) {
        from = run.first + run.n;
        if (run.cell.cls != CLASS_DATA && run.cell.cls != CLASS_DATA_SHARED &&
            run.cell.cls != CLASS_DATA_SNAPSHOT)
            continue;
        for (uint64_t cl = run.first; cl < from; cl++) {
            if (w->opt->cancel && atomic_load(w->opt->cancel))
                return;
            data++;
            if (!source_read(w->img->src, cl << w->geo->cluster_bits, w->scratch,
                             (size_t)w->geo->cluster_size, NULL) ||
                !bytes_all_zero(w->scratch, (size_t)w->geo->cluster_size))
                continue;
            if (!zeros++)
                first = cl;
        }
    }
    if (!zeros)
        return;
    c = cause_add(w, CAUSE_OF_ZEROS_STORED, CONFIDENCE_CERTAIN);
    place = work_cluster_place(w, first);
    cause_evidence(c, &place, "zeros");
    cause_text(w, c, "%s of the %s of guest data are zeros: space that convert or a discard in "
               "the guest would give back.", text_size(a, zeros << w->geo->cluster_bits),
               text_size(b, data << w->geo->cluster_bits));
    cause_step(w, c, "To get it back while no guest runs: qemu-img convert -O qcow2 %s "
               "NEW.qcow2 (snapshots are not copied)", buf_str(&w->name));
}

void causes_space(struct work *w)
{
    host_holes(w);
    left_overs(w);
    tail(w);
    bloated(w);
    zeros_stored(w);
}
