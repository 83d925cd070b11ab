#include "scan/guest.h"

#include <stdlib.h>
#include <string.h>

#include "scan/judge.h"
#include "scan/team.h"

#define SURVEY_BINS 65536

/* --- one offset --- */

static bool layer_of(const struct image *img, uint32_t table, uint64_t *l1_off,
                     uint64_t *l1_size)
{
    if (table == TABLE_ACTIVE) {
        *l1_off = img->hdr.l1_table_offset;
        *l1_size = img->geo.l1_entries;
        return true;
    }
    if (table > img->snaps.n)
        return false;
    *l1_off = img->snaps.list[table - 1].l1_table_offset;
    *l1_size = img->snaps.list[table - 1].l1_size;
    return true;
}

bool guest_lookup(const struct image *img, uint32_t table, uint64_t guest_off,
                  struct guest_hit *out, struct error *err)
{
    const struct geometry *geo = &img->geo;
    uint64_t cluster = guest_off >> geo->cluster_bits;
    struct guest_hit hit = { .l2_off = NO_ADDRESS, .host_off = NO_ADDRESS };
    uint64_t l1, n, l2;

    hit.l1_index = cluster >> geo->l2_bits;
    hit.l2_index = cluster & (geo->l2_entries - 1);
    if (!layer_of(img, table, &l1, &n))
        return err_set(err, ERR_USAGE, "there is no snapshot %u", table);
    if (hit.l1_index >= n)
        return err_set(err, ERR_USAGE, "guest offset 0x%llx lies beyond the L1 table",
                       (unsigned long long)guest_off);
    hit.l1_off = l1 + hit.l1_index * 8;
    if (!image_read_l1(img, l1, hit.l1_index, 1, &hit.l1_entry, err))
        return false;
    l2 = hit.l1_entry & ENTRY_OFFSET_MASK;
    if (l2) {
        hit.l2_off = l2 + hit.l2_index * geo->l2_entry_size;
        if (!image_read_l2(img, l2, hit.l2_index, 1, &hit.entry, err))
            return false;
        if (hit.entry.type == L2_NORMAL || hit.entry.type == L2_ZERO_ALLOC)
            hit.host_off = hit.entry.host_off + (guest_off & (geo->cluster_size - 1));
    }
    *out = hit;
    return true;
}

/* --- classes --- */

static enum guest_class class_of_entry(const struct scan_result *scan, uint64_t raw,
                                       uint64_t bitmap, uint64_t guest_off,
                                       struct judged *jd)
{
    const struct image *img = scan->img;
    struct map_cell cell;

    l2_judge(&img->geo, raw, bitmap, guest_off, jd);
    if (jd->faults & FAULTS_DAMAGE)
        return GUEST_DAMAGED;
    switch (jd->type) {
    case L2_ZERO_PLAIN:
    case L2_ZERO_ALLOC:
        return GUEST_ZERO;
    case L2_UNALLOCATED:
        if (bitmap >> 32)
            return GUEST_ZERO;
        return img->backing_file ? GUEST_BACKING : GUEST_UNALLOCATED;
    default:
        break;
    }
    if (!jd->refers)                            /* external data file */
        return GUEST_DATA;
    map_get(scan->map, geo_cluster_of(&img->geo, jd->off), &cell);
    if (cell.cls == CLASS_MIXED || (cell.owners & OWNER_TWICE_ACTIVE))
        return GUEST_DAMAGED;
    if (jd->type == L2_COMPRESSED)
        return GUEST_COMPRESSED;
    return cell.owners & OWNER_IN_SNAPSHOT ? GUEST_SHARED : GUEST_DATA;
}

/* --- the survey --- */

struct bin { uint64_t n[N_GUEST_CLASSES]; uint32_t breaks, steps; };

struct guest_map {
    const struct scan_result *scan;
    uint64_t n_clusters;            /* guest clusters */
    unsigned bin_bits;              /* log2 of the clusters of a bin */
    struct bin *bin;
    size_t n_bins;
};

/* Reads one L2 table after the other; keeps the last one. */
#define L1_CACHED 1024

struct table_reader {
    const struct image *img;
    uint64_t l1_off, l1_size;       /* of the layer, as far as it lies in the file */
    uint64_t l1[L1_CACHED];         /* entries from l1_first on */
    uint64_t l1_first;              /* UINT64_MAX: none read */
    bool l1_damaged;                /* ... could not be read */
    uint8_t *bytes;
    uint64_t l1_index;              /* UINT64_MAX: none */
    /* TABLE_DOUBTFUL: read, as QEMU does, but its L1 entry has reserved bits. */
    enum { TABLE_NONE, TABLE_READ, TABLE_DOUBTFUL, TABLE_DAMAGED } state;
};

static bool table_open(struct table_reader *t, const struct image *img, uint32_t table)
{
    *t = (struct table_reader){ .img = img, .l1_index = UINT64_MAX, .l1_first = UINT64_MAX };
    if (!layer_of(img, table, &t->l1_off, &t->l1_size))
        t->l1_size = 0;
    t->l1_size = image_entries_present(img, t->l1_off, t->l1_size);
    t->bytes = malloc((size_t)img->geo.cluster_size);
    return t->bytes != NULL;
}

/* Entry i (< l1_size) of the L1 table. */
static uint64_t l1_entry(struct table_reader *t, uint64_t i)
{
    uint64_t first = i / L1_CACHED * L1_CACHED;

    if (t->l1_first != first) {
        t->l1_first = first;
        t->l1_damaged = !image_read_l1(t->img, t->l1_off, first,
                                       (size_t)u64_min(L1_CACHED, t->l1_size - first), t->l1,
                                       NULL);
    }
    return t->l1[i - first];
}

/* First L1 index in [from, to) that is in use (or cannot be read); `to` for none. */
static uint64_t next_used(struct table_reader *t, uint64_t from, uint64_t to)
{
    for (; from < to && from < t->l1_size; from++) {
        if (l1_entry(t, from) || t->l1_damaged)
            return from;
    }
    return to;
}

static void table_load(struct table_reader *t, uint64_t l1_index)
{
    const struct geometry *geo = &t->img->geo;
    uint64_t entry, off;

    if (t->l1_index == l1_index)
        return;
    t->l1_index = l1_index;
    t->state = TABLE_NONE;
    if (l1_index >= t->l1_size)
        return;
    entry = l1_entry(t, l1_index);
    off = entry & ENTRY_OFFSET_MASK;
    if (!off && !t->l1_damaged)
        return;
    t->state = TABLE_DAMAGED;
    if (t->l1_damaged || (off & (geo->cluster_size - 1)) || off >= geo->file_len)
        return;
    if (source_read(t->img->src, off, t->bytes, (size_t)geo->cluster_size, NULL))
        t->state = entry & L1_RESERVED_MASK ? TABLE_DOUBTFUL : TABLE_READ;
}

static void add_to(struct guest_hist *h, enum guest_class c, uint64_t n)
{
    h->n[c] += n;
}

/* Adds guest clusters [first, end), all of one L2 table, to *h. */
static void survey_table(const struct guest_map *g, struct table_reader *t, uint64_t first,
                         uint64_t end, struct guest_hist *h)
{
    const struct image *img = g->scan->img;
    const struct geometry *geo = &img->geo;
    uint64_t expect = 0;

    table_load(t, first >> geo->l2_bits);
    if (t->state != TABLE_READ) {
        add_to(h, t->state != TABLE_NONE ? GUEST_DAMAGED
               : img->backing_file ? GUEST_BACKING : GUEST_UNALLOCATED, end - first);
        return;
    }
    for (uint64_t cl = first; cl < end; cl++) {
        const uint8_t *p = t->bytes + (cl & (geo->l2_entries - 1)) * geo->l2_entry_size;
        uint64_t raw = be64(p), bitmap = geo->extended_l2 ? be64(p + 8) : 0;
        struct judged jd;

        add_to(h, class_of_entry(g->scan, raw, bitmap, cl << geo->cluster_bits, &jd), 1);
        if (jd.mapped && jd.type != L2_COMPRESSED) {
            h->steps += expect != 0;
            h->breaks += expect && jd.off != expect;
            expect = jd.off + geo->cluster_size;
        } else {
            expect = 0;
        }
    }
}

static void survey_range(const struct guest_map *g, struct table_reader *t, uint64_t first,
                         uint64_t end, struct guest_hist *h)
{
    const struct image *img = g->scan->img;
    unsigned bits = img->geo.l2_bits;

    while (first < end) {
        uint64_t used = next_used(t, first >> bits, ((end - 1) >> bits) + 1), stop;

        if (used > first >> bits) {
            stop = u64_min(end, used << bits);
            add_to(h, img->backing_file ? GUEST_BACKING : GUEST_UNALLOCATED, stop - first);
        } else {
            stop = u64_min(end, (used + 1) << bits);
            survey_table(g, t, first, stop, h);
        }
        first = stop;
    }
}

struct survey {
    struct guest_map *g;
    _Atomic bool *cancel;
    _Atomic size_t next;
    _Atomic bool failed;
    size_t bins_per_grab;           /* whole L2 tables */
};

static void survey_worker(void *ctx, unsigned number)
{
    struct survey *sv = ctx;
    struct guest_map *g = sv->g;
    struct table_reader t;

    (void)number;
    if (!table_open(&t, g->scan->img, TABLE_ACTIVE)) {
        sv->failed = true;
        return;
    }
    while (!sv->failed && !(sv->cancel && *sv->cancel)) {
        size_t b = atomic_fetch_add(&sv->next, sv->bins_per_grab);
        size_t end = b + sv->bins_per_grab < g->n_bins ? b + sv->bins_per_grab : g->n_bins;

        if (b >= g->n_bins)
            break;
        for (; b < end; b++) {
            struct guest_hist h = { { 0 }, 0, 0 };
            uint64_t first = (uint64_t)b << g->bin_bits;

            survey_range(g, &t, first,
                         u64_min(first + (UINT64_C(1) << g->bin_bits), g->n_clusters), &h);
            for (int c = 0; c < N_GUEST_CLASSES; c++)
                g->bin[b].n[c] = h.n[c];
            g->bin[b].breaks = (uint32_t)u64_min(h.breaks, UINT32_MAX);
            g->bin[b].steps = (uint32_t)u64_min(h.steps, UINT32_MAX);
        }
    }
    free(t.bytes);
}

bool guest_map_build(const struct scan_result *scan, _Atomic bool *cancel,
                     struct guest_map **out, struct error *err)
{
    struct guest_map *g = calloc(1, sizeof *g);
    struct survey sv = { .g = g, .cancel = cancel };
    const struct geometry *geo = &scan->img->geo;

    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->scan = scan;
    g->n_clusters = geo->guest_clusters;
    while (g->n_clusters >> g->bin_bits > SURVEY_BINS)
        g->bin_bits++;
    g->n_bins = (size_t)div_up(g->n_clusters, UINT64_C(1) << g->bin_bits);
    g->bin = calloc(g->n_bins + 1, sizeof *g->bin);
    sv.bins_per_grab = geo->l2_bits > g->bin_bits
        ? (size_t)1 << (geo->l2_bits - g->bin_bits) : 1;
    if (!g->bin || !team_run(team_size(0), survey_worker, &sv, err) || sv.failed) {
        guest_map_free(g);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (cancel && *cancel) {
        guest_map_free(g);
        return err_set(err, ERR_CANCELLED, "stopped");
    }
    *out = g;
    return true;
}

void guest_map_free(struct guest_map *g)
{
    if (!g)
        return;
    free(g->bin);
    free(g);
}

uint64_t guest_map_clusters(const struct guest_map *g)
{
    return g->n_clusters;
}

bool guest_map_cells(const struct guest_map *g, uint64_t first, uint64_t per_cell,
                     size_t n_cells, struct guest_hist *out, struct error *err)
{
    uint64_t bin_len = UINT64_C(1) << g->bin_bits;
    struct table_reader t;

    if (!table_open(&t, g->scan->img, TABLE_ACTIVE))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n_cells; i++) {
        uint64_t at = first, end;

        memset(&out[i], 0, sizeof out[i]);
        if (at >= g->n_clusters)
            continue;
        end = at + u64_min(per_cell, g->n_clusters - at);
        while (at < end) {
            uint64_t stop = u64_min(end, (at / bin_len + 1) * bin_len);
            const struct bin *b = &g->bin[at >> g->bin_bits];

            /* A whole bin (the last one may be short), or a part of one. */
            if (at % bin_len == 0 && (stop % bin_len == 0 || stop == g->n_clusters)) {
                for (int c = 0; c < N_GUEST_CLASSES; c++)
                    out[i].n[c] += b->n[c];
                out[i].breaks += b->breaks;
                out[i].steps += b->steps;
            } else {
                survey_range(g, &t, at, stop, &out[i]);
            }
            at = stop;
        }
        first = end;
    }
    free(t.bytes);
    return true;
}

/* --- extents --- */

struct guest_walk {
    const struct image *img;
    uint64_t at, end;               /* guest bytes */
    struct table_reader table;
    bool pending;
    struct guest_extent next;       /* read already, not merged with the one before */
};

bool guest_walk_open(const struct image *img, uint32_t table, uint64_t from, uint64_t to,
                     struct guest_walk **out, struct error *err)
{
    struct guest_walk *w = calloc(1, sizeof *w);

    if (!w || !table_open(&w->table, img, table)) {
        free(w);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    w->img = img;
    w->at = from;
    w->end = to;
    if (table > img->snaps.n) {
        guest_walk_free(w);
        return err_set(err, ERR_USAGE, "there is no snapshot %u", table);
    }
    *out = w;
    return true;
}

void guest_walk_free(struct guest_walk *w)
{
    if (!w)
        return;
    free(w->table.bytes);
    free(w);
}

/* Length of the run of subclusters from s on that are alike (allocated and zero bits). */
static unsigned subcluster_run(uint32_t allocated, uint32_t zeros, unsigned s)
{
    unsigned n = 1;

    while (s + n < SUBCLUSTERS && (allocated >> (s + n) & 1) == (allocated >> s & 1)
           && (zeros >> (s + n) & 1) == (zeros >> s & 1))
        n++;
    return n;
}

static void extended_piece(const struct guest_walk *w, const struct judged *jd,
                           uint64_t bitmap, struct guest_extent *x)
{
    const struct geometry *geo = &w->img->geo;
    uint64_t sub = geo->cluster_size / SUBCLUSTERS, in = x->start & (geo->cluster_size - 1);
    uint32_t allocated = (uint32_t)bitmap, zeros = (uint32_t)(bitmap >> 32);
    unsigned s = (unsigned)(in / sub);

    x->length = (s + subcluster_run(allocated, zeros, s)) * sub - in;
    if (jd->type == L2_NORMAL)
        x->host_off = jd->off + in;
    if (zeros >> s & 1) {
        x->type = jd->type == L2_NORMAL ? L2_ZERO_ALLOC : L2_ZERO_PLAIN;
        x->mapped = x->zero = true;
        x->data = false;
    } else if (jd->type == L2_NORMAL && (allocated >> s & 1)) {
        x->type = L2_NORMAL;
        x->mapped = x->data = true;
        x->zero = false;
    } else {
        x->type = L2_UNALLOCATED;
        x->mapped = x->data = false;
        x->zero = true;
    }
}

/* What stands at guest byte w->at: at most one cluster, or all up to the next table. */
static void piece(struct guest_walk *w, struct guest_extent *x)
{
    const struct geometry *geo = &w->img->geo;
    uint64_t cluster = w->at >> geo->cluster_bits, in = w->at & (geo->cluster_size - 1);
    uint64_t raw, bitmap, l1, last, used;
    const uint8_t *p;
    struct judged jd;

    *x = (struct guest_extent){ .start = w->at, .type = L2_UNALLOCATED, .zero = true,
                                .host_off = NO_ADDRESS };
    l1 = cluster >> geo->l2_bits;
    last = (w->end - 1) >> geo->cluster_bits >> geo->l2_bits;
    used = next_used(&w->table, l1, last + 1);
    if (used > l1) {
        x->length = (u64_min(used, last) - l1) * geo->l2_span;
        if (used > last)
            x->length = w->end - w->at;
        else
            x->length -= w->at & (geo->l2_span - 1);
        return;
    }
    table_load(&w->table, l1);
    if (w->table.state == TABLE_NONE || w->table.state == TABLE_DAMAGED) {
        x->length = geo->l2_span - (w->at & (geo->l2_span - 1));
        x->damaged = w->table.state == TABLE_DAMAGED;
        return;
    }
    p = w->table.bytes + (cluster & (geo->l2_entries - 1)) * geo->l2_entry_size;
    raw = be64(p);
    bitmap = geo->extended_l2 ? be64(p + 8) : 0;
    l2_judge(geo, raw, bitmap, w->at - in, &jd);
    x->length = geo->cluster_size - in;
    x->damaged = w->table.state == TABLE_DOUBTFUL || jd.faults & FAULTS_DAMAGE;
    x->type = jd.type;
    x->mapped = jd.type != L2_UNALLOCATED;
    if (geo->extended_l2 && jd.type != L2_COMPRESSED) {
        extended_piece(w, &jd, bitmap, x);
        return;
    }
    x->zero = jd.type != L2_NORMAL && jd.type != L2_COMPRESSED;
    x->data = !x->zero;
    x->compressed = jd.type == L2_COMPRESSED;
    if (jd.type == L2_NORMAL || jd.type == L2_ZERO_ALLOC)
        x->host_off = jd.off + in;
}

static bool continues(const struct guest_extent *a, const struct guest_extent *b)
{
    if (a->type != b->type || a->mapped != b->mapped || a->zero != b->zero
        || a->data != b->data || a->damaged != b->damaged)
        return false;
    if (a->host_off == NO_ADDRESS || b->host_off == NO_ADDRESS)
        return a->host_off == b->host_off;
    return b->host_off == a->host_off + a->length;
}

bool guest_walk_next(struct guest_walk *w, struct guest_extent *out, struct error *err)
{
    if (err)
        err->code = ERR_NONE;
    if (w->pending) {
        *out = w->next;
        w->pending = false;
    } else {
        if (w->at >= w->end)
            return false;
        piece(w, out);
        out->length = u64_min(out->length, w->end - w->at);
        w->at += out->length;
    }
    while (w->at < w->end) {
        piece(w, &w->next);
        w->next.length = u64_min(w->next.length, w->end - w->at);
        w->at += w->next.length;
        if (!continues(out, &w->next)) {
            w->pending = true;
            break;
        }
        out->length += w->next.length;
    }
    return true;
}
