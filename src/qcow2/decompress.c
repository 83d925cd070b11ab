/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/decompress.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

/* Raw deflate with a window of 4 KiB, as QEMU writes it; larger windows are taken too.
 * The stream may end before its sectors do, and has to fill the cluster exactly. */
static bool inflate_cluster(const uint8_t *in, size_t in_len, uint8_t *out,
                            size_t out_len, struct error *err)
{
    z_stream z;
    int status;
    size_t made;

    memset(&z, 0, sizeof z);
    if (inflateInit2(&z, -15) != Z_OK)
        return err_set(err, ERR_NOMEM, "out of memory");
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)in_len;
    z.next_out = out;
    z.avail_out = (uInt)out_len;
    status = inflate(&z, Z_FINISH);
    made = out_len - z.avail_out;
    inflateEnd(&z);
    /* Z_BUF_ERROR with a full cluster: all is there, only the end mark is not reached. */
    if (made == out_len && (status == Z_STREAM_END || status == Z_BUF_ERROR))
        return true;
    if (status == Z_STREAM_END || status == Z_BUF_ERROR)
        return err_set(err, ERR_FORMAT,
                       "the compressed data makes only %llu of %llu bytes",
                       (unsigned long long)made, (unsigned long long)out_len);
    return err_set(err, ERR_FORMAT,
                   "the compressed data is damaged after %llu of %llu bytes",
                   (unsigned long long)made, (unsigned long long)out_len);
}

#ifdef HAVE_ZSTD
static bool unzstd_cluster(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                           struct error *err)
{
    ZSTD_inBuffer from = { in, in_len, 0 };
    ZSTD_outBuffer to = { out, out_len, 0 };
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    size_t status = 1;

    if (!ctx)
        return err_set(err, ERR_NOMEM, "out of memory");
    /* The length of the frame is not stored, so it is read like a stream; one cluster may
     * be several frames. */
    while (to.pos < to.size && !ZSTD_isError(status)) {
        size_t in_before = from.pos, out_before = to.pos;

        status = ZSTD_decompressStream(ctx, &to, &from);
        if (from.pos == in_before && to.pos == out_before)
            break;
    }
    ZSTD_freeDCtx(ctx);
    if (ZSTD_isError(status))
        return err_set(err, ERR_FORMAT, "the compressed data is damaged after %llu of "
                       "%llu bytes: %s", (unsigned long long)to.pos,
                       (unsigned long long)out_len, ZSTD_getErrorName(status));
    if (to.pos < to.size)
        return err_set(err, ERR_FORMAT,
                       "the compressed data makes only %llu of %llu bytes",
                       (unsigned long long)to.pos, (unsigned long long)out_len);
    if (status)
        return err_set(err, ERR_FORMAT, "the compressed data makes more than %llu bytes",
                       (unsigned long long)out_len);
    return true;
}
#else
static bool unzstd_cluster(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                           struct error *err)
{
    (void)in;
    (void)in_len;
    (void)out;
    (void)out_len;
    return err_set(err, ERR_FORMAT, "this program was built without zstd");
}
#endif

bool cluster_decompress(const struct image *img, uint64_t host_off, uint64_t host_len,
                        uint8_t *out, struct error *err)
{
    /* A descriptor cannot say more than this: sectors of one cluster and one more. */
    uint64_t most = img->geo.cluster_size * 2, size = img->geo.file_size;
    size_t len = (size_t)u64_min(host_len, most);
    uint8_t *in;
    bool ok;

    memset(out, 0, (size_t)img->geo.cluster_size);
    if (host_off >= size)
        return err_set(err, ERR_SHORT, "the compressed data starts after the end of the "
                       "file");
    len = (size_t)u64_min(len, size - host_off);
    if (!len)
        return err_set(err, ERR_FORMAT, "the compressed data has no length");
    in = malloc(len);
    if (!in)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!source_read(img->src, host_off, in, len, err)) {
        free(in);
        return false;
    }
    ok = img->hdr.compression_type == COMPRESSION_ZSTD
             ? unzstd_cluster(in, len, out, (size_t)img->geo.cluster_size, err)
             : inflate_cluster(in, len, out, (size_t)img->geo.cluster_size, err);
    free(in);
    return ok;
}
