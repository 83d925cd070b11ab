/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Errors of the program itself: I/O, memory, limits, not a qcow2. What is wrong with the
 * *image* is never an error but a problem (scan/problem.h).
 *
 * A function that can fail returns bool, true for success, and takes `struct error *err`
 * as its last argument; NULL means the caller does not want the details. */
#ifndef QCHECK_BASE_ERROR_H
#define QCHECK_BASE_ERROR_H

#include <stdbool.h>

enum error_code {
    ERR_NONE,
    ERR_IO,         /* reading failed; `sys` holds errno */
    ERR_NOMEM,
    ERR_LIMIT,      /* one of our own limits (base/limits.h) */
    ERR_FORMAT,     /* the bytes are not what they must be to go on at all */
    ERR_SHORT,      /* ends before it must */
    ERR_USAGE,      /* the person asked for something that does not exist */
    ERR_CANCELLED,
};

struct error {
    enum error_code code;
    int sys;                /* errno where there is one, else 0 */
    char text[400];         /* one line, no newline, safe to print */
    const char *rule;       /* of ERR_FORMAT: which rule of QEMU the image breaks, a constant
                               (qcow2/image.h); else NULL */
};

/* err_set(err, code, format, ...) fills *err (when not NULL) and is false, so that
 * `return err_set(...)` reads well. A macro, so that compilers and analyzers know that a
 * function that ends so has failed. */
static inline bool err_failed(void)
{
    return false;
}
#define err_set(...) (err_fill(__VA_ARGS__), err_failed())
void err_fill(struct error *err, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* err_set_sys(err, errnum, format, ...): the same for a failed system call: code ERR_IO,
 * `sys` = errnum, ": strerror" appended. */
#define err_set_sys(...) (err_fill_sys(__VA_ARGS__), err_failed())
void err_fill_sys(struct error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
