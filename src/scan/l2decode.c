/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One L2 table becomes items: the loop that every entry goes through. A table is only found
 * to be clean or not here; anything odd makes it a suspect, which pass_explain looks at
 * entry by entry. */
#include "config.h"

#include "scan/l2pass.h"

#include <stdlib.h>
#include <string.h>

#include "scan/judge.h"

struct decode {
    struct engine *e;
    struct l2_worker *w;
    uint64_t **tail;                    /* per partition: where the next item goes */
    const struct l2_table *table;
    uint64_t odd_mask;                  /* bits that send an entry to the judge */
    unsigned part_mask;
    bool suspect;
};

static bool list_reserve(struct item_list *l, size_t items)
{
    if (l->n + items > l->cap) {
        size_t cap = (l->n + items) * 3 / 2;
        uint64_t *item = realloc(l->item, cap * sizeof *item);

        if (!item)
            return false;
        l->item = item;
        l->cap = cap;
    }
    if (l->n_segments == l->cap_segments) {
        size_t cap = l->cap_segments ? l->cap_segments * 2 : 64;
        struct segment *s = realloc(l->segment, cap * sizeof *s);

        if (!s)
            return false;
        l->segment = s;
        l->cap_segments = cap;
    }
    return true;
}

static inline void emit(struct decode *d, uint64_t cl, uint64_t len, enum item_kind kind,
                        uint64_t copied)
{
    while (len) {
        uint64_t in_chunk = CHUNK_CELLS - (cl & (CHUNK_CELLS - 1));
        uint64_t n = len < in_chunk ? len : in_chunk;

        *d->tail[(cl >> CHUNK_BITS) & d->part_mask]++ = item_make(cl, n, kind, copied);
        cl += n;
        len -= n;
    }
}

/* An entry that is not plainly normal or empty. Returns the host offset QEMU's
 * fragmentation rule sees, 0 for none. */
static uint64_t decode_odd(struct decode *d, uint64_t raw, uint64_t bitmap, uint64_t j)
{
    const struct engine *e = d->e;
    const struct geometry *geo = e->geo;
    struct layer_stats *st = &d->w->active;
    uint32_t walks = d->table->n_active;
    uint64_t guest = geo->data_file ? geo_guest_off(geo, d->table->l1_index, j) : 0;
    struct judged jd;

    l2_judge(geo, raw, bitmap, guest, &jd);
    if (jd.faults) {
        d->suspect = true;
        st->invalid += walks;
        if (jd.faults & (FAULT_DATA_MISALIGNED | FAULT_ZERO_MISALIGNED))
            st->unaligned += walks;
        if (jd.faults & (FAULT_PAST_END | FAULT_COMPRESSED_PAST_END))
            d->w->beyond += (uint64_t)walks + d->table->n_snapshot;
    }
    if (jd.type == L2_ZERO_PLAIN)
        st->zero_plain += walks;
    if (jd.mapped && jd.type == L2_ZERO_ALLOC)
        st->zero_alloc += walks;
    else if (jd.mapped && jd.type == L2_COMPRESSED)
        st->compressed += walks;
    else if (jd.mapped)
        st->normal += walks;
    if (geo->data_file && jd.copied_rule && !(raw & OFLAG_COPIED))
        d->suspect = true;                  /* refcount counts as 1 there */
    if (jd.refers) {
        uint64_t first = geo_cluster_of(geo, jd.off);
        uint64_t last = geo_cluster_of(geo, jd.off + jd.len - 1);
        enum item_kind kind = jd.type == L2_COMPRESSED ? ITEM_COMPRESSED
            : jd.type == L2_ZERO_ALLOC ? ITEM_ZERO : ITEM_DATA;

        if (last >= geo->n_clusters)
            d->w->grown = true;
        emit(d, first, last - first + 1, kind, raw >> 63);
    }
    return jd.mapped && jd.type != L2_COMPRESSED ? jd.off : 0;
}

/* What one table hands on from extent to extent. */
struct course {
    uint64_t expect;                    /* host offset QEMU's fragmentation rule expects */
    uint64_t plain, frag, breaks, steps, largest;
};

/* The loop that 16 million entries go through: standard 8-byte entries [j, n). */
static void decode_standard(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                            struct course *c)
{
    const struct geometry *geo = d->e->geo;
    const uint64_t cs = geo->cluster_size, odd = d->odd_mask;
    const uint64_t last_cl = geo->n_clusters - 1;
    const unsigned cb = geo->cluster_bits;
    uint64_t want = 0, run_cl = 0, run_len = 0, run_copied = 0;
    uint64_t expect = c->expect, plain = c->plain, frag = c->frag, breaks = c->breaks;
    uint64_t steps = c->steps, largest = c->largest;
    bool after_mapped = false;

    for (; j < n; j++) {
        uint64_t entry = be64(p + j * 8);
        uint64_t off = entry & ~OFLAG_COPIED, cl = off >> cb;

        if (entry == want && entry && cl <= last_cl) {
            run_len++;
            want += cs;
            continue;
        }
        if (run_len) {
            emit(d, run_cl, run_len, ITEM_DATA, run_copied);
            plain += run_len;
            steps += run_len - 1;
            expect = (run_cl + run_len) << cb;
            if (run_len > largest)
                largest = run_len;
            run_len = 0;
        }
        want = 0;
        if (!entry) {
            after_mapped = false;
            continue;
        }
        if ((entry & odd) || cl - 1 >= last_cl) {
            uint64_t seen = decode_odd(d, entry, 0, j);

            if (seen) {
                frag += expect && seen != expect;
                steps += after_mapped;
                breaks += after_mapped && seen != expect;
                expect = seen + cs;
            }
            after_mapped = seen != 0;
            continue;
        }
        frag += expect && off != expect;
        steps += after_mapped;
        breaks += after_mapped && off != expect;
        after_mapped = true;
        run_cl = cl;
        run_len = 1;
        run_copied = entry >> 63;
        want = entry + cs;
    }
    if (run_len) {
        emit(d, run_cl, run_len, ITEM_DATA, run_copied);
        plain += run_len;
        steps += run_len - 1;
        expect = (run_cl + run_len) << cb;
        if (run_len > largest)
            largest = run_len;
    }
    *c = (struct course){ expect, plain, frag, breaks, steps, largest };
}

/* Extended entries, and images with a data file: every used entry goes to the judge. */
static void decode_judged(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                          struct course *c)
{
    const struct geometry *geo = d->e->geo;
    uint64_t run = 0;
    bool after_mapped = false;

    p += j * geo->l2_entry_size;
    for (; j < n; j++, p += geo->l2_entry_size) {
        uint64_t entry = be64(p), bitmap = geo->extended_l2 ? be64(p + 8) : 0, seen;

        if (!entry && !bitmap) {
            after_mapped = false;
            continue;
        }
        seen = decode_odd(d, entry, bitmap, j);
        if (seen || (geo->data_file && l2_type_of(geo, entry) == L2_NORMAL)) {
            c->frag += c->expect && seen != c->expect;
            c->steps += after_mapped;
            c->breaks += after_mapped && seen != c->expect;
            run = after_mapped && seen == c->expect ? run + 1 : 1;
            c->largest = u64_max(c->largest, run);
            c->expect = seen + geo->cluster_size;
            after_mapped = true;
        } else {
            after_mapped = false;
        }
    }
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
    if (d->table->n_active) {
        struct l2_worker *w = d->w;

        w->active.normal += c.plain * d->table->n_active;
        w->frag += c.frag * d->table->n_active;
        w->breaks += c.breaks;
        w->steps += c.steps;
        w->largest = u64_max(w->largest, c.largest);
    }
}

static void preview_items(struct engine *e, const uint64_t *item, size_t n)
{
    uint64_t step = UINT64_C(1) << u64_min(e->preview_shift, CHUNK_BITS);

    for (size_t i = 0; i < n; i++) {
        uint64_t cl = item_cluster(item[i]), end = cl + item_len(item[i]);

        for (; cl < end; cl += step)
            engine_preview(e, cl, CLASS_DATA);
    }
}

bool l2_decode_table(struct engine *e, struct l2_worker *w, unsigned buffer, size_t index,
                     size_t k)
{
    const struct geometry *geo = e->geo;
    const struct l2_table *t = &e->l2.list[index];
    struct item_list *list = w->list[buffer];
    struct decode d = {
        .e = e, .w = w, .tail = w->tail, .table = t,
        .part_mask = e->cells->parts - 1, .suspect = w->reader.bad[k].len != 0,
    };
    struct layer_stats before = w->active;

    d.odd_mask = L2_RESERVED_MASK | OFLAG_COMPRESSED | OFLAG_ZERO
        | ((geo->cluster_size - 1) & ENTRY_OFFSET_MASK);
    for (unsigned p = 0; p < e->cells->parts; p++) {
        /* An entry makes at most two items, or one run of two clusters in two chunks. */
        if (!list_reserve(&list[p], (size_t)geo->l2_entries * 2 + 2)) {
            return false;
        }
        w->tail[p] = list[p].item + list[p].n;
    }
    decode_extents(&d, k);
    for (unsigned p = 0; p < e->cells->parts; p++) {
        struct item_list *l = &list[p];
        size_t from = l->n;

        l->n = (size_t)(w->tail[p] - l->item);
        if (l->n > from)
            l->segment[l->n_segments++] = (struct segment){ (uint32_t)index, (uint32_t)l->n };
        if (e->progress && e->progress->want_preview)
            preview_items(e, l->item + from, l->n - from);
    }
    if (t->n_active) {
        uint64_t used = w->active.normal + w->active.zero_plain + w->active.zero_alloc
            + w->active.compressed - before.normal - before.zero_plain - before.zero_alloc
            - before.compressed;

        w->active.unallocated += geo->l2_entries * t->n_active - used;
        w->active.l2_tables++;
    }
    /* Entries behind the end of the guest disk are worth a note. */
    if (t->n_active && t->l1_index + UINT64_C(1) >= geo->vm_state_l1)
        d.suspect = true;
    if (d.suspect)
        e->suspect[index] = SUSPECT_YES;
    w->entries += geo->l2_entries;
    return true;
}
