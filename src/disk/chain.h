/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The chain of backing files of an image: names, whether each can be opened, and what it
 * is. Only qcow2 layers lead on; anything else ends the chain. */
#ifndef QCHECK_DISK_CHAIN_H
#define QCHECK_DISK_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcow2/image.h"

#define CHAIN_MAX 200           /* layers followed; the tables of all are kept in memory */

/* The external data file that a qcow2 names, as far as it was looked for. */
struct chain_data {
    char *path;                 /* owned; where it lies, opened or not; NULL: cannot tell */
    char *fault;                /* owned; why it is not open; NULL: it is, or there is none */
    struct source *src;         /* owned; NULL: not open */
};

struct chain_layer {
    char *name;                 /* owned; as written in the layer above */
    size_t name_len;
    char *path;                 /* owned; where it was looked for, NULL: cannot tell */
    const char *format;         /* "qcow2", "raw", or NULL: not opened */
    uint64_t size;              /* guest bytes it holds */
    char *fault;                /* owned; why it is missing or the end; NULL: fine */
    struct image *img;          /* owned; the open layer when it is qcow2, else NULL */
    struct source *raw;         /* owned; the open layer when it is raw, else NULL */
    struct chain_data data;     /* of the open layer when it is qcow2 */
};

struct chain {
    struct chain_layer *layer;  /* owned; the nearest backing file first */
    size_t n;
    struct chain_data data;     /* of the image itself */
};

#define CHAIN_INIT { NULL, 0, { NULL, NULL, NULL } }

/* Follows the chain of `img`, whose own file is `filename`, when the person allows to
 * open the files that it names, external data files included; else the first layer is named
 * and not touched. False only when memory runs out: what is missing is told in the layers. */
bool chain_open(const char *filename, const struct image *img, bool allowed,
                struct chain *out, struct error *err);
void chain_close(struct chain *chain);

#endif
