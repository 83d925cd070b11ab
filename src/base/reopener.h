/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Opens the file of an image once more, as it may have been replaced: in the sandbox no path
 * can be opened. So a process is forked before. It opens the one file whose name it was given,
 * to be read, whenever it is asked, and hands over what it has opened. It reads nothing of it. */
#ifndef QCHECK_BASE_REOPENER_H
#define QCHECK_BASE_REOPENER_H

#include "base/source.h"

struct reopener;

/* `sandboxed`: it may do no more than open files to be read. */
bool reopener_start(const char *name, bool sandboxed, struct reopener **out,
                    struct error *err);

/* Waits a few seconds at most. One thread at a time. */
bool reopener_ask(struct reopener *r, struct source **out, struct error *err);

void reopener_end(struct reopener *r);      /* accepts NULL */

#endif
