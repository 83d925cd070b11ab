/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writes one image of every sort that the builder makes into a directory, and prints the
 * path of each. builder_qemu.sh asks qemu-img what it thinks of them. */
#include "config.h"

#include <stdio.h>

#include "support/image_builder.h"

static void fill(struct builder *b)
{
    bool file = b->opt.data_file, zeros = b->opt.version == 3;
    uint64_t last = b->geo.guest_clusters - 1;

    builder_map(b, 0);
    builder_map(b, 1);
    builder_map(b, last);
    if (zeros) {
        builder_map_zero(b, 2, false);
        builder_map_zero(b, 3, true);
    }
    if (!file && !b->opt.zstd)
        for (uint64_t g = 4; g < 9; g++)
            builder_map_compressed(b, g);
    if (!file && b->geo.refcount_bits >= 4) {
        builder_add_snapshot(b, "1", "first");
        builder_map(b, 1);
        builder_map(b, 5);
        builder_add_snapshot(b, "2", "second");
        builder_map(b, last);
    }
    if (zeros) {
        builder_add_bitmap(b, "daily", 9, 0);
        builder_add_bitmap(b, "weekly", 16, BITMAP_AUTO);
    }
}

static void save(const char *dir, const char *name, struct builder_options opt)
{
    char path[4096];
    struct builder *b = builder_new(opt);

    fill(b);
    snprintf(path, sizeof path, "%s/%s.qcow2", dir, name);
    builder_save(b, path);
    puts(path);
    builder_free(b);
}

int main(int argc, char **argv)
{
    struct builder_options o;
    char name[64];

    if (argc != 2)
        return 2;
    for (unsigned bits = 9; bits <= 21; bits++) {
        o = BUILDER_DEFAULTS;
        o.cluster_bits = bits;
        o.size = UINT64_C(64) << bits;
        snprintf(name, sizeof name, "cluster-%u", bits);
        save(argv[1], name, o);
    }
    for (unsigned order = 0; order <= 6; order++) {
        o = BUILDER_DEFAULTS;
        o.refcount_order = order;
        snprintf(name, sizeof name, "refcount-%u", 1u << order);
        save(argv[1], name, o);
    }
    o = BUILDER_DEFAULTS;
    o.cluster_bits = 9;
    o.refcount_order = 6;
    save(argv[1], "many-refblocks", o);
    o = BUILDER_DEFAULTS;
    o.version = 2;
    save(argv[1], "version-2", o);
    o = BUILDER_DEFAULTS;
    o.cluster_bits = 14;
    o.extended_l2 = true;
    save(argv[1], "extended", o);
    o = BUILDER_DEFAULTS;
    o.zstd = true;
    save(argv[1], "zstd", o);
    o = BUILDER_DEFAULTS;
    o.data_file = "data.raw";
    save(argv[1], "data-file", o);
    o = BUILDER_DEFAULTS;
    o.backing_file = "base.raw";
    save(argv[1], "backing", o);
    o = BUILDER_DEFAULTS;
    o.l1_size = 64;
    save(argv[1], "long-l1", o);
    return 0;
}
