/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

static const char UNITS[] = "KMGTPE";

const char *text_size(char out[TEXT_NUM], uint64_t bytes)
{
    unsigned shift = 0, unit = 0;
    uint64_t rest;
    unsigned tenth;

    if (bytes < 1024) {
        snprintf(out, TEXT_NUM, "%u B", (unsigned)bytes);
        return out;
    }
    while (shift < 60 && bytes >> shift >= 1024) {
        shift += 10;
        unit++;
    }
    /* shift <= 60, so ten times the rest still fits */
    rest = bytes & ((UINT64_C(1) << shift) - 1);
    tenth = (unsigned)(rest * 10 >> shift);
    if (tenth)
        snprintf(out, TEXT_NUM, "%u.%u %ciB", (unsigned)(bytes >> shift), tenth,
                 UNITS[unit - 1]);
    else
        snprintf(out, TEXT_NUM, "%u %ciB", (unsigned)(bytes >> shift), UNITS[unit - 1]);
    return out;
}

#define DAY             86400
#define FIRST_DAY       (-134774)       /* 1601-01-01, counted from 1970-01-01 */
#define END_DAY         2932897         /* 10000-01-01 */
#define DAYS_400_YEARS  146097

/* Counts days from the first of March of a year that 400 divides, so that a leap day is the last of
 * its year. */
const char *text_utc(char out[TEXT_NUM], int64_t seconds)
{
    int64_t days = seconds / DAY - (seconds % DAY < 0);
    unsigned sec = (unsigned)(seconds - days * DAY), day, year, years, month;

    if (days < FIRST_DAY || days >= END_DAY) {
        snprintf(out, TEXT_NUM, "-");
        return out;
    }
    day = (unsigned)(days - FIRST_DAY) + 306;           /* since 1600-03-01 */
    year = 1600 + day / DAYS_400_YEARS * 400;
    day %= DAYS_400_YEARS;
    years = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= years * 365 + years / 4 - years / 100;
    month = (5 * day + 2) / 153;                        /* 0: March; lengths repeat after five */
    day -= (153 * month + 2) / 5;
    snprintf(out, TEXT_NUM, "%04u-%02u-%02u %02u:%02u:%02u", year + years + (month >= 10),
             month < 10 ? month + 3 : month - 9, day + 1, sec / 3600, sec / 60 % 60, sec % 60);
    return out;
}

void text_sizes(char a[TEXT_NUM], uint64_t one, char b[TEXT_NUM], uint64_t other)
{
    text_size(a, one);
    text_size(b, other);
    if (strcmp(a, b) == 0) {
        text_group(a, one);
        text_group(b, other);
        strcat(a, " bytes");
        strcat(b, " bytes");
    }
}

const char *text_group(char out[TEXT_NUM], uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    size_t k = 0;

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = '\0';
    return out;
}

/* floor(part * 1000 / whole); where that product does not fit, a little less at most. */
static uint64_t permille_of(uint64_t part, uint64_t whole)
{
    uint64_t rest = part % whole, permille;

    if (!u64_mul(part / whole, 1000, &permille))
        return UINT64_MAX;
    if (rest <= UINT64_MAX / 1000)
        return permille + rest * 1000 / whole;
    return permille + rest / div_up(whole, 1000);
}

const char *text_percent(char out[TEXT_NUM], uint64_t part, uint64_t whole)
{
    uint64_t permille;

    if (!part || !whole) {
        snprintf(out, TEXT_NUM, "0 %%");
        return out;
    }
    permille = permille_of(part, whole);
    if (!permille)
        snprintf(out, TEXT_NUM, "< 0.1 %%");
    else if (permille % 10)
        snprintf(out, TEXT_NUM, "%llu.%u %%", (unsigned long long)(permille / 10),
                 (unsigned)(permille % 10));
    else
        snprintf(out, TEXT_NUM, "%llu %%", (unsigned long long)(permille / 10));
    return out;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse_hex(const char *p, uint64_t *out)
{
    uint64_t v = 0;

    if (!*p)
        return false;
    for (; *p; p++) {
        int d = hex_value(*p);

        if (d < 0 || v >> 60)
            return false;
        v = v << 4 | (uint64_t)d;
    }
    *out = v;
    return true;
}

/* "", "B", "K", "KB", "KiB", ... to a power of two; false for anything else. */
static bool parse_unit(const char *p, unsigned *shift)
{
    static const char small[] = "kmgtpe";
    const char *at;

    *shift = 0;
    if (*p && (p[0] == 'B' || p[0] == 'b') && !p[1])
        return true;
    if (!*p)
        return true;
    at = strchr(UNITS, *p);
    if (at)
        *shift = ((unsigned)(at - UNITS) + 1) * 10;
    else if ((at = strchr(small, *p)) != NULL)
        *shift = ((unsigned)(at - small) + 1) * 10;
    else
        return false;
    p++;
    if (*p == 'i' || *p == 'I') {
        p++;
        if (!*p)
            return false;
    }
    if (*p == 'B' || *p == 'b')
        p++;
    return !*p;
}

bool text_parse_size(const char *text, uint64_t *out)
{
    const char *p = text, *frac = NULL, *frac_end = NULL;
    uint64_t whole = 0, part = 0;
    unsigned shift;

    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return parse_hex(p + 2, out);
    if (!is_digit(*p))
        return false;
    for (; is_digit(*p); p++)
        if (!u64_mul(whole, 10, &whole) || !u64_add(whole, (uint64_t)(*p - '0'), &whole))
            return false;
    if (*p == '.') {
        frac = ++p;
        while (is_digit(*p))
            p++;
        frac_end = p;
        if (frac == frac_end)
            return false;
    }
    if (*p == ' ' && p[1])
        p++;
    if (!parse_unit(p, &shift) || (frac && !shift) ||
        !u64_mul(whole, UINT64_C(1) << shift, &whole))
        return false;
    /* From the last digit to the first: exact, however many there are. */
    for (const char *d = frac_end; frac && d > frac; d--)
        part = (part + ((uint64_t)(d[-1] - '0') << shift)) / 10;
    return u64_add(whole, part, out);
}

/* Is this exactly what its text as a size says, without decimals? */
static bool exact_size(uint64_t off, char text[TEXT_NUM])
{
    uint64_t again;

    return text_parse_size(text_size(text, off), &again) && again == off &&
           !strchr(text, '.');
}

void text_offset(struct buf *out, uint64_t off)
{
    char text[TEXT_NUM];

    if (exact_size(off, text) && (!(off & (off - 1)) || !(off & 0x3fffffff)))
        buf_puts(out, text);
    else
        buf_printf(out, "0x%" PRIx64, off);
}

void text_range(struct buf *out, uint64_t start, uint64_t end, const char *dash)
{
    char a[TEXT_NUM], b[TEXT_NUM];

    if (exact_size(start, a) && exact_size(end, b))
        buf_printf(out, "%s%s%s", a, dash, b);
    else
        buf_printf(out, "0x%" PRIx64 "%s0x%" PRIx64, start, dash, end);
}

/* Code points that would not be seen, or would act on the text around them. */
static const struct { uint32_t first, last; } HIDDEN[] = {
    { 0x0080, 0x009f },     /* C1 control codes */
    { 0x00ad, 0x00ad },     /* soft hyphen */
    { 0x034f, 0x034f },     /* combining grapheme joiner */
    { 0x061c, 0x061c },     /* Arabic letter mark */
    { 0x115f, 0x11ff },     /* Hangul fillers; vowels and finals that join what is before */
    { 0x17b4, 0x17b5 },     /* Khmer inherent vowels */
    { 0x180b, 0x180f },     /* Mongolian selectors and separator */
    { 0x200b, 0x200f },     /* zero width, left-to-right and right-to-left marks */
    { 0x2028, 0x202e },     /* line and paragraph separators, bidirectional embeddings */
    { 0x2060, 0x206f },     /* word joiner, invisible operators, bidirectional isolates */
    { 0x2800, 0x2800 },     /* Braille blank */
    { 0x3164, 0x3164 },     /* Hangul filler */
    { 0xd7b0, 0xd7ff },     /* more Hangul vowels and finals */
    { 0xfdd0, 0xfdef },     /* not characters */
    { 0xfe00, 0xfe0f },     /* variation selectors */
    { 0xfeff, 0xfeff },     /* byte order mark */
    { 0xffa0, 0xffa0 },     /* half-width Hangul filler */
    { 0xfff0, 0xfffb },     /* interlinear annotations */
    { 0x13430, 0x1345f },   /* Egyptian format controls */
    { 0x16fe4, 0x16fe4 },   /* Khitan filler */
    { 0x1bca0, 0x1bca3 },   /* shorthand format controls */
    { 0x1d159, 0x1d159 },   /* null notehead */
    { 0x1d173, 0x1d17a },   /* musical format controls */
    { 0xe0000, 0xe0fff },   /* tags, variation selectors */
};

static bool hidden(uint32_t cp)
{
    if ((cp & 0xfffe) == 0xfffe)                /* not characters, in every plane */
        return true;
    for (size_t i = 0; i < sizeof HIDDEN / sizeof HIDDEN[0]; i++)
        if (cp >= HIDDEN[i].first && cp <= HIDDEN[i].last)
            return true;
    return false;
}

/* Marks that are drawn over the character before them: a few are writing, a flood of them
 * covers the lines above and below. */
#define MARKS_MAX 4
static const struct { uint32_t first, last; } MARKS[] = {
    { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x05bf, 0x05c7 },
    { 0x0610, 0x061a }, { 0x064b, 0x065f }, { 0x0670, 0x0670 }, { 0x06d6, 0x06ed },
    { 0x0711, 0x0711 }, { 0x0730, 0x074a }, { 0x07eb, 0x07f3 }, { 0x0816, 0x082d },
    { 0x0859, 0x085b }, { 0x0898, 0x0903 }, { 0x093a, 0x094f }, { 0x0e31, 0x0e31 },
    { 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x0eb1, 0x0ebc }, { 0x0ec8, 0x0ece },
    { 0x0f71, 0x0f84 }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff },
    { 0x2cef, 0x2cf1 }, { 0x2de0, 0x2dff }, { 0x302a, 0x302f }, { 0x3099, 0x309a },
    { 0xa66f, 0xa67d }, { 0xa8e0, 0xa8f1 }, { 0xfe20, 0xfe2f }, { 0x1d165, 0x1d169 },
    { 0x1d16d, 0x1d172 }, { 0x1d17b, 0x1d18b }, { 0x1e000, 0x1e02a }, { 0x1e8d0, 0x1e94a },
};

static bool mark(uint32_t cp)
{
    for (size_t i = 0; i < sizeof MARKS / sizeof MARKS[0]; i++)
        if (cp >= MARKS[i].first && cp <= MARKS[i].last)
            return true;
    return false;
}

size_t text_utf8(const uint8_t *p, size_t left, uint32_t *cp)
{
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t v;

    if (p[0] < 0xc2 || p[0] > 0xf4 || len > left)
        return 0;
    v = p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3f);
    }
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *cp = v;
    return len;
}

/* How many bytes from the first on are shown as they are, being plain ASCII. */
static size_t plain(const uint8_t *p, size_t len)
{
    size_t n = 0;

    while (n < len && p[n] >= 0x20 && p[n] < 0x7f && p[n] != '\\')
        n++;
    return n;
}

void text_visible(struct buf *out, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    size_t i = 0;
    unsigned marks = 0;         /* in a row */

    while (i < len) {
        uint32_t cp = p[i];
        size_t n = plain(p + i, len - i);

        if (n) {                /* the usual case */
            buf_add(out, p + i, n);
            marks = 0;
            i += n;
            continue;
        }
        n = 1;
        if (cp == '\\') {
            buf_puts(out, "\\\\");
        } else if (cp < 0x80 || (n = text_utf8(p + i, len - i, &cp)) == 0) {
            buf_printf(out, "\\x%02x", p[i]);
            n = 1;
        } else if (hidden(cp) || (mark(cp) && marks >= MARKS_MAX)) {
            buf_printf(out, "\\u{%04x}", (unsigned)cp);
        } else {
            buf_add(out, p + i, n);
        }
        marks = mark(cp) ? marks + 1 : 0;
        i += n;
    }
}

void text_quoted(struct buf *out, const char *name, const char *suffix)
{
    struct buf seen = BUF_INIT;
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "/._-+,:@%";

    text_visible(&seen, name, strlen(name));
    buf_puts(&seen, suffix);
    if (strspn(buf_str(&seen), plain) == seen.len) {
        buf_puts(out, buf_str(&seen));
    } else {
        buf_putc(out, '\'');
        for (const char *p = buf_str(&seen); *p; p++)
            buf_puts(out, *p == '\'' ? "'\\''" : (char[]){ *p, '\0' });
        buf_putc(out, '\'');
    }
    buf_free(&seen);
}
