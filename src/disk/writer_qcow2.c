/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A fresh qcow2: header, L1 table, then data and L2 tables as they come, and the refcounts at
 * the end. Every cluster in use has refcount 1. The header is written last, so that what was
 * stopped midway is no image. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "disk/writer.h"
#include "qcow2/spec.h"

#define SMALL_BITS 16
#define HEADER_LEN 104                  /* the header of version 3, without extensions */

struct qcow2 {
    struct writer base;
    struct sink *sink;
    uint64_t size;                      /* bytes of the disk */
    unsigned bits;
    uint64_t cluster;                   /* bytes */
    uint64_t l2_entries, l2_span;
    uint64_t l1_n, l1_clusters;         /* entries; from cluster 1 on */
    uint8_t *l1;                        /* owned; l1_n entries, as stored */
    pthread_mutex_t lock;               /* for what follows */
    uint64_t next_cl;                   /* the first cluster not in use */
    uint8_t *l2;                        /* owned; table of the current window */
    uint64_t l2_index;                  /* its L1 index; UINT64_MAX: none yet */
    bool l2_changed;                    /* it is not in the file as it is */
};

static bool qcow2_write(struct writer *w, uint64_t guest_off, const void *bytes, size_t len,
                        struct error *err)
{
    struct qcow2 *q = (struct qcow2 *)w;
    uint64_t n = div_up(len, q->cluster), j = guest_off / q->cluster % q->l2_entries, first;

    pthread_mutex_lock(&q->lock);
    first = q->next_cl;
    q->next_cl += n;
    if (q->l2_index != guest_off / q->l2_span) {    /* all of a window is in one table */
        memset(q->l2, 0, (size_t)q->cluster);
        q->l2_index = guest_off / q->l2_span;
    }
    for (uint64_t k = 0; k < n; k++)
        be_store(q->l2 + (j + k) * 8, 8, (first + k) << q->bits | OFLAG_COPIED);
    q->l2_changed = true;
    pthread_mutex_unlock(&q->lock);
    return sink_write(q->sink, first << q->bits, bytes, len, err);
}

static bool qcow2_zero(struct writer *w, uint64_t guest_off, uint64_t len, struct error *err)
{
    (void)w, (void)guest_off, (void)len, (void)err;
    return true;
}

static bool qcow2_window_end(struct writer *w, struct error *err)
{
    struct qcow2 *q = (struct qcow2 *)w;
    uint64_t at = q->next_cl;

    if (!q->l2_changed)
        return true;
    q->l2_changed = false;
    if (be_load(q->l1 + q->l2_index * 8, 8))    /* an earlier window of the same table */
        at = (be_load(q->l1 + q->l2_index * 8, 8) & ENTRY_OFFSET_MASK) >> q->bits;
    else
        q->next_cl++;
    be_store(q->l1 + q->l2_index * 8, 8, at << q->bits | OFLAG_COPIED);
    return sink_write(q->sink, at << q->bits, q->l2, (size_t)q->cluster, err);
}

/* Refcounts of everything, those of the blocks and the table among them. */
static bool write_refcounts(struct qcow2 *q, uint64_t *table_off, uint64_t *table_clusters,
                            struct error *err)
{
    uint64_t per_block = q->cluster / 2, used = q->next_cl, blocks = 0, table = 1, total;
    uint8_t *bytes = malloc((size_t)q->cluster);
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    for (uint64_t before = UINT64_MAX; before != blocks + table;) {
        before = blocks + table;
        blocks = div_up(used + before, per_block);
        table = div_up(blocks * 8, q->cluster);
    }
    total = used + blocks + table;
    for (uint64_t i = 0; ok && i < blocks; i++) {
        memset(bytes, 0, (size_t)q->cluster);
        for (uint64_t k = 0; k < per_block && i * per_block + k < total; k++)
            be_store(bytes + k * 2, 2, 1);
        ok = sink_write(q->sink, (used + i) << q->bits, bytes, (size_t)q->cluster, err);
    }
    for (uint64_t i = 0; ok && i < table; i++) {
        memset(bytes, 0, (size_t)q->cluster);
        for (uint64_t k = 0; k < q->cluster / 8 && i * (q->cluster / 8) + k < blocks; k++)
            be_store(bytes + k * 8, 8, (used + i * (q->cluster / 8) + k) << q->bits);
        ok = sink_write(q->sink, (used + blocks + i) << q->bits, bytes, (size_t)q->cluster,
                        err);
    }
    free(bytes);
    *table_off = (used + blocks) << q->bits;
    *table_clusters = table;
    q->next_cl = total;
    return ok;
}

static bool qcow2_end(struct writer *w, struct error *err)
{
    struct qcow2 *q = (struct qcow2 *)w;
    uint8_t h[HEADER_LEN + 8] = { 0 };  /* with the end of the extensions */
    uint64_t table_off, table_clusters;

    if (!write_refcounts(q, &table_off, &table_clusters, err) ||
        !sink_write(q->sink, q->cluster, q->l1, (size_t)(q->l1_n * 8), err))
        return false;
    be_store(h, 4, QCOW2_MAGIC);
    be_store(h + 4, 4, 3);
    be_store(h + 20, 4, q->bits);
    be_store(h + 24, 8, q->size);
    be_store(h + 36, 4, q->l1_n);
    be_store(h + 40, 8, q->cluster);
    be_store(h + 48, 8, table_off);
    be_store(h + 56, 4, table_clusters);
    be_store(h + 96, 4, 4);             /* refcounts of 16 bits */
    be_store(h + 100, 4, HEADER_LEN);
    return sink_sync(q->sink, err) && sink_write(q->sink, 0, h, sizeof h, err);
}

static void qcow2_free(struct writer *w)
{
    struct qcow2 *q = (struct qcow2 *)w;

    pthread_mutex_destroy(&q->lock);
    free(q->l1);
    free(q->l2);
    free(q);
}

/* Clusters of 64 KiB, larger ones where the L1 table would be too long for QEMU. */
static bool choose_clusters(struct qcow2 *q, struct error *err)
{
    for (q->bits = SMALL_BITS; q->bits <= CLUSTER_BITS_MAX; q->bits++) {
        q->cluster = UINT64_C(1) << q->bits;
        q->l2_entries = q->cluster / 8;
        q->l2_span = q->cluster * q->l2_entries;
        q->l1_n = div_up(q->size, q->l2_span);
        if (q->l1_n <= L1_ENTRIES_MAX)
            return true;
    }
    return err_set(err, ERR_LIMIT, "the disk is too large for a qcow2");
}

bool writer_qcow2(struct sink *sink, uint64_t size, struct writer **out, struct error *err)
{
    struct qcow2 *q;

    if (sink_is_block(sink))
        return err_set(err, ERR_USAGE, "a qcow2 can only be written into a file");
    q = calloc(1, sizeof *q);
    if (!q)
        return err_set(err, ERR_NOMEM, "out of memory");
    pthread_mutex_init(&q->lock, NULL);
    q->sink = sink;
    q->size = round_up(size, 512);      /* QEMU's disks are of whole sectors */
    if (!choose_clusters(q, err))
        goto failed;
    q->l1 = calloc((size_t)q->l1_n + 1, 8);
    q->l2 = calloc(1, (size_t)q->cluster);
    if (!q->l1 || !q->l2) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto failed;
    }
    q->l1_clusters = div_up(q->l1_n * 8, q->cluster);
    q->next_cl = 1 + u64_max(q->l1_clusters, 1);
    q->l2_index = UINT64_MAX;
    q->base = (struct writer){ .unit = q->cluster, .window = q->l2_span, .write = qcow2_write,
                               .zero = qcow2_zero, .window_end = qcow2_window_end,
                               .end = qcow2_end, .free = qcow2_free };
    if (!sink_begin(sink, 0, err))
        goto failed;
    *out = &q->base;
    return true;
failed:
    qcow2_free(&q->base);
    return false;
}
