/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The line that shows how a guest offset is translated (inspect/translate.h), below what a
 * view explains. */
#ifndef QCHECK_UI_WAY_H
#define QCHECK_UI_WAY_H

#include "ui/view.h"

struct way { char text[240]; };     /* "": unknown */

/* For prepare(): reads two table entries at most. */
void way_find(struct way *way, const struct ui *ui, uint32_t layer, uint64_t guest_off);

/* In the last row of the area, and the one before when it is long and `free` says so. */
void way_draw(const struct way *way, const struct area *a, bool free);

#endif
