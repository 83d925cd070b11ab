/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the two processes of volumes.h say to each other: a header, then so many bytes.
 * First the job and its ranges go to the helper; then it sends messages, and each READ is
 * answered with the bytes it asks for, bare. */
#ifndef QCHECK_VOLUMES_VOLUMES_WIRE_H
#define QCHECK_VOLUMES_VOLUMES_WIRE_H

#include "volumes/volumes.h"

enum wire_type { WIRE_READ, WIRE_VOLUME, WIRE_PLACES, WIRE_ITEM, WIRE_PROGRESS, WIRE_END,
                 WIRE_FAILED /* followed by the reason */ };

struct wire_header { uint32_t type, len; };
#define WIRE_LEN_MAX (1u << 20)             /* bytes of one message, and of one read */

struct wire_job {
    uint32_t want;
    bool want_places;
    uint64_t size;                          /* of the disk */
    uint64_t n_ranges[N_LACKS];             /* struct guest_range each, one list after the other */
};

struct wire_read { uint64_t off, len; };

/* Followed by its extents. A volume that was sent before is replaced. */
struct wire_volume {
    uint32_t index;
    struct volume v;                        /* `extents` means nothing here */
};

#define WIRE_PLACES_MAX 4096
/* Some or all places of the item that comes next: as many ranges as fit its length. */
struct wire_places { struct guest_range at[WIRE_PLACES_MAX]; size_t n; };

/* Followed by its path, without NUL; item.path means nothing here. */
struct wire_item { struct volume_item item; };

/* Sends or receives all of it; false when the other side is gone. `silence_ms`: longest wait
 * for one byte, -1: for ever. */
bool wire_send(int fd, const void *bytes, size_t len);
bool wire_receive(int fd, void *bytes, size_t len);

/* The helper's side: serves one job, then exits. */
_Noreturn void fs_main(int fd);

#endif
