/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Who has bytes in the guest ranges that a plan gives up: files by name, and what else the
 * file systems of the guest's disk tell. */
#ifndef QCHECK_CMD_PLAN_OWNERS_H
#define QCHECK_CMD_PLAN_OWNERS_H

#include "cmd/commands.h"
#include "plan/plan.h"
#include "volumes/volumes.h"

/* Adds the owners to the steps, as far as the disk of `src`, as it is, can be read. False only
 * when memory runs out. */
bool plan_owners_find(struct volumes_helper *helper, const struct settings *s,
                      struct source *src, struct plan *plan, struct error *err);

#endif
