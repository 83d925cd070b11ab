/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The header cluster written anew: extensions are taken out, put in, and the name of the
 * backing file follows behind them. Spec: "Header", "Header extensions". */
#ifndef QCHECK_PLAN_HEADER_AREA_H
#define QCHECK_PLAN_HEADER_AREA_H

#include "base/patch.h"
#include "qcow2/image.h"

enum area_do { AREA_KEEP, AREA_SET, AREA_DROP };

struct area_change {
    enum area_do name, format;      /* of the backing file */
    const char *name_is, *format_is;
    enum area_do bitmaps;           /* AREA_SET: with these numbers */
    uint64_t nb_bitmaps, directory_size;
};

/* Adds to `step` what the change writes. False when the list of extensions is broken (it
 * would be cut there) or the cluster is too small. */
bool header_area_change(const struct image *img, const struct area_change *change,
                        struct patches *step, struct error *err);

#endif
