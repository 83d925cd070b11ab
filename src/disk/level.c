/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where each byte is. The order of the rules is that of QEMU's reading (qcow2_get_host_offset),
 * so that what it refuses to read is damaged here. */
#include "config.h"

#include "disk/level.h"

#include "base/bisect.h"
#include "scan/judge.h"

#define AHEAD 256                       /* entries looked at in one step */

static const char *id_of(enum problem_kind kind)
{
    return problem_info(kind)->id;
}

static void damaged(struct piece *p, enum problem_kind kind)
{
    p->state = DISK_DAMAGED;
    p->why = id_of(kind);
    p->fetch = FETCH_ZEROS;
}

/* A table could not be read. */
static void unreadable(struct piece *p)
{
    p->state = DISK_UNREADABLE;
    p->why = NULL;
    p->fetch = FETCH_ZEROS;
}

/* How many of n words of a table at `off` are 0, from the first on; at most AHEAD are looked
 * at. Words that cannot be read are not 0. */
static uint64_t zero_words(struct disk *d, unsigned depth, uint64_t off, uint64_t n)
{
    uint8_t bytes[AHEAD * 8];
    uint64_t k = 0;

    n = u64_min(n, AHEAD);
    if (!meta_read(d->meta, depth, d->level[depth].img->src, off, bytes, (size_t)n * 8))
        return 1;
    while (k < n && !be64(bytes + k * 8))
        k++;
    return u64_max(k, 1);
}

/* Nothing mapped from L1 entry i on. */
static void empty_l1(struct disk *d, unsigned depth, uint64_t i, uint64_t at, struct piece *p)
{
    const struct level *lv = &d->level[depth];
    const struct geometry *geo = &lv->img->geo;
    uint64_t k = zero_words(d, depth, lv->l1_off + i * 8, lv->l1_n - i);
    uint64_t end;

    if (u64_mul(i + k, geo->l2_span, &end))
        p->len = u64_min(p->len, end - at);
}

/* The fault for which QEMU would refuse to read an entry; 0: it reads. */
static uint32_t refused(const struct geometry *geo, const struct judged *jd, uint64_t guest_off)
{
    static const uint32_t order[] = {
        FAULT_V2_ZERO, FAULT_COMPRESSED_DATA_FILE, FAULT_DATA_MISALIGNED,
        FAULT_ZERO_MISALIGNED, FAULT_SUBCLUSTER_CONFLICT, FAULT_SUBCLUSTER_UNALLOC,
    };

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (jd->faults & order[i])
            return order[i];
    if (geo->data_file && (jd->type == L2_NORMAL || jd->type == L2_ZERO_ALLOC) &&
        jd->off != guest_off)
        return FAULT_DATA_FILE_OFFSET;
    return 0;
}

static const char *fault_id(uint32_t fault)
{
    unsigned n = 0;

    while (!(fault >> n & 1))
        n++;
    return id_of(judge_kind(n));
}

/* Stored bytes at host_off, of which some may lie past the end of the file. */
static void stored(const struct level *lv, uint64_t cluster_off, struct piece *p)
{
    const struct geometry *geo = &lv->img->geo;
    uint64_t len;

    if (!lv->data || (lv->img->hdr.crypt_method && !lv->crypt)) {
        p->state = lv->data ? DISK_ENCRYPTED : DISK_ABSENT;
        return;
    }
    p->fetch = FETCH_HOST;
    len = geo->data_file ? source_size(lv->data) : geo->file_len;
    if (p->host_off >= len)
        damaged(p, cluster_off >= len ? PROBLEM_DATA_PAST_END : PROBLEM_TAIL_TRUNCATED);
    else
        p->len = u64_min(p->len, len - p->host_off);
}

/* How many entries from number j on continue this one in the file, itself included. */
static uint64_t run_of(struct disk *d, unsigned depth, uint64_t l2_off, uint64_t j, uint64_t raw,
                       uint64_t clusters)
{
    const struct level *lv = &d->level[depth];
    const struct geometry *geo = &lv->img->geo;
    uint64_t n = u64_min(u64_min(geo->l2_entries - j, clusters), AHEAD), k = 1;
    uint8_t bytes[AHEAD * 8];

    if (n < 2 || !meta_read(d->meta, depth, lv->img->src, l2_off + j * 8, bytes, (size_t)n * 8))
        return 1;
    while (k < n && be64(bytes + k * 8) == raw + (k << geo->cluster_bits))
        k++;
    return k;
}

/* Bits of a subcluster: 0 nothing, 1 data, 2 zeros. */
static unsigned sub_state(uint64_t bitmap, unsigned s)
{
    return (unsigned)(bitmap >> (32 + s) & 1) << 1 | (unsigned)(bitmap >> s & 1);
}

/* An entry with subclusters: what the one at byte `in` of the cluster says. */
static void subclusters(const struct level *lv, const struct judged *jd, uint64_t bitmap,
                        uint64_t in, struct piece *p)
{
    const struct geometry *geo = &lv->img->geo;
    uint64_t sub = geo->cluster_size / SUBCLUSTERS;
    unsigned s = (unsigned)(in / sub), state = sub_state(bitmap, s), k = s + 1;

    while (k < SUBCLUSTERS && sub_state(bitmap, k) == state)
        k++;
    p->len = u64_min(p->len, k * sub - in);
    if (state == 2) {
        p->state = DISK_ZERO;
    } else if (state == 1) {
        p->state = DISK_DATA;
        p->host_off = jd->off + in;
        stored(lv, jd->off, p);
    }
}

static void entry_piece(struct disk *d, unsigned depth, uint64_t l2_off, uint64_t j, uint64_t at,
                        struct piece *p)
{
    const struct level *lv = &d->level[depth];
    const struct geometry *geo = &lv->img->geo;
    uint64_t in = at & (geo->cluster_size - 1), bitmap, raw, wanted = p->len;
    uint8_t bytes[16] = { 0 };
    struct judged jd;
    uint32_t fault;

    p->len = u64_min(p->len, geo->cluster_size - in);
    if (!meta_read(d->meta, depth, lv->img->src, l2_off + j * geo->l2_entry_size, bytes,
                   geo->l2_entry_size)) {
        unreadable(p);
        return;
    }
    raw = be64(bytes);
    bitmap = geo->extended_l2 ? be64(bytes + 8) : 0;
    if (!raw && !bitmap) {
        uint64_t words = geo->l2_entry_size / 8;
        uint64_t k = zero_words(d, depth, l2_off + j * geo->l2_entry_size,
                                (geo->l2_entries - j) * words) / words;

        p->len = u64_min(wanted, (u64_max(k, 1) << geo->cluster_bits) - in);
        return;
    }
    l2_judge(geo, raw, bitmap, at - in, &jd);
    fault = refused(geo, &jd, at - in);
    if (fault) {
        p->state = DISK_DAMAGED;
        p->why = fault_id(fault);
        return;
    }
    if (jd.faults & FAULTS_DAMAGE)
        p->why = fault_id(jd.faults & FAULTS_DAMAGE);
    switch (jd.type) {
    case L2_COMPRESSED:
        p->state = jd.faults & FAULT_COMPRESSED_PAST_END ? DISK_DAMAGED : DISK_DATA;
        p->fetch = FETCH_COMPRESSED;
        p->host_off = jd.off;
        p->host_len = jd.len;
        p->in = in;
        return;
    case L2_ZERO_PLAIN:
    case L2_ZERO_ALLOC:
        p->state = DISK_ZERO;
        return;
    default:
        break;
    }
    if (geo->extended_l2) {
        subclusters(lv, &jd, bitmap, in, p);
        return;
    }
    if (jd.type == L2_UNALLOCATED)
        return;
    p->state = DISK_DATA;
    p->host_off = jd.off + in;
    p->len = u64_min(wanted, (run_of(d, depth, l2_off, j, raw,
                                     div_up(in + wanted, geo->cluster_size))
                              << geo->cluster_bits) - in);
    stored(lv, jd.off, p);
}

/* Nothing said here, since the table is not in the file any more: QEMU reads it as zeros. */
static void table_missing(struct piece *p, enum problem_kind kind)
{
    p->state = DISK_HOLE;
    p->why = id_of(kind);
    p->missing = true;
}

/* What a qcow2 file says: DISK_HOLE for nothing, with `why` where that is damage. */
static void qcow2_piece(struct disk *d, unsigned depth, uint64_t off, struct piece *p)
{
    const struct level *lv = &d->level[depth];
    const struct image *img = lv->img;
    const struct geometry *geo = &img->geo;
    uint64_t at = off + lv->first, cluster = at >> geo->cluster_bits;
    uint64_t i = cluster >> geo->l2_bits, j = cluster & (geo->l2_entries - 1);
    uint64_t span_left = geo->l2_span - (at & (geo->l2_span - 1)), l2_off, here, l1, start, stop;
    uint8_t bytes[8];

    if (i >= lv->l1_n) {
        if (!lv->l1_may_end)
            table_missing(p, PROBLEM_L1_TOO_SMALL);
        return;
    }
    if (!range_inside(lv->l1_off, (i + 1) * 8, geo->file_len)) {
        table_missing(p, PROBLEM_L1_PAST_END);
        return;
    }
    if (!meta_read(d->meta, depth, img->src, lv->l1_off + i * 8, bytes, 8)) {
        p->len = u64_min(p->len, span_left);
        unreadable(p);
        return;
    }
    l1 = be64(bytes);
    l2_off = l1 & ENTRY_OFFSET_MASK;
    if (!l1) {
        empty_l1(d, depth, i, at, p);
        return;
    }
    p->len = u64_min(p->len, span_left);
    if (!l2_off)
        return;
    if (l2_off & (geo->cluster_size - 1)) {
        damaged(p, PROBLEM_L2_MISALIGNED);
        return;
    }
    if (l1 & L1_RESERVED_MASK)
        p->why = id_of(PROBLEM_L1_RESERVED);
    /* Entries that end past the end of the file. */
    here = l2_off < geo->file_len
               ? u64_min(geo->l2_entries, (geo->file_len - l2_off) / geo->l2_entry_size) : 0;
    if (j >= here) {
        table_missing(p, PROBLEM_L2_PAST_END);
        return;
    }
    if (!j && !(at & (geo->cluster_size - 1)) &&
        (!source_next_data(img->src, l2_off, &start, &stop) ||
         start >= l2_off + geo->cluster_size)) {
        p->len = u64_min(p->len, here << geo->cluster_bits);
        return;
    }
    p->len = u64_min(p->len, ((here - j) << geo->cluster_bits) - (at & (geo->cluster_size - 1)));
    entry_piece(d, depth, l2_off, j, at, p);
}

static void raw_piece(const struct level *lv, uint64_t off, struct piece *p)
{
    uint64_t start, stop;

    p->host_off = off;
    if (!source_next_data(lv->data, off, &start, &stop)) {
        p->state = DISK_ZERO;
    } else if (start > off) {
        p->state = DISK_ZERO;
        p->len = u64_min(p->len, start - off);
    } else {
        p->state = DISK_DATA;
        p->fetch = FETCH_HOST;
        p->len = u64_min(p->len, stop - off);
    }
}

/* Where the table is lost, that nothing is mapped says nothing. */
static void take_gone(const struct disk *d, uint64_t off, struct piece *p)
{
    size_t low;

    if (p->state >= DISK_ABSENT || (p->state == DISK_DATA && !p->depth))
        return;
    /* the first range that ends behind off */
    BISECT(low, d->n_gone, mid, d->gone[mid].end > off);
    if (low == d->n_gone)
        return;
    if (d->gone[low].off > off) {
        p->len = u64_min(p->len, d->gone[low].off - off);
        return;
    }
    p->len = u64_min(p->len, d->gone[low].end - off);
    p->state = DISK_DAMAGED;
    p->why = d->gone[low].why;
}

void level_find(struct disk *d, uint64_t off, uint64_t end, struct piece *out)
{
    const char *missing = NULL;         /* a table that should have said something */
    struct piece p = { .len = end - off };
    bool ended = false;                 /* zeros past the end of a backing file */
    unsigned depth;

    for (depth = 0; depth < d->n; depth++) {
        struct level *lv = &d->level[depth];

        ended = depth > 0 && off >= lv->size;
        if (ended)
            break;
        p = (struct piece){ .len = p.len, .state = DISK_HOLE, .depth = depth,
                            .host_off = NO_ADDRESS };
        p.len = u64_min(p.len, lv->size - off);
        if (lv->img)
            qcow2_piece(d, depth, off, &p);
        else
            raw_piece(lv, off, &p);
        if (p.state != DISK_HOLE)
            break;
        if (p.missing && !missing)
            missing = p.why;
    }
    if (p.state == DISK_HOLE && d->absent && !ended)
        p.state = DISK_ABSENT;
    if (missing) {
        p.state = DISK_DAMAGED;
        p.why = missing;
    }
    if (d->n_gone)
        take_gone(d, off, &p);
    *out = p;
}
