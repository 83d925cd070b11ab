/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The inspector as commands start it. */
#ifndef QCHECK_CMD_BROWSE_H
#define QCHECK_CMD_BROWSE_H

#include "cmd/commands.h"

struct browsing {
    int operand;                        /* the image, as image_name() counts */
    const char *other;                  /* another one that it is compared with; NULL: none */
    const char *layer_a, *layer_b;      /* layers that are compared; NULL: the active one */
    bool changes;                       /* begin with what differs */
};

/* On the controlling terminal, with the person's configuration; returns the exit status. */
int browse(const struct settings *s, const struct browsing *with);

#endif
