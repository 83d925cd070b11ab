/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The configuration file of the inspector: lines "name = value", # begins a comment.
 *
 *   theme = light                 dark, light, mono, colorblind
 *   mouse = off                   on, off
 *   numbers = decimal             hex, decimal, size: offsets in Tables, Header and Hex
 *   ascii = on                    on, off
 *   colour leaked = bright-red    a class, severity or role of the screen; one of the 16
 *                                 colours by name, or #rrggbb; also "color"
 *   key deep-look = F5 Ctrl-K     an action; the keys replace those it has
 *
 * A key that would mean two things in one view is refused. */
#ifndef QCHECK_UI_UI_CONFIG_H
#define QCHECK_UI_UI_CONFIG_H

#include "ui/keys.h"
#include "ui/number.h"
#include "ui/theme.h"

#define CONFIG_BYTES_MAX (64u << 10)

struct ui_config {
    bool has_theme, has_mouse, has_ascii, has_numbers;
    enum theme_id theme;
    bool mouse, ascii;
    enum number_style numbers;
    struct theme_colours colours;
    struct keymap keys;             /* owned strings */
    unsigned line;                  /* that is being read */
};

/* Nothing is set. */
void config_init(struct ui_config *c);
void config_free(struct ui_config *c);

/* Adds what a text says. False with "line 3: ..."; then *c has what stood before that. */
bool config_parse(struct ui_config *c, const char *text, struct error *err);

/* Reads the file: $XDG_CONFIG_HOME/qcheck/config, else ~/.config/qcheck/config. True without
 * one. *path: where it was looked for, as far as it fits; "": nowhere. */
bool config_load(struct ui_config *c, char path[4096], struct error *err);

#endif
