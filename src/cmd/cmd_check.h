/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The check as other commands use it. */
#ifndef QCHECK_CMD_CHECK_H
#define QCHECK_CMD_CHECK_H

#include "cmd/commands.h"

/* Checks and reports all images of the settings. Returns the worst status. */
int check_images(const struct settings *s);

#endif
