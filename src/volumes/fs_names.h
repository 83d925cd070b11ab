/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Files and directories of one file system, by number, until their names are known. */
#ifndef QCHECK_VOLUMES_FS_NAMES_H
#define QCHECK_VOLUMES_FS_NAMES_H

#include "volumes/fs_work.h"

#define FS_NODES_MAX (6u << 20)         /* kept; then `cut` is set */

struct fs_node {
    uint64_t id, parent;                /* parent means something once there is a name */
    uint64_t size;
    struct touch touch;
    uint32_t name;                      /* place in `text` + 1; 0: none yet */
    uint16_t name_len;
    uint8_t kind, flags;                /* of struct volume_item */
    bool wanted;                        /* to be sent; else only there for its name */
    bool in_pieces;                     /* NTFS: what its other records say is still to come */
};

struct fs_names {
    struct fs_node *node;
    uint32_t n, cap;
    uint32_t *slot, n_slots;            /* hash of ids: number of the node + 1 */
    char *text;
    size_t text_len, text_cap;
    uint64_t root;                      /* id of "/" */
    bool cut;
};

/* False when there are too many, or memory runs out; `cut` is set then. */
struct fs_node *names_add(struct fs_names *n, uint64_t id);
struct fs_node *names_find(const struct fs_names *n, uint64_t id);
/* The first name that is given stays. */
void names_name(struct fs_names *n, struct fs_node *node, uint64_t parent, const char *name,
                size_t len);
/* Sends all that are wanted: what lacks most first, or of VOLUMES_ALL as they were added. */
void names_send(struct fs *fs, struct fs_names *n);
void names_free(struct fs_names *n);

/* Writes n units of UTF-16, little-endian, as UTF-8 of at most 3 * n bytes and gives their
 * number. Half a surrogate pair stays as it is: no valid UTF-8, and shown so. */
size_t names_utf8(const uint8_t *p, size_t n, char *out);

#endif
