/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One L2 table is counted: the loop that every entry goes through. A table is only found to
 * be clean or not here; anything odd makes it a suspect, which pass_explain looks at entry by
 * entry. */
#include "config.h"

#include "scan/l2decode.h"

#include <stdlib.h>
#include <string.h>

static struct step *steps_for(const struct engine *e, struct l2_worker *w,
                              const struct l2_table *t)
{
    static const enum owner kind[N_ITEM_KINDS] = {
        [ITEM_DATA] = OWNER_DATA, [ITEM_ZERO] = OWNER_ZERO,
        [ITEM_COMPRESSED] = OWNER_COMPRESSED,
    };
    bool vm = t->l1_index >= e->geo->vm_state_l1;
    struct table_steps *s;

    for (unsigned i = 0; i < STEPS_CACHED && i < w->n_steps_of; i++) {
        s = &w->steps_of[i];
        if (s->n_active == t->n_active && s->n_snapshot == t->n_snapshot && s->vm_state == vm)
            return s->step;
    }
    s = &w->steps_of[w->n_steps_of++ % STEPS_CACHED];
    s->n_active = t->n_active;
    s->n_snapshot = t->n_snapshot;
    s->vm_state = vm;
    for (int k = 0; k < N_ITEM_KINDS; k++)
        step_init(&s->step[k], owner_bits(vm && k == ITEM_DATA ? OWNER_VMSTATE : kind[k],
                                          t->n_active, t->n_snapshot),
                  (uint64_t)t->n_active + t->n_snapshot);
    return s->step;
}

/* What the judge found goes into the statistics. */
static void add_judged(struct decode *d)
{
    struct layer_stats *st = &d->w->active;
    struct fault_counts *c = &d->faults;
    uint64_t walks = d->table->n_active;

    for (unsigned i = 0; d->has_classes && i < ENTRY_CLASSES; i++) {
        faults_add_far(c, d->e->geo, &d->classes->far[i]);
        faults_add_class(c, d->e->geo, &d->classes->inside[i]);
    }
    if (d->has_classes)
        memset(d->classes, 0, sizeof *d->classes);
    st->invalid += c->fact[FACT_INVALID] * walks;
    st->unaligned += (c->n[7] + c->n[8]) * walks;       /* DATA_MISALIGNED, ZERO_MISALIGNED */
    st->zero_plain += c->fact[FACT_ZERO_PLAIN] * walks;
    st->zero_alloc += c->fact[FACT_ZERO_ALLOC] * walks;
    st->compressed += c->fact[FACT_COMPRESSED] * walks;
    st->normal += c->fact[FACT_NORMAL] * walks;
    d->w->beyond += (c->n[4] + c->n[9]) * d->weight;    /* (COMPRESSED_)PAST_END */
}

/* Counts the references of an entry that the judge saw. */
static void refer_judged(struct decode *d, uint64_t raw, const struct judged *jd)
{
    const struct geometry *geo = d->e->geo;
    uint64_t first = geo_cluster_of(geo, jd->off);
    uint64_t last = geo_cluster_of(geo, jd->off + jd->len - 1);
    enum item_kind kind = jd->type == L2_COMPRESSED ? ITEM_COMPRESSED
        : jd->type == L2_ZERO_ALLOC ? ITEM_ZERO : ITEM_DATA;

    if (last >= geo->n_clusters)
        d->w->grown = d->must_explain = true;
    count_run(d, first, last - first + 1, kind, jd->copied_rule && first == last, raw >> 63);
    if (jd->copied_rule && first != last)
        d->faults.copied += engine_copied_wrong(d->e, raw, jd->off);
}

/* An entry that is not plainly normal or empty, of any image. Returns the host offset QEMU's
 * fragmentation rule sees, 0 for none. */
static uint64_t decode_odd(struct decode *d, uint64_t raw, uint64_t bitmap, uint64_t j)
{
    const struct geometry *geo = d->e->geo;
    uint64_t guest = geo->data_file ? geo_guest_off(geo, d->table->l1_index, j) : 0;
    struct judged jd;

    l2_judge(geo, raw, bitmap, guest, &jd);
    faults_add(&d->faults, &jd, 1);
    if (geo->data_file && jd.copied_rule && !(raw & OFLAG_COPIED))
        d->must_explain = true;             /* refcount counts as 1 there */
    if (jd.refers)
        refer_judged(d, raw, &jd);
    else if (!geo->data_file && jd.copied_rule)
        d->faults.copied += engine_copied_wrong(d->e, raw, jd.off);
    return jd.mapped && jd.type != L2_COMPRESSED ? jd.off : 0;
}

/* What one table hands on from extent to extent. */
struct course {
    uint64_t expect;                    /* host offset QEMU's fragmentation rule expects */
    uint64_t plain, frag, breaks, steps, largest;
    uint64_t run;                       /* clusters in a row, up to the last mapped entry */
};

/* Entries from j on, `max` at most, that go on where the one before them, which was `entry`,
 * ends: each one cluster further. */
static uint64_t run_length(const uint8_t *p, uint64_t j, uint64_t max, uint64_t entry,
                           uint64_t cs)
{
    uint64_t len = 0, want = entry + cs;

    for (p += j * 8; len + 4 <= max; len += 4, p += 32, want += 4 * cs) {
        if ((be64(p) ^ want) | (be64(p + 8) ^ (want + cs))
            | (be64(p + 16) ^ (want + 2 * cs)) | (be64(p + 24) ^ (want + 3 * cs)))
            break;
    }
    for (; len < max && be64(p) == want; len++, p += 8)
        want += cs;
    return len;
}

/* Does an entry lead to the cluster after that of another one? */
static inline bool follows(uint64_t entry, uint64_t other, uint64_t cs)
{
    return (entry - other) << 1 == cs << 1;     /* whatever COPIED says */
}

/* What the fragmentation rule makes of entries that lead to `off` and, after it, to n - 1 more
 * clusters of which none follows another; the last one ends at `end`. */
static inline void walk_on(struct course *c, bool after_mapped, uint64_t off, uint64_t n,
                           uint64_t end)
{
    bool other = off != c->expect;

    c->frag += (c->expect && other) + n - 1;
    c->steps += after_mapped + n - 1;
    c->breaks += (after_mapped && other) + n - 1;
    c->run = !after_mapped || other ? 1 : c->run + 1;
    c->largest = u64_max(c->largest, c->run);
    c->run = n > 1 ? 1 : c->run;
    c->expect = end;
}

/* The same for n entries of which each leads to the cluster after that of the one before. */
static inline void walk_on_row(struct course *c, bool after_mapped, uint64_t off, uint64_t n,
                               uint64_t cs)
{
    walk_on(c, after_mapped, off, 1, off + n * cs);
    c->steps += n - 1;
    c->run += n - 1;
    c->largest = u64_max(c->largest, c->run);
}

#define PLAIN_AGAIN 16      /* plain entries in a row that end a run of odd ones */

/* Counts the references of an entry that leads into cluster cl, which n_inside knows, and the
 * next one if it is misaligned. */
static inline void refer_inside(struct decode *d, uint64_t entry, uint64_t cl, bool misaligned)
{
    struct cells *cells = d->e->cells;
    struct step *step = &d->step[entry & OFLAG_ZERO ? ITEM_ZERO : ITEM_DATA];

    d->wrong += (cells_bump_flat(cells, cells->flat, cl, step) ^ entry >> 56) >> 7 & 1;
    if (misaligned)
        cells_bump_flat(cells, cells->flat, cl + 1, step);
    d->w->entered += d->weight << misaligned;
}

static inline void into_class(struct entry_class *class, uint64_t entry)
{
    class->n++;
    class->entry = entry;
}

/* Entries from j on, of which the first is neither plain nor empty: the loop of damaged tables.
 * Returns how many, up to an empty one, or to where they have been plain for a while. */
static __attribute__((noinline))
uint64_t judge_run(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n, struct course *c,
                   bool *after_mapped)
{
    const struct geometry *geo = d->e->geo;
    const uint64_t cs = geo->cluster_size, far_off = d->far_off, from = j;
    const uint64_t n_inside = d->n_inside;
    const struct cells *cells = d->e->cells;
    uint64_t expect = c->expect, after = *after_mapped, run = c->run, largest = c->largest;
    uint64_t frag = 0, steps = 0, breaks = 0;
    unsigned plain = 0;

    d->has_classes = true;
    for (; j < n && plain < PLAIN_AGAIN; j++) {
        uint64_t entry = be64(p + j * 8), off = entry_off(geo, entry);
        uint64_t is = ~entry >> 62 & 1, other;      /* what the fragmentation rule looks at */
        uint64_t cl = off >> geo->cluster_bits;
        unsigned class = entry_class_of(geo, entry);

        if (cells->flat)
            prefetch_cell(d, p + (j + PREFETCH) * 8);
        if (__builtin_expect(off >= far_off, 1)) {
            into_class(&d->classes->far[class], entry);
            plain = 0;
        } else if (cl - 1 < n_inside && is) {               /* entry_is_inside */
            into_class(&d->classes->inside[class], entry);
            refer_inside(d, entry, cl, CLASS_IS_MISALIGNED(class));
            plain = CLASS_IS_PLAIN(class) ? plain + 1 : 0;
        } else if (!entry || is_plain(d, entry)) {
            break;
        } else {
            off = decode_odd(d, entry, 0, j);
            is = off != 0;
            plain = 0;
        }
        other = off != expect;
        frag += is & (expect != 0) & other;
        steps += is & after;
        breaks += is & after & other;
        run = (run & -(is & after & !other)) + is;
        largest = u64_max(largest, run);
        expect = is ? off + cs : expect;
        after = is;
    }
    c->frag += frag;
    c->steps += steps;
    c->breaks += breaks;
    c->run = run;
    c->largest = largest;
    c->expect = expect;
    *after_mapped = after;
    return j - from;
}

/* Standard 8-byte entries [j, n). */
static void decode_standard(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                            struct course *c)
{
    const struct geometry *geo = d->e->geo;
    const uint64_t cs = geo->cluster_size, last_cl = geo->n_clusters - 1;
    bool flat = d->e->cells->flat && !d->preview;
    bool after_mapped = false;
    uint64_t len;

    for (; j < n; j += len) {
        uint64_t entry = be64(p + j * 8), off = entry & ~OFLAG_COPIED;
        uint64_t cl = off >> geo->cluster_bits;

        len = 1;
        if (!entry) {
            after_mapped = false;
            continue;
        }
        if (!is_plain(d, entry)) {
            len = judge_run(d, p, j, n, c, &after_mapped);
            continue;
        }
        if (flat && !follows(be64(p + j * 8 + 8), entry, cs)) {
            len = count_singles(d, p, j, n, &entry);
            walk_on(c, after_mapped, off, len, (entry & ~OFLAG_COPIED) + cs);
        } else {
            len += run_length(p, j + 1, u64_min(n - j - 1, last_cl - cl), entry, cs);
            if (flat)
                count_run_soon(d, cl, len, entry >> 63);
            else
                count_run(d, cl, len, ITEM_DATA, true, entry >> 63);
            walk_on_row(c, after_mapped, off, len, cs);
        }
        after_mapped = true;
        c->plain += len;
    }
}

/* As run_length(), of extended entries whose subclusters do not contradict. */
static uint64_t run_length_extended(const uint8_t *p, uint64_t j, uint64_t max, uint64_t entry,
                                    uint64_t cs)
{
    uint64_t len = 0, want = entry + cs;

    for (p += j * 16; len < max && be64(p) == want; len++, p += 16, want += cs) {
        if (subclusters_conflict(be64(p + 8)))
            break;
    }
    return len;
}

/* Counts plain extended entries from j on, neighbours or such as are none. Returns how many. */
static uint64_t decode_extended(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                                struct course *c, bool after_mapped)
{
    const struct geometry *geo = d->e->geo;
    const uint64_t cs = geo->cluster_size;
    uint64_t entry = be64(p + j * 16), off = entry & ~OFLAG_COPIED, len;
    uint64_t cl = off >> geo->cluster_bits;

    if (follows(be64(p + j * 16 + 16), entry, cs)) {
        uint64_t max = u64_min(n - j - 1, geo->n_clusters - 1 - cl);

        len = 1 + run_length_extended(p, j + 1, max, entry, cs);
        count_run_soon(d, cl, len, entry >> 63);
        walk_on_row(c, after_mapped, off, len, cs);
    } else {
        len = count_singles_extended(d, p, j, n, &entry);
        walk_on(c, after_mapped, off, len, (entry & ~OFLAG_COPIED) + cs);
    }
    c->plain += len;
    return len;
}

/* Extended entries, and images with a data file: what is not plain goes to the judge. */
static void decode_judged(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                          struct course *c)
{
    const struct geometry *geo = d->e->geo;
    bool flat = d->e->cells->flat && !d->preview && !geo->data_file;
    bool after_mapped = false;
    uint64_t len;

    for (; j < n; j += len) {
        const uint8_t *at = p + j * geo->l2_entry_size;
        uint64_t entry = be64(at), bitmap = geo->extended_l2 ? be64(at + 8) : 0, seen;

        len = 1;
        if (!entry && !bitmap) {
            after_mapped = false;
            continue;
        }
        if (flat && is_plain(d, entry) && !subclusters_conflict(bitmap)) {
            len = decode_extended(d, p, j, n, c, after_mapped);
            after_mapped = true;
            continue;
        }
        if (flat)
            prefetch_cell(d, at + PREFETCH * geo->l2_entry_size);
        seen = decode_odd(d, entry, bitmap, j);
        if (!seen && !(geo->data_file && l2_type_of(geo, entry) == L2_NORMAL)) {
            after_mapped = false;
            continue;
        }
        walk_on(c, after_mapped, seen, 1, seen + geo->cluster_size);
        after_mapped = true;
    }
}

/* Is anything in table k of the batch for guest bytes behind the end of the disk? */
static bool used_behind_disk(const struct decode *d, size_t k)
{
    const struct geometry *geo = d->e->geo;
    const struct reader *rd = &d->w->reader;
    const struct reader_extent *x = reader_extents(rd, k);
    uint64_t begin = geo_guest_off(geo, d->table->l1_index, 0), inside;

    if (d->table->l1_index + UINT64_C(1) < geo->vm_state_l1)
        return false;
    inside = begin < geo->size ? u64_min(geo->size - begin, geo->l2_span) : 0;
    inside = div_up(inside, geo->cluster_size) * geo->l2_entry_size;
    for (unsigned i = 0; i < rd->n_extents[k]; i++) {
        uint64_t from = u64_max(x[i].start, inside);

        if (from < x[i].end && !bytes_all_zero(reader_table(rd, k) + from, x[i].end - from))
            return true;
    }
    return false;
}

/* Decodes what there is of table k of the batch. */
static void decode_extents(struct decode *d, size_t k)
{
    const struct geometry *geo = d->e->geo;
    const struct reader *rd = &d->w->reader;
    const struct reader_extent *x = reader_extents(rd, k);
    struct course c = { 0 };

    for (unsigned i = 0; i < rd->n_extents[k]; i++) {
        uint64_t j = x[i].start / geo->l2_entry_size, end = x[i].end / geo->l2_entry_size;

        if (geo->extended_l2 || geo->data_file)
            decode_judged(d, reader_table(rd, k), j, end, &c);
        else
            decode_standard(d, reader_table(rd, k), j, end, &c);
    }
    count_rest(d);
    if (d->table->n_active) {
        struct l2_worker *w = d->w;

        w->active.normal += c.plain * d->table->n_active;
        w->frag += c.frag * d->table->n_active;
        w->breaks += c.breaks;
        w->steps += c.steps;
        w->largest = u64_max(w->largest, c.largest);
    }
}

/* What the judge found adds up where it says all; where not, the table is explained. */
static void mark_suspect(struct decode *d, size_t index, size_t k)
{
    const struct l2_table *t = d->table;
    struct fault_counts *c = &d->faults;
    struct fault_totals *sum = &d->w->faults;
    uint16_t odd = 0;

    /* COPIED says nothing of snapshots. Entries behind the end of the guest disk are worth a
     * note. */
    if (t->n_active && ((d->wrong && !d->e->flags_known) || used_behind_disk(d, k)))
        d->must_explain = true;
    c->copied += d->wrong;
    for (unsigned f = 0; f < N_FAULTS; f++)
        odd |= (uint16_t)((c->n[f] != 0) << f);
    if (!d->copied_walks)
        c->copied = 0;
    odd |= c->copied ? SUSPECT_COPIED : 0;
    if (d->must_explain) {
        d->e->suspect[index] = odd | SUSPECT_MUST;
        return;
    }
    if (!odd)
        return;
    d->e->suspect[index] = odd;
    for (unsigned f = 0; f < N_FAULTS; f++) {
        sum->n[f] += c->n[f];
        sum->qemu[f] += c->n[f] * d->weight;
    }
    sum->copied += c->copied;
    sum->qemu_copied += c->copied * d->copied_walks;
}

void l2_decode_table(struct engine *e, struct l2_worker *w, size_t index, size_t k)
{
    const struct geometry *geo = e->geo;
    const struct l2_table *t = &e->l2.list[index];
    struct decode d = {
        .e = e, .w = w, .table = t, .weight = (uint64_t)t->n_active + t->n_snapshot,
        .step = steps_for(e, w, t), .classes = &w->classes,
        .run = w->run,
        .far_off = far_begins(geo, e->img->reftable_n << geo->refblock_bits),
        .must_explain = w->reader.bad[k].len != 0, .copied_walks = engine_copied_walks(e, t),
        .preview = e->progress && e->progress->want_preview,
    };
    struct layer_stats before = w->active;

    if (e->cells->flat && !d.preview && e->flags_known)
        d.n_inside = clusters_inside(geo);
    d.odd_mask = L2_RESERVED_MASK | OFLAG_COMPRESSED | OFLAG_ZERO
        | ((geo->cluster_size - 1) & ENTRY_OFFSET_MASK);
    decode_extents(&d, k);
    add_judged(&d);
    if (t->n_active) {
        uint64_t used = w->active.normal + w->active.zero_plain + w->active.zero_alloc
            + w->active.compressed - before.normal - before.zero_plain - before.zero_alloc
            - before.compressed;

        w->active.unallocated += geo->l2_entries * t->n_active - used;
        w->active.l2_tables++;
    }
    mark_suspect(&d, index, k);
    w->entries += geo->l2_entries;
}
