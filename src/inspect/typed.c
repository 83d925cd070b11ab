/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/typed.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/text.h"

#define SECTOR 512

void typed_skip_blanks(struct typed *t)
{
    while (isspace((unsigned char)*t->at))
        t->at++;
}

bool typed_end(struct typed *t)
{
    typed_skip_blanks(t);
    return !*t->at;
}

bool typed_word(struct typed *t, const char *word)
{
    size_t n = strlen(word);

    typed_skip_blanks(t);
    if (strncasecmp(t->at, word, n) != 0 || isalpha((unsigned char)t->at[n]))
        return false;
    t->at += n;
    return true;
}

bool typed_either(struct typed *t, const char *a, const char *b)
{
    return typed_word(t, a) || typed_word(t, b);
}

/* Copies n characters without the commas between groups of three digits. False where
 * commas stand elsewhere, or for lack of room. */
static bool without_commas(const char *text, size_t n, char *out, size_t size)
{
    size_t digits = strspn(text, "0123456789,"), len = 0;
    const char *comma = memchr(text, ',', n);

    if (n == 0 || n >= size || (comma && (comma == text || comma - text > 3)))
        return false;
    if (comma && (size_t)(comma - text) >= digits)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t after = comma ? i - (size_t)(comma - text) : 0;
        bool here = comma && text + i >= comma && i < digits && after % 4 == 0;

        if ((text[i] == ',') != here)
            return false;
        if (!here)
            out[len++] = text[i];
    }
    out[len] = '\0';
    return !comma || (digits - (size_t)(comma - text)) % 4 == 0;
}

bool typed_index(struct typed *t, uint64_t *out)
{
    char digits[40];
    size_t n;
    bool bracket;

    typed_skip_blanks(t);
    bracket = *t->at == '[';
    if (bracket)
        t->at++;
    typed_skip_blanks(t);
    n = strspn(t->at, "0123456789abcdefABCDEFxX,");
    if (!isdigit((unsigned char)*t->at) || !without_commas(t->at, n, digits, sizeof digits) ||
        !text_parse_size(digits, out))
        return false;
    t->at += n;
    typed_skip_blanks(t);
    return !bracket || *t->at++ == ']';
}

/* "12.5" as thousandths. */
static bool parse_thousandths(const char *text, uint64_t *out)
{
    uint64_t n = 0;
    int decimals = -1;

    for (; *text; text++) {
        if (*text == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (!isdigit((unsigned char)*text) || n > 100000 || (decimals >= 0 && ++decimals > 3))
            return false;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    for (int i = decimals < 0 ? 0 : decimals; i < 3; i++)
        n *= 10;
    *out = n;
    return n <= 100000;
}

/* A share of `whole` bytes; all of it is the last byte. */
static bool parse_percent(const char *text, uint64_t whole, uint64_t *out)
{
    uint64_t share;

    if (!isdigit((unsigned char)*text) || !parse_thousandths(text, &share))
        return false;
    *out = whole / 100000 * share + whole % 100000 * share / 100000;
    if (*out == whole && whole)
        *out = whole - 1;
    return true;
}

bool typed_amount(const struct typed *t, uint64_t whole, uint64_t *out, bool *clusters)
{
    const char *text = t->at;
    uint64_t unit = 1;
    size_t len;
    char digits[40], *last;

    while (isspace((unsigned char)*text))
        text++;
    len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    if (!without_commas(text, len, digits, sizeof digits))
        return false;
    *clusters = false;
    last = &digits[strlen(digits) - 1];
    if (*last == '%') {
        *last = '\0';
        return parse_percent(digits, whole, out);
    }
    if (strncasecmp(digits, "0x", 2) != 0 && last > digits &&
        isdigit((unsigned char)last[-1])) {
        *clusters = tolower((unsigned char)*last) == 'c';
        unit = *clusters ? t->img->geo.cluster_size
             : tolower((unsigned char)*last) == 's' ? SECTOR : 1;
        if (unit > 1)
            *last = '\0';
    }
    return text_parse_size(digits, out) && u64_mul(*out, unit, out);
}
