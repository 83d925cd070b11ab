/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Checks of many images, several at a time, each in a process of its own. */
#ifndef QCHECK_CMD_FLEET_H
#define QCHECK_CMD_FLEET_H

#include "cmd/cmd_common.h"

/* All images of the settings, as --output=json-lines or openmetrics. Returns the worst
 * status. */
int fleet_check(const struct settings *s);

#endif
