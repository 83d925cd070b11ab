/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "sound_images.h"

#include <stdarg.h>
#include <stdio.h>

struct list { struct sound_image *at; size_t n; };

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

static void add(struct list *l, struct builder_options opt, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct list *l, struct builder_options opt, const char *fmt, ...)
{
    struct sound_image *s = &l->at[l->n++];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(s->name, sizeof s->name, fmt, ap);
    va_end(ap);
    s->opt = opt;
}

size_t sound_images(struct sound_image out[SOUND_IMAGES_MAX])
{
    struct list l = { out, 0 };
    struct builder_options o;

    for (unsigned bits = 9; bits <= 21; bits++) {
        o = BUILDER_DEFAULTS;
        o.cluster_bits = bits;
        o.size = UINT64_C(64) << bits;
        add(&l, o, "cluster-%u", bits);
    }
    for (unsigned order = 0; order <= 6; order++) {
        o = BUILDER_DEFAULTS;
        o.refcount_order = order;
        add(&l, o, "refcount-%u", 1u << order);
    }
    o = BUILDER_DEFAULTS;
    o.cluster_bits = 9;
    o.refcount_order = 6;
    add(&l, o, "many-refblocks");
    o = BUILDER_DEFAULTS;
    o.version = 2;
    add(&l, o, "version-2");
    o = BUILDER_DEFAULTS;
    o.cluster_bits = 14;
    o.extended_l2 = true;
    add(&l, o, "extended");
    o = BUILDER_DEFAULTS;
    o.zstd = true;
    add(&l, o, "zstd");
    o = BUILDER_DEFAULTS;
    o.data_file = "data.raw";
    add(&l, o, "data-file");
    o = BUILDER_DEFAULTS;
    o.backing_file = "base.raw";
    add(&l, o, "backing");
    o = BUILDER_DEFAULTS;
    o.l1_size = 64;
    add(&l, o, "long-l1");
    return l.n;
}

struct builder *sound_image_build(const struct sound_image *image)
{
    struct builder *b = builder_new(image->opt);

    fill(b);
    return b;
}
