/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Order and disorder: where neighbouring guest clusters of a layer lie in the
 * file. One walk over the mapping gives, for equal parts of the file and of the guest
 * disk, how far the steps to the next guest cluster jump and where the other side is. */
#ifndef QCHECK_PICTURE_ORDER_H
#define QCHECK_PICTURE_ORDER_H

#include "scan/guest.h"

#define ORDER_LEVELS 8

struct order;

/* Walks; looks at *cancel now and then. */
bool order_build(const struct image *img, uint32_t layer, _Atomic bool *cancel, struct order **out,
                 struct error *err);
void order_free(struct order *o);               /* accepts NULL */

struct order_facts {
    uint64_t clusters;      /* mapped ones */
    unsigned jump; /* mean step: 0 to the next cluster, 1 less than 8 clusters away,
                      2 less than 64, ... 7 more than a quarter of a million */
    unsigned where; /* mean place on the other side, among what is mapped there: 0 in the
                       first eighth of it ... 7 in the last. What is not mapped does not
                       count, so that all eight are used however empty the disk is. */
};

/* Of host clusters / guest clusters [first, first+n). Where the parts of the survey are
 * larger than that, of the part. */
void order_of_file(const struct order *o, uint64_t first, uint64_t n,
                   struct order_facts *out);
void order_of_guest(const struct order *o, uint64_t first, uint64_t n,
                    struct order_facts *out);

#endif
