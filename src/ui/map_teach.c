/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/text.h"
#include "ui/map_view.h"

void map_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    const struct scan_stats *st = ui->scan ? &ui->scan->stats : NULL;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)state;
    buf_printf(
        out,
        "A qcow2 file is cut into clusters of one size, here %s. Each of the %s "
        "clusters of this file is one thing only: the header, a part of a table, guest "
        "data, or free. The map shows them all, from the first to the last.\n\n",
        text_size(a, geo->cluster_size), text_group(b, geo->n_clusters));
    buf_puts(
        out,
        "Nothing in a cluster says what it is. It is what somebody refers to it as: "
        "the header names the L1 table and the refcount table, those name L2 tables "
        "and refcount blocks, and L2 entries name the data. So the scan follows every "
        "reference from the header on and notes in each cluster who came by. What "
        "nobody came to is leaked when its refcount says it is in use, else vacant. "
        "What came to be two things at once is a conflict.\n\n");
    buf_puts(out,
             "A cell has the colour of most of its clusters that are in use, and is the "
             "paler the less of it is in use. A problem inside wins, however many clusters "
             "the cell has.\n\n");
    buf_printf(
        out,
        "The guest sees another order. Its disk of %s has %s clusters, and the "
        "tables place each of them anywhere in the file, in the order in which the guest "
        "wrote them first. t shows the disk from that side. Colouring by fragmentation "
        "shows how far one must jump from one guest cluster to the next; colouring by "
        "guest order shows the order itself: an even blend from one end to the other is "
        "a disk written from start to end.\n\n",
        text_size(a, geo->size), text_group(b, geo->guest_clusters));
    if (st && st->data_steps)
        buf_printf(
            out,
            "In this image %s of %s steps to the next guest cluster jump, and the "
            "longest piece in one run is %s.\n",
            text_group(a, st->data_breaks), text_group(b, st->data_steps),
            text_size((char[TEXT_NUM]){ 0 }, st->largest_extent * geo->cluster_size));
}
