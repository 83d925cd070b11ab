/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The calls of libarchive that are used. It brings twenty libraries with it, XML and Unicode among
 * them, which only packs need. */
#ifndef QCHECK_BASE_PACK_LIB_H
#define QCHECK_BASE_PACK_LIB_H

#include <archive.h>
#include <archive_entry.h>

#include "base/library.h"

#define ARCHIVE_CALLS(X) \
    X(archive_errno) X(archive_error_string) X(archive_entry_filetype) \
    X(archive_entry_free) X(archive_entry_new) X(archive_entry_pathname) \
    X(archive_entry_set_filetype) X(archive_entry_set_mtime) \
    X(archive_entry_set_pathname) X(archive_entry_set_perm) X(archive_entry_set_size) \
    X(archive_entry_size) X(archive_entry_sparse_add_entry) X(archive_read_data_block) \
    X(archive_read_free) X(archive_read_new) X(archive_read_next_header) \
    X(archive_read_open) X(archive_read_support_filter_zstd) \
    X(archive_read_support_format_raw) X(archive_read_support_format_tar) \
    X(archive_set_error) X(archive_write_add_filter_zstd) X(archive_write_close) \
    X(archive_write_data) X(archive_write_free) X(archive_write_header) \
    X(archive_write_new) X(archive_write_open2) \
    X(archive_write_set_bytes_in_last_block) X(archive_write_set_bytes_per_block) \
    X(archive_write_set_filter_option) X(archive_write_set_format_pax_restricted)
struct pack_lib { ARCHIVE_CALLS(LIBRARY_CALL) };

/* NULL: it cannot be loaded. */
const struct pack_lib *pack_lib(struct error *err);

#endif
