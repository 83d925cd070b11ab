/* Every L2 table once: the heart of the scan.
 *
 * The work goes in rounds with one barrier each. In a round the workers take batches of
 * tables, decode them in a tight loop and write what they find as items (a run of host
 * clusters, its kind, COPIED), sorted into one list per partition of the book. After the
 * barrier each worker enters the items of its own partitions: no cell has two writers, and
 * nothing is locked. The lists are double, so that a fast worker can decode on meanwhile.
 *
 * Here a table is only found to be clean or not: anything odd makes it a suspect, which
 * pass_explain looks at entry by entry. */
#include "scan/engine.h"

#include <stdlib.h>
#include <string.h>

#include "scan/judge.h"

enum item_kind { ITEM_DATA, ITEM_ZERO, ITEM_COMPRESSED, N_ITEM_KINDS };

/* An item: bits 0-11 length - 1 (clusters), 12 COPIED, 13-14 kind, 15-63 cluster. */
#define ITEM_CLUSTER_MAX    (UINT64_C(1) << 49)
#define STEP_CACHE          24
#define ROUND_ENTRIES       65536       /* per worker */
#define PREFETCH            24

struct segment { uint32_t table; uint32_t end; };   /* items of one table, end exclusive */

struct item_list {
    uint64_t *item;
    struct segment *segment;
    size_t n, cap, n_segments, cap_segments;
};

struct cached_step { uint32_t owners; uint64_t weight; struct step step; };

struct l2_worker {
    struct reader reader;
    uint64_t *off;                      /* of the tables of a batch */
    struct item_list *list[2];          /* per partition */
    uint64_t **tail;                    /* per partition */
    struct cached_step cache[STEP_CACHE];
    unsigned n_cached, next_cached;
    struct layer_stats active;
    uint64_t frag, breaks, steps, beyond, entries, largest;
    bool grown;
};

struct l2_pass {
    struct engine *e;
    struct l2_worker *worker;
    unsigned n_workers;
    size_t round_tables;
    size_t n_rounds;
    _Atomic size_t *cursor;             /* one per round */
    pthread_barrier_t barrier;
    _Atomic bool failed, stop[2];
    uint64_t odd_mask;                  /* bits that send an entry to the judge */
};

/* --- decoding --- */

struct decode {
    struct l2_pass *pass;
    struct l2_worker *w;
    uint64_t **tail;                    /* per partition: where the next item goes */
    const struct l2_table *table;
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
    const uint64_t flags = (uint64_t)kind << 13 | copied << 12;

    while (len) {
        uint64_t in_chunk = CHUNK_CELLS - (cl & (CHUNK_CELLS - 1));
        uint64_t n = len < in_chunk ? len : in_chunk;

        *d->tail[(cl >> CHUNK_BITS) & d->part_mask]++ = cl << 15 | flags | (n - 1);
        cl += n;
        len -= n;
    }
}

/* An entry that is not plainly normal or empty. Returns the host offset QEMU's
 * fragmentation rule sees, 0 for none. */
static uint64_t decode_odd(struct decode *d, uint64_t raw, uint64_t bitmap, uint64_t j)
{
    const struct engine *e = d->pass->e;
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

/* The loop that 16 million entries go through. Standard 8-byte entries. */
static void decode_standard(struct decode *d, const uint8_t *p, uint64_t n)
{
    const struct geometry *geo = d->pass->e->geo;
    const uint64_t cs = geo->cluster_size, odd = d->pass->odd_mask;
    const uint64_t last_cl = geo->n_clusters - 1;
    const unsigned cb = geo->cluster_bits;
    uint64_t want = 0, run_cl = 0, run_len = 0, run_copied = 0;
    uint64_t expect = 0, plain = 0, frag = 0, breaks = 0, steps = 0, largest = 0;
    bool after_mapped = false;

    for (uint64_t j = 0; j < n; j++) {
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
        if (run_len > largest)
            largest = run_len;
    }
    if (d->table->n_active) {
        struct l2_worker *w = d->w;

        w->active.normal += plain * d->table->n_active;
        w->frag += frag * d->table->n_active;
        w->breaks += breaks;
        w->steps += steps;
        w->largest = u64_max(w->largest, largest);
    }
}

/* Extended entries, and images with a data file: every used entry goes to the judge. */
static void decode_judged(struct decode *d, const uint8_t *p, uint64_t n)
{
    const struct geometry *geo = d->pass->e->geo;
    uint64_t expect = 0, frag = 0, breaks = 0, steps = 0, run = 0, largest = 0;
    bool after_mapped = false;

    for (uint64_t j = 0; j < n; j++, p += geo->l2_entry_size) {
        uint64_t entry = be64(p), bitmap = geo->extended_l2 ? be64(p + 8) : 0, seen;

        if (!entry && !bitmap) {
            after_mapped = false;
            continue;
        }
        seen = decode_odd(d, entry, bitmap, j);
        if (seen || (geo->data_file && l2_type_of(geo, entry) == L2_NORMAL)) {
            frag += expect && seen != expect;
            steps += after_mapped;
            breaks += after_mapped && seen != expect;
            run = after_mapped && seen == expect ? run + 1 : 1;
            largest = u64_max(largest, run);
            expect = seen + geo->cluster_size;
            after_mapped = true;
        } else {
            after_mapped = false;
        }
    }
    if (d->table->n_active) {
        d->w->frag += frag * d->table->n_active;
        d->w->breaks += breaks;
        d->w->steps += steps;
        d->w->largest = u64_max(d->w->largest, largest);
    }
}

static void preview_items(struct engine *e, const uint64_t *item, size_t n)
{
    uint64_t step = UINT64_C(1) << u64_min(e->preview_shift, CHUNK_BITS);

    for (size_t i = 0; i < n; i++) {
        uint64_t cl = item[i] >> 15, end = cl + (item[i] & 0xfff) + 1;

        for (; cl < end; cl += step)
            engine_preview(e, cl, CLASS_DATA);
    }
}

static void decode_table(struct l2_pass *pass, struct l2_worker *w, unsigned buffer,
                         size_t index, const uint8_t *bytes, int error)
{
    struct engine *e = pass->e;
    const struct geometry *geo = e->geo;
    const struct l2_table *t = &e->l2.list[index];
    struct item_list *list = w->list[buffer];
    struct decode d = {
        .pass = pass, .w = w, .tail = w->tail, .table = t,
        .part_mask = e->cells->parts - 1, .suspect = error != 0,
    };
    struct layer_stats before = w->active;

    for (unsigned p = 0; p < e->cells->parts; p++) {
        /* An entry makes at most two items, or one run of two clusters in two chunks. */
        if (!list_reserve(&list[p], (size_t)geo->l2_entries * 2 + 2)) {
            pass->failed = true;
            return;
        }
        w->tail[p] = list[p].item + list[p].n;
    }
    if (geo->extended_l2 || geo->data_file)
        decode_judged(&d, bytes, geo->l2_entries);
    else
        decode_standard(&d, bytes, geo->l2_entries);
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
}

/* --- entering into the book --- */

static struct step *step_for(struct l2_worker *w, uint32_t owners, uint64_t weight)
{
    struct cached_step *c;

    for (unsigned i = 0; i < w->n_cached; i++) {
        if (w->cache[i].owners == owners && w->cache[i].weight == weight)
            return &w->cache[i].step;
    }
    if (w->n_cached < STEP_CACHE)
        w->next_cached = w->n_cached++;
    else
        w->next_cached = (w->next_cached + 1) % STEP_CACHE;
    c = &w->cache[w->next_cached];
    c->owners = owners;
    c->weight = weight;
    step_init(&c->step, owners, weight);
    return &c->step;
}

static void steps_of_table(const struct engine *e, struct l2_worker *w,
                           const struct l2_table *t, struct step *step[N_ITEM_KINDS])
{
    uint64_t weight = (uint64_t)t->n_active + t->n_snapshot;
    uint32_t layers = (t->n_active ? OWNER_IN_ACTIVE : 0)
        | (t->n_snapshot ? OWNER_IN_SNAPSHOT : 0);
    uint32_t twice = t->n_active > 1 ? OWNER_TWICE_ACTIVE : 0;
    bool vm = t->l1_index >= e->geo->vm_state_l1;

    step[ITEM_DATA] = step_for(w, (vm ? OWNER_VMSTATE : OWNER_DATA) | layers | twice, weight);
    step[ITEM_ZERO] = step_for(w, OWNER_ZERO | layers | twice, weight);
    step[ITEM_COMPRESSED] = step_for(w, OWNER_COMPRESSED | layers, weight);
}

/* The inner loop of entering: items [i, end) of one table, all of partition `part`. Returns
 * whether COPIED and a stored refcount disagree somewhere. The members of the book are
 * copied first: to the compiler, a store to a cell might change any of them. */
static bool enter_items(struct cells *c, const struct item_list *l, size_t i, size_t end,
                        unsigned part, struct step *const step[N_ITEM_KINDS])
{
    const uint64_t *const all = l->item;
    const size_t last = l->n - 1;
    uint8_t *const flat = c->flat;
    uint8_t *const touched = flat ? c->touched + part * c->touched_stride : NULL;
    const unsigned shift = CHUNK_BITS + c->parts_bits;
    uint64_t wrong = 0;

    for (; i < end; i++) {
        uint64_t item = all[i], cl = item >> 15, copied = item >> 12 & 1;
        unsigned kind = item >> 13 & 3, len = (item & 0xfff) + 1;
        uint64_t rule = kind != ITEM_COMPRESSED;

        if (len == 1 && flat) {
            struct step *st = step[kind];
            uint8_t was, next;

            __builtin_prefetch(flat + (all[i + PREFETCH < last ? i + PREFETCH : last] >> 15),
                               1);
            if (!touched[cl >> shift])
                touched[cl >> shift] = 1;
            was = flat[cl];
            next = st->next[was & CELL_CODE];
            if (next < STATE_SIDE)
                flat[cl] = (uint8_t)((was & CELL_FLAG) | next);
            else
                cells_bump_slowly(c, cl, flat + cl, st);
            wrong |= rule & ((was >> 7) ^ copied);
        } else {
            unsigned seen = cells_bump_run(c, cl, len, step[kind]);

            wrong |= rule & (copied ? seen >> 6 & 1 : seen >> 7);
        }
    }
    return wrong;
}

static void enter_list(struct l2_pass *pass, struct l2_worker *w, unsigned part,
                       const struct item_list *l)
{
    struct engine *e = pass->e;
    size_t i = 0;

    for (size_t s = 0; s < l->n_segments; s++) {
        const struct l2_table *t = &e->l2.list[l->segment[s].table];
        struct step *step[N_ITEM_KINDS];

        steps_of_table(e, w, t, step);
        if (enter_items(e->cells, l, i, l->segment[s].end, part, step) && t->n_active)
            e->suspect[l->segment[s].table] = SUSPECT_YES;
        i = l->segment[s].end;
    }
}

/* --- rounds --- */

static void l2_worker_main(void *ctx, unsigned number)
{
    struct l2_pass *pass = ctx;
    struct engine *e = pass->e;
    struct l2_worker *w = &pass->worker[number];
    size_t batch = w->reader.max;

    for (size_t round = 0; round < pass->n_rounds; round++) {
        unsigned buffer = round & 1;
        size_t end = (size_t)u64_min((round + 1) * pass->round_tables, e->l2.n);

        for (unsigned p = 0; p < e->cells->parts; p++)
            w->list[buffer][p].n = w->list[buffer][p].n_segments = 0;
        while (!pass->failed && !engine_cancelled(e)) {
            size_t at = atomic_fetch_add(&pass->cursor[round], batch), n;

            if (at >= end)
                break;
            n = end - at < batch ? end - at : batch;
            for (size_t k = 0; k < n; k++)
                w->off[k] = e->l2.list[at + k].off;
            reader_fetch(&w->reader, w->off, n);
            for (size_t k = 0; k < n; k++)
                decode_table(pass, w, buffer, at + k, reader_table(&w->reader, k),
                             reader_error(&w->reader, k));
            engine_done(e, n);
        }
        /* All must leave in the same round: what is seen before the barrier decides. */
        if (pass->failed || engine_cancelled(e))
            pass->stop[buffer] = true;
        pthread_barrier_wait(&pass->barrier);
        for (unsigned p = number; p < e->cells->parts; p += pass->n_workers) {
            for (unsigned k = 0; k < pass->n_workers; k++)
                enter_list(pass, w, p, &pass->worker[k].list[buffer][p]);
        }
        if (pass->stop[buffer])
            break;
    }
}

static void worker_free(struct l2_worker *w, unsigned parts)
{
    reader_free(&w->reader);
    free(w->off);
    free(w->tail);
    for (int b = 0; b < 2; b++) {
        for (unsigned p = 0; w->list[b] && p < parts; p++) {
            free(w->list[b][p].item);
            free(w->list[b][p].segment);
        }
        free(w->list[b]);
    }
}

static void add_stats(struct engine *e, const struct l2_worker *w)
{
    struct scan_stats *st = &e->res->stats;
    struct layer_stats *a = &st->active;

    a->l2_tables += w->active.l2_tables;
    a->unallocated += w->active.unallocated;
    a->zero_plain += w->active.zero_plain;
    a->zero_alloc += w->active.zero_alloc;
    a->normal += w->active.normal;
    a->compressed += w->active.compressed;
    a->unaligned += w->active.unaligned;
    a->invalid += w->active.invalid;
    st->entries += w->entries;
    st->data_steps += w->steps;
    st->data_breaks += w->breaks;
    st->beyond_references += w->beyond;
    st->largest_extent = u64_max(st->largest_extent, w->largest);
    e->res->qemu.fragmented_clusters += w->frag;
    e->grown |= w->grown;
}

bool pass_l2(struct engine *e, struct error *err)
{
    const struct geometry *geo = e->geo;
    size_t table_bytes = (size_t)geo->cluster_size;
    struct l2_pass pass = { .e = e };
    size_t batch = reader_batch(e->img, table_bytes);
    bool ok = false, barrier = false;

    engine_phase(e, PHASE_L2, e->l2.n);
    e->suspect = calloc(e->l2.n ? e->l2.n : 1, sizeof *e->suspect);
    pass.n_workers = e->cells->parts > 1 ? e->threads : 1;
    pass.odd_mask = L2_RESERVED_MASK | OFLAG_COMPRESSED | OFLAG_ZERO
        | ((geo->cluster_size - 1) & ENTRY_OFFSET_MASK);
    pass.round_tables = (size_t)u64_max(1, ROUND_ENTRIES / geo->l2_entries);
    pass.round_tables = (size_t)round_up(pass.round_tables, batch) * pass.n_workers;
    pass.n_rounds = e->l2.n / pass.round_tables + (e->l2.n % pass.round_tables != 0);
    pass.cursor = calloc(pass.n_rounds ? pass.n_rounds : 1, sizeof *pass.cursor);
    pass.worker = calloc(pass.n_workers, sizeof *pass.worker);
    if (!e->suspect || !pass.cursor || !pass.worker) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    for (size_t r = 0; r < pass.n_rounds; r++)
        pass.cursor[r] = r * pass.round_tables;
    for (unsigned i = 0; i < pass.n_workers; i++) {
        struct l2_worker *w = &pass.worker[i];

        w->off = calloc(batch, sizeof *w->off);
        w->tail = calloc(e->cells->parts, sizeof *w->tail);
        w->list[0] = calloc(e->cells->parts, sizeof *w->list[0]);
        w->list[1] = calloc(e->cells->parts, sizeof *w->list[1]);
        if (!w->off || !w->tail || !w->list[0] || !w->list[1]
            || !reader_init(&w->reader, e->img, table_bytes)) {
            err_set(err, ERR_NOMEM, "out of memory");
            goto out;
        }
    }
    barrier = pthread_barrier_init(&pass.barrier, NULL, pass.n_workers) == 0;
    if (!barrier) {
        err_set(err, ERR_NOMEM, "cannot make a barrier");
        goto out;
    }
    if (!team_run(pass.n_workers, l2_worker_main, &pass, err))
        goto out;
    for (unsigned i = 0; i < pass.n_workers; i++)
        add_stats(e, &pass.worker[i]);
    ok = !pass.failed && !e->cells->failed ? true : err_set(err, ERR_NOMEM, "out of memory");
out:
    if (barrier)
        pthread_barrier_destroy(&pass.barrier);
    for (unsigned i = 0; pass.worker && i < pass.n_workers; i++)
        worker_free(&pass.worker[i], e->cells->parts);
    free(pass.worker);
    free(pass.cursor);
    return ok;
}
