/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A snapshot that was being deleted or made. QEMU writes a snapshot table without it, or with it,
 * to another place, and changes the header in between. So all that has no owner is what an L1
 * table without an owner leads to. The snapshot table that names it may still be there, with
 * one entry that the one in use lacks; qemu-img digs it out of the file. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"
#include "qcow2/snapshot.h"
#include "scan/missing.h"

#define TABLES_MAX      4096        /* clusters that may hold a snapshot table, looked at */
#define PART            512         /* L1 entries read at once */
#define L1_READ_MAX     (UINT64_C(1) << 20)     /* L1 entries read, of all candidates */
#define L2_MAX          16384       /* tables followed */
#define TRIES_MAX       16          /* candidates for an L1 table that lead to tables */
#define ZEROS_MAX       16          /* orphans that the snapshot does not lead to, looked at */
#define MADE_MAX        4           /* snapshots made since */
#define ORPHANS_MIN     3           /* an L1 table and more */
#define BEHIND_MAX      64          /* entries that the header does not count, followed */
#define CLUSTERS_MAX    (UINT64_C(1) << 28)     /* of a file, a bit each */

struct reach {
    uint8_t *bits;                  /* a bit per cluster that the snapshot referred to */
    uint64_t n;
    uint64_t l1_left;               /* L1 entries to read, of all candidates */
};

static void reach_add(const struct work *w, struct reach *r, uint64_t off, uint64_t len)
{
    uint64_t bits = w->geo->cluster_bits, end;

    if (!len || !u64_add(off, len - 1, &end))
        return;
    for (uint64_t c = off >> bits; c <= end >> bits && c < r->n; c++)
        r->bits[c / 8] |= (uint8_t)(1u << (c % 8));
}

static bool reach_has(const struct reach *r, uint64_t first, uint64_t n)
{
    for (uint64_t c = first; c < first + n; c++)
        if (c >= r->n || !(r->bits[c / 8] >> (c % 8) & 1))
            return false;
    return true;
}

/* Adds what a table in w->scratch leads to. False: it is no L2 table but data of a guest, say,
 * which an L2 table leads to that was taken for an L1 table. */
static bool follow_l2(const struct work *w, struct reach *r, uint64_t *used)
{
    const struct geometry *geo = w->geo;

    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        struct l2_entry x;

        l2_decode(geo, w->scratch + j * geo->l2_entry_size, &x);
        *used += x.raw != 0;
        if (x.type != L2_COMPRESSED && x.raw & L2_RESERVED_MASK)
            return false;
        if (!l2_entry_has_host(&x))
            continue;
        if (x.host_off >= geo->file_size ||
            (x.type != L2_COMPRESSED && x.host_off & (geo->cluster_size - 1)))
            return false;
        reach_add(w, r, x.host_off, x.host_len);
    }
    return true;
}

/* Everything that an L1 table leads to; false when it is none, or not all could be read. */
static bool follow(struct work *w, uint64_t l1_off, uint64_t l1_size, struct reach *r)
{
    uint64_t cs = w->geo->cluster_size, tables = 0, used = 0, entry[PART];

    reach_add(w, r, l1_off, l1_size * 8);
    for (uint64_t i = 0; i < l1_size; i++) {
        uint64_t e, part = i % PART;

        if (!part && (!work_searches(w, sizeof entry) || r->l1_left < PART))
            return false;
        if (!part && !image_read_l1(w->img, l1_off, i, (size_t)u64_min(PART, l1_size - i), entry,
                                    NULL))
            return false;
        r->l1_left -= part ? 0 : PART;
        e = entry[part];
        if (e & L1_RESERVED_MASK)
            return false;
        e &= ENTRY_OFFSET_MASK;
        if (!e)
            continue;
        if (++tables > L2_MAX)
            return false;
        if ((e & (cs - 1)) || e >= w->geo->file_size || !work_searches(w, cs) ||
            !source_read(w->img->src, e, w->scratch, (size_t)cs, NULL) ||
            !follow_l2(w, r, &used))
            return false;
        reach_add(w, r, e, cs);
    }
    return used > 0;
}

static bool same(const struct snapshot *a, const struct snapshot *b)
{
    return a->l1_table_offset == b->l1_table_offset && a->l1_size == b->l1_size &&
           a->id_size == b->id_size && !memcmp(a->id, b->id, (size_t)a->id_size);
}

/* The entry of `old` that the table in use lacks; NULL: they differ in another way. New snapshots
 * come after all others. */
static const struct snapshot *one_more(const struct work *w, const struct snapshots *old)
{
    const struct snapshots *now = &w->img->snaps;
    size_t k = 0;

    if (old->end != SNAPSHOTS_COMPLETE || !old->n || old->n > now->n + 1)
        return NULL;
    while (k < old->n - 1 && same(&old->list[k], &now->list[k]))
        k++;
    for (size_t i = k; i < old->n - 1; i++)
        if (!same(&old->list[i + 1], &now->list[i]))
            return NULL;
    for (size_t i = k; i < now->n; i++)
        if (same(&old->list[k], &now->list[i]))
            return NULL;
    return old->list[k].l1_size && old->list[k].l1_size <= L1_ENTRIES_MAX ? &old->list[k] : NULL;
}

/* Reads a snapshot table of so many entries at a cluster. */
static bool table_at(const struct work *w, uint64_t cluster, size_t entries,
                     struct snapshots *out)
{
    struct header hdr = w->img->hdr;
    struct snapshot_seen seen;

    hdr.snapshots_offset = cluster << w->geo->cluster_bits;
    hdr.nb_snapshots = (uint32_t)entries;
    return snapshot_seems(w->img->src, w->geo, hdr.snapshots_offset, &seen) &&
           snapshots_read(w->img->src, &hdr, w->geo, out, NULL);
}

/* The entry that the table in use lacks, of a table at a cluster: one of one entry more, or of
 * fewer, if snapshots were made since. NULL: there is none. */
static const struct snapshot *gone_at(const struct work *w, uint64_t cluster,
                                      struct snapshots *out)
{
    size_t n = w->img->snaps.n + 1;

    for (unsigned made = 0; made <= MADE_MAX && n && table_at(w, cluster, n, out); made++, n--) {
        const struct snapshot *s = one_more(w, out);

        if (s)
            return s;
        snapshots_free(out);
    }
    return NULL;
}

/* The next snapshot table, among clusters of a class, with the entry that the one in use
 * lacks. *cl: where to go on; UINT64_MAX: at the first. */
static bool next_table(struct work *w, enum cluster_class cls, uint64_t *cl,
                       struct snapshots *out, const struct snapshot **entry)
{
    for (unsigned n = 0; n < TABLES_MAX; n++) {
        if (*cl == UINT64_MAX)
            *cl = 0;                /* the header, which is of neither class */
        if (!map_find(w->scan->map, *cl, 1, cls, cl) || !work_searches(w, 4096))
            return false;
        *entry = gone_at(w, *cl, out);
        if (*entry)
            return true;
    }
    return false;
}

static bool of_reach(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    return p->place.kind == PLACE_CLUSTER && reach_has(ctx, p->place.i, p->count);
}

/* Adds orphans that are zeros: the table that named the snapshot, dug out. */
static void add_zeros(struct work *w, struct reach *r)
{
    uint64_t cl = 0;

    for (unsigned n = 0; n < ZEROS_MAX && map_find(w->scan->map, cl, 1, CLASS_LEAKED, &cl); ) {
        struct content c;

        if (reach_has(r, cl, 1))
            continue;
        n++;
        if (work_searches(w, u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX)) &&
            content_at(w->img, cl << w->geo->cluster_bits, w->scratch, &c) &&
            content_info(c.kind)->group == CONTENT_IS_EMPTY)
            reach_add(w, r, cl << w->geo->cluster_bits, 1);
    }
}

static uint64_t counted_too_often(const struct work *w)
{
    return w->leaked.clusters + work_count(w, PROBLEM_REFCOUNT_HIGH);
}

/* Is all that has no owner, or a refcount that is too high, reached? */
static bool explains_all(struct work *w, struct reach *r)
{
    uint64_t n = 0;

    add_zeros(w, r);
    for (size_t i = 0; i < w->ps->n; i++)
        if (w->ps->list[i].kind == PROBLEM_LEAKED || w->ps->list[i].kind == PROBLEM_REFCOUNT_HIGH)
            n += of_reach(w, &w->ps->list[i], r) ? w->ps->list[i].count : 0;
    return n == counted_too_often(w);
}

/* What was found of a snapshot that is not in the snapshot table in use. */
struct gone_snapshot {
    struct buf name;                /* empty: nothing names it any more */
    uint64_t cluster;               /* of the table that does, or of its L1 table */
    uint32_t behind;                /* entries behind those that the header counts: its, and more */
    bool proved;                    /* it was not lost in another way */
};

/* The header counts fewer entries than the table has. */
static void tell_behind(struct work *w, struct cause *c, const struct gone_snapshot *g)
{
    uint64_t n = w->img->snaps.n, all = n + g->behind;
    const char *name = buf_str(&g->name);

    cause_text(w, c, "The snapshot table has %llu entries, and the header counts %llu. Either the "
               "snapshot '%s' was being deleted and that was interrupted, or it was lost: the "
               "clusters without an owner are what it holds.", (unsigned long long)all,
               (unsigned long long)n, name);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, "If you deleted the snapshot '%s', nothing is lost. If not, set the number "
               "right: qcheck plan set nb_snapshots=%llu -o snapshots.plan %s", name,
               (unsigned long long)all, buf_str(&w->name));
}

static void tell(struct work *w, const struct gone_snapshot *g, const struct reach *r)
{
    struct place place = work_cluster_place(w, g->cluster), header = work_header_place(60);
    struct cause *c = cause_add(w, CAUSE_OF_LEFT_OVERS,
                                g->proved ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
    const char *name = buf_str(&g->name), *quote = *name ? "'" : "";
    char a[TEXT_NUM];
    uint64_t n;

    if (g->behind)
        cause_evidence(c, &header, "nb_snapshots is %zu; the table has an entry more, '%s'",
                       w->img->snaps.n, name);
    n = CLAIM(w, c, of_reach, r, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    if (c && !g->proved)
        c->weight = CAUSE_LEAD;
    if (g->behind) {
        tell_behind(w, c, g);
        return;
    }
    if (*name)
        cause_evidence(c, &place, "a snapshot table that is not in use names '%s'", name);
    else
        cause_evidence(c, &place, "an L1 table without an owner, which leads to all others");
    text_group(a, n);
    cause_text(w, c, "%s snapshot %s%s%s%s: %s cluster%s still counted for it.",
               *name ? "The" : "A", quote, name, *name ? "' " : "", g->proved
               ? "was being deleted or made, and that was interrupted"
               : "is gone from the header; its deletion was interrupted, or it was lost",
               a, n == 1 ? " is" : "s are");
    if (g->proved)
        return;
    cause_step(w, c, "If you deleted the snapshot '%s', nothing is lost: what has no owner was "
               "its. If not, keep those clusters, and do not let leaks be repaired", name);
}

/* Is the snapshot table that the header names counted? One that is not may be of a moment
 * before, if the header is. */
static bool table_counted(const struct work *w)
{
    uint64_t stored;

    return image_stored_refcount(w->img, w->img->snaps.table_off >> w->geo->cluster_bits,
                                 &stored) == STORED_OK && stored;
}

/* A table names the snapshot. */
static bool by_table(struct work *w, enum cluster_class cls, struct reach *r,
                     struct gone_snapshot *out)
{
    const struct snapshot *s;
    struct snapshots old;
    bool all;

    out->cluster = UINT64_MAX;
    if (!next_table(w, cls, &out->cluster, &old, &s))
        return false;
    reach_add(w, r, old.table_off, old.table_len);
    all = follow(w, s->l1_table_offset, s->l1_size, r) && explains_all(w, r);
    if (all)
        text_visible(&out->name, s->name, (size_t)u64_min(s->name_size, 100));
    out->proved = w->img->snaps.n || cls == CLASS_VACANT;
    snapshots_free(&old);
    return all;
}

/* The table in use goes on behind the entries that the header counts, with those of snapshots
 * whose L1 tables nobody refers to. */
static bool by_header(struct work *w, struct reach *r, struct gone_snapshot *out)
{
    const struct snapshots *now = &w->img->snaps;
    struct map_cell cell;
    struct snapshots all;
    bool lost = now->n > 0;

    out->cluster = now->table_off >> w->geo->cluster_bits;
    for (uint32_t more = 1; lost && more <= BEHIND_MAX &&
                            table_at(w, out->cluster, now->n + more, &all); more++) {
        const struct snapshot *s = &all.list[all.n - 1];

        lost = all.end == SNAPSHOTS_COMPLETE && all.n == now->n + more && s->l1_size &&
               s->l1_size <= L1_ENTRIES_MAX;
        if (lost) {
            map_get(w->scan->map, s->l1_table_offset >> w->geo->cluster_bits, &cell);
            lost = cell.cls == CLASS_LEAKED && follow(w, s->l1_table_offset, s->l1_size, r);
        }
        if (lost && !out->behind++)
            text_visible(&out->name, s->name, (size_t)u64_min(s->name_size, 100));
        snapshots_free(&all);
    }
    return out->behind > 0;
}

/* Do the first words of a cluster lead to L2 tables, at least one of them? */
static bool seems_l1(struct work *w, uint64_t off)
{
    uint64_t entry[PART], used = 0, cs = w->geo->cluster_size;
    size_t n = (size_t)u64_min(PART, cs / 8);

    if (!work_searches(w, sizeof entry) || !image_read_l1(w->img, off, 0, n, entry, NULL))
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t to = entry[i] & ENTRY_OFFSET_MASK;

        if ((entry[i] & L1_RESERVED_MASK) || (to & (cs - 1)) || to >= w->geo->file_size)
            return false;
        used += to != 0;
    }
    return used > 0;
}

/* Nothing names it, but its L1 table is there. */
static bool by_l1(struct work *w, struct reach *r, struct gone_snapshot *out)
{
    uint64_t cl = 0, n = u64_min(w->geo->l1_needed, L1_ENTRIES_MAX), bits = w->geo->cluster_bits;
    struct snapshot_seen seen;
    unsigned tries = 0;

    /* Of an empty disk it may be the L1 table, which the header takes to be elsewhere. */
    if (!w->scan->stats.active.l1_used)
        return false;
    /* An entry behind those in use: the number in the header is wrong. */
    if (w->img->snaps.n &&
        snapshot_seems(w->img->src, w->geo, round_up(w->img->snaps.table_off +
                                                     w->img->snaps.table_len, 8), &seen))
        return false;
    for (unsigned k = 0; k < TABLES_MAX && tries < TRIES_MAX &&
                         map_find(w->scan->map, cl, 1, CLASS_LEAKED, &cl); k++) {
        if (snapshot_seems(w->img->src, w->geo, cl << bits, &seen))
            return false;
        if (!seems_l1(w, cl << bits))
            continue;
        tries++;
        memset(r->bits, 0, (size_t)r->n / 8 + 1);
        if (!follow(w, cl << bits, n, r) || !explains_all(w, r))
            continue;
        out->cluster = cl;
        out->proved = true;
        return true;
    }
    return false;
}

void causes_deleted(struct work *w)
{
    struct reach r = { NULL, w->geo->n_clusters, L1_READ_MAX };
    struct gone_snapshot gone = { .name = BUF_INIT };
    uint64_t flags = work_count(w, PROBLEM_L2_COPIED) + work_count(w, PROBLEM_DATA_COPIED);

    if (counted_too_often(w) < ORPHANS_MIN || missing_tables(w->scan) || r.n > CLUSTERS_MAX ||
        w->geo->data_file || w->img->snaps.end != SNAPSHOTS_COMPLETE ||
        problems_of_severity(w->ps, SEV_CORRUPTION) > flags ||
        problems_of_severity(w->ps, SEV_ERROR) || work_count(w, PROBLEM_SNAPSHOT_L1_SMALL) ||
        (w->img->snaps.n ? !table_counted(w) : w->img->hdr.snapshots_offset != 0))
        return;
    r.bits = calloc((size_t)r.n / 8 + 1, 1);
    if (r.bits && by_header(w, &r, &gone)) {
        w->deleted = explains_all(w, &r);
        if (w->deleted)
            w->leaked = (struct samples){ 0 };
        tell(w, &gone, &r);
    } else if (r.bits && (by_table(w, CLASS_VACANT, &r, &gone) ||
                          by_table(w, CLASS_LEAKED, &r, &gone) ||
                          by_l1(w, &r, &gone))) {
        tell(w, &gone, &r);
        w->leaked = (struct samples){ 0 };
        w->deleted = true;
    }
    buf_free(&gone.name);
    free(r.bits);
}
