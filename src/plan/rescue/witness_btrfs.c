/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The witness of btrfs: what it recognises, and where nodes and super blocks belong. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_btrfs.h"

#define SUPER_OFF UINT64_C(65536)

static void *begin(struct rescue_guest *g)
{
    struct btrfs_witness *w = calloc(1, sizeof *w);

    if (w)
        w->cluster = malloc(rescue_cluster(g));
    if (!w || !w->cluster) {
        free(w);
        return NULL;
    }
    w->node_guess = 16384;
    w->pair[0] = w->pair[1] = UINT32_MAX;
    return w;
}

static void end(void *self)
{
    struct btrfs_witness *w = self;

    claims_free(&w->claims);
    free(w->seen);
    free(w->cluster);
    free(w);
}

static uint64_t device_id(const struct btrfs_super *super)
{
    return le_load(super->fsid, 8) ^ super->devid << 48;
}

/* The number of a UUID; FSIDS_MAX: too many are known. */
static size_t fsid_number(struct btrfs_witness *w, const uint8_t *fsid)
{
    size_t i = 0;

    while (i < w->n_fsids && memcmp(w->fsid[i], fsid, 16))
        i++;
    if (i == w->n_fsids && i < FSIDS_MAX)
        memcpy(w->fsid[w->n_fsids++], fsid, 16);
    return i;
}

static bool prove(struct btrfs_witness *w, const uint8_t *p, size_t len)
{
    static const uint32_t sizes[] = { 16384, 4096, 65536, 32768, 8192 };

    if (w->node_guess <= len && btrfs_node_proved(p, w->node_guess))
        return true;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] <= len && sizes[i] != w->node_guess && btrfs_node_proved(p, sizes[i])) {
            w->node_guess = sizes[i];
            return true;
        }
    return false;
}

static bool remember(struct btrfs_witness *w, size_t cand, size_t at, const uint8_t *p,
                     size_t len)
{
    size_t number = fsid_number(w, p + 32);

    if (number == FSIDS_MAX || w->n_seen == NODES_MAX)
        return true;
    if (!list_room(&w->seen, w->n_seen, &w->seen_cap, sizeof *w->seen))
        return false;
    w->seen[w->n_seen++] = (struct btrfs_seen){
        le_load(p + 48, 8), le_load(p + 80, 8), (uint32_t)cand, (uint32_t)at,
        le_load(p + 88, 8) == BTRFS_SUMS && !p[100], (uint8_t)number, prove(w, p, len), 0
    };
    return true;
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len)
{
    struct btrfs_witness *w = self;

    (void)g;
    for (size_t at = 0; at < len; at += 512) {
        if (btrfs_node_like(bytes + at, len - at) &&
            !remember(w, cand, at, bytes + at, len - at))
            return false;
        if (w->n_supers < SUPERS_MAX &&
            btrfs_super_read(bytes + at, len - at, &w->super[w->n_supers].super,
                             &w->super[w->n_supers].bytenr)) {
            volume_head(g, device_id(&w->super[w->n_supers].super), cand,
                        w->super[w->n_supers].super.total_len);
            w->super[w->n_supers].cand = cand;
            w->super[w->n_supers++].at = (uint32_t)at;
        }
    }
    return true;
}

/* --- conclusions --- */

static int by_address(const void *a, const void *b)
{
    const struct btrfs_seen *x = a, *y = b;

    if (x->logical != y->logical)
        return x->logical < y->logical ? -1 : 1;
    if (x->generation != y->generation)
        return x->generation > y->generation ? -1 : 1;
    if (x->cand != y->cand)
        return x->cand < y->cand ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

#define SUPER_LEN 4096              /* bytes read where one may be */

static bool keep_super(void *ctx, const uint8_t *bytes)
{
    struct btrfs_witness *w = ctx;
    struct btrfs_super_seen *s = &w->super[w->n_supers];
    bool known = w->n_supers == SUPERS_MAX;

    if (known || !btrfs_super_read(bytes, SUPER_LEN, &s->super, &s->bytenr))
        return known;
    for (size_t k = 0; k < w->n_supers; k++)
        known |= !memcmp(w->super[k].super.fsid, s->super.fsid, 16)
            && w->super[k].super.generation >= s->super.generation;
    s->cand = SIZE_MAX;
    w->n_supers += !known;
    return false;
}

/* Super blocks on volumes that are known already. */
static void find_supers(struct btrfs_witness *w, struct rescue_guest *g)
{
    uint64_t start;

    volume_find(g, SUPER_OFF, SUPER_LEN, keep_super, w, &start);
}

static bool is_its_super(void *ctx, const uint8_t *bytes)
{
    const struct btrfs *fs = ctx;
    struct btrfs_super super;
    uint64_t bytenr;

    return btrfs_super_read(bytes, SUPER_LEN, &super, &bytenr) && bytenr == SUPER_OFF
        && !memcmp(super.fsid, fs->super.fsid, 16);
}

/* Where the device begins: at a super block that is known, or where its length fits. */
static bool find_home(struct btrfs *fs)
{
    fs->sure = SURE_CERTAIN;
    return volume_find(fs->g, SUPER_OFF, SUPER_LEN, is_its_super, fs, &fs->start)
        || volume_home(fs->g, &(struct volume_query){ device_id(&fs->super),
                                                      fs->super.total_len, 0 },
                       &fs->start, &fs->sure);
}

static bool claim_supers(struct btrfs *fs, bool *news)
{
    struct btrfs_witness *w = fs->w;

    for (size_t i = 0; i < w->n_supers; i++)
        if (w->super[i].cand != SIZE_MAX &&
            !memcmp(w->super[i].super.fsid, fs->super.fsid, 16) &&
            w->super[i].bytenr < fs->super.total_len &&
            !claims_add(&w->claims, fs->g, w->super[i].cand, w->super[i].at,
                        fs->start + w->super[i].bytenr, w->super[i].super.generation,
                        w->super[i].super.csum_type ? SURE_LIKELY : fs->sure))
            return false;
    *news |= claims_settle(&w->claims, fs->g, "the address that a btrfs super block bears");
    return true;
}

/* Clusters that a node reaches into after its first. */
static unsigned pieces_after(const struct btrfs *fs, const struct btrfs_seen *s)
{
    uint32_t head = rescue_cluster(fs->g) - s->at;

    return fs->super.node > head
        ? (unsigned)div_up(fs->super.node - head, rescue_cluster(fs->g)) : 0;
}

/* A node longer than a cluster is proved with the candidates that follow it in the file, except
 * for clusters of zeros in its midst. */
static void prove_long(struct btrfs *fs, struct btrfs_seen *s)
{
    unsigned pieces = pieces_after(fs, s);
    uint8_t bytes[NODE_MAX];

    if (s->proved || !pieces || fs->super.csum_type)
        return;
    for (unsigned zeros = 0; !s->proved && zeros < (pieces <= 7 ? 1u << pieces : 1); zeros++) {
        s->zeros = (uint8_t)zeros;
        s->proved = btrfs_node_of_candidates(fs, s, bytes) &&
                    btrfs_node_proved(bytes, fs->super.node);
    }
    if (!s->proved)
        s->zeros = 0;
}

/* Then those belong after it. */
static bool claim_node(struct btrfs *fs, const struct btrfs_seen *s, uint64_t guest_off,
                       enum rescue_sure sure)
{
    uint32_t cluster = rescue_cluster(fs->g), head = cluster - s->at;
    size_t cand = s->cand + (size_t)1;
    bool ok = claims_add(&fs->w->claims, fs->g, s->cand, s->at, guest_off, s->generation, sure);

    for (unsigned i = 0; ok && s->proved && i < pieces_after(fs, s); i++, head += cluster)
        if (i >= 8 || !(s->zeros >> i & 1))
            ok = claims_add(&fs->w->claims, fs->g, cand++, 0, guest_off + head, s->generation,
                            sure);
    return ok;
}

#define FIRST_CHUNKS_MAX (UINT64_C(16) << 20)

/* A file system is made with a few chunks whose logical addresses are those of the device, which
 * are dropped before it is used; nodes of theirs remain. */
static bool of_first_chunks(const struct btrfs *fs, uint64_t logical)
{
    bool ours = logical < FIRST_CHUNKS_MAX && logical < fs->super.total_len && fs->chunks_whole;

    for (size_t i = 0; i < fs->n_chunks; i++)
        for (unsigned k = 0; k < fs->chunk[i].n_stripes; k++)
            ours &= logical < fs->chunk[i].stripe[k] ||
                    logical - fs->chunk[i].stripe[k] >= fs->chunk[i].len;
    return ours;
}

/* The places of a node that are lost, as bytes of the disk. */
static unsigned lost_places(const struct btrfs *fs, const struct btrfs_seen *s,
                            uint64_t place[STRIPES_MAX], enum rescue_sure *sure)
{
    uint64_t left, type = btrfs_chunk_type(fs, s->logical);
    unsigned n = btrfs_places(fs, s->logical, place, &left), m = 0;

    *sure = s->proved ? fs->sure : SURE_LIKELY;
    if (!type && of_first_chunks(fs, s->logical)) {
        *sure = SURE_LIKELY;
        place[0] = s->logical;
        n = 1;
    } else if (!(type & (CHUNK_SYSTEM | CHUNK_METADATA))) {
        return 0;
    }
    for (unsigned k = 0; k < n; k++)
        if (rescue_lost(fs->g, (fs->start + place[k]) / rescue_cluster(fs->g)))
            place[m++] = fs->start + place[k];
    return m;
}

/* Of a node that has several places, are there as many candidates with it, all the same? Else
 * nothing tells which belongs where. */
static bool copies_alike(struct btrfs *fs, size_t i, unsigned n)
{
    struct btrfs_witness *w = fs->w;
    const struct btrfs_seen *s = w->seen;
    size_t first = i, end = i + 1;

    while (first && s[first - 1].logical == s[i].logical &&
           s[first - 1].generation == s[i].generation)
        first--;
    while (end < w->n_seen && s[end].logical == s[i].logical &&
           s[end].generation == s[i].generation)
        end++;
    if (end - first < n)
        return false;
    for (size_t k = first + 1; k < end; k++) {
        if (s[k].cand == s[first].cand || (w->pair[0] == s[first].cand && w->pair[1] == s[k].cand))
            continue;
        if (!candidates_alike(fs->g, s[first].cand, s[k].cand))
            return false;
        w->pair[0] = s[first].cand;
        w->pair[1] = s[k].cand;
    }
    return true;
}

/* Copies of a node in several candidates go to the places of its copies, in the order of the
 * file. */
static bool claim_nodes(struct btrfs *fs, bool *news)
{
    struct btrfs_witness *w = fs->w;
    size_t number = fsid_number(w, fs->super.node_fsid);
    unsigned copy = 0;

    for (size_t i = 0; i < w->n_seen; i++) {
        struct btrfs_seen *s = &w->seen[i];
        uint64_t place[STRIPES_MAX];
        enum rescue_sure sure;
        unsigned n;

        if (s->fsid != number || s->generation > fs->super.generation)
            continue;
        prove_long(fs, s);
        n = lost_places(fs, s, place, &sure);
        if (!n)
            continue;
        copy = i && s[-1].logical == s->logical && s[-1].generation == s->generation &&
               s[-1].cand != s->cand ? copy + 1 : 0;
        if (n > 1 && sure == SURE_CERTAIN && !copies_alike(fs, i, n))
            sure = SURE_LIKELY;
        if (!claim_node(fs, s, place[copy % n], sure))
            return false;
    }
    *news |= claims_settle(&w->claims, fs->g, "the address that a btrfs node bears");
    return true;
}

static bool tell_one(struct btrfs *fs, size_t number, bool *news, struct error *err)
{
    struct btrfs_witness *w = fs->w;
    bool ok, whole = false;

    if (!find_home(fs))
        return true;
    *news |= rescue_volume(fs->g, fs->start, fs->super.total_len, FOUND_BTRFS);
    ok = claim_supers(fs, news) && (!btrfs_chunks_read(fs) || claim_nodes(fs, news));
    if (!ok)
        err_set(err, ERR_NOMEM, "out of memory");
    ok = ok && (!fs->n_chunks || btrfs_tell(fs, news, &whole, err));
    if (ok && !fs->super.csum_type && !btrfs_old_sums(fs))
        ok = err_set(err, ERR_NOMEM, "out of memory");
    if (ok && fs->n_sums > w->super[number].n_sums) {
        w->super[number].n_sums = fs->n_sums;
        ok = btrfs_match(fs, news, err);
    }
    w->super[number].whole = whole && fs->sure == SURE_CERTAIN;
    free(fs->chunk);
    free(fs->sum);
    return ok;
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct btrfs_witness *w = self;

    if (!w->sorted && w->n_seen)
        qsort(w->seen, w->n_seen, sizeof *w->seen, by_address);
    w->sorted = true;
    find_supers(w, g);
    for (size_t i = 0; i < w->n_supers; i++) {
        struct btrfs fs = { .g = g, .w = w, .super = w->super[i].super };
        bool newest = !w->super[i].whole;

        /* Of copies of one super block the newest counts, the first of equals. */
        for (size_t k = 0; k < w->n_supers; k++)
            newest &= memcmp(w->super[k].super.fsid, fs.super.fsid, 16) || k == i ||
                      w->super[k].super.generation < fs.super.generation ||
                      (w->super[k].super.generation == fs.super.generation && k > i);
        if (newest && !tell_one(&fs, i, news, err))
            return false;
    }
    return true;
}

const struct rescue_witness witness_btrfs = { "btrfs", begin, look, reason, end };
