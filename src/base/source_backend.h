/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a backend of struct source provides, and the helper most of them share. Only
 * backends and source.c include this. */
#ifndef QCHECK_BASE_SOURCE_BACKEND_H
#define QCHECK_BASE_SOURCE_BACKEND_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/source.h"

/* All functions but close may be called from several threads at once. */
struct source_ops {
    void (*close)(struct source *src);              /* frees everything, src included */
    void (*info)(struct source *src, struct source_info *out);  /* all zeros before */
    /* Each request has got <= len already set to the bytes inside the source, which
     * are to be read; the rest of dst is zeros, error and bad are 0. A backend lowers got
     * where the source proves shorter, and zeroes what it does not fill. */
    void (*read_many)(struct source *src, struct source_req *req, size_t n);
    void (*advise)(struct source *src, uint64_t off, uint64_t len);     /* may be NULL */
    /* from < size; may be NULL: no holes known */
    bool (*next_data)(struct source *src, uint64_t from, uint64_t *start, uint64_t *end);
    bool (*changed)(struct source *src, struct error *why);             /* may be NULL */
    void (*interrupt)(struct source *src);      /* may be NULL: no read waits for long */
};

/* First member of every backend's own struct. */
struct source {
    const struct source_ops *ops;
    char *name;                         /* owned: source_free_base frees it */
    uint64_t size;                      /* bytes, as it was when opened */
    _Atomic uint64_t requests, bytes;   /* what was really asked of the storage */
};

/* False when memory ran out. */
bool source_init_base(struct source *src, const struct source_ops *ops, const char *name,
                      uint64_t size, struct error *err);
void source_free_base(struct source *src);
void source_count(struct source *src, uint64_t requests, uint64_t bytes);

/* preadv: bytes read (0 at the end of the file), or a negative errno. */
typedef ssize_t source_readv_fn(struct source *src, const struct iovec *iov, int n,
                                uint64_t off);

/* Bytes [at, at + len) of the request have failed: they become zeros. */
void source_req_lost(struct source_req *req, size_t at, size_t len, int error);

/* A read_many for storage that is best read in few, long, rising reads. Neighbouring
 * requests become one read; where that fails, each request is tried alone, and then in
 * halves down to a sector, so that only what cannot be read is lost. */
void source_read_gathered(struct source *src, source_readv_fn *readv,
                          struct source_req *req, size_t n);

#endif
