/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The colours of everything a map is made of: cluster classes, classes of the guest disk
 * and the steps of a ramp. The inspector and the picture on standard output both take
 * their colours from here. */
#ifndef QCHECK_PICTURE_PALETTE_H
#define QCHECK_PICTURE_PALETTE_H

#include <stdbool.h>
#include <stdint.h>

#include "scan/class.h"
#include "scan/guest.h"

#define RAMP_STEPS 8

/* What the bytes of a cluster look like, in a few words. */
enum look_like {
    LIKE_ZEROS, LIKE_TABLE, LIKE_PACKED, LIKE_DISK, LIKE_FILE_SYSTEM, LIKE_FILE, LIKE_TEXT,
    LIKE_NOISE, LIKE_BYTES, N_LOOKS_LIKE
};
const char *look_like_name(enum look_like l);       /* "zeros", "a table of qcow2", ... */

/* What has become of a part of one of two images that are compared. */
enum change_look {
    CHANGE_EMPTY, CHANGE_SAME, CHANGE_NEW, CHANGE_FREED, CHANGE_MOVED, CHANGE_OTHER,
    CHANGE_REWRITTEN, N_CHANGE_LOOKS
};
const char *change_look_name(enum change_look c);   /* "the same", "in use now", ... */

/* What a cell of a map is painted with. */
enum paint {
    PAINT_CLASS,                                    /* + enum cluster_class */
    PAINT_GUEST = PAINT_CLASS + N_CLASSES,          /* + enum guest_class */
    PAINT_RAMP = PAINT_GUEST + N_GUEST_CLASSES,     /* + 0 (little) to RAMP_STEPS-1 */
    PAINT_LOOK = PAINT_RAMP + RAMP_STEPS,           /* + enum look_like */
    PAINT_CHANGE = PAINT_LOOK + N_LOOKS_LIKE,       /* + enum change_look */
    N_PAINTS = PAINT_CHANGE + N_CHANGE_LOOKS,
    PAINT_PROBLEM = PAINT_CLASS + CLASS_MIXED       /* a problem inside */
};

/* For dark and for light backgrounds; the one for colour-blind people brings a black
 * background of its own. */
enum palette { PALETTE_DARK, PALETTE_LIGHT, PALETTE_SAFE, N_PALETTES };

/* Without colour at all. */
enum emphasis { EMPHASIS_NONE, EMPHASIS_FAINT, EMPHASIS_STRONG, EMPHASIS_UNDERLINE,
                EMPHASIS_ALARM, EMPHASIS_ALARM_STRONG };

uint32_t palette_rgb(enum palette p, unsigned paint);       /* 0xrrggbb */
/* One of the 16 colours of a terminal. From 8 on they are the bright ones. */
int palette_sixteen(enum palette p, unsigned paint);
enum emphasis palette_emphasis(unsigned paint);

/* With 16 colours or less there are not enough of them for all classes: the paints for
 * which this is false must be told apart by their letter. The others have a hue each. */
bool palette_has_hue(unsigned paint);

/* The letter of a paint; ramps have digits. */
char palette_letter(unsigned paint);

/* Cells that are not full are paler. A shade is 0 (full) to PALETTE_SHADES - 1. */
#define PALETTE_SHADES 4
unsigned palette_shade(unsigned eighths);                   /* of the cell in use, 0 to 8 */
uint32_t palette_rgb_shaded(enum palette p, unsigned paint, unsigned shade);

/* The nearest of xterm's colours 16 to 255, which people do not redefine. */
int palette_nearest_256(uint32_t rgb);

#endif
