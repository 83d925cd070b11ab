/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* More kinds of files than content_bytes.c knows, from libmagic where it is there. Its own words
 * may repeat what the bytes say, and some of its rules fit nearly anything: so only types of a
 * list are told, in words of ours. */
#ifndef QCHECK_INSIGHT_FILE_TYPES_H
#define QCHECK_INSIGHT_FILE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define FILE_TYPE_BYTES_MAX 4096        /* looked at */

bool file_types_supported(struct error *err);   /* is libmagic there? Loads it. */

/* Loads the rules: before the sandbox is entered, since files are opened; none is later. False:
 * nothing will be told. Once. */
bool file_types_load(void);

/* "FLAC audio"; NULL: not known, or nothing was loaded. Takes a millisecond or two. May be
 * called from any thread. */
const char *file_type_of(const uint8_t *bytes, size_t len);

#endif
