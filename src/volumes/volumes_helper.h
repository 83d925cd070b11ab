/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Jobs of the process that reads file systems (volumes.h). */
#ifndef QCHECK_VOLUMES_VOLUMES_HELPER_H
#define QCHECK_VOLUMES_VOLUMES_HELPER_H

#include "volumes/volumes.h"

/* Has a worker started; returns the socket to talk to it, which the caller closes, or -1.
 * One that still runs is ended first. *cancel as in wire_watched.h. */
int volumes_helper_begin(struct volumes_helper *h, const _Atomic bool *cancel, struct error *err);

/* Ends the worker at once, whatever it does. */
void volumes_helper_stop(struct volumes_helper *h);

#endif
