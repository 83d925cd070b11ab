/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Two sides that are compared: two images, one as it is and as it would be under the plan, one
 * before and after the file has changed, or two layers of one. */
#ifndef QCHECK_UI_COMPARED_H
#define QCHECK_UI_COMPARED_H

#include "insight/difference.h"
#include "scan/guest.h"

/* The side that views show, or one of the two. */
enum compared_which { SIDE_SHOWN, SIDE_A, SIDE_B };

struct compared_side {
    const char *name;               /* "a.qcow2", "as it is", "snapshot 1 (before)" */
    const struct image *img;        /* as views read it */
    const struct scan_result *scan; /* NULL: it is being scanned */
    const struct guest_map *guest;  /* of its disk; NULL: as diff */
    uint32_t layer;
    bool gone;                      /* its bytes are: only the scan is left */
};

struct compared {
    struct compared_side a, b;
    bool images;                    /* they are two */
    enum compared_which shown;      /* by the other views: SIDE_A or SIDE_B */
    const struct difference *diff;  /* NULL: not yet, or it failed */
    const char *text;               /* it in words, as diff */
    const char *state;              /* what goes on, or why there is none; NULL: diff is there */
    unsigned age;                   /* counts what has become known */
};

#endif
