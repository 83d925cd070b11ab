/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What lies where, as text and JSON: clusters of the file by class, or extents of the
 * guest disk. */
#ifndef QCHECK_REPORT_MAP_REPORT_H
#define QCHECK_REPORT_MAP_REPORT_H

#include "disk/chain.h"
#include "report/out.h"
#include "scan/scan.h"

void map_host(const struct scan_result *scan, bool json, struct out *out);

/* False after an I/O error. */
bool map_guest(const struct image *img, uint32_t layer, const struct chain *chain, bool json,
               struct out *out, struct error *err);

struct picture {
    unsigned columns, rows;     /* cells; the picture may need fewer rows */
    bool colour;                /* colours and blocks, else letters */
    bool blocks;                /* the terminal shows UTF-8 */
};

/* The picture of the file, or of the guest disk, and a legend. */
bool map_picture(const struct scan_result *scan, bool guest, uint32_t layer,
                 const struct picture *p, struct out *out, struct error *err);

#endif
