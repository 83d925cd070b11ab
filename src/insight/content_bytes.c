/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is left: compressed streams, files by their first bytes, text, bytes by how evenly
 * they are spread. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "insight/content_work.h"
#include "insight/file_types.h"
#include "qcow2/place.h"

/* Does a raw deflate stream start here that makes exactly one cluster? */
static bool deflated(const struct looking *l)
{
    size_t size = (size_t)l->ctx->geo->cluster_size;
    uint8_t *made = malloc(size);
    z_stream z;
    bool ok = false;

    memset(&z, 0, sizeof z);
    if (!made || inflateInit2(&z, -15) != Z_OK)
        goto out;
    z.next_in = (Bytef *)(uintptr_t)l->bytes;
    z.avail_in = (uInt)l->len;
    z.next_out = made;
    z.avail_out = (uInt)size;
    ok = inflate(&z, Z_FINISH) == Z_STREAM_END && !z.avail_out;
    inflateEnd(&z);
out:
    free(made);
    return ok;
}

static bool zstd_frame(const struct looking *l)
{
    if (l->len < 8 || memcmp(l->bytes, "\x28\xb5\x2f\xfd", 4) != 0)
        return false;
#ifdef HAVE_ZSTD
    return ZSTD_getFrameContentSize(l->bytes, l->len) != ZSTD_CONTENTSIZE_ERROR;
#else
    return true;
#endif
}

static void vote_streams(struct looking *l)
{
    if (zstd_frame(l))
        content_vote(l, CONTENT_COMPRESSED, 930, 0, NO_ADDRESS, "zstd");
    else if (l->out->score < 900 && deflated(l))
        content_vote(l, CONTENT_COMPRESSED, 960, 0, NO_ADDRESS, "deflate");
}

static void vote_signature(struct looking *l)
{
    static const struct { uint16_t at; uint8_t len; char bytes[9]; const char *what; } sig[] = {
        { 0, 4, "\x7f" "ELF", "ELF program" }, { 0, 2, "\x1f\x8b", "gzip" },
        { 0, 6, "\xfd" "7zXZ\0", "xz" }, { 0, 4, "PK\3\4", "zip" },
        { 0, 3, "BZh", "bzip2" }, { 0, 8, "\x89PNG\r\n\x1a\n", "PNG image" },
        { 0, 3, "\xff\xd8\xff", "JPEG image" }, { 0, 4, "%PDF", "PDF document" },
        { 0, 6, "SQLite", "SQLite database" }, { 257, 5, "ustar", "tar archive" },
        { 0, 4, "GIF8", "GIF image" }, { 0, 4, "RIFF", "RIFF media" },
        { 0, 2, "MZ", "Windows program" }, { 4, 4, "ftyp", "MP4 media" },
        { 0, 4, "hsqs", "squashfs" }, { 0, 4, "OggS", "Ogg media" },
    };

    for (size_t i = 0; i < sizeof sig / sizeof *sig; i++)
        if (sig[i].at + (size_t)sig[i].len <= l->len &&
            !memcmp(l->bytes + sig[i].at, sig[i].bytes, sig[i].len)) {
            content_vote(l, CONTENT_FILE, sig[i].len > 2 ? 800 : 500, 0, NO_ADDRESS, "%s",
                         sig[i].what);
            return;
        }
}

/* What the signatures above do not know. */
static void vote_file_type(struct looking *l)
{
    const char *type = l->ctx->closely && l->out->score < 500 ? file_type_of(l->bytes, l->len)
                                                               : NULL;

    if (type)
        content_vote(l, CONTENT_FILE, 780, 0, NO_ADDRESS, "%s", type);
}

void content_vote_bytes(struct looking *l)
{
    uint32_t count[256] = { 0 };
    size_t shown = 0, len = l->len;
    double bits = 0;

    vote_streams(l);
    vote_signature(l);
    vote_file_type(l);
    while (len && !l->bytes[len - 1])
        len--;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = l->bytes[i];

        count[c]++;
        shown += (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t' || c == '\r';
    }
    for (size_t c = 0; c < 256; c++)
        if (count[c])
            bits -= count[c] * log2((double)count[c] / (double)len);
    bits /= (double)len;
    if (shown * 100 >= len * 97 && bits > 1.5 && bits < 6.7 && len >= 16)
        content_vote(l, CONTENT_TEXT, 750, 0, NO_ADDRESS, NULL);
    if (bits > (len >= 4096 ? 7.7 : 7.2) && len >= 512)
        content_vote(l, CONTENT_ENTROPY, 600, 0, NO_ADDRESS, NULL);
    content_vote(l, CONTENT_BYTES, 200, 0, NO_ADDRESS, NULL);
}
