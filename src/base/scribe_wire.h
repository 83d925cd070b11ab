/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Between a scribe and the one it writes for: a length of 8 bytes and so many bytes, answered
 * by a struct scribe_answer. Nobody but base/scribe*.c includes this. */
#ifndef QCHECK_BASE_SCRIBE_WIRE_H
#define QCHECK_BASE_SCRIBE_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define SCRIBE_NAME_MAX 4096

struct scribe_answer { char ok, text[SCRIBE_NAME_MAX]; };   /* the name, or what went wrong */

/* All of it. */
bool scribe_get(int fd, void *bytes, size_t len);
bool scribe_put(int fd, const void *bytes, size_t len);

#endif
