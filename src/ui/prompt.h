/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A line the person types in the last row: an address, a text to find, a command, a note. */
#ifndef QCHECK_UI_PROMPT_H
#define QCHECK_UI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/grid.h"

enum prompt_kind {
    PROMPT_CLOSED, PROMPT_GOTO, PROMPT_SEARCH, PROMPT_EDIT, PROMPT_COMMAND, PROMPT_NOTE,
    PROMPT_BOOKMARK, N_PROMPT_KINDS
};

#define PROMPT_HISTORY 16       /* entries kept of each kind */

struct prompt {
    enum prompt_kind kind;
    char text[256];             /* UTF-8, NUL-terminated */
    size_t len, at;             /* bytes; `at`: where the cursor is */
    char label[80];             /* PROMPT_EDIT: what is edited */
    const char *hint;           /* examples, shown while nothing is typed; never NULL when
                                   open */
    /* What was entered, newest first: Up and Down. */
    char entered[N_PROMPT_KINDS][PROMPT_HISTORY][256];
    int n_entered[N_PROMPT_KINDS];
    int shown;                  /* of them; -1: the line itself */
    size_t tab_len;             /* bytes that Tab has left as typed; 0: Tab was not last */
    int tab;                    /* completion shown */
};

enum prompt_answer { PROMPT_GOES_ON, PROMPT_ENTERED, PROMPT_LEFT };

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *text,
                 const char *hint);
/* Takes a key. PROMPT_ENTERED: text is ready; the prompt is closed in both other cases
 * than PROMPT_GOES_ON. */
enum prompt_answer prompt_key(struct prompt *p, uint32_t key);
void prompt_draw(const struct prompt *p, const struct area *line);

#endif
