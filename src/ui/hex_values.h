/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What some bytes would be as numbers, times, identifiers and text. */
#ifndef QCHECK_UI_HEX_VALUES_H
#define QCHECK_UI_HEX_VALUES_H

#include "ui/grid.h"

#define HEX_VALUES_BYTES 24     /* looked at, at most */
#define HEX_VALUES_MAX   20     /* rows */

struct hex_value { const char *name; char text[72]; };

/* One row for each reading of the first bytes; returns how many. Fewer bytes, fewer rows.
 * "le": the last byte counts most; "be": the first does. */
size_t hex_values(const uint8_t *bytes, size_t len, struct hex_value out[HEX_VALUES_MAX]);

#endif
