/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Giving up what a check does not need, once the image is open.
 *
 * After sandbox_enter() the process can use what it has open and nothing else: no file or
 * socket can be opened, no program started, no privilege gained. So a fault in the code that
 * reads a hostile image cannot reach another file. Three layers, each used where the kernel
 * has it, and only on Linux: no_new_privs; Landlock (no path can be opened, no TCP port
 * used); seccomp (a list of permitted system calls, the others fail with EPERM).
 *
 * What must come first: opening the image and its chain, connecting to a server, the
 * terminal (terminfo files), locale and time zone. Nothing that is open is taken away. */
#ifndef QCHECK_BASE_SANDBOX_H
#define QCHECK_BASE_SANDBOX_H

#include <stdbool.h>

#include "base/buf.h"

struct sandbox {
    bool no_new_privs;
    int landlock;           /* version of the interface; 0: not there */
    bool seccomp;
};

/* Enters, for good. Whatever the kernel lacks is left out; *out (may be NULL) says what is
 * in force. For all threads, save that Landlock holds for the calling one and those it
 * starts later. False: the kernel has neither Landlock nor seccomp for us, which people
 * should hear. True where this program has no sandbox at all (not Linux, or sanitizers).
 *
 * Inside, no signal reaches another process, nothing is locked, and no path is answered for:
 * of open files and of this process itself only. */
bool sandbox_enter(struct sandbox *out);

/* The first of two stages, before the first byte of an image is parsed where more must be
 * opened after that: backing files that it names, the description of the terminal. As
 * sandbox_enter(), but files may still be opened for reading, and paths are answered for. */
bool sandbox_enter_reading(struct sandbox *out);

/* The same for a command that writes a file of its own, which is open: it may still write to
 * it, give it a length, punch holes, and sync. */
bool sandbox_enter_writing(struct sandbox *out);

/* The same for a process that runs libraries on a file in memory, which is open: it may write
 * to that, give it a length, and ask what it is. */
bool sandbox_enter_libraries(struct sandbox *out);

/* What sandbox_enter() could do here, without doing it. */
void sandbox_probe(struct sandbox *out);

/* "no new privileges, Landlock (version 7), seccomp", or "none". */
void sandbox_text(const struct sandbox *s, struct buf *out);

#endif
