/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A compressed cluster claims whole sectors, and may claim more of them than its stream has:
 * QEMU itself makes images in which it claims the start of a table that way. Such a table can
 * be written to where no stream is read. */
#ifndef QCHECK_PLAN_STREAM_REACH_H
#define QCHECK_PLAN_STREAM_REACH_H

#include "plan/trial.h"

/* Does no compressed cluster need the byte at `off`, or any after it, of that cluster? *walks is
 * then how often compressed clusters count there. False also when nobody can tell. What is
 * found is kept in the trial; looks at few clusters of each. */
bool streams_end_before(const struct trial *t, uint64_t off, uint64_t *walks);

#endif
