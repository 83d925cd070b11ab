/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/stream_reach.h"

#include <stdlib.h>

#include "base/num.h"
#include "qcow2/decompress.h"
#include "scan/referrers.h"

#define LOOKS_MAX    64             /* clusters of one trial that are looked at */
#define STREAMS_MAX  256            /* that claim one cluster */

/* The end of what is read of a stream: 0 when it cannot be decoded, so that nobody reads it. */
static uint64_t end_of(const struct image *img, struct unpacker *u, const struct referrer *r)
{
    size_t cs = (size_t)img->geo.cluster_size, used = 0;
    uint64_t size = img->geo.file_size, end = r->host_off + r->host_len;
    size_t len = (size_t)u64_min(r->host_len, size - u64_min(size, r->host_off));
    uint8_t *in = malloc(len ? len : 1), *plain = malloc(cs);
    struct error why;

    if (in && plain && source_read(img->src, r->host_off, in, len, NULL)) {
        if (unpacker_take(u, img->hdr.compression_type, in, len, plain, cs, &used))
            end = r->host_off + used;
        else if (!cluster_decompress(img, r->host_off, r->host_len, plain, &why) &&
                 why.code == ERR_FORMAT)    /* not for want of zstd or memory */
            end = 0;
    }
    free(in);
    free(plain);
    return end;
}

static void look(const struct trial *t, uint64_t cl, struct stream_reach *out)
{
    const struct referrers_query query = {
        .img = t->img, .scan = t->scan, .first = cl, .n = 1, .max = STREAMS_MAX,
        .threads = t->opt.scan.threads,
    };
    struct unpacker *u = unpacker_new();
    struct referrers refs = { .n = 0 };

    *out = (struct stream_reach){ .cl = cl, .looks = out->looks + 1, .end = UINT64_MAX };
    if (u && referrers_find(&query, NULL, NULL, &refs, NULL) && refs.total == refs.n) {
        out->end = 0;
        for (size_t i = 0; i < refs.n; i++) {
            if (refs.list[i].owner != OWNER_COMPRESSED || !refs.list[i].counted)
                continue;
            out->walks += refs.list[i].walks;
            out->end = u64_max(out->end, end_of(t->img, u, &refs.list[i]));
        }
    }
    referrers_free(&refs);
    unpacker_free(u);
}

bool streams_end_before(const struct trial *t, uint64_t off, uint64_t *walks)
{
    struct stream_reach *r = t->reach;
    uint64_t cl = geo_cluster_of(&t->img->geo, off);

    if (r->cl != cl || !r->looks) {
        if (r->looks >= LOOKS_MAX)
            return false;
        look(t, cl, r);
    }
    *walks = r->walks;
    return r->end <= off;
}
