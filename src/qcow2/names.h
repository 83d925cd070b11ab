/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Names in an image: how many bytes of them are really there, and layers by name. */
#ifndef QCHECK_QCOW2_NAMES_H
#define QCHECK_QCOW2_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "qcow2/image.h"

/* Bytes of id and name that were kept: up to the end of the file, and up to the first
 * NUL, where QEMU ends them. */
size_t snapshot_id_len(const struct snapshot *s);
size_t snapshot_name_len(const struct snapshot *s);
size_t bitmap_name_len(const struct bitmap *b);

/* Stable name of an entry's type for JSON: "zero-allocated". */
const char *l2_type_id(enum l2_type type);

/* Snapshot number (from 0) with this id, else with this name. False: there is none. */
bool snapshot_find(const struct image *img, const char *text, size_t *out);

/* "missing" */
const char *side_state_name(enum side_state state);

#endif
