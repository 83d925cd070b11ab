/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Libraries that are loaded when they are first needed: most runs need none of them, and their
 * packages may be missing. Of each only the headers are used to build; configure finds the name
 * of the file. Inside the sandbox nothing can be loaded any more. */
#ifndef QCHECK_BASE_LIBRARY_H
#define QCHECK_BASE_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

/* The calls of a library are listed once:
 *     #define X_CALLS(X) X(first_call) X(second_call)
 *     struct x_lib { X_CALLS(LIBRARY_CALL) };
 *     static struct x_lib calls;
 *     static const char *const names[] = { X_CALLS(LIBRARY_NAME) };
 *     static struct library lib = LIBRARY(LIBX, "libx", "things of X", names, calls);
 * LIBX_FILE and LIBX_PACKAGE, the one in Debian, come from configure; "libx" is the one in
 * Fedora. */
#define LIBRARY_CALL(name) __typeof__(name) *name;
#define LIBRARY_NAME(name) #name,
#define LIBRARY(LIB, fedora, use, names, calls) \
    { LIB##_FILE, LIB##_PACKAGE " (Debian) or " fedora " (Fedora)", use, names, &(calls), \
      sizeof (names) / sizeof *(names), false, false }

struct library {
    const char *file;           /* "libnbd.so.0" */
    const char *packages;       /* that it is in: "libnbd0 (Debian) or libnbd (Fedora)" */
    const char *use;            /* what needs it, in the plural */
    const char *const *names;   /* of the calls */
    void *calls;                /* as many pointers to functions */
    size_t n;
    bool tried, loaded;
};

/* Loads it for the rest of the process and fills `calls`, at the first call. The answer stays
 * the same; *err names the package. Any thread. */
bool library_load(struct library *l, struct error *err);

#endif
