/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Bytes of the guest's disk for people: in hexadecimal, with the state of each run. */
#ifndef QCHECK_REPORT_DISK_DUMP_H
#define QCHECK_REPORT_DISK_DUMP_H

#include "disk/disk.h"
#include "report/out.h"

/* `off` is the guest byte of bytes[0]; spans cover [off, off + len). */
void disk_dump(uint64_t off, const uint8_t *bytes, size_t len,
               const struct disk_spans *spans, struct out *out);

#endif
