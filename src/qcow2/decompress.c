/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/decompress.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

struct unpacker {
    z_stream z;
    bool z_made;                        /* z is initialized */
#ifdef HAVE_LIBDEFLATE
    struct libdeflate_decompressor *fast;
#endif
#ifdef HAVE_ZSTD
    ZSTD_DCtx *zstd;
#endif
};

struct unpacker *unpacker_new(void)
{
    return calloc(1, sizeof(struct unpacker));
}

void unpacker_free(struct unpacker *u)
{
    if (!u)
        return;
    if (u->z_made)
        inflateEnd(&u->z);
#ifdef HAVE_LIBDEFLATE
    if (u->fast)
        libdeflate_free_decompressor(u->fast);
#endif
#ifdef HAVE_ZSTD
    ZSTD_freeDCtx(u->zstd);
#endif
    free(u);
}

/* The usual case, a whole stream that fills the cluster, by the faster library. */
static bool inflate_fast(struct unpacker *u, const uint8_t *in, size_t in_len, uint8_t *out,
                         size_t out_len, size_t *used)
{
#ifdef HAVE_LIBDEFLATE
    if (!u->fast)
        u->fast = libdeflate_alloc_decompressor();
    return u->fast && libdeflate_deflate_decompress_ex(u->fast, in, in_len, out, out_len, used,
                                                       NULL) == LIBDEFLATE_SUCCESS;
#else
    (void)u, (void)in, (void)in_len, (void)out, (void)out_len, (void)used;
    return false;
#endif
}

/* By zlib; u->z says what is left of both. False: no memory. */
static bool inflate_run(struct unpacker *u, const uint8_t *in, size_t in_len, uint8_t *out,
                        size_t out_len, int *status)
{
    z_stream *z = &u->z;

    if ((u->z_made ? inflateReset(z) : inflateInit2(z, -15)) != Z_OK)
        return false;
    u->z_made = true;
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)in_len;
    z->next_out = out;
    z->avail_out = (uInt)out_len;
    *status = inflate(z, Z_FINISH);
    return true;
}

/* Raw deflate with a window of 4 KiB, as QEMU writes it; larger windows are taken too.
 * The stream may end before its sectors do, and has to fill the cluster exactly. */
static bool inflate_cluster(struct unpacker *u, const uint8_t *in, size_t in_len, uint8_t *out,
                            size_t out_len, struct error *err)
{
    z_stream *z = &u->z;
    int status;
    size_t made;

    if (inflate_fast(u, in, in_len, out, out_len, &made))
        return true;
    if (!inflate_run(u, in, in_len, out, out_len, &status))
        return err_set(err, ERR_NOMEM, "out of memory");
    made = out_len - z->avail_out;
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
/* The usual case: one frame that makes the whole cluster. */
static bool unzstd_fast(ZSTD_DCtx *ctx, const uint8_t *in, size_t in_len, uint8_t *out,
                        size_t out_len)
{
    size_t frame = ZSTD_findFrameCompressedSize(in, in_len);

    return !ZSTD_isError(frame) &&
           ZSTD_decompressDCtx(ctx, out, out_len, in, frame) == out_len;
}

static bool unzstd_cluster(struct unpacker *u, const uint8_t *in, size_t in_len, uint8_t *out,
                           size_t out_len, struct error *err)
{
    ZSTD_inBuffer from = { in, in_len, 0 };
    ZSTD_outBuffer to = { out, out_len, 0 };
    ZSTD_DCtx *ctx;
    size_t status = 1;

    if (!u->zstd)
        u->zstd = ZSTD_createDCtx();
    ctx = u->zstd;
    if (!ctx)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (unzstd_fast(ctx, in, in_len, out, out_len))
        return true;
    ZSTD_DCtx_reset(ctx, ZSTD_reset_session_only);
    /* The length of the frame is not stored, so it is read like a stream; one cluster may
     * be several frames. */
    while (to.pos < to.size && !ZSTD_isError(status)) {
        size_t in_before = from.pos, out_before = to.pos;

        status = ZSTD_decompressStream(ctx, &to, &from);
        if (from.pos == in_before && to.pos == out_before)
            break;
    }
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
static bool unzstd_cluster(struct unpacker *u, const uint8_t *in, size_t in_len, uint8_t *out,
                           size_t out_len, struct error *err)
{
    (void)u, (void)in, (void)in_len, (void)out, (void)out_len;
    return err_set(err, ERR_LIMIT, "this program was built without zstd");
}
#endif

bool unpacker_run(struct unpacker *u, uint64_t type, const uint8_t *in, size_t in_len,
                  uint8_t *out, size_t out_len, struct error *err)
{
    return type == COMPRESSION_ZSTD ? unzstd_cluster(u, in, in_len, out, out_len, err)
                                    : inflate_cluster(u, in, in_len, out, out_len, err);
}

static bool inflate_take(struct unpacker *u, const uint8_t *in, size_t in_len, uint8_t *out,
                         size_t out_len, size_t *used)
{
#ifdef HAVE_LIBDEFLATE
    return inflate_fast(u, in, in_len, out, out_len, used);
#else
    int status;

    if (!inflate_run(u, in, in_len, out, out_len, &status) || status != Z_STREAM_END
        || u->z.avail_out)
        return false;
    *used = in_len - u->z.avail_in;
    return true;
#endif
}

bool unpacker_take(struct unpacker *u, uint64_t type, const uint8_t *in, size_t in_len,
                   uint8_t *out, size_t out_len, size_t *used)
{
    if (type != COMPRESSION_ZSTD)
        return inflate_take(u, in, in_len, out, out_len, used);
#ifdef HAVE_ZSTD
    *used = ZSTD_findFrameCompressedSize(in, in_len);
    return !ZSTD_isError(*used) && unzstd_cluster(u, in, *used, out, out_len, NULL);
#else
    return false;
#endif
}

bool cluster_decompress(const struct image *img, uint64_t host_off, uint64_t host_len,
                        uint8_t *out, struct error *err)
{
    /* A descriptor cannot say more than this: sectors of one cluster and one more. */
    uint64_t most = img->geo.cluster_size * 2, size = img->geo.file_size;
    size_t len = (size_t)u64_min(host_len, most);
    struct unpacker *u;
    uint8_t *in;
    bool ok = false;

    memset(out, 0, (size_t)img->geo.cluster_size);
    if (host_off >= size)
        return err_set(err, ERR_SHORT, "the compressed data starts after the end of the "
                       "file");
    len = (size_t)u64_min(len, size - host_off);
    if (!len)
        return err_set(err, ERR_FORMAT, "the compressed data has no length");
    in = malloc(len);
    u = unpacker_new();
    if (!in || !u)
        err_set(err, ERR_NOMEM, "out of memory");
    else if (source_read(img->src, host_off, in, len, err))
        ok = unpacker_run(u, img->hdr.compression_type, in, len, out,
                          (size_t)img->geo.cluster_size, err);
    unpacker_free(u);
    free(in);
    return ok;
}
