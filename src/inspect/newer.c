/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/newer.h"

#include "base/source_pack.h"

uint64_t newer_stamp(struct source *src)
{
    struct source_info info = source_get_info(src);

    return info.stamp ? source_stamp(info.stamp, info.size) : NEWER_STAMP_NONE;
}

bool newer_open(struct source *src, const struct image_options *how, uint64_t *stamp,
                struct image **out, struct error *err)
{
    uint64_t now = newer_stamp(src);
    bool is_pack;

    *out = NULL;
    if (now != NEWER_STAMP_NONE && now == *stamp) {
        source_close(src);
        return true;
    }
    if (!source_look_into_pack(&src, &is_pack, err) || !image_open(src, how, out, err)) {
        source_close(src);
        return false;
    }
    *stamp = now;
    return true;
}
