/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/theme.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* One role in one theme. fg and bg are of the 16 colours, NONE the terminal's own; rgb,
 * where it is not NONE, replaces fg on terminals with 256 colours or more. */
#define NONE (-1)
#define B ATTR_BOLD
#define D ATTR_DIM
#define R ATTR_REVERSE
#define U ATTR_UNDERLINE

struct look {
    int8_t fg, bg;
    uint8_t attr;
    int32_t rgb;
};

struct role_row {
    const char *name;           /* of families: NULL, see role_name */
    struct look dark, light;
    uint8_t mono;               /* attributes */
    struct look safe;           /* for colour-blind people; its colours are on black */
};

#define PLAIN(a) { NONE, NONE, a, NONE }

static const struct role_row frame_roles[ROLE_SEV] = {
    [ROLE_TEXT] = { "text", PLAIN(0), PLAIN(0), 0, PLAIN(0) },
    [ROLE_DIM] = { "dim", PLAIN(D), PLAIN(D), D, PLAIN(D) },
    [ROLE_STRONG] = { "strong", PLAIN(B), PLAIN(B), B, PLAIN(B) },
    [ROLE_TITLE] = { "title", PLAIN(B), PLAIN(B), B, PLAIN(B) },
    [ROLE_TAB] = { "tab", PLAIN(0), PLAIN(0), 0, PLAIN(0) },
    [ROLE_TAB_ON] = { "tab-on", PLAIN(R | B), PLAIN(R | B), R | B, PLAIN(R | B) },
    [ROLE_PLACE] = { "place", { 14, NONE, 0, NONE }, { 4, NONE, 0, NONE }, B,
                     { NONE, NONE, B, NONE } },
    [ROLE_KEY] = { "key", PLAIN(B), PLAIN(B), B, PLAIN(B) },
    [ROLE_HINT] = { "hint", PLAIN(0), PLAIN(0), 0, PLAIN(0) },
    [ROLE_FRAME] = { "frame", PLAIN(D), PLAIN(D), D, PLAIN(D) },
    [ROLE_HEADING] = { "heading", PLAIN(U), PLAIN(U), U, PLAIN(U) },
    [ROLE_NUMBER] = { "number", PLAIN(0), PLAIN(0), 0, PLAIN(0) },
    [ROLE_NAME] = { "name", { 14, NONE, 0, NONE }, { 4, NONE, 0, NONE }, 0, PLAIN(0) },
    [ROLE_LINK] = { "link", { 14, NONE, U, NONE }, { 4, NONE, U, NONE }, U, PLAIN(U) },
    [ROLE_SELECTED] = { "selected", PLAIN(R), PLAIN(R), R, PLAIN(R) },
    [ROLE_MARK] = { "mark", { 14, NONE, U | B, NONE }, { 4, NONE, U | B, NONE }, U | B,
                    PLAIN(U | B) },
    [ROLE_PROMPT] = { "prompt", PLAIN(B), PLAIN(B), B, PLAIN(B) },
    [ROLE_MESSAGE] = { "message", PLAIN(B), PLAIN(B), B, PLAIN(B) },
    [ROLE_ALARM] = { "alarm", { 9, NONE, B, NONE }, { 1, NONE, B, 0xaf0000 }, R,
                     { 3, 0, B, 0xd75f00 } },
    [ROLE_BAR] = { "bar", { 10, NONE, 0, NONE }, { 2, NONE, 0, 0x008700 }, 0,
                   { 12, 0, 0, 0x5fafff } },
    [ROLE_BAR_REST] = { "bar-rest", PLAIN(D), PLAIN(D), D, PLAIN(D) },
    [ROLE_GOOD] = { "good", { 10, NONE, B, NONE }, { 2, NONE, B, 0x005f00 }, B,
                    { 12, 0, B, 0x5fafff } },
};

static const struct role_row severity_roles[N_SEVERITIES] = {
    [SEV_CORRUPTION] = { NULL, { 9, NONE, B, NONE }, { 1, NONE, B, 0xaf0000 }, R,
                         { 3, 0, B, 0xd75f00 } },
    [SEV_LEAK] = { NULL, { 11, NONE, 0, NONE }, { 5, NONE, 0, 0x875f00 }, 0,
                   { 11, 0, 0, 0xd7af00 } },
    [SEV_ERROR] = { NULL, { 13, NONE, B, NONE }, { 5, NONE, B, 0x87005f }, B,
                    { 13, 0, B, 0xd787af } },
    [SEV_WARNING] = { NULL, { 14, NONE, 0, NONE }, { 4, NONE, 0, 0x005f87 }, 0,
                      { 14, 0, 0, 0x5fafff } },
    [SEV_NOTE] = { NULL, PLAIN(0), PLAIN(0), 0, PLAIN(0) },
};

static const struct role_row *row_of(unsigned role)
{
    assert(role < ROLE_PAINT);
    return role >= ROLE_SEV ? &severity_roles[role - ROLE_SEV] : &frame_roles[role];
}

const char *role_name(unsigned role, char out[32])
{
    if (role >= ROLE_CHANGE)
        snprintf(out, 32, "change%u", role - ROLE_CHANGE);
    else if (role >= ROLE_LOOK)
        snprintf(out, 32, "look%u", role - ROLE_LOOK);
    else if (role >= ROLE_RAMP)
        snprintf(out, 32, "ramp%u", role - ROLE_RAMP);
    else if (role >= ROLE_GUEST)
        snprintf(out, 32, "guest:%s", guest_class_info(role - ROLE_GUEST)->id);
    else if (role >= ROLE_CLASS)
        snprintf(out, 32, "class:%s", class_info(role - ROLE_CLASS)->id);
    else if (role >= ROLE_SEV)
        snprintf(out, 32, "sev:%s", severity_name(role - ROLE_SEV));
    else
        snprintf(out, 32, "%s", frame_roles[role].name);
    return out;
}

static const char *const theme_names[N_THEMES] = {
    [THEME_DARK] = "dark",
    [THEME_LIGHT] = "light",
    [THEME_MONO] = "mono",
    [THEME_COLORBLIND] = "colorblind",
};

const char *theme_name(enum theme_id t)
{
    return theme_names[t];
}

bool theme_by_name(const char *name, enum theme_id *out)
{
    for (int t = 0; t < N_THEMES; t++) {
        if (strcmp(name, theme_names[t]) == 0) {
            *out = (enum theme_id)t;
            return true;
        }
    }
    return false;
}

/* One of the 16 colours on a terminal with 8: bright ones become bold, bright black
 * (which many show as black) the default colour, dimmed. */
static int of_eight(int colour, unsigned *attr)
{
    if (colour == 8) {
        *attr |= ATTR_DIM;
        return COLOUR_DEFAULT;
    }
    if (colour > 8) {
        *attr |= ATTR_BOLD;
        return colour - 8;
    }
    return colour;
}

static enum palette palette_of(enum theme_id theme)
{
    return theme == THEME_LIGHT ? PALETTE_LIGHT
         : theme == THEME_COLORBLIND ? PALETTE_SAFE : PALETTE_DARK;
}

static unsigned attr_of_emphasis(enum emphasis e)
{
    static const uint8_t attr[] = {
        [EMPHASIS_NONE] = 0, [EMPHASIS_FAINT] = D, [EMPHASIS_STRONG] = B,
        [EMPHASIS_UNDERLINE] = U, [EMPHASIS_ALARM] = R, [EMPHASIS_ALARM_STRONG] = R | B,
    };

    return attr[e];
}

/* Paints, as rows of the tables above. The safe palette is for a black background. */
static struct look look_of_paint(enum theme_id theme, unsigned paint)
{
    enum palette p = palette_of(theme);

    return (struct look){ (int8_t)palette_sixteen(p, paint),
                          p == PALETTE_SAFE ? 0 : NONE, 0,
                          (int32_t)palette_rgb(p, paint) };
}

static struct look look_of(enum theme_id theme, unsigned role)
{
    const struct role_row *row;

    if (role >= ROLE_PAINT)
        return look_of_paint(theme, role - ROLE_PAINT);
    row = row_of(role);
    return theme == THEME_LIGHT ? row->light
         : theme == THEME_COLORBLIND ? row->safe : row->dark;
}

static int colour_of_rgb(enum depth depth, uint32_t rgb)
{
    return depth == DEPTH_DIRECT ? (int)(COLOUR_RGB | rgb) : palette_nearest_256(rgb);
}

struct style theme_style(enum theme_id theme, enum depth depth, unsigned role)
{
    struct look look = look_of(theme, role);
    struct style s = { look.fg, look.bg, look.attr };
    unsigned ignored = 0;

    if (theme == THEME_MONO || depth == DEPTH_MONO)
        return (struct style){ COLOUR_DEFAULT, COLOUR_DEFAULT,
                               role >= ROLE_PAINT
                                   ? attr_of_emphasis(palette_emphasis(role - ROLE_PAINT))
                                   : row_of(role)->mono };
    if (depth == DEPTH_8 || depth == DEPTH_DIRECT) { /* direct: a palette of 8, and RGB */
        s.fg = of_eight(s.fg, &s.attr);
        s.bg = of_eight(s.bg, &ignored);
    }
    if (depth >= DEPTH_256 && look.rgb != NONE) {
        s.fg = colour_of_rgb(depth, (uint32_t)look.rgb);
        s.attr = look.attr;
    }
    return s;
}

#define BLUE 4
#define WHITE 7

void theme_on_field(enum depth depth, struct style *s)
{
    if (depth != DEPTH_8 || !(s->attr & ATTR_REVERSE) || s->fg != BLUE ||
        s->bg != COLOUR_DEFAULT)
        return;
    s->fg = WHITE;
    s->bg = BLUE;
    s->attr &= ~(unsigned)ATTR_REVERSE;
}

/* --- a person's own colours --- */

static const char *const colour_names[16] = {
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
    "grey", "bright-red", "bright-green", "bright-yellow", "bright-blue", "bright-magenta",
    "bright-cyan", "bright-white",
};

void theme_colours_init(struct theme_colours *c)
{
    for (int i = 0; i < N_ROLES; i++)
        c->fg[i] = COLOUR_UNSET;
}

static bool role_by_name(const char *name, unsigned *out)
{
    for (unsigned role = 0; role < N_ROLES; role++) {
        char shown[32];
        const char *tail;

        role_name(role, shown);
        tail = strchr(shown, ':');
        if (strcmp(shown, name) == 0 || (tail && strcmp(tail + 1, name) == 0)) {
            *out = role;
            return true;
        }
    }
    return false;
}

static bool colour_by_name(const char *name, int *out)
{
    unsigned rgb;
    char end;

    if (name[0] == '#' && strlen(name) == 7 && sscanf(name + 1, "%6x%c", &rgb, &end) == 1) {
        *out = COLOUR_RGB | (int)rgb;
        return true;
    }
    for (int i = 0; i < 16; i++) {
        if (strcmp(colour_names[i], name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool theme_colours_set(struct theme_colours *c, const char *role, const char *colour,
                       struct error *err)
{
    unsigned which;
    int value;

    if (!role_by_name(role, &which))
        return err_set(err, ERR_FORMAT, "nothing on the screen has this name");
    if (!colour_by_name(colour, &value))
        return err_set(err, ERR_FORMAT, "there is no colour of this name; #rrggbb is one as well");
    c->fg[which] = value;
    return true;
}

/* The nearest of the 16 colours as terminals usually show them. */
static int nearest_16(int rgb)
{
    int r = rgb >> 16 & 255, g = rgb >> 8 & 255, b = rgb & 255;
    int most = r > g ? r : g;
    int bits;

    most = most > b ? most : b;
    bits = (r * 2 > most) | (g * 2 > most) << 1 | (b * 2 > most) << 2;
    return most < 40 ? 0 : most < 100 && bits == 7 ? 8 : bits | (most > 200) << 3;
}

void theme_colours_apply(const struct theme_colours *c, enum depth depth, unsigned role,
                         int *colour)
{
    unsigned ignored = 0;
    int fg = role < N_ROLES ? c->fg[role] : COLOUR_UNSET;

    if (fg == COLOUR_UNSET || depth == DEPTH_MONO)
        return;
    if (fg & COLOUR_RGB)
        fg = depth >= DEPTH_256 ? colour_of_rgb(depth, (uint32_t)fg & 0xffffff) : nearest_16(fg);
    *colour = depth == DEPTH_8 ? of_eight(fg, &ignored) : fg;
}

int theme_fill(enum theme_id theme, enum depth depth, unsigned role, unsigned shade)
{
    if (shade && role >= ROLE_PAINT && theme != THEME_MONO && depth_has_shades(depth))
        return colour_of_rgb(depth, palette_rgb_shaded(palette_of(theme),
                                                       role - ROLE_PAINT, shade));
    return theme_style(theme, depth, role).fg;
}
