/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Makes qcow2 images in memory for tests: sound ones, which the test then damages by
 * field name or byte. Everything that goes wrong in here is a fault of the test and
 * aborts.
 *
 *     struct builder *b = builder_new(BUILDER_DEFAULTS);
 *     uint64_t data = builder_map(b, 3);                      guest cluster 3
 *     builder_poke_field(b, "header", 0, "l1_size", 0);
 *     struct image *img = builder_open(b);
 *     ...
 *     image_close(img);
 *     builder_free(b);
 * */
#ifndef QCHECK_TESTS_IMAGE_BUILDER_H
#define QCHECK_TESTS_IMAGE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcow2/image.h"

struct builder_options {
    uint32_t version;               /* 2 or 3 */
    uint32_t cluster_bits;          /* 9 to 21 */
    uint32_t refcount_order;        /* 0 to 6 */
    uint64_t size;                  /* bytes of guest disk */
    uint64_t l1_size;               /* entries; 0: as many as the disk needs */
    bool extended_l2;
    bool zstd;                      /* compression type in the header only */
    const char *data_file;          /* name of an external data file; NULL: none */
    const char *backing_file;       /* NULL: none */
    uint64_t crypto_len;            /* bytes of a LUKS header area; 0: no encryption */
};

/* Version 3, 4 KiB clusters, 16-bit refcounts, a disk of 4 MiB. */
#define BUILDER_DEFAULTS \
    ((struct builder_options){ .version = 3, .cluster_bits = 12, .refcount_order = 4, \
                               .size = 4 << 20 })

struct builder_snapshot { char *id, *name; uint64_t l1_off, l1_size; };
struct builder_bitmap { char *name; uint32_t granularity_bits, flags; uint64_t table_off,
                        table_size; };

struct builder {
    struct builder_options opt;
    struct geometry geo;            /* file_size and n_clusters: of an empty file */
    uint8_t *bytes;                 /* the image */
    size_t len;                     /* bytes */
    uint64_t l1_off, l1_size;       /* active L1: host byte, entries */
    uint64_t reftable_off;          /* host byte */
    uint64_t reftable_clusters;
    uint64_t snapshots_off;         /* host byte of the snapshot table; 0: none yet */
    uint64_t bitmap_dir_off;        /* host byte; 0: none yet */
    uint64_t bitmaps_ext_off;       /* host byte of the data of the bitmaps extension */
    uint64_t crypto_off;
    struct builder_snapshot snapshot[16];
    size_t n_snapshots;
    struct builder_bitmap bitmap[16];
    size_t n_bitmaps;
    uint64_t packed, packed_end;    /* host bytes left for compressed data */
};

struct builder *builder_new(struct builder_options opt);
void builder_free(struct builder *b);

/* --- the guest disk --- */
/* Gives a guest cluster a new host cluster, filled with a pattern made of its number, and
 * returns its host byte. Copies a shared L2 table first, as a real write does. */
uint64_t builder_map(struct builder *b, uint64_t guest_cluster);
/* An entry that reads as zeros; alloc: with a host cluster (returned), else returns 0. */
uint64_t builder_map_zero(struct builder *b, uint64_t guest_cluster, bool alloc);
/* Deflates a pattern into the packed area; returns the host byte where the data
 * starts. */
uint64_t builder_map_compressed(struct builder *b, uint64_t guest_cluster);
/* Writes a raw entry (and bitmap where entries are extended), refcounts untouched; makes
 * the L2 table when there is none. */
void builder_set_l2(struct builder *b, uint64_t guest_cluster, uint64_t entry,
                    uint64_t bitmap);
/* Host byte of the L2 entry of a guest cluster, in the active layer; makes the table. */
uint64_t builder_l2_entry_off(struct builder *b, uint64_t guest_cluster);
uint64_t builder_l1_entry_off(const struct builder *b, uint64_t l1_index);
/* What builder_map writes into its cluster: fills `out` with cluster_size bytes. */
void builder_pattern(const struct builder *b, uint64_t guest_cluster, uint8_t *out);

/* --- clusters and refcounts --- */
/* n contiguous zeroed host clusters with refcount 1; returns their host byte. */
uint64_t builder_alloc(struct builder *b, uint64_t n);
void builder_set_refcount(struct builder *b, uint64_t cluster, uint64_t value);
uint64_t builder_refcount(const struct builder *b, uint64_t cluster);
/* Host byte of the refcount block that describes this cluster; makes it. */
uint64_t builder_refblock_off(struct builder *b, uint64_t cluster);

/* --- snapshots and bitmaps --- */
/* Takes a snapshot as QEMU does: shares everything, clears COPIED. Returns its number. */
size_t builder_add_snapshot(struct builder *b, const char *id, const char *name);
/* Adds a bitmap with one data cluster; all other entries are 0. Returns its number. */
size_t builder_add_bitmap(struct builder *b, const char *name, uint32_t granularity_bits,
                          uint32_t flags);
/* Host byte of the directory entries. */
uint64_t builder_snapshot_off(const struct builder *b, size_t i);
uint64_t builder_bitmap_off(const struct builder *b, size_t i);

/* --- damage --- */
uint64_t builder_peek(const struct builder *b, uint64_t off, size_t width);
void builder_poke(struct builder *b, uint64_t off, size_t width, uint64_t value);
/* Writes a field by its name in the field tables, into the structure at host byte
 * `at`. In bit tables offsets are given as they are, and fields are cut to their
 * width. */
void builder_poke_field(struct builder *b, const char *table, uint64_t at,
                        const char *field, uint64_t value);
/* Shortens or lengthens (with zeros) the file. */
void builder_truncate(struct builder *b, size_t len);

/* --- use --- */
struct source *builder_source(const struct builder *b);    /* borrows the bytes */
struct image *builder_open(const struct builder *b);       /* aborts when it cannot */
void builder_save(const struct builder *b, const char *path);

#endif
