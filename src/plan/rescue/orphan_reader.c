/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/rescue/salvage.h"
#include "qcow2/decompress.h"

bool orphan_reader_init(struct orphan_reader *r, const struct image *img,
                        const struct orphan *list, struct error *err)
{
    *r = (struct orphan_reader){ .img = img, .list = list };
    r->unpacker = unpacker_new();
    r->in = malloc((size_t)img->geo.cluster_size * 2);
    if (r->unpacker && r->in)
        return true;
    orphan_reader_free(r);
    return err_set(err, ERR_NOMEM, "out of memory");
}

void orphan_reader_free(struct orphan_reader *r)
{
    unpacker_free(r->unpacker);
    free(r->in);
    *r = (struct orphan_reader){ 0 };
}

bool orphan_read(void *ctx, size_t i, uint8_t *dst, struct error *err)
{
    struct orphan_reader *r = ctx;
    const struct orphan *o = &r->list[i];
    size_t cluster = (size_t)r->img->geo.cluster_size;
    size_t len = (size_t)u64_min(o->len, cluster * 2);

    if (o->kind != ORPHAN_STREAM)
        return source_read(r->img->src, o->off, dst, cluster, err);
    return source_read(r->img->src, o->off, r->in, len, err)
        && unpacker_run(r->unpacker, r->img->hdr.compression_type, r->in, len, dst, cluster,
                        err);
}
