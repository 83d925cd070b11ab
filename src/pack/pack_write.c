/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "pack/pack_write.h"

#ifdef HAVE_LIBARCHIVE

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/grow.h"
#include "base/num.h"
#include "base/pack_lib.h"

#define PAGE        4096u
#define PIECE       (1u << 20)
#define LEVEL       "6"                     /* of zstd */
#define HOLE_PIECE  (UINT64_C(1) << 30)     /* of a hole passed to libarchive at once */

struct pack_span { uint64_t start, end; };

/* What of the image is to be stored: whole pages, but for the last one of the file. */
struct pack_layout {
    struct pack_span *list;          /* owned; rising, none touches the next */
    size_t n, cap;
    uint64_t gap;               /* bytes between two spans that are not worth a new one */
};

struct packing {
    const struct pack_lib *lib;
    struct archive *a;
    struct sink *to;
    uint64_t written;           /* bytes */
    struct error *err;          /* of the sink */
    bool failed;
    time_t now;
    const char *folder;
    uint8_t *piece;             /* PIECE bytes */
};

/* A hostile image may have its tables in very many places: then more is stored. */
static void join_close_spans(struct pack_layout *s)
{
    size_t n = 0;

    s->gap *= 4;
    for (size_t i = 0; i < s->n; i++)
        if (n && s->list[i].start - s->list[n - 1].end <= s->gap)
            s->list[n - 1].end = s->list[i].end;
        else
            s->list[n++] = s->list[i];
    s->n = n;
}

static bool add_span(struct pack_layout *s, uint64_t start, uint64_t end)
{
    if (s->n && start - s->list[s->n - 1].end <= s->gap) {
        s->list[s->n - 1].end = end;
        return true;
    }
    while (s->n == PACK_SPANS_MAX)
        join_close_spans(s);
    if (!list_room(&s->list, s->n, &s->cap, sizeof *s->list))
        return false;
    s->list[s->n++] = (struct pack_span){ start, end };
    return true;
}

static bool find_stored(struct source *src, uint8_t *piece, struct pack_layout *out,
                        struct error *err)
{
    uint64_t size = source_size(src), at = 0, start, stop;

    *out = (struct pack_layout){ .gap = PAGE };
    for (; source_next_data(src, at, &start, &stop); at = stop) {
        start = u64_max(start / PAGE * PAGE, at);
        stop = u64_min(round_up(stop, PAGE), size);
        for (uint64_t off = start; off < stop; off += PIECE) {
            size_t len = (size_t)u64_min(PIECE, stop - off);

            if (!source_read(src, off, piece, len, err))
                return false;
            for (size_t i = 0; i < len; i += PAGE) {
                size_t k = (size_t)u64_min(PAGE, len - i);

                if (!bytes_all_zero(piece + i, k) && !add_span(out, off + i, off + i + k))
                    return err_set(err, ERR_NOMEM, "out of memory");
            }
        }
    }
    return true;
}

static la_ssize_t to_sink(struct archive *a, void *ctx, const void *bytes, size_t len)
{
    struct packing *p = ctx;

    struct error err;

    if (!sink_write(p->to, p->written, bytes, len, &err)) {
        p->failed = true;
        p->lib->archive_set_error(a, err.sys, "cannot write");
        if (p->err) {
            *p->err = err;
            snprintf(p->err->text, sizeof p->err->text, "the pack %.200s", err.text);
        }
        return -1;
    }
    p->written += len;
    return (la_ssize_t)len;
}

static bool trouble(struct packing *p)
{
    const char *why = p->lib->archive_error_string(p->a);

    if (p->failed)
        return false;
    p->failed = true;
    return err_set(p->err, ERR_IO, "libarchive: %s", why ? why : "cannot write the pack");
}

static bool begin_member(struct packing *p, const char *name, uint64_t size,
                         const struct pack_layout *stored)
{
    const struct pack_lib *lib = p->lib;
    struct archive_entry *e = lib->archive_entry_new();
    struct buf path = BUF_INIT;
    bool ok;

    buf_printf(&path, "%s/%s", p->folder, name);
    if (!e || path.failed) {
        lib->archive_entry_free(e);
        buf_free(&path);
        p->failed = true;
        return err_set(p->err, ERR_NOMEM, "out of memory");
    }
    lib->archive_entry_set_pathname(e, buf_str(&path));
    lib->archive_entry_set_filetype(e, AE_IFREG);
    lib->archive_entry_set_perm(e, 0644);
    lib->archive_entry_set_mtime(e, p->now, 0);
    lib->archive_entry_set_size(e, (la_int64_t)size);
    for (size_t i = 0; stored && i < stored->n; i++)
        lib->archive_entry_sparse_add_entry(e, (la_int64_t)stored->list[i].start,
                                            (la_int64_t)(stored->list[i].end
                                                         - stored->list[i].start));
    if (stored && !stored->n)
        lib->archive_entry_sparse_add_entry(e, (la_int64_t)size, 0);
    ok = lib->archive_write_header(p->a, e) == ARCHIVE_OK || trouble(p);
    lib->archive_entry_free(e);
    buf_free(&path);
    return ok;
}

static bool put(struct packing *p, const void *bytes, uint64_t len)
{
    for (const uint8_t *at = bytes; len; ) {
        la_ssize_t n = p->lib->archive_write_data(p->a, at, (size_t)u64_min(len, HOLE_PIECE));

        if (n <= 0)
            return trouble(p);
        at += n;
        len -= (uint64_t)n;
    }
    return true;
}

/* libarchive is handed holes as well, and leaves out what the header says are holes. So one
 * range of address space, of which nobody reads a byte, stands for all of them. */
static bool put_hole(struct packing *p, const void *nothing, uint64_t len)
{
    for (; len; len -= u64_min(len, HOLE_PIECE))
        if (!put(p, nothing, u64_min(len, HOLE_PIECE)))
            return false;
    return true;
}

static bool put_image(struct packing *p, struct source *src, const struct pack_layout *stored)
{
    uint64_t at = 0, size = source_size(src);
    void *nothing = mmap(NULL, HOLE_PIECE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS
                         | MAP_NORESERVE, -1, 0);
    bool ok = true;

    if (nothing == MAP_FAILED)
        return err_set(p->err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < stored->n && ok; i++) {
        uint64_t end = stored->list[i].end;

        ok = put_hole(p, nothing, stored->list[i].start - at);
        for (at = stored->list[i].start; at < end && ok; ) {
            size_t len = (size_t)u64_min(PIECE, end - at);

            ok = source_read(src, at, p->piece, len, p->err) && put(p, p->piece, len);
            at += len;
        }
    }
    ok = ok && put_hole(p, nothing, size - at);
    munmap(nothing, HOLE_PIECE);
    return ok;
}

static bool open_archive(struct packing *p)
{
    const struct pack_lib *lib = p->lib;

    p->a = lib->archive_write_new();
    if (!p->a)
        return err_set(p->err, ERR_NOMEM, "out of memory");
    if (lib->archive_write_set_format_pax_restricted(p->a) != ARCHIVE_OK
        || lib->archive_write_add_filter_zstd(p->a) != ARCHIVE_OK
        || lib->archive_write_set_filter_option(p->a, "zstd", "compression-level", LEVEL)
           != ARCHIVE_OK
        || lib->archive_write_set_bytes_per_block(p->a, PIECE) != ARCHIVE_OK
        || lib->archive_write_set_bytes_in_last_block(p->a, 1) != ARCHIVE_OK
        || lib->archive_write_open2(p->a, p, NULL, to_sink, NULL, NULL) != ARCHIVE_OK)
        return trouble(p);
    return true;
}

bool pack_write(struct sink *to, const char *folder, const struct pack_member *members,
                size_t n, struct source *src, struct pack_size *size, struct error *err)
{
    struct error own;
    struct packing p = { .to = to, .err = err ? err : &own, .now = time(NULL),
                         .folder = folder, .piece = malloc(PIECE) };
    struct pack_layout stored = { 0 };
    bool ok = false;

    *size = (struct pack_size){ .image = source_size(src) };
    p.lib = pack_lib(err);
    if (!p.lib)
        goto out;
    if (!p.piece) {
        err_set(p.err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (size->image > INT64_MAX) {
        err_set(p.err, ERR_LIMIT, "too long for a tar archive");
        goto out;
    }
    if (!sink_begin(to, 0, p.err) || !open_archive(&p)
        || !find_stored(src, p.piece, &stored, p.err))
        goto out;
    for (size_t i = 0; i < n; i++)
        if (!begin_member(&p, members[i].name, members[i].len, NULL)
            || !put(&p, members[i].bytes, members[i].len))
            goto out;
    if (!begin_member(&p, PACK_IMAGE, size->image, &stored) || !put_image(&p, src, &stored))
        goto out;
    if (p.lib->archive_write_close(p.a) != ARCHIVE_OK) {
        trouble(&p);
        goto out;
    }
    for (size_t i = 0; i < stored.n; i++)
        size->stored += stored.list[i].end - stored.list[i].start;
    size->pack = p.written;
    ok = true;
out:
    if (p.a)
        p.lib->archive_write_free(p.a);
    free(stored.list);
    free(p.piece);
    return ok;
}

#else

bool pack_write(struct sink *to, const char *folder, const struct pack_member *members,
                size_t n, struct source *src, struct pack_size *size, struct error *err)
{
    (void)to, (void)folder, (void)members, (void)n, (void)src, (void)size;
    return pack_supported(err);
}

#endif
