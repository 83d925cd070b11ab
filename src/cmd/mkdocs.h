/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Documents that come from the program's own tables, each to standard output. */
#ifndef QCHECK_CMD_MKDOCS_H
#define QCHECK_CMD_MKDOCS_H

#include <stdbool.h>

/* The manual page: the file `template` with its @NAME@ lines replaced. False, with a message: it
 * cannot be read. */
bool mkdocs_man(const char *template);

/* Completions. */
void mkdocs_bash(void);
void mkdocs_zsh(void);
void mkdocs_fish(void);

#endif
