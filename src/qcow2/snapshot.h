/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The snapshot table. Spec: "Snapshots". */
#ifndef QCHECK_QCOW2_SNAPSHOT_H
#define QCHECK_QCOW2_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/source.h"
#include "qcow2/geometry.h"

struct snapshot {
    uint64_t entry_off;             /* host byte where the table entry starts */
    uint64_t entry_len;             /* bytes, without padding */
    uint64_t l1_table_offset;
    uint64_t l1_size;               /* entries */
    uint64_t id_size, name_size;    /* bytes */
    uint64_t date_sec, date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t vm_state_size;         /* bytes; the 64-bit one where present, else 32-bit */
    uint64_t extra_data_size;       /* bytes */
    uint64_t disk_size;             /* bytes; where it is missing, the image's */
    uint64_t icount;                /* UINT64_MAX: absent */
    char *id, *name;                /* raw bytes and a NUL, of the sizes above
                                       (cut where the table or the file was cut, and
                                       where they are longer than limits.h keeps) */
    bool id_cut;                    /* id or name reach past the end of the file */
};

enum snapshots_end {
    SNAPSHOTS_COMPLETE,
    SNAPSHOTS_TOO_MANY,             /* nb_snapshots > SNAPSHOTS_MAX: none are read */
    SNAPSHOTS_BAD_OFFSET,           /* not cluster aligned, or past 2^63: none are read */
    SNAPSHOTS_EXTRA_TOO_LARGE,      /* entry `fault` has more than SNAPSHOT_EXTRA_MAX; it and
                                       those behind are read where they make sense */
    SNAPSHOTS_TABLE_TOO_LARGE,      /* entry `n` would end after SNAPSHOT_TABLE_MAX */
    SNAPSHOTS_PAST_FILE,            /* entry `n` starts at or after the end of the file */
    SNAPSHOTS_UNREADABLE,           /* I/O error in entry `n` */
};

struct snapshots {
    struct snapshot *list;          /* owned, table order */
    size_t n;                       /* entries decoded */
    struct arena text;              /* their ids and names */
    uint64_t announced;             /* nb_snapshots */
    uint64_t table_off;             /* bytes */
    uint64_t table_len;             /* bytes up to the end of the last decoded entry */
    uint64_t whole_len;             /* the same with the all-zero entries past the
                                       end of the file, announced but not kept */
    enum snapshots_end end;         /* the first that QEMU would stop at */
    size_t fault;                   /* the entry it is about */
    struct source_span bad;         /* the bytes of SNAPSHOTS_UNREADABLE */
};

/* Reads the table as far as it can be read. A table that runs past the end of the file
 * reads as zeros there, as QEMU does: entries that start after it are all zeros. To keep
 * memory bounded by the file these are only counted (announced - n), not stored.
 * False only when memory runs out. */
bool snapshots_read(struct source *src, const struct header *hdr,
                    const struct geometry *geo, struct snapshots *out, struct error *err);
void snapshots_free(struct snapshots *s);

/* An entry that is told by what is in it. */
struct snapshot_seen { uint64_t len, extra_len, id_size, l1_off; };

/* Does an entry of a snapshot table lie at this byte? Its L1 table lies in the file, its id
 * is text, and it is not longer than what the format allows. Where the length of its extra
 * data cannot be right, usual ones are tried. */
bool snapshot_seems(struct source *src, const struct geometry *geo, uint64_t off,
                    struct snapshot_seen *out);

/* Does QEMU refuse a table of n entries at this offset? */
bool snapshots_offset_bad(const struct geometry *geo, uint64_t off, uint64_t n);

/* Bytes to keep of a name of `len` bytes; *left: of NAMES_KEPT_MAX for all of them. */
size_t name_kept(uint64_t len, uint64_t *left);

#endif
