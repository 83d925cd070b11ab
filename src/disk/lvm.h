/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Metadata of LVM2 (lib/format_text of lvm2). A label in one of the first sectors of a physical
 * volume leads to a ring buffer, and the text in it tells how logical volumes are put together
 * from extents. Nothing here is believed: all numbers are as the text has them. */
#ifndef QCHECK_DISK_LVM_H
#define QCHECK_DISK_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LVM_SECTOR      512
#define LVM_ID_LEN      32                      /* without dashes */
#define LVM_WORD_MAX    128
#define LVM_LABEL_LEN   (4 * LVM_SECTOR)        /* the label is in one of the first sectors */

/* What a label says. */
struct lvm_label {
    char id[LVM_ID_LEN + 1];
    uint64_t device_len;                        /* bytes */
    uint64_t mda_off, mda_len;                  /* bytes from the start of the volume; 0: none */
};
/* bytes: LVM_LABEL_LEN of them, the first of a physical volume. */
bool lvm_label_read(const uint8_t *bytes, struct lvm_label *out);

/* Where the newest text is in a metadata area, from its first sector. off: bytes from the start
 * of the area; the text goes on at LVM_SECTOR where it reaches the end of the area. */
struct lvm_text_place { uint64_t off, len; uint32_t sum; };
bool lvm_area_read(const uint8_t *sector, const struct lvm_label *label,
                   struct lvm_text_place *out);

/* Reads bytes of a physical volume; false: not known. */
typedef bool lvm_read_fn(void *ctx, uint64_t off, void *dst, size_t len);
/* The newest text of a volume of `len` bytes, NUL-terminated, to be freed; NULL: none. */
char *lvm_text_load(lvm_read_fn *read, void *ctx, uint64_t len, struct lvm_label *label);

struct lvm_pv { char name[LVM_WORD_MAX]; char id[LVM_ID_LEN + 1]; uint64_t pe_start; /* sectors */ };
/* Extents [start, start + count) of a logical volume lie from `pe` on in a physical one, if
 * `stripes` is 1. */
struct lvm_segment {
    uint64_t start, count, pe, stripes;
    char type[LVM_WORD_MAX], pv[LVM_WORD_MAX];
};
struct lvm_lv {
    char name[LVM_WORD_MAX];
    bool visible;                               /* not a part of another */
    struct lvm_segment *segment;                /* owned */
    size_t n_segments;
};
struct lvm_group {
    char name[LVM_WORD_MAX];
    uint64_t extent_size;                       /* sectors */
    struct lvm_pv *pv;                          /* owned */
    struct lvm_lv *lv;                          /* owned */
    size_t n_pvs, n_lvs;
};

/* False: out of memory. What is too much is left out. */
bool lvm_group_parse(const char *text, struct lvm_group *out);
void lvm_group_free(struct lvm_group *g);
/* The physical volume that segments call so; NULL: none. */
const struct lvm_pv *lvm_pv_named(const struct lvm_group *g, const char *name);
/* Is it one piece of one physical volume? */
bool lvm_segment_linear(const struct lvm_segment *s);
/* An id without its dashes. */
void lvm_copy_id(char out[LVM_ID_LEN + 1], const char *text);

#endif
