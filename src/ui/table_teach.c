/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What each kind of table is for, with the numbers of this image worked through. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "ui/table_moves.h"

static void teach_l1(const struct ui *ui, uint64_t i, struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    buf_puts(out,
             "The L1 table is the root of the map from the guest disk to the file. It is "
             "an array of 64-bit words; each one points to an L2 table, or is 0 where "
             "nothing was ever written.\n\n");
    buf_printf(
        out,
        "Here one L2 table fills a cluster of %s and has %s / %u = %" PRIu64
        " entries, one for each guest cluster, so one L1 entry stands for %s of the "
        "disk:\n\n",
        text_size(a, geo->cluster_size), text_size(b, geo->cluster_size),
        geo->l2_entry_size, geo->l2_entries, text_size(a, geo->l2_span));
    buf_puts(out, "  L1 index = guest offset / (cluster size x entries per L2 table)\n");
    buf_printf(out,
               "  L1[%" PRIu64 "]   = 0x%" PRIx64 " / (0x%" PRIx64 " x %" PRIu64 ")\n\n",
               i, geo_guest_off(geo, i, 0), geo->cluster_size, geo->l2_entries);
    buf_puts(
        out,
        "Bit 63, copied, is set when the L2 table has refcount 1: it belongs to this "
        "layer alone and may be changed in place. A snapshot shares the L2 tables; "
        "it clears the bit and raises the refcounts.\n\n");
    buf_puts(out,
             "A lost L1 entry loses all the guest data below it at once. The strip shows "
             "how full each L2 table is, from its first entries on the left to its last; "
             "! marks a part that holds a problem.\n");
}

static void teach_l2(const struct ui *ui, const struct table *t, uint64_t j,
                     struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    uint64_t guest = geo_guest_off(geo, t->i, j);
    char a[TEXT_NUM];

    buf_printf(out,
               "An L2 table maps %s of the guest disk, cluster by cluster. It fills one "
               "cluster; this one lies at 0x%" PRIx64 ".\n\n",
               text_size(a, geo->l2_span), t->off);
    buf_puts(out, "Where the byte at a guest offset is found:\n\n");
    buf_printf(out, "  guest offset       0x%" PRIx64 "\n", guest);
    buf_printf(out, "  guest cluster      0x%" PRIx64 " / 0x%" PRIx64 " = %" PRIu64 "\n",
               guest, geo->cluster_size, guest >> geo->cluster_bits);
    buf_printf(out, "  L1 index           %" PRIu64 " / %" PRIu64 " = %" PRIu64 "\n",
               guest >> geo->cluster_bits, geo->l2_entries, t->i);
    buf_printf(out, "  L2 index           %" PRIu64 " mod %" PRIu64 " = %" PRIu64 "\n\n",
               guest >> geo->cluster_bits, geo->l2_entries, j);
    buf_puts(
        out,
        "An entry is a word: the offset of the cluster in the file, bit 63 copied "
        "(refcount is 1), bit 62 compressed, bit 0 reads as zeros. 0 means that this "
        "file does not hold the cluster: it is read from the backing file, or as "
        "zeros where there is none.\n\n");
    buf_puts(
        out,
        "A compressed cluster has another layout: an offset to the byte and a number "
        "of 512-byte sectors. Several of them share a cluster of the file.\n");
    if (geo->extended_l2)
        buf_printf(
            out,
            "\nThis image has extended entries: 16 bytes, the second word with two "
            "bits for each of 32 subclusters of %s.\n",
            text_size(a, geo->cluster_size / 32));
}

static void teach_reftable(const struct ui *ui, struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    buf_puts(out,
             "The refcount table points to refcount blocks, and those say for every "
             "cluster of the file how many references to it exist. 0 is free; 1 is the "
             "rule; more means shared by snapshots or, for compressed data, by several "
             "guest clusters.\n\n");
    buf_printf(out, "A block fills a cluster: %s of %u-bit numbers = %" PRIu64
               " clusters, %s of the file.\n\n", text_size(a, geo->cluster_size),
               geo->refcount_bits, geo->refblock_entries,
               text_size(b, geo->refblock_entries << geo->cluster_bits));
    buf_puts(out,
             "Refcounts are bookkeeping: all of them follow from the L1 and L2 tables. "
             "When they are wrong no data is lost yet, but a count that is too low lets "
             "the next write reuse a cluster that is still needed.\n");
}

static void teach_refblock(const struct ui *ui, const struct table *t, uint64_t j,
                           struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    uint64_t cluster = (t->i << geo->refblock_bits) + j;

    buf_puts(out,
             "A refcount block is an array of counts, one for each cluster of the file. "
             "Which one belongs to a cluster:\n\n");
    buf_printf(out, "  cluster            0x%" PRIx64 " / 0x%" PRIx64 " = %" PRIu64 "\n",
               cluster << geo->cluster_bits, geo->cluster_size, cluster);
    buf_printf(out, "  refcount block     %" PRIu64 " / %" PRIu64 " = %" PRIu64 "\n",
               cluster, geo->refblock_entries, t->i);
    buf_printf(out, "  entry in the block %" PRIu64 " mod %" PRIu64 " = %" PRIu64 "\n\n",
               cluster, geo->refblock_entries, j);
    buf_puts(
        out,
        "The first number under refs is what is stored here, the second what the scan "
        "has counted. Stored more than counted: leaked space, harmless. Stored less: "
        "corruption, dangerous.\n");
}

static void teach_snapshots(const struct ui *ui, struct buf *out)
{
    buf_printf(
        out,
        "A snapshot is a copy of the L1 table, kept under a name. Everything below "
        "it, L2 tables and data, is shared until one side writes. This image has %zu; "
        "the header announces %" PRIu64 ", in a table at 0x%" PRIx64 ".\n\n",
        ui->img->snaps.n, ui->img->snaps.announced, ui->img->snaps.table_off);
    buf_puts(out,
             "Taking one costs almost nothing: the L1 table is copied and all refcounts "
             "go up by one. From then on a write to a shared cluster first copies it.\n");
}

static void teach_bitmaps(const struct ui *ui, struct buf *out)
{
    buf_printf(
        out,
        "Bitmaps record which parts of the disk have changed, for incremental "
        "backups: one bit for each piece of `granularity` bytes. This image has %zu. "
        "A bitmap has a table like an L2 table; its entries point to clusters of bits, "
        "or say that all bits there are 0 or 1.\n\n",
        ui->img->bitmaps.n);
    buf_puts(out,
             "A bitmap marked in use was not written back by the program that had it "
             "open; it cannot be believed, and the next backup has to be a full one.\n");
}

void table_teach(const struct ui *ui, const struct table *t, uint64_t index,
                 struct buf *out)
{
    switch (t->kind) {
    case TABLE_L1: teach_l1(ui, index, out); break;
    case TABLE_L2: teach_l2(ui, t, index, out); break;
    case TABLE_REFTABLE: teach_reftable(ui, out); break;
    case TABLE_REFBLOCK: teach_refblock(ui, t, index, out); break;
    case TABLE_SNAPSHOTS: teach_snapshots(ui, out); break;
    default: teach_bitmaps(ui, out);
    }
}
