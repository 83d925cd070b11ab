/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hex_values.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"

#define NTFS_TO_UNIX INT64_C(11644473600)      /* seconds from 1601 to 1970 */

struct values { struct hex_value *row; size_t n; };

static struct hex_value *add(struct values *v, const char *name)
{
    struct hex_value *row = &v->row[v->n++];

    row->name = name;
    row->text[0] = '\0';
    return row;
}

/* Unsigned, and signed where that is another number. */
static void add_number(struct values *v, const char *name, uint64_t value, unsigned bits)
{
    struct hex_value *row = add(v, name);
    int n = snprintf(row->text, sizeof row->text, "%" PRIu64, value);

    if (value >> (bits - 1))
        snprintf(row->text + n, sizeof row->text - (size_t)n, " or %" PRId64,
                 (int64_t)(value << (64 - bits)) / (INT64_C(1) << (64 - bits)));
}

static void add_time(struct values *v, const char *name, int64_t seconds)
{
    char text[TEXT_NUM];

    snprintf(add(v, name)->text, sizeof v->row->text, "%s", text_utc(text, seconds));
}

static void add_uuid(struct values *v, const char *name, const uint8_t *b, bool mixed)
{
    static const uint8_t swapped[8] = { 3, 2, 1, 0, 5, 4, 7, 6 };
    struct hex_value *row = add(v, name);
    size_t at = 0;

    for (unsigned i = 0; i < 16; i++)
        at += (size_t)snprintf(row->text + at, sizeof row->text - at, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               b[mixed && i < 8 ? swapped[i] : i]);
}

static void add_text(struct values *v, const uint8_t *bytes, size_t len)
{
    struct hex_value *row = add(v, "text");
    size_t n = 0;

    for (; n < len && bytes[n] >= 0x20 && bytes[n] < 0x7f; n++)
        row->text[n] = (char)bytes[n];
    row->text[n] = '\0';
    if (!n)
        snprintf(row->text, sizeof row->text, "-");
}

size_t hex_values(const uint8_t *bytes, size_t len, struct hex_value out[HEX_VALUES_MAX])
{
    static const struct { unsigned size; const char *le, *be; } number[] = {
        { 2, "16 bit le", "16 bit be" }, { 4, "32 bit le", "32 bit be" },
        { 8, "64 bit le", "64 bit be" },
    };
    struct values v = { out, 0 };

    len = len < HEX_VALUES_BYTES ? len : HEX_VALUES_BYTES;
    if (len >= 1)
        add_number(&v, "8 bit", bytes[0], 8);
    for (size_t i = 0; i < sizeof number / sizeof number[0] && len >= number[i].size; i++) {
        add_number(&v, number[i].le, le_load(bytes, number[i].size), number[i].size * 8);
        add_number(&v, number[i].be, be_load(bytes, number[i].size), number[i].size * 8);
    }
    if (len >= 4) {
        add_time(&v, "Unix le", (int64_t)le_load(bytes, 4));
        add_time(&v, "Unix be", (int64_t)be_load(bytes, 4));
    }
    if (len >= 8)
        add_time(&v, "NTFS", (int64_t)(le_load(bytes, 8) / 10000000) - NTFS_TO_UNIX);
    if (len >= 16) {
        add_uuid(&v, "UUID", bytes, false);
        add_uuid(&v, "GUID", bytes, true);
    }
    if (len >= 1)
        add_text(&v, bytes, len);
    return v.n;
}
