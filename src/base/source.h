/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where the bytes of an image come from. Read-only by construction: there is no call
 * that writes. Backends: a file or block device (O_RDONLY|O_CLOEXEC), an NBD server,
 * memory, and a failing wrapper for tests.
 *
 * All reading functions may be called from several threads at once. */
#ifndef QCHECK_BASE_SOURCE_H
#define QCHECK_BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/num.h"

struct source;

/* Bytes [off, off + len) of a source; len 0: none. */
struct source_span { uint64_t off, len; };

/* The shortest span that holds both. */
static inline struct source_span source_span_hull(struct source_span a, struct source_span b)
{
    uint64_t end = u64_max(a.off + a.len, b.off + b.len);

    if (!a.len || !b.len)
        return a.len ? a : b;
    a.off = u64_min(a.off, b.off);
    a.len = end - a.off;
    return a;
}

/* One read. Bytes at or past the end of the source read as zeros and are not an error:
 * `got` says how many were really there. */
struct source_req {
    uint64_t off;           /* bytes */
    size_t len;             /* bytes */
    uint8_t *dst;           /* caller's, at least len bytes; always filled completely */
    size_t got;             /* out: bytes that lie inside the source */
    int error;              /* out: 0, or errno; then the bytes that failed are zeros */
    struct source_span bad; /* out: with an error, from the first to the last of them */
};

enum source_kind {
    SOURCE_FILE, SOURCE_BLOCK, SOURCE_MEMORY, SOURCE_NBD,
    SOURCE_PACK,            /* without the guest's data (source_pack.h): it reads as zeros */
};

struct source_info {
    enum source_kind kind;
    const char *name;       /* as given by the person; borrowed from the source */
    uint64_t size;          /* bytes */
    uint64_t allocated;     /* bytes on disk (st_blocks * 512); = size where unknown */
    const char *fs_type;    /* host file system ("ext4", "xfs", ...); NULL: unknown */
    uint64_t stamp;         /* another one when the file is replaced or written to, as far as
                               inode and time of modification tell; 0: unknown */
    bool in_use;            /* another process holds QEMU's write permission lock on it */
    size_t batch_bytes;     /* reads of one batch should add up to about this */
    size_t batch_reqs;      /* ... or this many requests */
    const char *told;       /* SOURCE_PACK: what is told of the image (PACK_MANIFEST), JSON by */
    size_t told_len;        /* ... whoever made the pack; borrowed from the source */
};

/* Opens a regular file or block device. A directory, FIFO, socket or character device is
 * refused with a message that says what it is. */
bool source_open_file(const char *path, struct source **out, struct error *err);

/* The same in two steps, for a file that another process opens (base/reopener.h): the second
 * takes the descriptor, whatever comes of it. */
struct source_fd {
    int fd;
    bool in_use;                /* as in source_info */
};
bool source_open_fd(const char *path, struct source_fd *out, struct error *err);
bool source_of_file(struct source_fd from, const char *name, struct source **out,
                    struct error *err);

/* Is it a file or block device, and nothing between? */
bool source_is_file(const struct source *src);
/* The descriptor of such a source, which keeps it; -1: there is none. */
int source_file_fd(const struct source *src);

/* The bytes that an NBD server exports: nbd://, nbds://, nbd+unix:// and so on. An error
 * where the program was built without libnbd or the library is not there. */
bool source_open_nbd(const char *uri, struct source **out, struct error *err);
bool source_nbd_supported(struct error *err);   /* is libnbd there? Loads it. */

/* What a person named: an NBD address, else a file. A file whose name looks like an
 * address is named with its folder ("./nbd://..."). Never used for names found in an
 * image. */
bool source_open(const char *name, struct source **out, struct error *err);
bool source_name_is_nbd(const char *name);

/* Bytes in memory, borrowed until the source is closed. */
bool source_open_memory(const void *bytes, size_t len, const char *name,
                        struct source **out, struct error *err);

/* Wraps `inner` (takes it): reads touching [bad_off, bad_off+bad_len) fail with EIO. For
 * tests of failing storage; may be stacked. */
bool source_open_failing(struct source *inner, uint64_t bad_off, uint64_t bad_len,
                         struct source **out, struct error *err);

/* The bytes of `inner` (takes it on success) from byte `off` on. */
bool source_open_window(struct source *inner, uint64_t off, struct source **out,
                        struct error *err);

/* The bytes of `inner` (borrowed), with a memory of half a MiB in which small reads find what lies
 * near by. For one thread, and for so short a time that nothing changes meanwhile: an image is
 * opened by a few dozen reads, each of which waits for the one before. */
bool source_open_memo(struct source *inner, struct source **out, struct error *err);

/* Two stamps (source_info) made one. */
static inline uint64_t source_stamp(uint64_t a, uint64_t b)
{
    return (a ^ b) * UINT64_C(0x9e3779b97f4a7c15) + (a >> 29);
}

void source_close(struct source *src);      /* accepts NULL */

struct source_info source_get_info(struct source *src);
uint64_t source_size(const struct source *src);

/* Carries out all requests; the order in which they are done is free. */
void source_read_many(struct source *src, struct source_req *req, size_t n);

/* One read; false for an I/O error only (the bytes that failed are zeros then). */
bool source_read(struct source *src, uint64_t off, void *dst, size_t len,
                 struct error *err);

/* The same for callers that continue without those bytes: *bad as in source_req. */
bool source_read_known(struct source *src, uint64_t off, void *dst, size_t len,
                       struct source_span *bad);

/* Says that this range will be read soon. Costs nothing where it means nothing. */
void source_advise(struct source *src, uint64_t off, uint64_t len);

/* Finds the first range at or after `from` that may hold something else than zeros:
 * [*start, *end). False when there is none up to the end. Where holes are unknown that is
 * the whole rest. */
bool source_next_data(struct source *src, uint64_t from, uint64_t *start, uint64_t *end);

/* Finds the first range of at least `least` bytes in [at, end) that is known to be all zeros:
 * [*start, *stop). False: there is none, and both are `end`. */
bool source_next_hole(struct source *src, uint64_t at, uint64_t end, uint64_t least,
                      uint64_t *start, uint64_t *stop);

/* source_next_data with a memory, all zeros at first, of the last answer: a question inside of what
 * it told costs nothing. One per thread. No data up to the end: *start is UINT64_MAX. */
struct data_memo { uint64_t from, start, stop; };
void source_next_data_memo(struct source *src, struct data_memo *memo, uint64_t at,
                           uint64_t *start, uint64_t *stop);

/* Does [off, off+len) lie in a hole, or after the end? */
bool source_all_hole(struct source *src, struct data_memo *memo, uint64_t off, uint64_t len);

/* A table, or any other span of a source, piece by piece. What lies in a hole is left out, so
 * that walking a table costs what is stored of it, whatever length a header claims. */
struct source_pieces {
    struct source *src;
    uint64_t start, end;        /* bytes [start, end) */
    uint64_t at;                /* next byte to look at: `start` at first */
    struct data_memo memo;      /* all zeros at first; may be kept for the next span */
};

struct source_piece {
    uint64_t off;               /* a multiple of 8 bytes after the start of the span */
    size_t len;                 /* the same, but at the end of the span */
    struct source_span bad;     /* could not be read: zeros */
};

/* Reads the next piece, at most `room` bytes (a multiple of 8), to `bytes`. False when there
 * is nothing left but zeros. */
bool source_pieces_next(struct source_pieces *p, void *bytes, size_t room,
                        struct source_piece *out);

/* The first of the units of `unit` bytes counted from `start` that may hold something else
 * than zeros, from unit i on; n when there is none among the first n. */
uint64_t source_next_unit(struct source *src, struct data_memo *memo, uint64_t start,
                          uint64_t unit, uint64_t i, uint64_t n);

/* For ending the program: reads that are under way somewhere else, and all to come, end with
 * an error at once where they could wait for long, as for a server that does not answer.
 * May be called from any thread while others read. */
void source_interrupt(struct source *src);

/* Has the source changed (size, modification time) since it was opened? */
bool source_changed(struct source *src, struct error *why);

/* Counters since opening, for --stats: requests and bytes. */
void source_counters(struct source *src, uint64_t *requests, uint64_t *bytes);

#endif
