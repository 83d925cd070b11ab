/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What lies below an image: the disk of its backing file, from which it reads where it holds
 * nothing of its own. */
#ifndef QCHECK_PLAN_RESCUE_BELOW_H
#define QCHECK_PLAN_RESCUE_BELOW_H

#include "disk/chain.h"

struct below;

/* *out is NULL where nothing below is open. The chain must outlive it. */
bool below_open(const struct chain *chain, struct below **out, struct error *err);
void below_close(struct below *b);              /* accepts NULL */

/* Reads; what is past its end is zeros. False: it is lost there. */
bool below_read(struct below *b, uint64_t guest_off, void *dst, size_t len);
/* The first of the clusters [cl, end) that
 * may hold something else than zeros; UINT64_MAX: none. */
uint64_t below_next(struct below *b, uint64_t cl, uint64_t end, uint32_t cluster);

#endif
