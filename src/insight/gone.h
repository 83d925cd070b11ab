/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* From causes to the disk: where it is lost although no table says so. */
#ifndef QCHECK_INSIGHT_GONE_H
#define QCHECK_INSIGHT_GONE_H

#include "disk/disk.h"
#include "insight/cause.h"

/* Ranges of the active layer whose mapping is lost, as causes say that are certain or likely,
 * each with the id of such a cause. For disk_options. */
struct gone { struct disk_gone *list; size_t n, cap; };
#define GONE_INIT { NULL, 0, 0 }

bool gone_find(const struct insight *x, struct gone *out, struct error *err);
void gone_free(struct gone *g);

#endif
