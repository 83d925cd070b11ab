/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How an image was preallocated, told from what is mapped. */
#ifndef QCHECK_INSPECT_PREALLOCATION_H
#define QCHECK_INSPECT_PREALLOCATION_H

#include "scan/scan.h"

enum preallocation {
    PREALLOCATION_OFF,          /* some of the guest disk has no host cluster of its own */
    PREALLOCATION_METADATA,     /* all of it has, but a good part of the file is holes */
    PREALLOCATION_FULL,         /* all of it has, and the file is filled */
    PREALLOCATION_UNKNOWN,      /* storage failed, or too little was looked at */
};

const char *preallocation_name(enum preallocation p);   /* "metadata" */
const char *preallocation_words(enum preallocation p);  /* ... and what that means */

/* Reads tables, only as far as everything is mapped. */
enum preallocation preallocation_from_tables(const struct image *img);
/* Reads nothing. */
enum preallocation preallocation_from_scan(const struct scan_result *scan);

#endif
