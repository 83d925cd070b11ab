/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What an image is, without a scan: header, features, extensions, snapshots, bitmaps,
 * encryption, backing chain, and what the file system knows. The JSON form has the keys
 * of `qemu-img info --output=json` and one object `qcheck` with the rest. */
#ifndef QCHECK_REPORT_INFO_H
#define QCHECK_REPORT_INFO_H

#include "base/sandbox.h"
#include "insight/figures.h"
#include "qcow2/image.h"
#include "disk/chain.h"
#include "report/out.h"
#include "report/outside.h"

struct info {
    const char *filename;           /* as the person gave it */
    const struct image *img;
    struct source_info file;
    const struct chain *chain;      /* the backing files */
    const char *preallocation;      /* "off", "metadata", "full" */
    const struct sandbox *sandbox;  /* what is in force now, to be told; NULL: not asked */
    bool end_known;                 /* else only a scan finds the end */
    struct figures figures;         /* those of the header */
    uint64_t end;                   /* byte after the last cluster with a refcount */
};

/* Fills *out (but `sandbox`), reading what it needs; everything given is borrowed. */
void info_gather(const char *filename, const struct image *img, const struct chain *chain,
                 struct info *out);

void info_text(const struct info *info, struct out *out);
void info_json(const struct info *info, struct out *out);

#endif
