/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/out.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

static void note_failure(struct out *o)
{
    if (!o->sys)
        o->sys = errno ? errno : EIO;
}

void out_write(struct out *o, const void *bytes, size_t len)
{
    if (o->sys || len == 0)
        return;
    errno = 0;
    if (fwrite_unlocked(bytes, 1, len, o->f) != len)
        note_failure(o);
}

void out_puts(struct out *o, const char *text)
{
    out_write(o, text, strlen(text));
}

void out_dec(struct out *o, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    out_write(o, digits + at, sizeof digits - at);
}

void out_hex(struct out *o, uint64_t v, unsigned digits)
{
    char text[16];
    size_t at = sizeof text;

    do {
        text[--at] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v || (at > 0 && sizeof text - at < digits));
    out_write(o, text + at, sizeof text - at);
}

void out_printf(struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->sys)
        return;
    errno = 0;
    va_start(ap, fmt);
    if (vfprintf(o->f, fmt, ap) < 0)
        note_failure(o);
    va_end(ap);
}

void out_visible(struct out *o, const void *bytes, size_t len)
{
    struct buf b = BUF_INIT;

    text_visible(&b, bytes, len);
    if (b.failed && !o->sys)
        o->sys = ENOMEM;
    out_write(o, b.data, b.len);
    buf_free(&b);
}

bool out_ok(const struct out *o)
{
    return o->sys == 0;
}

bool out_end(struct out *o, struct error *err)
{
    errno = 0;
    if (!o->sys && fflush(o->f) != 0)
        note_failure(o);
    return o->sys ? err_set_sys(err, o->sys, "cannot write") : true;
}
