/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Whether a file that an image names is there. The names are known only once the image is
 * read, in the sandbox, where no path can be opened. So a process is forked before: it asks
 * for the type and the size of the few files it is told, opens none, and ends. It reads
 * nothing of the image. */
#ifndef QCHECK_BASE_LOOKOUT_H
#define QCHECK_BASE_LOOKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum seen {
    SEEN_NOTHING,               /* was not looked at: no answer, no permission */
    SEEN_MISSING,               /* there is no such file */
    SEEN_FILE,                  /* a regular file, with its size */
    SEEN_DEVICE,                /* a block device */
    SEEN_UNFIT,                 /* a directory, FIFO, socket or character device */
};

struct lookout { int fd; };      /* -1: none */
#define LOOKOUT_NONE { -1 }

#define LOOKOUT_NAME_MAX 1023   /* bytes of a name */

/* Starts it for files beside `image_name`: relative names are relative to its folder. When it
 * cannot start, nothing will be seen. */
void lookout_start(const char *image_name, struct lookout *out);

struct seen_file { uint64_t size, allocated; };  /* bytes: its length, and those on disk */

/* Waits a few seconds at most. here: relative names are relative to the working folder
 * instead. *file: of SEEN_FILE, else zeros. */
enum seen lookout_ask(struct lookout *l, const void *name, size_t len, bool here,
                      struct seen_file *file);

void lookout_end(struct lookout *l);

#endif
