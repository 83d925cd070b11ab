/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Disks with a file system of known content, made by its own tools without mounting it. */
#ifndef QCHECK_TESTS_SUPPORT_RESCUE_DISK_H
#define QCHECK_TESTS_SUPPORT_RESCUE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/rescue/rescue.h"

struct rescue_disk { uint8_t *bytes; size_t size; };    /* bytes: owned */

/* Makes a disk of `size` bytes with one partition from byte `off` on (an MBR tells), or none
 * where that is 0. `script` makes the file system: for sh, with $IMG, $OFF, $KIB (of the
 * partition), and $FILES, a folder of some 10 MiB with folders in it. Returns false where the
 * tool, its first word, is not there. Ends the test when anything else goes wrong. */
bool rescue_disk_make(struct rescue_disk *d, size_t size, size_t off, const char *script);
void rescue_disk_free(struct rescue_disk *d);

struct rescue_disk_found {
    size_t candidates;
    size_t certain, likely;     /* clusters put where they belong */
    size_t wrong_certain, wrong_likely;
    size_t used_but_free;       /* grains marked free that hold something */
    size_t empty_but_content;   /* grains marked as content that hold zeros */
    size_t not_free;            /* clusters of which not all is marked free */
    size_t extents, misread;    /* `misread`: extents past the end */
};

/* How the candidates lie in the file. */
enum rescue_disk_order { ORDER_CONVERTED, ORDER_WRITTEN };

/* Loses all places of the disk and asks the witnesses (NULL ends the list). */
void rescue_disk_ask(const struct rescue_disk *d, uint32_t cluster,
                     enum rescue_disk_order order, const struct rescue_witness *const *list,
                     struct rescue_disk_found *out);

/* Changes bytes of the disk at random, `n` times, and asks each time: nothing may come of it
 * but answers. */
void rescue_disk_mutate(const struct rescue_disk *d, uint32_t cluster,
                        const struct rescue_witness *const *list, unsigned n);

#endif
