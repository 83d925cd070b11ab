/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Ranges of the file by class: neighbouring runs of the cluster map with one class. */
#ifndef QCHECK_REPORT_RANGES_H
#define QCHECK_REPORT_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "scan/map.h"

struct range {
    uint64_t first, n;          /* clusters */
    enum cluster_class cls;     /* of the first run, when classes were merged */
    uint64_t problems;          /* clusters in it with a problem mark */
};

/* Calls `each` for the ranges of clusters [first, end), clipped to the file, in order,
 * until it returns false. */
void ranges_each(const struct map *map, uint64_t first, uint64_t end,
                 bool (*each)(void *data, const struct range *r), void *data);

/* The same over the whole file for a set of classes (1 << enum cluster_class). */
void ranges_of(const struct map *map, uint32_t classes,
               bool (*each)(void *data, const struct range *r), void *data);

/* ... merging neighbours whatever their class. */
void ranges_merged(const struct map *map, uint32_t classes,
                   bool (*each)(void *data, const struct range *r), void *data);

#endif
