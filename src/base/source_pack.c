/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The image in a pack as a source. Packs come from strangers: the whole stream, what libarchive
 * may read on at once (the list of a sparse file's parts is in it), and what is kept in
 * memory are bounded. */
#include "config.h"

#include "base/bisect.h"
#include "base/source_pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/grow.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/source_backend.h"

static bool seems_pack(struct source *src)
{
    uint8_t magic[4];

    return source_read(src, 0, magic, sizeof magic, NULL)
        && be32(magic) == UINT32_C(0x28b52ffd);
}

void source_foresee_pack(struct source *src)
{
    if (seems_pack(src))
        (void)pack_supported(NULL);
}

bool source_look_into_pack(struct source **src, bool *is_pack, struct error *err)
{
    *is_pack = false;
    if (!seems_pack(*src) || source_open_pack(*src, src, is_pack, err))
        return true;
    return !*is_pack && pack_supported(NULL);
}

#ifdef HAVE_LIBARCHIVE

#include "base/pack_lib.h"

#define PAGE        4096u
#define READ_PIECE  (1u << 18)

bool pack_supported(struct error *err)
{
    return pack_lib(err) != NULL;
}

struct pack_extent { uint64_t off, len; size_t at; };

struct pack_source {
    struct source base;
    struct source *pack;        /* owned: the file itself */
    struct pack_extent *extent;      /* owned; rising, none overlaps */
    size_t n, cap;
    uint8_t *bytes;             /* owned: of all extents */
    size_t len, room;
    struct buf manifest;
};

static void packed_close(struct source *src)
{
    struct pack_source *p = (struct pack_source *)src;

    source_close(p->pack);
    free(p->extent);
    free(p->bytes);
    buf_free(&p->manifest);
    source_free_base(src);
}

static void packed_info(struct source *src, struct source_info *out)
{
    const struct pack_source *p = (const struct pack_source *)src;
    struct source_info file = source_get_info(p->pack);

    out->kind = SOURCE_PACK;
    out->told = buf_str(&p->manifest);
    out->told_len = p->manifest.len;
    out->allocated = p->len;
    out->stamp = file.stamp;
    out->batch_bytes = 1u << 20;
    out->batch_reqs = 256;
}

/* The first extent that ends after byte `off`. */
static size_t extent_from(const struct pack_source *p, uint64_t off)
{
    size_t lo;

    BISECT(lo, p->n, mid, p->extent[mid].off + p->extent[mid].len > off);
    return lo;
}

static void read_one(const struct pack_source *p, const struct source_req *r)
{
    uint64_t end = r->off + r->got;

    memset(r->dst, 0, r->got);
    for (size_t i = extent_from(p, r->off); i < p->n && p->extent[i].off < end; i++) {
        const struct pack_extent *x = &p->extent[i];
        uint64_t from = u64_max(x->off, r->off), to = u64_min(x->off + x->len, end);

        memcpy(r->dst + (from - r->off), p->bytes + x->at + (from - x->off),
               (size_t)(to - from));
    }
}

static void packed_read_many(struct source *src, struct source_req *req, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (req[i].got) {
            read_one((struct pack_source *)src, &req[i]);
            source_count(src, 1, req[i].got);
        }
}

static bool packed_next_data(struct source *src, uint64_t from, uint64_t *start,
                             uint64_t *end)
{
    const struct pack_source *p = (const struct pack_source *)src;
    size_t i = extent_from(p, from);

    if (i == p->n)
        return false;
    *start = u64_max(p->extent[i].off, from);
    *end = p->extent[i].off + p->extent[i].len;
    return true;
}

static bool packed_changed(struct source *src, struct error *why)
{
    return source_changed(((struct pack_source *)src)->pack, why);
}

static const struct source_ops PACKED_OPS = {
    .close = packed_close,
    .info = packed_info,
    .read_many = packed_read_many,
    .next_data = packed_next_data,
    .changed = packed_changed,
};

/* --- reading the archive: one stream decompresses, a second one reads tar --- */

struct unpacking {
    const struct pack_lib *lib;
    struct source *pack;
    uint64_t at;                /* next byte of it */
    uint8_t *piece;             /* READ_PIECE bytes */
    struct archive *zstd, *tar;
    uint64_t total;             /* bytes decompressed */
    uint64_t allowed;           /* ... that libarchive may still read in this call */
    struct pack_source *p;
    struct error *err;
};

static la_ssize_t read_pack(struct archive *a, void *ctx, const void **bytes)
{
    struct unpacking *u = ctx;
    uint64_t left = source_size(u->pack) - u->at;
    size_t len = (size_t)u64_min(left, READ_PIECE);

    if (len && !source_read(u->pack, u->at, u->piece, len, u->err)) {
        u->lib->archive_set_error(a, u->err->sys, "%s", u->err->text);
        return -1;
    }
    u->at += len;
    *bytes = u->piece;
    return (la_ssize_t)len;
}

static la_ssize_t read_stream(struct archive *a, void *ctx, const void **bytes)
{
    struct unpacking *u = ctx;
    size_t len = 0;
    la_int64_t off;
    int r;

    do {
        r = u->lib->archive_read_data_block(u->zstd, bytes, &len, &off);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK) {
            u->lib->archive_set_error(a, u->lib->archive_errno(u->zstd), "%s",
                                      u->lib->archive_error_string(u->zstd));
            return -1;
        }
    } while (!len);
    u->total += len;
    if (len > u->allowed || u->total > PACK_STREAM_MAX) {
        u->lib->archive_set_error(a, 0, "it holds more than a pack of this program can");
        return -1;
    }
    u->allowed -= len;
    return (la_ssize_t)len;
}

static bool archive_trouble(const struct unpacking *u, struct archive *a)
{
    const char *why = a ? u->lib->archive_error_string(a) : "out of memory";

    return err_set(u->err, ERR_FORMAT, "a broken pack: %.300s", why ? why : "no reason given");
}

static bool open_streams(struct unpacking *u)
{
    struct archive_entry *e;

    u->zstd = u->lib->archive_read_new();
    u->tar = u->lib->archive_read_new();
    if (!u->zstd || !u->tar)
        return archive_trouble(u, NULL);
    u->lib->archive_read_support_filter_zstd(u->zstd);
    u->lib->archive_read_support_format_raw(u->zstd);
    u->lib->archive_read_support_format_tar(u->tar);
    u->allowed = PACK_CALL_MAX;
    if (u->lib->archive_read_open(u->zstd, u, NULL, read_pack, NULL) != ARCHIVE_OK
        || u->lib->archive_read_next_header(u->zstd, &e) != ARCHIVE_OK)
        return archive_trouble(u, u->zstd);
    if (u->lib->archive_read_open(u->tar, u, NULL, read_stream, NULL) != ARCHIVE_OK)
        return archive_trouble(u, u->tar);
    return true;
}

static bool keep_page(struct unpacking *u, uint64_t off, const uint8_t *bytes, size_t len)
{
    struct pack_source *p = u->p;
    struct pack_extent *last = p->n ? &p->extent[p->n - 1] : NULL;

    if (len > PACK_BYTES_MAX - p->len)
        return err_set(u->err, ERR_LIMIT, "the image in this pack is too large to be held in "
                       "memory: unpack it first");
    if (len > p->room - p->len) {
        size_t room = p->room ? p->room * 2 : 1u << 20;
        uint8_t *more = realloc(p->bytes, room);

        if (!more)
            return err_set(u->err, ERR_NOMEM, "out of memory");
        p->bytes = more;
        p->room = room;
    }
    if (last && last->off + last->len == off) {
        last->len += len;
    } else {
        if (!list_room(&p->extent, p->n, &p->cap, sizeof *p->extent))
            return err_set(u->err, ERR_NOMEM, "out of memory");
        p->extent[p->n++] = (struct pack_extent){ off, len, p->len };
    }
    memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
    return true;
}

/* Pages of zeros are not kept: an archive whose files were made dense is as good. */
static bool keep_block(struct unpacking *u, uint64_t off, const uint8_t *bytes, size_t len)
{
    while (len) {
        size_t k = (size_t)u64_min(len, PAGE - off % PAGE);

        if (!bytes_all_zero(bytes, k) && !keep_page(u, off, bytes, k))
            return false;
        off += k;
        bytes += k;
        len -= k;
    }
    return true;
}

static bool read_image(struct unpacking *u, uint64_t size)
{
    uint64_t end = 0;

    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t off;
        int r;

        u->allowed = PACK_CALL_MAX;
        r = u->lib->archive_read_data_block(u->tar, &bytes, &len, &off);
        if (r == ARCHIVE_EOF)
            return true;
        if (r != ARCHIVE_OK)
            return archive_trouble(u, u->tar);
        if (!len)
            continue;
        if (off < 0 || (uint64_t)off < end || !range_inside((uint64_t)off, len, size))
            return err_set(u->err, ERR_FORMAT, "a broken pack: parts of the image overlap or "
                           "lie outside of it");
        end = (uint64_t)off + len;
        if (!keep_block(u, (uint64_t)off, bytes, len))
            return false;
    }
}

static bool read_manifest(struct unpacking *u)
{
    const void *bytes;
    size_t len;
    la_int64_t off;
    int r;

    while ((r = u->lib->archive_read_data_block(u->tar, &bytes, &len, &off)) == ARCHIVE_OK) {
        if (len > PACK_MANIFEST_MAX - u->p->manifest.len)
            return err_set(u->err, ERR_LIMIT, "a pack that tells too much of the image");
        buf_add(&u->p->manifest, bytes, len);
    }
    if (r != ARCHIVE_EOF)
        return archive_trouble(u, u->tar);
    return !u->p->manifest.failed || err_set(u->err, ERR_NOMEM, "out of memory");
}

static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path ? path : "";
}

/* The manifest comes first; that is what tells a pack from other archives. */
static bool find_image(struct unpacking *u, uint64_t *size, bool *is_pack)
{
    for (unsigned i = 0; i < PACK_MEMBERS_MAX; i++) {
        struct archive_entry *e;
        const char *name;
        int r;

        u->allowed = PACK_CALL_MAX;
        r = u->lib->archive_read_next_header(u->tar, &e);
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
            return r == ARCHIVE_EOF ? err_set(u->err, ERR_FORMAT, "a pack without an image")
                                    : archive_trouble(u, u->tar);
        if (u->lib->archive_entry_filetype(e) == AE_IFDIR)
            continue;
        name = last_part(u->lib->archive_entry_pathname(e));
        if (!*is_pack && strcmp(name, PACK_MANIFEST) != 0)
            return err_set(u->err, ERR_FORMAT, "an archive, but not one of qcheck pack");
        if (!*is_pack && !read_manifest(u))
            return false;
        *is_pack = true;
        if (strcmp(name, PACK_IMAGE) == 0 && u->lib->archive_entry_filetype(e) == AE_IFREG
            && u->lib->archive_entry_size(e) >= 0) {
            *size = (uint64_t)u->lib->archive_entry_size(e);
            return true;
        }
        u->allowed = PACK_STREAM_MAX;
    }
    return err_set(u->err, ERR_FORMAT, "a pack without an image");
}

bool source_open_pack(struct source *pack, struct source **out, bool *is_pack,
                      struct error *err)
{
    struct error own;
    struct unpacking u = { .pack = pack, .err = err ? err : &own, .piece = malloc(READ_PIECE),
                           .p = calloc(1, sizeof *u.p) };
    uint64_t size;
    bool ok = false;

    *is_pack = false;
    u.lib = pack_lib(err);
    if (!u.lib)
        goto out;
    if (!u.piece || !u.p) {
        err_set(u.err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (!open_streams(&u) || !find_image(&u, &size, is_pack) || !read_image(&u, size)
        || !source_init_base(&u.p->base, &PACKED_OPS, source_get_info(pack).name, size, err))
        goto out;
    u.p->pack = pack;
    *out = &u.p->base;
    u.p = NULL;
    ok = true;
out:
    if (u.tar)
        u.lib->archive_read_free(u.tar);
    if (u.zstd)
        u.lib->archive_read_free(u.zstd);
    free(u.piece);
    if (u.p) {
        free(u.p->extent);
        free(u.p->bytes);
        buf_free(&u.p->manifest);
        free(u.p);
    }
    return ok;
}

#else

bool source_open_pack(struct source *pack, struct source **out, bool *is_pack,
                      struct error *err)
{
    (void)pack, (void)out;
    *is_pack = false;
    return pack_supported(err);
}

bool pack_supported(struct error *err)
{
    return err_set(err, ERR_USAGE, "packs are not supported by this build: it was configured "
                   "without libarchive");
}

#endif
