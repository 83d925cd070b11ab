/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/jw.h"

#include <assert.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"

static void indent(struct jw *j)
{
    out_puts(j->out, "\n");
    for (unsigned i = 0; i < j->depth; i++)
        out_puts(j->out, "    ");
}

static bool flat(const struct jw *j)
{
    return j->depth > 0 && j->flat[j->depth - 1];
}

/* Is it safe to write these bytes between quotes as they are? */
static bool is_plain(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] < ' ' || p[i] >= 127 || p[i] == '"' || p[i] == '\\')
            return false;
    return true;
}

/* jansson escapes all that is not printable ASCII but DEL. */
static int to_out(const char *bytes, size_t len, void *data)
{
    const char *end = bytes + len, *del;

    while ((del = memchr(bytes, 0x7f, (size_t)(end - bytes)))) {
        out_write(data, bytes, (size_t)(del - bytes));
        out_puts(data, "\\u007f");
        bytes = del + 1;
    }
    out_write(data, bytes, (size_t)(end - bytes));
    return 0;
}

static void quoted(struct jw *j, const void *bytes, size_t len)
{
    json_t *value;

    if (is_plain(bytes, len)) {
        out_puts(j->out, "\"");
        out_write(j->out, bytes, len);
        out_puts(j->out, "\"");
        return;
    }
    value = json_stringn_nocheck(bytes, len);
    if (!value || json_dump_callback(value, to_out, j->out,
                                     JSON_ENCODE_ANY | JSON_ENSURE_ASCII) != 0)
        out_puts(j->out, "null");
    json_decref(value);
}

/* Comma, line and key before a value. */
static void before(struct jw *j, const char *key)
{
    unsigned d = j->depth;

    if (d == 0)
        return;
    if (j->some[d - 1])
        out_puts(j->out, flat(j) ? ", " : ",");
    j->some[d - 1] = true;
    if (!flat(j))
        indent(j);
    assert(j->array[d - 1] == (key == NULL));
    if (key) {
        out_puts(j->out, "\"");
        out_puts(j->out, key);
        out_puts(j->out, "\": ");
    }
}

static void open_value(struct jw *j, const char *key, bool array, bool on_one_line)
{
    bool inherited = flat(j);

    before(j, key);
    assert(j->depth < JW_DEPTH_MAX);
    out_puts(j->out, array ? "[" : "{");
    j->array[j->depth] = array;
    j->some[j->depth] = false;
    j->flat[j->depth] = inherited || on_one_line;
    j->depth++;
}

void jw_object(struct jw *j, const char *key)
{
    open_value(j, key, false, false);
}

void jw_array(struct jw *j, const char *key)
{
    open_value(j, key, true, false);
}

void jw_object_flat(struct jw *j, const char *key)
{
    open_value(j, key, false, true);
}

void jw_array_flat(struct jw *j, const char *key)
{
    open_value(j, key, true, true);
}

void jw_close(struct jw *j)
{
    bool was_flat = flat(j), some;

    assert(j->depth > 0);
    j->depth--;
    some = j->some[j->depth];
    if (some && !was_flat)
        indent(j);
    out_puts(j->out, j->array[j->depth] ? "]" : "}");
    if (j->depth == 0)
        out_puts(j->out, "\n");
}

void jw_u64(struct jw *j, const char *key, uint64_t v)
{
    before(j, key);
    out_dec(j->out, v);
}

void jw_real(struct jw *j, const char *key, double v)
{
    before(j, key);
    out_printf(j->out, "%.6f", v);
}

void jw_bool(struct jw *j, const char *key, bool v)
{
    before(j, key);
    out_puts(j->out, v ? "true" : "false");
}

void jw_null(struct jw *j, const char *key)
{
    before(j, key);
    out_puts(j->out, "null");
}

void jw_hex(struct jw *j, const char *key, uint64_t v)
{
    before(j, key);
    out_puts(j->out, "\"0x");
    out_hex(j->out, v, 1);
    out_puts(j->out, "\"");
}

void jw_text(struct jw *j, const char *key, const char *text)
{
    size_t len = strlen(text);

    if (is_plain((const unsigned char *)text, len)) {
        before(j, key);
        quoted(j, text, len);
    } else {
        jw_bytes(j, key, text, len);
    }
}

/* Length of the UTF-8 sequence at p (n bytes are left), 0 when it is not valid. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    static const struct { unsigned char lo, hi, second_lo, second_hi, len; } form[] = {
        { 0x00, 0x7f, 0, 0, 1 },          { 0xc2, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 },    { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 },    { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 },    { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
        if (p[0] < form[i].lo || p[0] > form[i].hi)
            continue;
        if (form[i].len > n)
            return 0;
        if (form[i].len > 1 && (p[1] < form[i].second_lo || p[1] > form[i].second_hi))
            return 0;
        for (size_t k = 2; k < form[i].len; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return form[i].len;
    }
    return 0;
}

void jw_bytes(struct jw *j, const char *key, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    struct buf b = BUF_INIT;
    size_t i = 0;

    before(j, key);
    while (i < len) {
        size_t n = utf8_len(p + i, len - i);

        if (n)
            buf_add(&b, p + i, n);
        else
            buf_puts(&b, "\xef\xbf\xbd");
        i += n ? n : 1;
    }
    if (b.failed)
        out_puts(j->out, "null");
    else
        quoted(j, buf_str(&b), b.len);
    buf_free(&b);
}

void jw_address(struct jw *j, const char *key, uint64_t v)
{
    if (v != UINT64_MAX)
        jw_u64(j, key, v);
}
