/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The one key table: view, keys, action, hint and help. Dispatch, the hint line, the help
 * view and the manual page read it. Views know actions, never key codes. */
#ifndef QCHECK_UI_KEYS_H
#define QCHECK_UI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The views, in the order of their digits. */
enum view_id {
    VIEW_OVERVIEW, VIEW_MAP, VIEW_PROBLEMS, VIEW_TABLES, VIEW_HEADER, VIEW_HEX, VIEW_DISK,
    VIEW_PLAN, VIEW_CHANGES,
    N_NUMBERED_VIEWS,
    VIEW_REFERRERS = N_NUMBERED_VIEWS,
    VIEW_HELP,
    N_VIEWS,
};

#define IN(view)    (1u << (view))
#define IN_ALL      (IN(N_VIEWS) - 1)

/* What a person wants. The first group is handled by the frame (app.c); a view never sees
 * it. Everything else goes to act() of the view shown. */
enum action {
    ACT_NONE,
    /* frame */
    ACT_QUIT, ACT_BACK, ACT_FORWARD, ACT_HELP, ACT_GOTO, ACT_SEARCH, ACT_SEARCH_AGAIN,
    ACT_NEXT_PROBLEM, ACT_PREV_PROBLEM, ACT_STOP, ACT_RESCAN, ACT_WATCH, ACT_MOUSE, ACT_REDRAW,
    ACT_THEME,
    ACT_VIEW_1, ACT_VIEW_2, ACT_VIEW_3, ACT_VIEW_4, ACT_VIEW_5, ACT_VIEW_6,
    ACT_VIEW_7, ACT_VIEW_8, ACT_VIEW_9,
    ACT_NEXT_VIEW, ACT_PREV_VIEW, ACT_HEX_HERE, ACT_REFERRERS, ACT_LAYER, ACT_DEEP,
    ACT_COPY_PLACE, ACT_COPY_LINE, ACT_COMMANDS,
    ACT_MARK, ACT_MARKS, ACT_EXPORT,
    ACT_TOUR_NEXT, ACT_TOUR_BACK,
    /* motion */
    ACT_UP, ACT_DOWN, ACT_LEFT, ACT_RIGHT, ACT_PAGE_UP, ACT_PAGE_DOWN, ACT_HALF_UP,
    ACT_HALF_DOWN, ACT_TOP, ACT_BOTTOM, ACT_LINE_START, ACT_LINE_END,
    ACT_SCROLL_UP, ACT_SCROLL_DOWN,     /* mouse wheel */
    ACT_CLICK,                          /* mouse: y, x in the act arguments */
    /* every view */
    ACT_OPEN,                           /* Enter: follow, open, go down one level */
    ACT_PANE,                           /* Tab: the other pane of the view */
    /* tables and hex */
    ACT_PARENT, ACT_HIDE_UNUSED, ACT_NUMBERS, ACT_PREV_TABLE, ACT_NEXT_TABLE,
    ACT_NEXT_TOPIC,
    ACT_NEXT_ENTRY, ACT_PREV_ENTRY, ACT_DECOMPRESS,
    /* map */
    ACT_ZOOM_IN, ACT_ZOOM_OUT, ACT_ZOOM_ALL, ACT_ZOOM_ONE, ACT_STYLE, ACT_CURVE,
    ACT_SPACE, ACT_COLOURING, ACT_LEGEND,
    /* problems */
    ACT_FILTER, ACT_FILTER_NONE, ACT_SORT, ACT_GROUP,
    /* what if: app_plan.c */
    ACT_EDIT, ACT_PROPOSE, ACT_PROPOSE_LOSS, ACT_BEFORE_AFTER, ACT_UNDO, ACT_REDO,
    ACT_SAVE_PLAN,
    /* changes */
    ACT_NEXT_CHANGE, ACT_PREV_CHANGE, ACT_OPEN_A, ACT_OPEN_B,
    /* plan */
    ACT_STEP_TOGGLE, ACT_STEP_REMOVE, ACT_STEP_UP, ACT_STEP_DOWN,
    N_ACTIONS
};

/* A key: a code point, or one of these. */
enum {
    KEYCODE_UP = 0x110000,
    KEYCODE_DOWN,
    KEYCODE_LEFT,
    KEYCODE_RIGHT,
    KEYCODE_PGUP,
    KEYCODE_PGDN,
    KEYCODE_HOME,
    KEYCODE_END,
    KEYCODE_BACKTAB,
    KEYCODE_DEL,
    KEYCODE_INS,
    KEYCODE_F1,
    KEYCODE_F12 = KEYCODE_F1 + 11,
    KEYCODE_ENTER = '\n',
    KEYCODE_TAB = '\t',
    KEYCODE_ESC = 0x1b,
    KEYCODE_BACKSPACE = 0x7f,
};

struct key_row {
    unsigned views;         /* IN() bits */
    const char *keys;       /* names separated by blanks: "k Up", "Enter", "Ctrl-L" */
    enum action action;
    const char *hint;       /* a word or two for the hint line; NULL: not shown there */
    int priority;           /* of the hint: larger stays longer when the line is narrow */
    const char *help;       /* a sentence */
};

/* Stable name of an action, for the configuration: "go-to". NULL: it has no key. */
const char *action_id(enum action action);
bool action_by_id(const char *id, enum action *out);

/* Keys that a person has given to actions instead of those of the table; NULL: those. */
struct keymap {
    char *keys[N_ACTIONS];
    unsigned line[N_ACTIONS];   /* of the configuration; 0: not told */
};

/* The keys of a row under a keymap (NULL: the table alone). */
const char *key_row_keys(const struct keymap *map, const struct key_row *row);

/* False where a key of the map means two actions in one view, or one and a key of the table
 * that stayed: "F5 means rescan and deep-look in Map". */
struct error;
bool keymap_check(const struct keymap *map, struct error *err);

/* Row number i; NULL past the last. Rows of one view stand before those of all views, and
 * the first row that matches decides. */
const struct key_row *key_table(size_t i);

/* Code of a key name ("k", "Up", "Ctrl-L", "F1"); 0 if there is no such key. `len` bytes. */
uint32_t key_code(const char *name, size_t len);

/* Its name for people: "x", "Ctrl-X", "F5", "Del". */
void key_shown(uint32_t code, char *out, size_t cap);

/* What `code` means in a view; ACT_NONE for nothing. */
enum action key_action(const struct keymap *map, enum view_id view, uint32_t code);

/* Name for people of the first key of a row, as the hint line shows it ("Enter", "g"). */
void key_first(const struct keymap *map, const struct key_row *row, char *out, size_t cap);

/* Rows with a hint that count in this view, best priority first; returns how many (at
 * most `max`). */
size_t key_hints(enum view_id view, const struct key_row **out, size_t max);

#endif
