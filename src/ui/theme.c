/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/theme.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

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
    struct look safe;           /* colour-blind; fits dark and light backgrounds */
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
    [ROLE_ALARM] = { "alarm", { 9, NONE, B, NONE }, { 1, NONE, B, NONE }, R,
                     { 3, NONE, B, 0xd55e00 } },
    [ROLE_BAR] = { "bar", { 10, NONE, 0, NONE }, { 2, NONE, 0, NONE }, 0,
                   { 12, NONE, 0, 0x56b4e9 } },
    [ROLE_BAR_REST] = { "bar-rest", PLAIN(D), PLAIN(D), D, PLAIN(D) },
    [ROLE_GOOD] = { "good", { 10, NONE, B, NONE }, { 2, NONE, B, NONE }, B,
                    { 12, NONE, B, 0x56b4e9 } },
};

static const struct role_row severity_roles[N_SEVERITIES] = {
    [SEV_CORRUPTION] = { NULL, { 9, NONE, B, NONE }, { 1, NONE, B, NONE }, R,
                         { 3, NONE, B, 0xd55e00 } },
    [SEV_LEAK] = { NULL, { 11, NONE, 0, NONE }, { 3, NONE, 0, NONE }, 0,
                   { 11, NONE, 0, 0xe69f00 } },
    [SEV_ERROR] = { NULL, { 13, NONE, B, NONE }, { 5, NONE, B, NONE }, B,
                    { 13, NONE, B, 0xcc79a7 } },
    [SEV_WARNING] = { NULL, { 14, NONE, 0, NONE }, { 6, NONE, 0, NONE }, 0,
                      { 14, NONE, 0, 0x56b4e9 } },
    [SEV_NOTE] = { NULL, PLAIN(0), PLAIN(0), 0, PLAIN(0) },
};

/* Classes: tables in warm hues, bookkeeping in blues, guest data in greens, waste in
 * ochre, what is wrong in red. The safe set keeps apart by lightness as well. */
#define C(d16, drgb, l16, lrgb, mono, s16, srgb) \
    { NULL, { d16, NONE, 0, drgb }, { l16, NONE, 0, lrgb }, mono, { s16, NONE, 0, srgb } }

static const struct role_row class_roles[N_CLASSES] = {
    [CLASS_VACANT] = C(8, 0x585858, 7, 0xc6c6c6, D, 8, 0x808080),
    [CLASS_HEADER] = C(15, 0xffffff, 0, 0x000000, B, 15, 0xeeeeee),
    [CLASS_L1_ACTIVE] = C(13, 0xff5faf, 5, 0xaf005f, B, 13, 0xcc79a7),
    [CLASS_L1_SNAPSHOT] = C(5, 0xaf5f87, 5, 0x87005f, 0, 5, 0xaa6688),
    [CLASS_L2] = C(11, 0xffd75f, 3, 0xaf8700, B, 11, 0xf0e442),
    [CLASS_REFTABLE] = C(12, 0x5fafff, 4, 0x005faf, B, 12, 0x0072b2),
    [CLASS_REFBLOCK] = C(14, 0x5fd7ff, 6, 0x0087d7, 0, 14, 0x56b4e9),
    [CLASS_SNAPTABLE] = C(13, 0xd787ff, 5, 0x8700d7, 0, 13, 0xb58ad0),
    [CLASS_BITMAP_DIR] = C(6, 0x87afaf, 6, 0x005f5f, B, 6, 0x66aaaa),
    [CLASS_BITMAP_TABLE] = C(6, 0x87d7d7, 6, 0x008787, 0, 6, 0x77bbbb),
    [CLASS_BITMAP_DATA] = C(6, 0xafd7d7, 6, 0x5fafaf, D, 6, 0x99cccc),
    [CLASS_CRYPTO] = C(15, 0xd7d7af, 0, 0x5f5f00, 0, 15, 0xddddbb),
    [CLASS_DATA] = C(2, 0x5faf5f, 2, 0x5faf5f, 0, 2, 0x009e73),
    [CLASS_DATA_SHARED] = C(10, 0x87d787, 2, 0x008700, B, 10, 0x44c9a1),
    [CLASS_DATA_SNAPSHOT] = C(6, 0x5f875f, 2, 0x87af87, D, 6, 0x337766),
    [CLASS_COMPRESSED] = C(10, 0xafff5f, 2, 0x5f8700, B, 10, 0x88ddaa),
    [CLASS_ZERO_ALLOC] = C(7, 0xa8a8a8, 7, 0x8a8a8a, 0, 7, 0xb0b0b0),
    [CLASS_VMSTATE] = C(12, 0x8787ff, 4, 0x5f5fd7, 0, 12, 0x7788dd),
    [CLASS_LEAKED] = C(3, 0xd78700, 3, 0xd78700, U, 3, 0xe69f00),
    [CLASS_MIXED] = C(9, 0xff5f5f, 1, 0xd70000, R | B, 9, 0xd55e00),
    [CLASS_BEYOND] = C(1, 0xd75f5f, 1, 0x870000, R, 1, 0xaa4a00),
    [CLASS_UNKNOWN] = C(8, 0x3a3a3a, 7, 0xe4e4e4, D, 8, 0x606060),
};

static const struct role_row guest_roles[N_GUEST_CLASSES] = {
    [GUEST_UNALLOCATED] = C(8, 0x585858, 7, 0xc6c6c6, D, 8, 0x808080),
    [GUEST_BACKING] = C(12, 0x5f87d7, 4, 0x5f87d7, 0, 12, 0x0072b2),
    [GUEST_ZERO] = C(7, 0xa8a8a8, 7, 0x8a8a8a, 0, 7, 0xb0b0b0),
    [GUEST_DATA] = C(2, 0x5faf5f, 2, 0x5faf5f, 0, 2, 0x009e73),
    [GUEST_COMPRESSED] = C(10, 0xafff5f, 2, 0x5f8700, B, 10, 0x88ddaa),
    [GUEST_SHARED] = C(14, 0x87d787, 6, 0x008700, B, 14, 0x44c9a1),
    [GUEST_DAMAGED] = C(9, 0xff5f5f, 1, 0xd70000, R | B, 9, 0xd55e00),
};

static const struct role_row ramp_roles[RAMP_STEPS] = {
    C(5, 0x6a3d9a, 5, 0xfde725, D, 4, 0x5a3d9a),
    C(12, 0x5a5ad0, 3, 0xc8d838, D, 12, 0x4a5ac8),
    C(4, 0x3f74c8, 2, 0x7cc24c, 0, 6, 0x3678b8),
    C(6, 0x2f8fa8, 2, 0x3fae70, 0, 14, 0x2f92a8),
    C(2, 0x2fa587, 6, 0x2f8f88, 0, 2, 0x3fae86),
    C(10, 0x5ac864, 4, 0x34688c, 0, 10, 0x74c86a),
    C(11, 0xaadc32, 4, 0x404387, B, 11, 0xb4dc46),
    C(15, 0xfde725, 5, 0x440154, B, 15, 0xfde725),
};

static const struct role_row *row_of(unsigned role)
{
    assert(role < N_ROLES);
    if (role >= ROLE_RAMP)
        return &ramp_roles[role - ROLE_RAMP];
    if (role >= ROLE_GUEST)
        return &guest_roles[role - ROLE_GUEST];
    if (role >= ROLE_CLASS)
        return &class_roles[role - ROLE_CLASS];
    if (role >= ROLE_SEV)
        return &severity_roles[role - ROLE_SEV];
    return &frame_roles[role];
}

const char *role_name(unsigned role, char out[32])
{
    if (role >= ROLE_RAMP)
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

static int level_of(int v)      /* step of the 6x6x6 cube nearest to a component */
{
    return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static int distance(int32_t rgb, int r, int g, int b)
{
    int dr = (rgb >> 16 & 255) - r;
    int dg = (rgb >> 8 & 255) - g;
    int db = (rgb & 255) - b;

    return dr * dr + dg * dg + db * db;
}

/* Nearest of xterm's colours 16 to 255, which people do not redefine. */
static int nearest_256(int32_t rgb)
{
    static const int step[6] = { 0, 95, 135, 175, 215, 255 };
    int r = level_of(rgb >> 16 & 255);
    int g = level_of(rgb >> 8 & 255);
    int b = level_of(rgb & 255);
    int mean = ((rgb >> 16 & 255) + (rgb >> 8 & 255) + (rgb & 255)) / 3;
    int grey = mean < 3 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
    int shade = 8 + grey * 10;

    if (distance(rgb, shade, shade, shade) < distance(rgb, step[r], step[g], step[b]))
        return 232 + grey;
    return 16 + 36 * r + 6 * g + b;
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

struct style theme_style(enum theme_id theme, enum depth depth, unsigned role)
{
    const struct role_row *row = row_of(role);
    const struct look *look = theme == THEME_LIGHT ? &row->light
                            : theme == THEME_COLORBLIND ? &row->safe : &row->dark;
    struct style s = { look->fg, look->bg, look->attr };
    unsigned ignored = 0;

    if (theme == THEME_MONO || depth == DEPTH_MONO)
        return (struct style){ COLOUR_DEFAULT, COLOUR_DEFAULT, row->mono };
    if (depth == DEPTH_8 || depth == DEPTH_DIRECT) { /* direct: a palette of 8, and RGB */
        s.fg = of_eight(s.fg, &s.attr);
        s.bg = of_eight(s.bg, &ignored);
    }
    if (depth == DEPTH_256 && look->rgb != NONE)
        s.fg = nearest_256(look->rgb);
    if (depth == DEPTH_DIRECT && look->rgb != NONE)
        s = (struct style){ COLOUR_RGB | look->rgb, s.bg, look->attr };
    return s;
}

int theme_fill(enum theme_id theme, enum depth depth, unsigned role)
{
    return theme_style(theme, depth, role).fg;
}
