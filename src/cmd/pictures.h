/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* map --output=svg and --output=png. */
#ifndef QCHECK_CMD_PICTURES_H
#define QCHECK_CMD_PICTURES_H

#include "cmd/commands.h"

/* One picture, or the frames that the settings ask for. Returns the exit status. */
int map_pictures(const struct command *cmd, const struct settings *s);

#endif
