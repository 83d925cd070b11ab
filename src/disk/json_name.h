/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Names of images as "json:{...}", in which QEMU's options are written out. */
#ifndef QCHECK_DISK_JSON_NAME_H
#define QCHECK_DISK_JSON_NAME_H

#include <stdbool.h>

#include "base/error.h"

struct json_name {
    char *path;         /* owned; as it is there: relative to where the program runs, as in QEMU */
    char *format;       /* owned; "qcow2", "raw" or another; NULL: not said */
};

bool is_json_name(const char *name);
/* Fails with ERR_FORMAT when it does not say that a file is read from its start to its end,
 * with nothing laid over it. */
bool json_name_read(const char *name, struct json_name *out, struct error *err);
void json_name_free(struct json_name *name);

#endif
