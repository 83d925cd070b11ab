/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A growing byte buffer, always NUL-terminated. Out of memory is remembered in `failed`
 * and makes every later call do nothing, so that callers check once, at the end. */
#ifndef QCHECK_BASE_BUF_H
#define QCHECK_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;             /* owned; NULL while empty: use buf_str() */
    size_t len;             /* bytes, without the NUL */
    size_t cap;
    bool failed;
};

#define BUF_INIT { NULL, 0, 0, false }

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_reset(struct buf *b);              /* empty again, keeps the memory */
void buf_free(struct buf *b);
const char *buf_str(const struct buf *b);   /* never NULL */
/* Takes the string out of the buffer (caller frees); NULL when memory ran out. */
char *buf_take(struct buf *b);

#endif
