/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/glyph.h"

#include <stdio.h>
#include <wchar.h>

uint32_t glyph_next(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    uint32_t ch = p[0];
    uint32_t least = 0;
    int more = 0;

    if (ch == 0)
        return 0;
    if (ch < 0x80) {
        *text += 1;
        return ch;
    }
    if (ch >= 0xc2 && ch < 0xe0) {
        more = 1;
        least = 0x80;
        ch &= 0x1f;
    } else if (ch >= 0xe0 && ch < 0xf0) {
        more = 2;
        least = 0x800;
        ch &= 0x0f;
    } else if (ch >= 0xf0 && ch < 0xf5) {
        more = 3;
        least = 0x10000;
        ch &= 0x07;
    }
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            more = 0;
            break;
        }
        ch = ch << 6 | (p[i] & 0x3f);
    }
    if (more == 0 || ch < least || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000)) {
        *text += 1;
        return GLYPH_INVALID | p[0];
    }
    *text += more + 1;
    return ch;
}

size_t glyph_encode(uint32_t ch, char out[5])
{
    size_t n = 0;

    if (ch < 0x80) {
        out[n++] = (char)ch;
    } else if (ch < 0x800) {
        out[n++] = (char)(0xc0 | ch >> 6);
        out[n++] = (char)(0x80 | (ch & 0x3f));
    } else if (ch < 0x10000) {
        out[n++] = (char)(0xe0 | ch >> 12);
        out[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (ch & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | (ch >> 18 & 7));
        out[n++] = (char)(0x80 | (ch >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (ch & 0x3f));
    }
    out[n] = '\0';
    return n;
}

/* Characters that print nothing or change the order of others. */
static bool invisible(uint32_t ch)
{
    static const struct { uint32_t first, last; } range[] = {
        { 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad }, { 0x034f, 0x034f },
        { 0x061c, 0x061c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
        { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
        { 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
        { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0x10ffff },
    };

    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
        if (ch >= range[i].first && ch <= range[i].last)
            return true;
    return false;
}

int glyph_width(uint32_t ch)
{
    if (ch < 0x7f)
        return ch < 0x20 ? -1 : 1;
    if (ch & GLYPH_INVALID || invisible(ch))
        return -1;
    if (glyph_ascii(ch))
        return 1;
    return wcwidth((wchar_t)ch);
}

char glyph_ascii(uint32_t ch)
{
    static const struct { uint16_t ch; char ascii; } table[] = {
        { 0x00b7, '.' }, { 0x00bb, '>' }, { 0x00ab, '<' }, { 0x00d7, 'x' },
        { 0x2013, '-' }, { 0x2014, '-' }, { 0x2018, '\'' }, { 0x2019, '\'' },
        { 0x201c, '"' }, { 0x201d, '"' }, { 0x2022, '*' }, { 0x2026, '~' },
        { 0x2039, '<' }, { 0x203a, '>' }, { 0x2190, '<' }, { 0x2191, '^' },
        { 0x2192, '>' }, { 0x2193, 'v' }, { 0x2194, '=' }, { 0x2248, '~' },
        { 0x2260, '#' }, { 0x2264, '<' }, { 0x2265, '>' }, { 0x25a0, '#' },
        { 0x25a1, 'o' }, { 0x25b2, '^' }, { 0x25b6, '>' }, { 0x25b8, '>' },
        { 0x25bc, 'v' }, { 0x25c0, '<' }, { 0x25c6, '*' }, { 0x25cb, 'o' },
        { 0x25cf, '*' }, { 0x2713, 'v' }, { 0x2717, 'x' },
    };
    static const char block[] = "^____############.:=";     /* U+2580 to U+2593 */

    if (ch == 0x2500 || ch == 0x2501 || ch == 0x2550)
        return '-';
    if (ch == 0x2502 || ch == 0x2503 || ch == 0x2551)
        return '|';
    if (ch > 0x2500 && ch < 0x2580)
        return '+';
    if (ch >= 0x2580 && ch < 0x2580 + sizeof block - 1)
        return block[ch - 0x2580];
    if (ch >= 0x2594 && ch < 0x25a0)
        return '=';
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].ch == ch)
            return table[i].ascii;
    return 0;
}

void glyph_escape(uint32_t ch, char out[16])
{
    if (ch & GLYPH_INVALID || ch < 0x80)
        snprintf(out, 16, "\\x%02x", (unsigned)(ch & 0xff));
    else
        snprintf(out, 16, "\\u{%04x}", (unsigned)(ch & 0x1fffff));
}
