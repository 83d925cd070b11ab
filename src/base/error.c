/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Formats into text[0 ... room). What does not fit is left out, from the start of a UTF-8
 * character on, and "..." says so. */
static void format(char *text, size_t room, const char *fmt, va_list ap)
{
    int len = vsnprintf(text, room, fmt, ap);
    size_t end;

    if (len < 0)
        text[0] = '\0';
    if (len < 0 || (size_t)len < room)
        return;
    end = room - sizeof "...";
    while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof "...");
}

void err_fill(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return;
    err->code = code;
    err->sys = 0;
    err->rule = NULL;
    va_start(ap, fmt);
    format(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
}

void err_fill_sys(struct error *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    size_t used;
    char memory[128];
    const char *reason = memory;

    if (!err)
        return;
    err->code = ERR_IO;
    err->sys = errnum;
    err->rule = NULL;
#ifdef STRERROR_R_CHAR_P
    reason = strerror_r(errnum, memory, sizeof memory);
#else
    if (strerror_r(errnum, memory, sizeof memory) != 0)
        snprintf(memory, sizeof memory, "error %d", errnum);
#endif
    /* The reason is kept, whatever name comes before it. */
    va_start(ap, fmt);
    format(err->text, sizeof err->text - sizeof memory - 2, fmt, ap);
    va_end(ap);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", reason);
}
