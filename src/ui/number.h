/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How numbers are shown, as the person has chosen it: in hex, in decimal, or as sizes. */
#ifndef QCHECK_UI_NUMBER_H
#define QCHECK_UI_NUMBER_H

#include <stdint.h>

#include "base/buf.h"

enum number_style { NUMBER_HEX, NUMBER_DEC, NUMBER_SIZE, N_NUMBER_STYLES };

const char *number_style_name(enum number_style s);
const char *number_style_id(enum number_style s);       /* stable: "hex", "decimal", "size" */

/* An offset or length in bytes. As a size it is exact all the same: "1.5 GiB+4.8 MiB" is
 * `base` and what goes beyond it (base 0: the size alone). */
void number_put(enum number_style s, uint64_t bytes, uint64_t base, struct buf *out);

#endif
