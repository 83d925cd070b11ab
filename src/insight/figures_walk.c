/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What of the guest's disk is stored where, and how large a conversion becomes: the
 * arithmetic of `qemu-img measure`, whose output image has the default options. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "disk/disk.h"
#include "insight/figures.h"

#define OUT_CLUSTER     UINT64_C(65536)
#define OUT_L2_ENTRIES  (OUT_CLUSTER / 8)
#define OUT_GUEST_MAX   (L1_ENTRIES_MAX * OUT_L2_ENTRIES * OUT_CLUSTER)
#define GUEST_MAX       (UINT64_C(1) << 61)     /* more is nonsense of a damaged header */
#define STEP            (UINT64_C(1) << 20)     /* bytes read at once; whole clusters */
#define GUEST_STEP      (UINT64_C(1) << 30)     /* looked at between two looks at cancel */

struct shape { uint64_t cluster, l2_entries, refcounts; /* of a table, of a block */ };

/* Bytes of a fully allocated image; size: of the guest's disk, below GUEST_MAX. */
static uint64_t fully_allocated(const struct shape *s, uint64_t size)
{
    uint64_t data = div_up(size, s->cluster);
    uint64_t l2 = div_up(data, s->l2_entries);
    uint64_t l1 = div_up(l2, s->cluster / 8);
    uint64_t used = 1 + l2 + l1 + data, n = 0, last, blocks = 0, table = 0;

    do {
        last = n;
        blocks = div_up(used + table + blocks, s->refcounts);
        table = div_up(blocks, s->cluster / 8);
        n = used + blocks + table;
    } while (n != last);
    return n * s->cluster;
}

/* Does QEMU look for holes of the file below what is mapped? It does where fewer clusters
 * lie on the host than have a refcount, by some margin. */
static bool looks_below(const struct image *img, uint64_t clusters)
{
    struct source_info info = source_get_info(img->src);
    uint64_t real = info.allocated / img->geo.cluster_size;

    return info.kind == SOURCE_FILE && clusters >= u64_max(real * 10 / 9, real + 2);
}

struct measuring {
    const struct scan_result *scan;
    struct disk *disk;
    bool below[CHAIN_MAX + 1];  /* of each file: are holes of it zeros? */
    uint64_t counted;           /* guest byte up to which clusters of the output were counted */
    uint64_t required;          /* bytes of them */
    uint64_t full_to;           /* the same for what is not all zeros */
    uint64_t not_zeros;
    uint8_t *room;              /* STEP bytes; NULL: data is not read */
    struct figures *f;
};

static void choose_files(struct measuring *w, const struct chain *chain)
{
    const struct scan_stats *st = &w->scan->stats;
    uint64_t used = 0;

    for (int c = 0; c < N_CLASSES; c++)
        if (c != CLASS_VACANT)
            used += st->class_clusters[c];
    w->below[0] = looks_below(w->scan->img, used);
    for (size_t i = 0; chain && i < chain->n; i++) {
        const struct image *img = chain->layer[i].img;

        w->below[i + 1] = !img || looks_below(img, img->geo.n_clusters);
    }
}

/* Clusters of the output that hold something else than zeros, from the one at `pos` on. */
static void count_not_zeros(struct measuring *w, uint64_t pos, size_t len)
{
    for (size_t at = 0; at < len; ) {
        uint64_t start = (pos + at) & ~(OUT_CLUSTER - 1), end = start + OUT_CLUSTER;
        size_t n = (size_t)u64_min(end - (pos + at), len - at);

        if (start >= w->full_to && !bytes_all_zero(w->room + at, n)) {
            w->not_zeros += OUT_CLUSTER;
            w->full_to = end;
        }
        at += n;
    }
}

/* Clusters of this image that hold only zeros. Compressed ones are small already. */
static void count_zeros(struct measuring *w, const struct disk_span *s, uint64_t pos, size_t len)
{
    uint64_t cs = w->scan->img->geo.cluster_size;
    uint64_t first = round_up(pos, cs), end = pos + len;

    if (s->depth || s->compressed)
        return;
    for (; first + cs <= end; first += cs)
        if (bytes_all_zero(w->room + (first - pos), (size_t)cs))
            w->f->zeros += cs;
}

/* Pieces begin and end where clusters do, so that each is seen whole. */
static bool read_span(struct measuring *w, const struct disk_span *s,
                      const struct figures_options *opt, struct error *err)
{
    uint64_t end = s->off + s->len, next;

    for (uint64_t pos = s->off; pos < end; pos = next) {
        size_t len;

        if (opt->cancel && atomic_load(opt->cancel))
            break;
        next = u64_min((pos / STEP + 1) * STEP, end);
        if (STEP < w->scan->img->geo.cluster_size)      /* of 2 MiB */
            next = u64_min((pos / (2 * STEP) + 1) * (2 * STEP), end);
        len = (size_t)(next - pos);
        if (!disk_read(w->disk, pos, w->room, len, NULL, err))
            return false;
        count_not_zeros(w, pos, len);
        count_zeros(w, s, pos, len);
    }
    return true;
}

static void count_span(struct measuring *w, const struct disk_span *s, bool in_data_file)
{
    struct figures *f = w->f;
    uint64_t end = s->off + s->len, from = u64_max(s->off & ~(OUT_CLUSTER - 1), w->counted);

    f->guest_end = end;
    f->guest_data += s->len;
    if (s->depth || (s->state == DISK_ABSENT && !in_data_file))
        f->from_backing += s->len;
    else if (in_data_file)
        f->from_data_file += s->len;
    f->absent = f->absent || s->state == DISK_ABSENT;
    if (end > w->counted) {
        w->counted = round_up(end, OUT_CLUSTER);
        w->required += w->counted - from;
    }
}

static bool walk_disk(struct measuring *w, const struct figures_options *opt, struct error *err)
{
    const struct image *img = w->scan->img;
    uint64_t size = disk_size(w->disk) & ~UINT64_C(511), step = GUEST_STEP;
    struct disk_span s;

    for (uint64_t pos = 0; pos < size; pos += s.len) {
        uint64_t end = size - pos > step ? pos + step : size;

        if (opt->cancel && atomic_load(opt->cancel))
            return true;
        if (!disk_next(w->disk, pos, end, &s))
            break;
        /* Longer steps through a long run: a disk may claim to have 8 EiB. */
        step = s.len == step ? u64_min(step * 2, UINT64_C(1) << 62) : GUEST_STEP;
        if (s.state == DISK_ZERO || s.state == DISK_HOLE || (s.sparse && w->below[s.depth]))
            continue;
        /* What is absent of an image with an entry for it lies in its data file. */
        count_span(w, &s, img->geo.data_file && !s.depth &&
                          (s.state != DISK_ABSENT || s.host_off != NO_ADDRESS ||
                           !img->backing_file));
        if (w->room && s.state == DISK_DATA && !read_span(w, &s, opt, err))
            return false;
    }
    w->f->walked = true;
    return true;
}

static void sizes(const struct measuring *w, const struct image *img, struct figures *f)
{
    const struct shape out = { OUT_CLUSTER, OUT_L2_ENTRIES, OUT_CLUSTER / 2 };
    const struct shape own = { img->geo.cluster_size, img->geo.l2_entries,
                               img->geo.refblock_entries };
    uint64_t size = round_up(img->geo.size & ~UINT64_C(511), OUT_CLUSTER);

    if (!img->geo.data_file && !img->snaps.announced)
        f->device_full = fully_allocated(&own, img->geo.size);
    f->raw = img->geo.size & ~UINT64_C(511);
    f->converts = f->walked && !f->absent && size <= OUT_GUEST_MAX;
    if (!f->converts)
        return;
    f->qcow2_full = fully_allocated(&out, size);
    f->qcow2_required = f->qcow2_full - size + w->required;
    f->read = w->room != NULL;
    f->qcow2_no_zeros = f->qcow2_full - size + w->not_zeros;
}

/* An L1 table may lead to one L2 table a million times, and a walk would take hours. */
static bool too_long(const struct scan_result *scan)
{
    const struct layer_stats *a = &scan->stats.active;

    return scan->img->geo.size > GUEST_MAX || a->l1_used > 4 * a->l2_tables + 1024;
}

bool figures_walk(const struct scan_result *scan, const struct figures_options *opt,
                  struct figures *f, struct error *err)
{
    const struct disk_options open = { .chain = opt->chain };
    const struct disk_layer active = { LAYER_ACTIVE, false };
    struct measuring w = { .scan = scan, .f = f };
    bool ok;

    if (too_long(scan))
        return true;
    if (!disk_open(scan->img, active, &open, &w.disk, err))
        return false;
    choose_files(&w, opt->chain);
    if (opt->deep && !scan->img->hdr.crypt_method) {
        w.room = malloc((size_t)STEP * 2);
        if (!w.room) {
            disk_close(w.disk);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    ok = walk_disk(&w, opt, err);
    sizes(&w, scan->img, f);
    free(w.room);
    disk_close(w.disk);
    return ok;
}
