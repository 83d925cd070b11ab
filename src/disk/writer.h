/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What an export writes: a format laid over a sink. */
#ifndef QCHECK_DISK_WRITER_H
#define QCHECK_DISK_WRITER_H

#include "base/sink.h"

struct writer {
    uint64_t unit;              /* bytes: writes are multiples of it, but for the last */
    uint64_t window;            /* no window crosses a multiple of it; 0: any may */
    bool zeros_count;           /* zeros must be written too: what is there may be others */
    /* Several threads at once. */
    bool (*write)(struct writer *w, uint64_t guest_off, const void *bytes, size_t len,
                  struct error *err);
    bool (*zero)(struct writer *w, uint64_t guest_off, uint64_t len, struct error *err);
    /* Everything of a window has been written. May be NULL. */
    bool (*window_end)(struct writer *w, struct error *err);
    bool (*end)(struct writer *w, struct error *err);   /* of the whole; may be NULL */
    void (*free)(struct writer *w);
};

/* Each begins the sink for a disk of `size` bytes. The sink must outlive the writer. */
bool writer_raw(struct sink *sink, uint64_t size, struct writer **out, struct error *err);
bool writer_qcow2(struct sink *sink, uint64_t size, struct writer **out, struct error *err);

#endif
