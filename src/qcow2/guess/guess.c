/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/guess/guess.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "qcow2/guess/guess_work.h"
#include "qcow2/snapshot.h"
#include "qcow2/sniff.h"

typedef unsigned long long ull;

/* --- what cannot be --- */

static bool bits_possible(uint64_t bits)
{
    return bits >= CLUSTER_BITS_MIN && bits <= CLUSTER_BITS_MAX;
}

/* Do these values look like a qcow2 header whose version was damaged, rather than one of
 * the older format qcow (version 1), which has other things in these places? */
static bool plausible_qcow2(const struct header *h)
{
    uint64_t mask;

    if (!bits_possible(h->cluster_bits))
        return false;
    mask = (UINT64_C(1) << h->cluster_bits) - 1;
    return h->l1_table_offset && !(h->l1_table_offset & mask) &&
           h->refcount_table_offset && !(h->refcount_table_offset & mask) &&
           h->refcount_table_clusters;
}

/* Is this a value of the field with which QEMU opens no image? */
static bool impossible(const struct guessing *g, const struct header *h,
                       enum guess_field f)
{
    uint64_t mask = g->s.geo.cluster_size - 1;

    switch (f) {
    case G_MAGIC: return h->magic != QCOW2_MAGIC;
    case G_VERSION: return h->version != 2 && h->version != 3;
    case G_CLUSTER_BITS: return !bits_possible(h->cluster_bits);
    case G_REFCOUNT_ORDER: return h->refcount_order > REFCOUNT_ORDER_MAX;
    case G_L1_SIZE:
        return h->l1_size > L1_ENTRIES_MAX ||
               h->l1_size < div_up(h->size, g->s.geo.l2_span);
    case G_L1_OFFSET: return h->l1_table_offset & mask || h->l1_table_offset >> 63;
    case G_REFTABLE_OFFSET:
        return h->refcount_table_offset & mask || h->refcount_table_offset >> 63;
    case G_REFTABLE_CLUSTERS:
        return h->refcount_table_clusters > REFTABLE_BYTES_MAX >> g->s.geo.cluster_bits;
    case G_NB_SNAPSHOTS: return h->nb_snapshots > SNAPSHOTS_MAX;
    case G_SNAPSHOTS_OFFSET:
        return snapshots_offset_bad(&g->s.geo, h->snapshots_offset, h->nb_snapshots);
    case G_HEADER_LENGTH:
        return h->version != 2 && (h->header_length < HEADER_V3_LEN ||
                                   h->header_length > g->s.geo.cluster_size);
    default: return false;
    }
}

bool guess_is_plausible(const struct guessing *g)
{
    return plausible_qcow2(&g->file) && !impossible(g, &g->file, G_VERSION);
}

static bool any_impossible(const struct guessing *g)
{
    for (int f = 0; f < N_GUESS_FIELDS; f++)
        if (impossible(g, &g->file, (enum guess_field)f))
            return true;
    return false;
}

/* --- forced values --- */

static void force(struct guessing *g, enum guess_field f, uint64_t value)
{
    g->forced[f] = true;
    *guess_member(&g->s.hdr, f) = value;
}

static void apply_options(struct guessing *g, const struct image_options *opt)
{
    if (!opt)
        return;
    if (opt->force_magic)
        force(g, G_MAGIC, QCOW2_MAGIC);
    if (opt->force_cluster_bits)
        force(g, G_CLUSTER_BITS, opt->cluster_bits);
    if (opt->force_l1_offset)
        force(g, G_L1_OFFSET, opt->l1_offset);
    if (opt->force_l1_size)
        force(g, G_L1_SIZE, opt->l1_size);
    if (opt->force_reftable)
        force(g, G_REFTABLE_OFFSET, opt->reftable_offset);
    if (opt->force_reftable && opt->reftable_clusters)
        force(g, G_REFTABLE_CLUSTERS, opt->reftable_clusters);
}

/* A forced place without a length: the header's, else as long as the table seems. */
static void forced_reftable_length(struct guessing *g)
{
    const struct header before = g->s.hdr;
    struct reftable_found found;
    uint64_t n = before.refcount_table_clusters;

    if (!g->forced[G_REFTABLE_OFFSET] || g->forced[G_REFTABLE_CLUSTERS] ||
        (n && n <= REFTABLE_BYTES_MAX >> g->s.geo.cluster_bits))
        return;
    if (!reftable_fits(&g->s, before.refcount_table_offset, 0, &found))
        found.clusters = 1;
    g->s.hdr = before;
    guess_take(g, G_REFTABLE_CLUSTERS, found.clusters, "length of the table at 0x%llx",
               (ull)before.refcount_table_offset);
    seek_geometry(&g->s);
}

/* Records of what a person forced. */
static void tell_forced(struct guessing *g)
{
    for (int i = 0; i < N_GUESS_FIELDS; i++) {
        enum guess_field f = (enum guess_field)i;
        uint64_t value = *guess_member(&g->s.hdr, f);

        if (!g->forced[f] || value == *guess_member(&g->file, f))
            continue;
        g->forced[f] = false;
        guess_take(g, f, value, "%s", "");
        g->forced[f] = true;
        g->guess[f].how = GUESS_FORCED;
        g->guess[f].damaged = impossible(g, &g->file, f);
    }
}

/* --- version, cluster size, width of refcounts --- */

static const uint8_t ORDERS[] = { 4, 3, 2, 1, 0, 5, 6, UINT8_MAX };

/* Version 2 has none of the fields past byte 72. */
static void be_version_2(struct header *h)
{
    h->incompatible_features = h->compatible_features = h->autoclear_features = 0;
    h->refcount_order = 4;
    h->header_length = HEADER_V2_LEN;
    h->compression_type = 0;
}

static void guess_version(struct guessing *g)
{
    struct header *h = &g->s.hdr;
    bool fits_3 = h->header_length >= HEADER_V3_LEN && h->header_length <= 4096 &&
                  h->header_length % 8 == 0;

    if (h->version == 2 || h->version == 3)
        return;
    guess_take(g, G_VERSION, fits_3 ? 3 : 2, fits_3
               ? "the bytes behind fit a header of version 3"
               : "the bytes behind do not fit a header of version 3");
    if (!fits_3)
        be_version_2(h);
}

/* With the cluster size on trial: do the L1 entries fit, where the header names any? */
static bool l1_allows(struct guessing *g)
{
    uint64_t off = g->s.hdr.l1_table_offset, n = g->s.hdr.l1_size;
    struct l1_found found;

    if (!n || n > L1_ENTRIES_MAX || off % 512 || off >= g->s.file_size)
        return true;
    return l1_look(&g->s, off, n, &found) && !found.bad;
}

static bool set_trial(struct guessing *g, const struct header *base, uint32_t bits,
                      uint8_t order)
{
    g->s.hdr = *base;
    g->s.hdr.cluster_bits = bits;
    g->s.hdr.refcount_order = order;
    return seek_geometry(&g->s);
}

/* Finds a refcount table by which cluster size and refcount width can be told, where they
 * are not known: the one that the header names, or that of the default layout. */
static bool table_tells(struct guessing *g, const struct header *base,
                        const uint8_t *orders, bool own, bool with_l1,
                        struct reftable_found *out)
{
    uint64_t off = base->refcount_table_offset, n = base->refcount_table_clusters;

    for (uint32_t k = 0; k <= CLUSTER_BITS_MAX - CLUSTER_BITS_MIN + 1; k++) {
        uint32_t bits = k == 0 ? 16 : CLUSTER_BITS_MAX + 1 - k;

        if (bits_possible(base->cluster_bits) && bits != base->cluster_bits)
            continue;
        if (own && k == 0)
            continue;                   /* the largest that fits is the right one */
        for (size_t i = 0; orders[i] <= REFCOUNT_ORDER_MAX; i++) {
            if (!set_trial(g, base, bits, orders[i]))
                continue;
            if (reftable_fits(&g->s, own ? off : g->s.geo.cluster_size,
                              own && n <= REFTABLE_BYTES_MAX >> bits ? n : 0, out) &&
                (!with_l1 || l1_allows(g)))
                return true;
        }
    }
    return false;
}

/* Where no header says it: two levels of mapping tell a cluster size from its half. */
static bool l1_supports(struct guessing *g, const struct header *base)
{
    struct l1_found found;
    bool searched;

    if (base->l1_size && base->l1_size <= L1_ENTRIES_MAX && base->l1_table_offset &&
        base->l1_table_offset % 512 == 0)
        return l1_allows(g);
    return l1_search(&g->s, 0, GUESS_BLIND_MAX, &found, &searched) &&
           l1_convinces(&found);
}

/* Searches for a refcount table, with the largest clusters first. The first found must do
 * when no L1 table says more. */
static bool search_tells(struct guessing *g, const struct header *base,
                         const uint8_t *orders, struct reftable_found *out)
{
    bool known = bits_possible(base->cluster_bits), any = false;
    struct reftable_found found;

    for (uint32_t bits = CLUSTER_BITS_MAX; bits >= CLUSTER_BITS_MIN; bits--) {
        if (known && bits != base->cluster_bits)
            continue;
        if (!set_trial(g, base, bits, orders[0]) ||
            !reftable_search(&g->s, orders, known ? GUESS_CLUSTERS_MAX : GUESS_BLIND_MAX,
                             &found))
            continue;
        if (known || l1_supports(g, base)) {
            *out = found;
            return true;
        }
        if (!any)
            *out = found;
        any = true;
    }
    return any;
}

/* Nothing of the header is left: what qemu-img create writes, tables not yet known. */
static struct header blank(const struct guessing *g)
{
    struct header h = { .magic = QCOW2_MAGIC, .version = 3, .refcount_order = 4,
                        .header_length = HEADER_V3_LEN };

    h.cluster_bits = g->forced[G_CLUSTER_BITS] ? g->s.hdr.cluster_bits : 0;
    h.l1_table_offset = g->forced[G_L1_OFFSET] ? g->s.hdr.l1_table_offset : 0;
    h.l1_size = g->forced[G_L1_SIZE] ? g->s.hdr.l1_size : 0;
    if (g->forced[G_REFTABLE_OFFSET])
        h.refcount_table_offset = g->s.hdr.refcount_table_offset;
    if (g->forced[G_REFTABLE_CLUSTERS])
        h.refcount_table_clusters = g->s.hdr.refcount_table_clusters;
    return h;
}

/* Finds out cluster size and refcount width, and with them proof that this is a qcow2
 * image. False: nothing proves it. */
static bool guess_shape(struct guessing *g, bool lost)
{
    const struct header before = g->s.hdr, none = blank(g);
    const uint8_t one[] = { (uint8_t)before.refcount_order, UINT8_MAX };
    const uint8_t *orders = before.refcount_order > REFCOUNT_ORDER_MAX ? ORDERS : one;
    bool forced = g->forced[G_REFTABLE_OFFSET];
    struct reftable_found found;
    const struct header *base = &before;
    const char *how = NULL;
    char words[GUESS_WORDS];

    if (lost && forced) {               /* then its place is no sign of a header */
        base = &none;
        orders = ORDERS;
    }
    if (table_tells(g, base, orders, true, true, &found) ||
        table_tells(g, base, orders, true, false, &found)) {
        how = forced ? "with it the refcount table fits"
                     : "with it the refcount table that the header names fits";
    } else if (lost) {
        base = &none;
        orders = ORDERS;
    }
    if (!how && !forced) {
        if (table_tells(g, base, orders, false, false, &found))
            how = "default layout";
        else if (search_tells(g, base, orders, &found))
            how = "found by search";
    }
    g->s.hdr = *base;
    if (!how) {
        g->s.hdr = before;
        return false;
    }
    g->lost = base == &none;
    if (g->lost)
        guess_take(g, G_VERSION, 3, "nothing of the header is left: version 3 without "
                   "features is assumed");
    guess_take(g, G_CLUSTER_BITS, found.cluster_bits,
               "%s: %s at 0x%llx", how, reftable_words(&found, words), (ull)found.off);
    guess_take(g, G_REFCOUNT_ORDER, found.refcount_order,
               "with this width the refcount table at 0x%llx agrees with itself",
               (ull)found.off);
    guess_take(g, G_REFTABLE_OFFSET, found.off, "%s: %s", how,
               reftable_words(&found, words));
    guess_take(g, G_REFTABLE_CLUSTERS, found.clusters, "length of the table at 0x%llx",
               (ull)found.off);
    return seek_geometry(&g->s);
}

/* Cluster size by the L1 table alone: to be proposed. */
static void propose_by_l1(struct guessing *g)
{
    const struct header before = g->s.hdr;
    struct l1_found found;

    g->s.no_refcounts = true;
    for (uint32_t bits = CLUSTER_BITS_MAX; bits >= CLUSTER_BITS_MIN; bits--) {
        if (!set_trial(g, &before, bits, 4) ||
            !l1_look(&g->s, before.l1_table_offset, before.l1_size, &found) ||
            !l1_convinces(&found))
            continue;
        guess_propose(g, G_CLUSTER_BITS, bits, "the L1 table fits");
        break;
    }
    g->s.no_refcounts = false;
    g->s.hdr = before;
}

/* --- all of it --- */

/* Is the file, without the magic or a version, something else? Then *why says what. */
static bool something_else(struct guessing *g, struct buf *why)
{
    const struct header *h = &g->file;
    uint64_t at;

    if (h->magic != QCOW2_MAGIC) {
        enum sniff what = sniff_describe(g->s.src, why);

        g->overwritten = what == SNIFF_RAW;
        g->unknown = what == SNIFF_UNKNOWN;
        /* A whole header somewhere else tells more than tables that seem to fit. */
        return what == SNIFF_OTHER || sniff_find_header(g->s.src, &at);
    }
    if (h->version == 1)
        buf_puts(why, "it is an image of the older format qcow (version 1); 'qemu-img "
                      "convert -O qcow2' makes a qcow2 image of it");
    else if (g->s.file_size < HEADER_V2_LEN)
        buf_printf(why, "it has the magic but ends after %llu bytes, inside the header",
                   (ull)g->s.file_size);
    else
        buf_puts(why, "it has the magic, but the version is 0 and the rest of the header "
                      "makes no sense");
    return h->version == 1 || g->s.file_size < HEADER_V2_LEN;
}

/* Without a refcount table: two levels of mapping in the place the header names. */
static bool l1_proves(struct guessing *g)
{
    struct l1_found found;
    bool proved;

    if (!seek_geometry(&g->s))
        return false;
    g->s.no_refcounts = true;
    proved = l1_look(&g->s, g->s.hdr.l1_table_offset, g->s.hdr.l1_size, &found) &&
             l1_convinces(&found);
    g->s.no_refcounts = false;
    return proved;
}

/* A stray entry of the refcount table stands in the way only where nothing else fits. */
static bool shape_found(struct guessing *g, bool lost)
{
    if (guess_shape(g, lost))
        return true;
    g->s.lenient = true;
    return guess_shape(g, lost);
}

/* What of the first fields of a header is missing. */
struct lack { bool magic, version, bits, all; };

static struct lack what_lacks(const struct guessing *g)
{
    const struct header *file = &g->file;
    struct lack l = {
        .magic = g->s.hdr.magic != QCOW2_MAGIC,
        .version = file->version < 2 && !plausible_qcow2(file) && !g->forced[G_MAGIC],
        .bits = !g->forced[G_CLUSTER_BITS] && !bits_possible(g->s.hdr.cluster_bits),
    };

    l.all = (file->magic != QCOW2_MAGIC || impossible(g, file, G_VERSION)) &&
            (l.bits || (!file->l1_table_offset && !file->refcount_table_offset));
    return l;
}

/* Version, magic, cluster_bits and what else shapes the tables. False: it is no qcow2, or
 * the size of its clusters is not known. */
static bool guess_first_fields(struct guessing *g, struct error *err)
{
    struct lack lack = what_lacks(g);
    bool no_qcow2 = lack.magic || lack.version, proved = true;
    struct buf why = BUF_INIT;

    if (no_qcow2 && something_else(g, &why)) {
        guess_not_qcow2(g, &why, err);
        buf_free(&why);
        return false;
    }
    guess_version(g);
    if (lack.magic)
        guess_take(g, G_MAGIC, QCOW2_MAGIC, "the tables of a qcow2 image are there%s",
                   g->overwritten ? "; a raw disk or a partition table was written over its "
                   "header" : "");
    if (no_qcow2 || lack.bits || g->s.hdr.refcount_order > REFCOUNT_ORDER_MAX)
        proved = shape_found(g, lack.all) || (!lack.bits && l1_proves(g));
    if (!proved && lack.bits)
        propose_by_l1(g);
    if (!proved && no_qcow2)
        guess_not_qcow2(g, &why, err);
    buf_free(&why);
    if (!proved && lack.bits && !no_qcow2)
        return guess_no_cluster_size(g, err);
    return proved || !no_qcow2;
}

/* A cluster size that is possible and wrong: the L1 table is too short for it, or the refcount
 * table does not fit, and both fit another. */
static void other_cluster_size(struct guessing *g)
{
    const struct header before = g->s.hdr;
    const uint8_t one[] = { (uint8_t)before.refcount_order, UINT8_MAX };
    struct header base = before;
    struct reftable_found found;
    uint64_t off = before.refcount_table_offset, n = before.refcount_table_clusters;
    bool wrong = g->s.geo.l1_needed > before.l1_size || !reftable_fits(&g->s, off, n, &found);

    base.cluster_bits = 0;
    wrong = wrong && table_tells(g, &base, one, true, true, &found) &&
            g->s.geo.l1_needed <= before.l1_size;
    g->s.hdr = before;
    if (wrong)
        guess_take(g, G_CLUSTER_BITS, found.cluster_bits,
                   "with it the refcount table that the header names fits");
    seek_geometry(&g->s);
    g->refused = any_impossible(g);
}

bool guess_header(struct source *src, const struct image_options *opt, struct header *hdr,
                  struct guesses *out, struct error *err)
{
    struct guessing g = { .file = *hdr, .s = { .src = src, .hdr = *hdr,
        .file_size = source_size(src), .reads_left = GUESS_READS_MAX } };

    apply_options(&g, opt);
    if (!guess_first_fields(&g, err))
        return false;
    if (seek_geometry(&g.s)) {
        g.refused = any_impossible(&g);
        if (g.refused && !g.forced[G_CLUSTER_BITS] && !g.lost &&
            g.s.hdr.cluster_bits == g.file.cluster_bits)
            other_cluster_size(&g);
        forced_reftable_length(&g);
        guess_reftable(&g);
        guess_snapshots(&g);
        guess_l1(&g);
        guess_extensions(&g);
    }
    tell_forced(&g);
    *hdr = g.s.hdr;
    guess_collect(&g, out);
    return true;
}
