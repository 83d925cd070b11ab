/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Roles and themes. Views say what something *is* (a role); only a theme knows colours.
 *
 * Colour never carries a meaning alone: every role that matters comes with a glyph, a
 * letter or a word as well, so that the mono theme loses nothing. */
#ifndef QCHECK_UI_THEME_H
#define QCHECK_UI_THEME_H

#include <stdbool.h>
#include <stdint.h>

#include "picture/palette.h"
#include "scan/problem.h"

enum role {
    ROLE_TEXT,              /* ordinary text, the terminal's own colours */
    ROLE_DIM,               /* units, unused entries, what may be overlooked */
    ROLE_STRONG,            /* what the eye should find first */
    ROLE_TITLE,             /* first line of the screen */
    ROLE_TAB,               /* names of the views */
    ROLE_TAB_ON,            /* ... of the one shown */
    ROLE_PLACE,             /* place line */
    ROLE_KEY,               /* a key in the hint line or in help */
    ROLE_HINT,              /* its meaning */
    ROLE_FRAME,             /* lines and boxes */
    ROLE_HEADING,           /* column heads, section titles */
    ROLE_NUMBER,            /* offsets and counts */
    ROLE_NAME,              /* names of fields and files */
    ROLE_LINK,              /* can be followed with Enter */
    ROLE_SELECTED,          /* the row or cell under the cursor */
    ROLE_MARK,              /* the field under the cursor in the hex view */
    ROLE_PROMPT,
    ROLE_MESSAGE,           /* last line: something to know */
    ROLE_ALARM,             /* last line: something went wrong */
    ROLE_BAR,               /* filled part of a bar */
    ROLE_BAR_REST,          /* rest of it */
    ROLE_GOOD,              /* "clean" */
    ROLE_SEV,               /* + enum severity */
    ROLE_PAINT = ROLE_SEV + N_SEVERITIES,       /* + enum paint */
    ROLE_CLASS = ROLE_PAINT + PAINT_CLASS,      /* + enum cluster_class */
    ROLE_GUEST = ROLE_PAINT + PAINT_GUEST,      /* + enum guest_class */
    ROLE_LOOK = ROLE_PAINT + PAINT_LOOK,        /* + enum look_like */
    ROLE_CHANGE = ROLE_PAINT + PAINT_CHANGE,    /* + enum change_look */
    ROLE_RAMP = ROLE_PAINT + PAINT_RAMP,        /* + 0 (little) to RAMP_STEPS-1 (much) */
    N_ROLES = ROLE_PAINT + N_PAINTS
};

/* Short name of a role for tests and golden screens: "title", "class:l2", "sev:leak". Of
 * the numbered families the number is appended: "ramp3". */
const char *role_name(unsigned role, char out[32]);

enum theme_id { THEME_DARK, THEME_LIGHT, THEME_MONO, THEME_COLORBLIND, N_THEMES };

const char *theme_name(enum theme_id t);                    /* "dark", "light", ... */
bool theme_by_name(const char *name, enum theme_id *out);

/* What the terminal can do. */
enum depth { DEPTH_MONO, DEPTH_8, DEPTH_16, DEPTH_256, DEPTH_DIRECT };

/* Attributes, of a cell or of a style. */
#define ATTR_BOLD       1u
#define ATTR_DIM        2u
#define ATTR_REVERSE    4u
#define ATTR_UNDERLINE  8u

#define COLOUR_DEFAULT  (-1)            /* the terminal's own */
#define COLOUR_RGB      0x1000000       /* set: the low 24 bits are red, green, blue */

struct style {
    int fg, bg;         /* COLOUR_DEFAULT, palette index, or COLOUR_RGB | 0xrrggbb */
    unsigned attr;
};

/* Whether there are colours enough to make a cell paler that is not full. */
static inline bool depth_has_shades(enum depth d)
{
    return d >= DEPTH_256;
}

/* How a role looks. Ordinary text keeps to the 16 colours of the person's own palette at
 * every depth; only severities and the paints of maps use more where there are more. At
 * DEPTH_8 bright colours become bold. */
struct style theme_style(enum theme_id theme, enum depth depth, unsigned role);

/* Letters on a reversed field of blue become white: terminals with 8 colours show blue so dark
 * that black cannot be read on it. */
void theme_on_field(enum depth depth, struct style *s);

/* Colours that a person has given to roles: of the 16 (0 to 15), COLOUR_RGB | 0xrrggbb, or
 * COLOUR_UNSET. Where there are fewer colours the nearest one is taken; without colours they
 * mean nothing. */
#define COLOUR_UNSET (-2)
struct theme_colours { int fg[N_ROLES]; };
void theme_colours_init(struct theme_colours *c);
/* "leaked" or "class:leaked", "corruption", "key" ...; "bright-red", "#ff8800". */
struct error;
bool theme_colours_set(struct theme_colours *c, const char *role, const char *colour,
                       struct error *err);
/* *colour becomes what was given to the role, if anything. */
void theme_colours_apply(const struct theme_colours *c, enum depth depth, unsigned role,
                         int *colour);

/* The colour a role gives to a filled half cell, for use as a background, or as the
 * foreground of such a cell. `shade` counts for paints, where there are shades. */
int theme_fill(enum theme_id theme, enum depth depth, unsigned role, unsigned shade);

#endif
