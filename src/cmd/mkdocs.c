/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writes the documents that come from the program's own tables; runs when the tree is
 * built, is not installed.
 *
 *   mkdocs man TEMPLATE     the manual page: TEMPLATE with its @NAME@ lines replaced
 *   mkdocs bash|zsh|fish    completions */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/mkdocs.h"

int main(int argc, char **argv)
{
    bool ok = true;

    if (argc == 3 && strcmp(argv[1], "man") == 0)
        ok = mkdocs_man(argv[2]);
    else if (argc == 2 && strcmp(argv[1], "bash") == 0)
        mkdocs_bash();
    else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
        mkdocs_zsh();
    else if (argc == 2 && strcmp(argv[1], "fish") == 0)
        mkdocs_fish();
    else
        ok = false;
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
