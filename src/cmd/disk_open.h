/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What read, export and sum have in common: from settings to the disk of a layer. */
#ifndef QCHECK_CMD_DISK_OPEN_H
#define QCHECK_CMD_DISK_OPEN_H

#include "cmd/cmd_common.h"
#include "disk/disk.h"
#include "insight/gone.h"

/* An image with what lies below it, and the key. */
struct disk_files {
    struct image *img;
    struct chain chain;
    void *key;                  /* owned; contents of --key-file, NULL: none */
    size_t key_len;
    struct gone gone;           /* what disk_files_look() found: mapping that is lost */
    struct guest_spans lost;    /* ... and all that is lost of the active disk */
};
#define DISK_FILES_INIT { NULL, CHAIN_INIT, NULL, 0, GONE_INIT, { NULL, 0, 0, false } }

/* Reads the key file, opens the image and, with --backing, the files it names; says what of
 * them is missing. Enters the sandbox before a byte of the image is parsed, unless
 * `late_sandbox`: then the caller does, when what it writes to is open. */
bool disk_files_open(const struct settings *s, const char *name, bool late_sandbox,
                     struct disk_files *out, struct error *err);
/* Reads all of a key file: before the sandbox. */
bool disk_files_key(const char *path, struct disk_files *f, struct error *err);
/* Is a file of the chain missing, or the data file? Which one has been told. */
bool disk_files_incomplete(const struct disk_files *f);
void disk_files_close(struct disk_files *f);

/* The layer that --layer names (not "all"); the active one without. */
bool disk_files_layer(const struct settings *s, const struct disk_files *f,
                      struct disk_layer *out, struct error *err);

/* Scans the image, with progress, and says which causes have lost parts of the active disk:
 * disks opened from then on know where a table is lost. The sink (may be NULL) gets every
 * problem, those that are kept once more at the end, when it is known who shares a cluster. */
bool disk_files_look(const struct settings *s, const char *name, struct disk_files *f,
                     const struct problem_sink *sink, struct error *err);

/* The disk of that layer; the caller closes it first. */
bool disk_files_disk(const struct disk_files *f, struct disk_layer layer, struct disk **out,
                     struct error *err);

/* Says on standard error how many bytes of each state are lost. */
void tell_lost(const struct settings *s, const char *name,
               const uint64_t bytes[N_DISK_STATES]);

/* Exit status for a disk of which these bytes were had. */
int lost_status(const uint64_t bytes[N_DISK_STATES]);

#endif
