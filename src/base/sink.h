/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The only code that opens anything for writing. What is written is always a file of its own,
 * named by the person: never an image that is being read (sink_is).
 *
 * Writing functions may be called from several threads at once. */
#ifndef QCHECK_BASE_SINK_H
#define QCHECK_BASE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sink;

enum sink_mode {
    SINK_NEW,               /* an error where there is a file of this name */
    SINK_OVERWRITE,         /* what there is will be replaced: see sink_begin */
    SINK_RESUME,            /* what there is stays, and must be there */
};

/* Opens; an existing file is not changed yet. A regular file or, not with SINK_NEW, a block
 * device. */
bool sink_open(const char *path, enum sink_mode mode, struct sink **out, struct error *err);
void sink_close(struct sink *s);            /* accepts NULL; does not sync */

/* Is this file, named `path`, the one that would be written to? */
bool sink_is(const struct sink *s, const char *path);

const char *sink_name(const struct sink *s);    /* borrowed */
bool sink_is_block(const struct sink *s);

/* Empties a file (not with SINK_RESUME) and gives it `size` bytes, all holes; of a block device
 * checks that it has as many. */
bool sink_begin(struct sink *s, uint64_t size, struct error *err);

/* Do bytes never written read as zeros? Not those of a block device, or of an earlier run. */
bool sink_begins_as_zeros(const struct sink *s);

/* Is it a file without data: empty, or all holes? */
bool sink_is_blank(const struct sink *s);

/* Makes the file hold what an open file holds, by sharing its storage. False where the file
 * system cannot: then it is empty. */
bool sink_clone(struct sink *s, int fd);

bool sink_write(struct sink *s, uint64_t off, const void *bytes, size_t len,
                struct error *err);

/* Makes a range read as zeros, by a hole where that is possible. */
bool sink_zero(struct sink *s, uint64_t off, uint64_t len, struct error *err);

/* Replaces all there is in a regular file; for small ones. */
bool sink_replace(struct sink *s, const void *bytes, size_t len, struct error *err);

/* Reads what is there, at most `len` bytes from `off` on; *got says how many. */
bool sink_read_back(const struct sink *s, uint64_t off, void *bytes, size_t len, size_t *got,
                    struct error *err);

/* Takes the locks that QEMU takes on an image it writes to and shares with nobody (bytes 100
 * to 103 and 200 to 203), until the sink is closed. False when another process, a running
 * virtual machine for one, has the image open. */
bool sink_lock_image(struct sink *s, struct error *err);

/* What is there now, to be read. Borrows the sink; its length is that of this moment. */
struct source;
bool sink_open_source(struct sink *s, struct source **out, struct error *err);

/* What has been written survives a loss of power from here on. */
bool sink_sync(struct sink *s, struct error *err);

/* Bytes free where it lies, UINT64_MAX: unknown, as for a block device. */
uint64_t sink_free_space(const struct sink *s);

/* Bytes that sink_begin sets free: those of a file that is overwritten. */
uint64_t sink_replaced_space(const struct sink *s);

#endif
