/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/palette.h"

#include <assert.h>

struct pigment {
    uint32_t rgb[N_PALETTES];           /* all of them are among xterm's 256 */
    int8_t sixteen[N_PALETTES];
    enum emphasis emphasis;
    bool has_hue;
};

#define HUE true
#define LETTER false

/* Tables in warm hues, bookkeeping in blues, guest data in greens, waste in ochre, what is
 * wrong in red. The safe palette keeps them apart by lightness as well. */
static const struct pigment pigments[N_PAINTS] = {
    [CLASS_VACANT] = { { 0x5f5f5f, 0x949494, 0x5f5f5f }, { 8, 8, 8 }, EMPHASIS_FAINT, HUE },
    [CLASS_HEADER] = { { 0xffffff, 0x000000, 0xffffff }, { 15, 0, 15 }, EMPHASIS_STRONG,
        LETTER },
    [CLASS_L1_ACTIVE] = { { 0xff5faf, 0xaf005f, 0xd787af }, { 5, 5, 5 }, EMPHASIS_STRONG,
        LETTER },
    [CLASS_L1_SNAPSHOT] = { { 0xd75f87, 0x87005f, 0xaf5f87 }, { 5, 5, 5 }, EMPHASIS_NONE,
        LETTER },
    [CLASS_L2] = { { 0xffff5f, 0x875f00, 0xffff5f }, { 13, 13, 13 }, EMPHASIS_STRONG,
        LETTER },
    [CLASS_REFTABLE] = { { 0x5fafff, 0x005faf, 0x0087d7 }, { 12, 4, 12 }, EMPHASIS_STRONG,
        LETTER },
    [CLASS_REFBLOCK] = { { 0x5fd7ff, 0x0087d7, 0x5fafff }, { 14, 6, 14 }, EMPHASIS_NONE,
        LETTER },
    [CLASS_SNAPTABLE] = { { 0xd787ff, 0x8700d7, 0xaf87d7 }, { 13, 5, 13 }, EMPHASIS_NONE,
        LETTER },
    [CLASS_BITMAP_DIR] = { { 0x87afaf, 0x005f5f, 0x5fafaf }, { 6, 6, 6 }, EMPHASIS_STRONG,
        LETTER },
    [CLASS_BITMAP_TABLE] = { { 0x87d7d7, 0x008787, 0x87afaf }, { 6, 6, 6 }, EMPHASIS_NONE,
        LETTER },
    [CLASS_BITMAP_DATA] = { { 0xafd7d7, 0x5f8787, 0xafd7d7 }, { 6, 6, 6 }, EMPHASIS_FAINT,
        LETTER },
    [CLASS_CRYPTO] = { { 0xd7d7af, 0x5f5f00, 0xd7d7af }, { 15, 0, 15 }, EMPHASIS_NONE,
        LETTER },
    [CLASS_DATA] = { { 0x5fd75f, 0x5f8700, 0x00af87 }, { 2, 2, 2 }, EMPHASIS_NONE, HUE },
    [CLASS_DATA_SHARED] = { { 0x5fffd7, 0x008700, 0x5fd7af }, { 6, 6, 6 }, EMPHASIS_STRONG,
        HUE },
    [CLASS_DATA_SNAPSHOT] = { { 0x5faf87, 0x005f00, 0x87875f }, { 13, 5, 13 },
        EMPHASIS_FAINT, HUE },
    [CLASS_COMPRESSED] = { { 0xafff5f, 0x00875f, 0xafd7af }, { 12, 4, 12 },
        EMPHASIS_STRONG, HUE },
    [CLASS_ZERO_ALLOC] = { { 0xafafaf, 0x4e4e4e, 0xafafaf }, { 7, 0, 7 }, EMPHASIS_NONE,
        HUE },
    [CLASS_VMSTATE] = { { 0x8787ff, 0x5f5fd7, 0x8787d7 }, { 12, 12, 12 }, EMPHASIS_NONE,
        LETTER },
    [CLASS_LEAKED] = { { 0xd78700, 0xd75f00, 0xd7af00 }, { 3, 9, 3 }, EMPHASIS_UNDERLINE,
        LETTER },
    [CLASS_MIXED] = { { 0xff5f5f, 0xd70000, 0xd75f00 }, { 9, 1, 9 },
        EMPHASIS_ALARM_STRONG, LETTER },
    [CLASS_BEYOND] = { { 0xd75f5f, 0x870000, 0xaf5f00 }, { 1, 1, 1 }, EMPHASIS_ALARM,
        LETTER },
    [CLASS_UNKNOWN] = { { 0x767676, 0x808080, 0x767676 }, { 8, 8, 8 }, EMPHASIS_FAINT,
        LETTER },

    [PAINT_GUEST + GUEST_UNALLOCATED] = { { 0x5f5f5f, 0x949494, 0x5f5f5f }, { 8, 8, 8 },
        EMPHASIS_FAINT, HUE },
    [PAINT_GUEST + GUEST_BACKING] = { { 0x5f5faf, 0x8787d7, 0x5f5faf }, { 13, 5, 13 },
        EMPHASIS_NONE, HUE },
    [PAINT_GUEST + GUEST_ZERO] = { { 0xafafaf, 0x4e4e4e, 0xafafaf }, { 7, 0, 7 },
        EMPHASIS_NONE, HUE },
    [PAINT_GUEST + GUEST_DATA] = { { 0x5fd75f, 0x5f8700, 0x00af87 }, { 2, 2, 2 },
        EMPHASIS_NONE, HUE },
    [PAINT_GUEST + GUEST_COMPRESSED] = { { 0xafff5f, 0x00875f, 0xafd7af }, { 12, 4, 12 },
        EMPHASIS_STRONG, HUE },
    [PAINT_GUEST + GUEST_SHARED] = { { 0x5fffd7, 0x008700, 0x5fd7af }, { 6, 6, 6 },
        EMPHASIS_STRONG, HUE },
    [PAINT_GUEST + GUEST_DAMAGED] = { { 0xff5f5f, 0xd70000, 0xd75f00 }, { 9, 1, 9 },
        EMPHASIS_ALARM_STRONG, LETTER },

    [PAINT_LOOK + LIKE_ZEROS] = { { 0xafafaf, 0x4e4e4e, 0xafafaf }, { 7, 0, 7 },
        EMPHASIS_FAINT, HUE },
    [PAINT_LOOK + LIKE_TABLE] = { { 0xffff5f, 0x875f00, 0xffff5f }, { 13, 13, 13 },
        EMPHASIS_STRONG, HUE },
    [PAINT_LOOK + LIKE_PACKED] = { { 0xafff5f, 0x00875f, 0xafd7af }, { 12, 4, 12 },
        EMPHASIS_STRONG, HUE },
    [PAINT_LOOK + LIKE_DISK] = { { 0xff5faf, 0xaf005f, 0xd787af }, { 5, 5, 5 },
        EMPHASIS_STRONG, LETTER },
    [PAINT_LOOK + LIKE_FILE_SYSTEM] = { { 0x5fd7ff, 0x0087d7, 0x5fafff }, { 14, 6, 14 },
        EMPHASIS_STRONG, HUE },
    [PAINT_LOOK + LIKE_FILE] = { { 0x5fffd7, 0x008700, 0x5fd7af }, { 6, 6, 6 },
        EMPHASIS_NONE, LETTER },
    [PAINT_LOOK + LIKE_TEXT] = { { 0xffffff, 0x000000, 0xffffff }, { 15, 0, 15 },
        EMPHASIS_STRONG, HUE },
    [PAINT_LOOK + LIKE_NOISE] = { { 0x8787ff, 0x5f5fd7, 0x8787d7 }, { 4, 12, 4 },
        EMPHASIS_NONE, LETTER },
    [PAINT_LOOK + LIKE_BYTES] = { { 0x5fd75f, 0x5f8700, 0x00af87 }, { 2, 2, 2 },
        EMPHASIS_NONE, HUE },

    [PAINT_CHANGE + CHANGE_EMPTY] = { { 0x5f5f5f, 0x949494, 0x5f5f5f }, { 8, 8, 8 },
        EMPHASIS_FAINT, HUE },
    [PAINT_CHANGE + CHANGE_SAME] = { { 0x5f5faf, 0x8787d7, 0x5f5faf }, { 12, 4, 12 },
        EMPHASIS_NONE, HUE },
    [PAINT_CHANGE + CHANGE_NEW] = { { 0x5fd75f, 0x5f8700, 0x00af87 }, { 2, 2, 2 },
        EMPHASIS_STRONG, HUE },
    [PAINT_CHANGE + CHANGE_FREED] = { { 0xff5faf, 0xaf005f, 0xd787af }, { 5, 5, 5 },
        EMPHASIS_STRONG, HUE },
    [PAINT_CHANGE + CHANGE_MOVED] = { { 0x5fd7ff, 0x0087d7, 0x5fafff }, { 14, 6, 14 },
        EMPHASIS_STRONG, HUE },
    [PAINT_CHANGE + CHANGE_OTHER] = { { 0xafafaf, 0x4e4e4e, 0xafafaf }, { 7, 0, 7 },
        EMPHASIS_UNDERLINE, HUE },
    [PAINT_CHANGE + CHANGE_REWRITTEN] = { { 0xffff5f, 0x875f00, 0xffff5f }, { 11, 13, 11 },
        EMPHASIS_STRONG, LETTER },

    [PAINT_RAMP] = { { 0x875faf, 0xaf8700, 0x5f5fd7 }, { 5, 8, 12 }, EMPHASIS_FAINT, HUE },
    [PAINT_RAMP + 1] = { { 0x5f5fd7, 0x878700, 0x5f87d7 }, { 12, 13, 4 }, EMPHASIS_FAINT,
        HUE },
    [PAINT_RAMP + 2] = { { 0x5f87d7, 0x5f8700, 0x5fafd7 }, { 6, 5, 6 }, EMPHASIS_NONE,
        HUE },
    [PAINT_RAMP + 3] = { { 0x0087af, 0x00875f, 0x5fafaf }, { 14, 12, 14 }, EMPHASIS_NONE,
        HUE },
    [PAINT_RAMP + 4] = { { 0x00af87, 0x0087af, 0x87af87 }, { 2, 4, 2 }, EMPHASIS_NONE,
        HUE },
    [PAINT_RAMP + 5] = { { 0x5fd75f, 0x005faf, 0xafaf5f }, { 10, 6, 10 }, EMPHASIS_NONE,
        HUE },
    [PAINT_RAMP + 6] = { { 0xafd700, 0x5f00af, 0xd7d75f }, { 11, 2, 11 }, EMPHASIS_STRONG,
        HUE },
    [PAINT_RAMP + 7] = { { 0xffff5f, 0x5f005f, 0xffff87 }, { 15, 0, 15 }, EMPHASIS_STRONG,
        HUE },
};

static const struct pigment *pigment_of(unsigned paint)
{
    assert(paint < N_PAINTS);
    return &pigments[paint];
}

uint32_t palette_rgb(enum palette p, unsigned paint)
{
    return pigment_of(paint)->rgb[p];
}

int palette_sixteen(enum palette p, unsigned paint)
{
    return pigment_of(paint)->sixteen[p];
}

enum emphasis palette_emphasis(unsigned paint)
{
    return pigment_of(paint)->emphasis;
}

bool palette_has_hue(unsigned paint)
{
    return pigment_of(paint)->has_hue;
}

const char *look_like_name(enum look_like l)
{
    static const char *const names[N_LOOKS_LIKE] = {
        [LIKE_ZEROS] = "zeros", [LIKE_TABLE] = "table of qcow2",
        [LIKE_PACKED] = "compressed cluster", [LIKE_DISK] = "partition table, LVM, swap",
        [LIKE_FILE_SYSTEM] = "file system", [LIKE_FILE] = "file of a known type",
        [LIKE_TEXT] = "text", [LIKE_NOISE] = "packed or encrypted", [LIKE_BYTES] = "other bytes",
    };

    return names[l];
}

const char *change_look_name(enum change_look c)
{
    static const char *const names[N_CHANGE_LOOKS] = {
        [CHANGE_EMPTY] = "empty in both", [CHANGE_SAME] = "the same", [CHANGE_NEW] = "new",
        [CHANGE_FREED] = "freed", [CHANGE_MOVED] = "moved", [CHANGE_OTHER] = "something else",
        [CHANGE_REWRITTEN] = "table rewritten",
    };

    return names[c];
}

char palette_letter(unsigned paint)
{
    if (paint >= PAINT_CHANGE)
        return ".=+->~w"[paint - PAINT_CHANGE];
    if (paint >= PAINT_LOOK)
        return "0QCPFKTEB"[paint - PAINT_LOOK];
    if (paint >= PAINT_RAMP)
        return (char)('0' + paint - PAINT_RAMP);
    if (paint >= PAINT_GUEST)
        return guest_class_info((enum guest_class)(paint - PAINT_GUEST))->letter;
    return class_info((enum cluster_class)(paint - PAINT_CLASS))->letter;
}

unsigned palette_shade(unsigned eighths)
{
    static const uint8_t shade[9] = { 0, 3, 2, 2, 1, 1, 1, 0, 0 };

    return shade[eighths > 8 ? 8 : eighths];
}

/* Between the colour of what is empty and that of the paint. */
uint32_t palette_rgb_shaded(enum palette p, unsigned paint, unsigned shade)
{
    static const int per_cent[PALETTE_SHADES] = { 100, 75, 55, 35 };
    uint32_t full = palette_rgb(p, paint);
    uint32_t empty = palette_rgb(p, PAINT_CLASS + CLASS_VACANT);
    uint32_t mixed = 0;

    assert(shade < PALETTE_SHADES);
    for (unsigned bits = 0; bits < 24; bits += 8) {
        int a = (int)(empty >> bits & 255);
        int b = (int)(full >> bits & 255);

        mixed |= (uint32_t)(a + (b - a) * per_cent[shade] / 100) << bits;
    }
    return mixed;
}

/* --- 256 colours --- */

static int level_of(int v)      /* step of the 6x6x6 cube nearest to a component */
{
    return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static int distance(uint32_t rgb, int r, int g, int b)
{
    int dr = (int)(rgb >> 16 & 255) - r;
    int dg = (int)(rgb >> 8 & 255) - g;
    int db = (int)(rgb & 255) - b;

    return dr * dr + dg * dg + db * db;
}

int palette_nearest_256(uint32_t rgb)
{
    static const int step[6] = { 0, 95, 135, 175, 215, 255 };
    int r = level_of((int)(rgb >> 16 & 255));
    int g = level_of((int)(rgb >> 8 & 255));
    int b = level_of((int)(rgb & 255));
    int mean = (int)((rgb >> 16 & 255) + (rgb >> 8 & 255) + (rgb & 255)) / 3;
    int grey = mean < 3 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
    int shade = 8 + grey * 10;

    if (distance(rgb, shade, shade, shade) < distance(rgb, step[r], step[g], step[b]))
        return 232 + grey;
    return 16 + 36 * r + 6 * g + b;
}
