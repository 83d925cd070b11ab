/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The calls of The Sleuth Kit that are used, found at run time: the library brings forty
 * others with it, for kinds of images that are not read here. */
#ifndef QCHECK_VOLUMES_FS_TSK_LIB_H
#define QCHECK_VOLUMES_FS_TSK_LIB_H

#include <stdbool.h>
#include <tsk/libtsk.h>

#define TSK_CALLS(X) \
    X(tsk_fs_close) \
    X(tsk_fs_dir_walk) \
    X(tsk_fs_file_attr_get_idx) \
    X(tsk_fs_file_attr_getsize) \
    X(tsk_fs_file_close) \
    X(tsk_fs_file_open_meta) \
    X(tsk_fs_open_img) \
    X(tsk_img_close) \
    X(tsk_img_open_external)

struct tsk_lib {
#define X(name) __typeof__(name) *name;
    TSK_CALLS(X)
#undef X
};

/* NULL: it could not be loaded (fs_work.h: fs_libraries_load). */
const struct tsk_lib *tsk_lib(void);

#endif
