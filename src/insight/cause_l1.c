/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The active L1 table: overwritten, or empty while its tables still lie in the file. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "insight/cause_work.h"
#include "scan/missing.h"

#define PART        512             /* L1 entries read at once */
#define TRIES_MAX   16              /* L1 tables, and tables that one leads to, looked at */

static bool in_l1(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    (void)ctx;
    return p->place.kind == PLACE_L1 && p->place.layer == LAYER_ACTIVE;
}

/* An older L1 table in space that nobody owns. */
static bool old_l1(struct work *w, uint64_t *cl)
{
    const struct orphan_tables *l1 = &work_orphan_tables(w, CLASS_LEAKED)->l1;

    if (!l1->n)
        l1 = &work_orphan_tables(w, CLASS_VACANT)->l1;
    *cl = l1->first;
    return l1->n > 0;
}

/* Entries of the L1 table at this cluster, up to the last in use. */
static uint64_t l1_entries_at(struct work *w, uint64_t cl)
{
    uint64_t n = w->geo->cluster_size / 8, last = 0;

    if (!source_read(w->img->src, cl << w->geo->cluster_bits, w->scratch,
                     (size_t)w->geo->cluster_size, NULL))
        return 0;
    for (uint64_t i = 0; i < n; i++)
        if (be64(w->scratch + i * 8))
            last = i + 1;
    return last;
}

/* Does an entry of the L2 table in w->scratch lead to the first cluster of the active L1? */
static bool leads_to_l1(const struct work *w, size_t *index)
{
    uint64_t l1_cl = w->img->hdr.l1_table_offset >> w->geo->cluster_bits;

    for (size_t j = 0; j < w->geo->l2_entries; j++) {
        struct l2_entry e;

        l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
        if (l2_entry_has_host(&e) && e.host_off >> w->geo->cluster_bits == l1_cl) {
            *index = j;
            return true;
        }
    }
    return false;
}

/* The proof of two writers: by the older L1 table at this cluster, data of the guest (at
 * *guest_off) lies where the active one is. */
static bool maps_l1(struct work *w, uint64_t cl, uint64_t *guest_off)
{
    uint64_t n = l1_entries_at(w, cl), cs = w->geo->cluster_size;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t e;
        size_t j;

        if (!image_read_l1(w->img, cl << w->geo->cluster_bits, i, 1, &e, NULL))
            return false;
        e &= ENTRY_OFFSET_MASK;
        if (!e || (e & (cs - 1)) || e >= w->geo->file_size)
            continue;
        if (!work_reads(w, cs))
            return false;
        if (source_read(w->img->src, e, w->scratch, (size_t)cs, NULL) && leads_to_l1(w, &j)) {
            *guest_off = geo_guest_off(w->geo, i, j);
            return true;
        }
    }
    return false;
}

/* Whatever such a table leads to is no table either: all that follows comes of it. */
static void claim_all(struct work *w, struct cause *c)
{
    CLAIM(w, c, NULL, NULL, CLAIM_RISK, PROBLEM_L1_RESERVED, PROBLEM_L2_MISALIGNED,
          PROBLEM_L2_PAST_END, PROBLEM_L2_RESERVED, PROBLEM_DATA_PAST_END,
          PROBLEM_DATA_MISALIGNED, PROBLEM_ZERO_MISALIGNED, PROBLEM_COMPRESSED_PAST_END,
          PROBLEM_COMPRESSED_COPIED, PROBLEM_OVERLAP, PROBLEM_REFCOUNT_LOW,
          PROBLEM_REFCOUNT_ZERO, PROBLEM_LEAKED, PROBLEM_L2_COPIED, PROBLEM_DATA_COPIED,
          PROBLEM_DOUBLE_ALLOCATION, PROBLEM_PAST_DISK_END, PROBLEM_V2_ZERO_FLAG,
          PROBLEM_STREAM_PAST_END, PROBLEM_HEADER_PROPOSED);
}

/* Of the entries of the L1 table at this cluster, as far as looked at: how many lead to L2 tables
 * that nobody refers to. *tried: of how many. */
static uint64_t leads_to_orphans(struct work *w, uint64_t cl, uint64_t *tried)
{
    uint64_t n = u64_min(l1_entries_at(w, cl), PART), good = 0, raw[PART];

    *tried = 0;
    if (!image_read_l1(w->img, cl << w->geo->cluster_bits, 0, n, raw, NULL))
        return 0;
    for (uint64_t i = 0; i < n && *tried < TRIES_MAX; i++) {
        uint64_t off = raw[i] & ENTRY_OFFSET_MASK;
        struct content content;
        struct map_cell cell;

        if (!off)
            continue;
        ++*tried;
        work_cell(w, off >> w->geo->cluster_bits, &cell);
        good += (cell.cls == CLASS_LEAKED || off == w->img->hdr.l1_table_offset) &&
                work_reads(w, u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX)) &&
                content_at(w->img, off, w->scratch, &content) && content.kind == CONTENT_L2;
    }
    return good;
}

/* Nothing that the active L1 table leads to is an L2 table. */
static bool leads_to_no_tables(const struct work *w)
{
    uint64_t used = w->scan->stats.active.l1_used, foreign = 0;

    for (size_t i = 0; i < w->n_bad; i++)
        foreign += w->bad[i].foreign && !w->bad[i].end && w->bad[i].at->n_active;
    return foreign * 4 >= used * 3;
}

static void look_through(struct work *w, struct cause *c, const char *which, uint64_t cl)
{
    unsigned long long off = cl << w->geo->cluster_bits;
    /* As many as the disk needs, if the cluster has room: QEMU opens no image with fewer. */
    unsigned long long n = u64_max(l1_entries_at(w, cl), u64_min(w->geo->l1_needed,
                                                                 w->geo->cluster_size / 8));
    char size[40] = "";

    cause_step(w, c, "Look at the disk through %s L1 table: qcheck check --l1-offset=0x%llx "
               "--l1-size=%llu %s", which, off, n, buf_str(&w->name));
    /* A table of fewer entries is of a time when the disk was no larger than it could map. */
    if (n < w->geo->l1_needed)
        snprintf(size, sizeof size, "size=%llu ", n * (unsigned long long)w->geo->l2_span);
    cause_step(w, c, "If few problems are left, let a plan write them into the header: "
               "qcheck plan set l1_table_offset=0x%llx l1_size=%llu %s%s", off, n, size,
               buf_str(&w->name));
}

/* The header names another place in the file: what lies there leads to no tables, and the L1 table
 * has no owner. */
static void misled(struct work *w)
{
    uint64_t cl = 0, good = 0, tried, best = 0, off = w->img->hdr.l1_table_offset;
    struct place place = work_header_place(40);
    const struct orphan_tables *l1;
    struct cause *c;

    if (w->deleted || !w->leaked.clusters || off >= w->geo->file_size || !leads_to_no_tables(w))
        return;
    l1 = &work_orphan_tables(w, CLASS_LEAKED)->l1;
    for (size_t i = 0; i < l1->n_kept && i < TRIES_MAX; i++) {
        good = leads_to_orphans(w, l1->kept[i] >> w->geo->cluster_bits, &tried);
        if (good > best && good * 4 >= tried * 3) {
            best = good;
            cl = l1->kept[i] >> w->geo->cluster_bits;
        }
    }
    if (!best)
        return;
    c = cause_add(w, CAUSE_OF_L1_POINTER, CONFIDENCE_LIKELY);
    cause_evidence(c, &place, "l1_table_offset 0x%llx: none of what it leads to is a table",
                   (unsigned long long)off);
    place = work_cluster_place(w, cl);
    cause_evidence(c, &place, "an L1 table that nobody refers to, with %llu L2 tables",
                   (unsigned long long)best);
    claim_all(w, c);
    if (c) {
        spans_free(&c->risk);
        spans_add(&c->lost, 0, w->geo->size, w->geo->size);
    }
    cause_text(w, c, "The whole disk is unmapped: the header looks for the L1 table at 0x%llx, "
               "where there is none. The L1 table at 0x%llx, which nobody refers to, leads to L2 "
               "tables without an owner.", (unsigned long long)off,
               (unsigned long long)(cl << w->geo->cluster_bits));
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    look_through(w, c, "that", cl);
}

static void overwritten(struct work *w)
{
    uint64_t bad = 0, used = w->scan->stats.active.l1_used, cl, overlaps = 0;
    uint64_t l1_cl = w->img->hdr.l1_table_offset >> w->geo->cluster_bits, guest_off = 0;
    struct place place;
    struct content content;
    struct map_cell cell;
    struct cause *c;
    bool resized, old, proved;

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        if (!w->out->claim[i] && in_l1(w, p, NULL) &&
            (p->kind == PROBLEM_L1_RESERVED || p->kind == PROBLEM_L2_MISALIGNED ||
             (p->kind == PROBLEM_L2_PAST_END && p->host_off / 64 > w->geo->file_size)))
            bad += p->count;
        overlaps += p->kind == PROBLEM_OVERLAP;
    }
    if (bad < 2 || (bad < 4 && bad < used) || bad * 4 < used)
        return;
    work_cell(w, l1_cl, &cell);
    if (!content_at(w->img, l1_cl << w->geo->cluster_bits, w->scratch, &content) ||
        content.kind == CONTENT_L1)
        return;
    resized = (cell.owners & OWNER_L1_ACTIVE) && (cell.owners & (OWNER_DATA | OWNER_COMPRESSED));
    old = old_l1(w, &cl);
    proved = old && maps_l1(w, cl, &guest_off);
    resized |= proved || (old && overlaps);
    c = cause_add(w, resized ? CAUSE_OF_LIVE_RESIZE : CAUSE_OF_L1_OVERWRITTEN,
                  resized && old ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
    place = work_cluster_place(w, l1_cl);
    cause_evidence(c, &place, "the L1 table holds %s", content_info(content.kind)->name);
    if (old) {
        place = work_cluster_place(w, cl);
        cause_evidence(c, &place, proved ? "an older L1 table; by it guest 0x%llx lies over the "
                       "new one" : "an older L1 table",
                       (unsigned long long)guest_off);
    }
    claim_all(w, c);
    if (resized)
        cause_text(w, c, "Two programs wrote to the image: it was resized while another had it "
                   "open. %s lie over the L1 table%s.",
                   content.kind == CONTENT_BYTES ? "Data of the guest"
                                                 : "Other contents",
                   old ? "; the table as it was before is still in the file" : "");
    else
        cause_text(w, c, "The L1 table was overwritten: %s stands in its place, and %llu of "
                   "%llu entries are impossible%s.", content_info(content.kind)->name,
                   (unsigned long long)u64_min(bad, used), (unsigned long long)used,
                   old ? "; an older one is still in the file" : "");
    if (old) {
        if (resized && c)
            spans_free(&c->lost);
        look_through(w, c, "the older", cl);
    } else {
        if (c)
            spans_add(&c->lost, 0, w->geo->size, w->geo->size);
        cause_step(w, c, STEP_OLDER_COPY);
        cause_step_plan(w, c, "rescue");
    }
}

/* Nothing is mapped, and no table is left, but data. */
static void only_data(struct work *w)
{
    struct cause *c = cause_add(w, CAUSE_OF_MAPPING_VANISHED, CONFIDENCE_POSSIBLE);
    char n[TEXT_NUM];

    for (size_t i = 0; i < w->leaked.n; i++) {
        struct place place = work_cluster_place(w, w->leaked.list[i].cluster);
        const struct content_info *held = content_info(w->leaked.list[i].content.kind);

        if (held->group == CONTENT_IS_DATA)
            cause_evidence(c, &place, "%s, without an owner", held->name);
    }
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    if (c)
        spans_add(&c->risk, 0, w->geo->size, w->geo->size);
    cause_text(w, c, "The mapping has vanished, perhaps: the L1 table is empty, yet %s cluster%s "
               "without an owner %s in the file, with data.", text_group(n, w->leaked.clusters),
               w->leaked.clusters == 1 ? "" : "s", w->leaked.clusters == 1 ? "is" : "are");
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step_plan(w, c, "rescue");
}

/* Zeros in the L1 table, and tables in space that nobody owns. */
static void vanished(struct work *w)
{
    const struct layer_stats *a = &w->scan->stats.active;
    enum cluster_class where = CLASS_LEAKED;
    uint64_t n, missing = w->geo->l1_needed - u64_min(w->geo->l1_needed, a->l1_used);
    struct orphan_tables f = { .n = 0 };
    struct guest_spans lost = { 0 }, risk = { 0 };
    uint64_t empty = 0;
    bool sure;                  /* that they are tables of the disk, and of which places */
    struct cause *c;
    struct place place;
    char size[TEXT_NUM];

    /* Tables of snapshots that cannot be read have no owner either. */
    if ((missing_tables(w->scan) & ~(1u << MISSING_ACTIVE_L1 | 1u << MISSING_L2)) ||
        !missing || w->deleted || (work_count(w, PROBLEM_L1_PAST_END) &&
                     w->img->hdr.l1_table_offset >= w->geo->file_size) ||
        cause_found(w, CAUSE_OF_L1_OVERWRITTEN) || cause_found(w, CAUSE_OF_LIVE_RESIZE) ||
        cause_found(w, CAUSE_OF_L1_POINTER))
        return;
    /* A table alone is left over from copying it, but where nothing else maps anything. With a
     * data file there are no snapshots to copy it from, and data have no owner to lack. */
    if (w->leaked.clusters > 1 || !a->l1_used || w->geo->data_file)
        f = work_orphan_tables(w, CLASS_LEAKED)->l2;
    /* Free tables are left over where a snapshot of an empty disk was gone back to; not where
     * the refcounts are lost. */
    if (!f.n && !a->l1_used && w->scan->stats.class_clusters[CLASS_VACANT] &&
        (!w->img->snaps.n || problems_of_severity(w->ps, SEV_CORRUPTION))) {
        where = CLASS_VACANT;
        f = work_orphan_tables(w, CLASS_VACANT)->l2;
    }
    n = f.n - f.copies;
    n -= u64_min(n, w->n_astray);
    if (n && a->l1_used)
        n = work_places(w, &f, &lost, &risk, &empty);
    /* What is left is data alone: then the tables were wiped as well. */
    if (!n && !a->l1_used && w->leaked.data)
        only_data(w);
    /* One table that leads to what is mapped elsewhere is left over from copying it. */
    if (!n || (where == CLASS_LEAKED && a->l1_used && !w->geo->data_file &&
               (w->leaked.clusters < 4 * n || w->leaked.clusters < 2))) {
        spans_free(&lost);
        spans_free(&risk);
        return;
    }
    sure = !a->l1_used || (!w->img->snaps.n && spans_bytes(&lost) && !spans_bytes(&risk));
    c = cause_add(w, CAUSE_OF_MAPPING_VANISHED, !sure ? CONFIDENCE_POSSIBLE
                  : a->l1_used || where == CLASS_VACANT ? CONFIDENCE_LIKELY : CONFIDENCE_CERTAIN);
    place = (struct place){ .kind = PLACE_L1, .i = 0, .file_off = NO_ADDRESS,
                            .guest_off = NO_ADDRESS };
    place_complete(w->img, &place);
    cause_evidence(c, &place, "%llu of %llu entries are in use",
                   (unsigned long long)a->l1_used, (unsigned long long)w->geo->l1_needed);
    place = work_cluster_place(w, f.first);
    cause_evidence(c, &place, "an L2 table that nobody refers to");
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    cause_text(w, c, "The mapping has vanished: the L1 table is %s, yet %llu L2 table%s that "
               "nobody refers to %s in the file, with %s of clusters that have no owner%s.",
               a->l1_used ? "empty in part" : "empty", (unsigned long long)n,
               n == 1 ? "" : "s", n == 1 ? "is" : "are",
               text_size(size, w->scan->stats.class_clusters[where] * w->geo->cluster_size),
               !a->l1_used ? "" : w->img->snaps.n ? ": the disk's, or a snapshot's"
               : !sure && n < empty ? "; which of the empty places they are of is not known" : "");
    if (c && !a->l1_used)
        spans_add(&c->lost, 0, w->geo->size, w->geo->size);
    else if (c) {
        spans_add_all(sure ? &c->lost : &c->risk, &lost);
        spans_add_all(&c->risk, &risk);
    }
    spans_free(&lost);
    spans_free(&risk);
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, "See the tables that are left: qcheck %s, Enter on the evidence",
               buf_str(&w->name));
    cause_step_plan(w, c, "rescue");
}

static bool unclaimed_leaks(const struct work *w)
{
    for (size_t i = 0; i < w->ps->n; i++)
        if (w->ps->list[i].kind == PROBLEM_LEAKED && !w->out->claim[i])
            return true;
    return false;
}

static bool snapshot_table_is_damaged(const struct work *w)
{
    uint64_t n = 0;

    for (int k = 0; k < N_PROBLEMS; k++)
        if (problem_info((enum problem_kind)k)->section == SECTION_SNAPSHOTS)
            n += work_count(w, (enum problem_kind)k);
    return n > 0;
}

/* Does the L1 table of a snapshot hold nothing but zeros? */
static bool l1_is_empty(struct work *w, const struct snapshot *s)
{
    uint64_t entry[PART];

    for (uint64_t i = 0; i < s->l1_size; i += PART) {
        size_t n = (size_t)u64_min(PART, s->l1_size - i);

        if (!work_searches(w, sizeof entry) ||
            !image_read_l1(w->img, s->l1_table_offset, i, n, entry, NULL) ||
            !bytes_all_zero(entry, n * sizeof *entry))
            return false;
    }
    return s->l1_size > 0;
}

/* A snapshot of which nothing is mapped, while clusters are counted more often than they are
 * referred to: it was not taken of an empty disk, most likely. */
static bool emptied_snapshot(struct work *w)
{
    const struct snapshots *snaps = &w->img->snaps;
    struct buf name = BUF_INIT;
    struct place place;
    struct cause *c;
    char a[TEXT_NUM];
    uint64_t n;
    size_t i = 0;

    if (w->deleted || !work_count(w, PROBLEM_REFCOUNT_HIGH) || !work_unclaimed_orphans(w))
        return false;
    while (i < snaps->n && !l1_is_empty(w, &snaps->list[i]))
        i++;
    if (i == snaps->n)
        return false;
    c = cause_add(w, CAUSE_OF_MAPPING_VANISHED, CONFIDENCE_POSSIBLE);
    place = work_cluster_place(w, snaps->list[i].l1_table_offset >> w->geo->cluster_bits);
    text_visible(&name, snaps->list[i].name, (size_t)u64_min(snaps->list[i].name_size, 100));
    cause_evidence(c, &place, "the L1 table of the snapshot '%s' is empty", buf_str(&name));
    n = CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    cause_text(w, c, "The mapping of the snapshot '%s' has vanished, perhaps: its L1 table is "
               "empty, yet %s cluster%s counted more often than referred to.", buf_str(&name),
               text_group(a, n), n == 1 ? " is" : "s are");
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, STEP_OLDER_COPY);
    buf_free(&name);
    return true;
}

/* Tables in space that nobody owns, although nothing of the active disk is missing: those of
 * a snapshot whose entry, L1 table or part of it is gone. One that maps what has its owners is
 * left over from copying it. After the causes of L2 tables, whose data the leaks may be. */
void causes_lost_snapshot(struct work *w)
{
    const struct orphan_tables *f;
    uint64_t orphans, n;
    struct place place;
    struct cause *c;
    char a[TEXT_NUM];

    if (missing_tables(w->scan) || snapshot_table_is_damaged(w) ||
        cause_found(w, CAUSE_OF_L1_OVERWRITTEN) || cause_found(w, CAUSE_OF_LIVE_RESIZE) ||
        cause_found(w, CAUSE_OF_MAPPING_VANISHED) || emptied_snapshot(w) ||
        !w->leaked.clusters || !unclaimed_leaks(w))
        return;
    f = &work_orphan_tables(w, CLASS_LEAKED)->l2;
    n = f->n;
    orphans = f->orphans;
    if (!n || orphans < 2)
        return;
    c = cause_add(w, CAUSE_OF_MAPPING_VANISHED, CONFIDENCE_POSSIBLE);
    place = work_cluster_place(w, f->first);
    cause_evidence(c, &place, "an L2 table that nobody refers to");
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    cause_text(w, c, "The mapping of a snapshot has vanished, perhaps: %llu L2 table%s that nobody "
               "refers to %s in the file, and %s cluster%s %s %s counted more often than referred "
               "to. They belong to a snapshot that is lost, or that was being deleted.",
               (unsigned long long)n, n == 1 ? "" : "s", n == 1 ? "is" : "are",
               text_group(a, orphans), orphans == 1 ? "" : "s",
               n == 1 ? "that it maps" : "that they map", orphans == 1 ? "is" : "are");
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, "See whether all snapshots are there, and of the size they should have: "
               "qcheck dump snapshots %s", buf_str(&w->name));
    cause_step(w, c, "See the tables that are left: qcheck %s, Enter on the evidence",
               buf_str(&w->name));
}

void causes_l1(struct work *w)
{
    misled(w);
    if (!cause_found(w, CAUSE_OF_L1_POINTER))
        overwritten(w);
    vanished(w);
}
