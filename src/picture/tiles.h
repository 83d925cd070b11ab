/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The cells of a map: what a number of neighbouring clusters comes to, as one colour, one
 * letter and how full it is. A problem inside wins over everything, at every zoom. */
#ifndef QCHECK_PICTURE_TILES_H
#define QCHECK_PICTURE_TILES_H

#include <stddef.h>

#include "insight/difference.h"
#include "picture/order.h"
#include "picture/palette.h"

enum map_space { SPACE_FILE, SPACE_GUEST, N_SPACES };

enum map_colouring {
    COLOUR_CLASS,           /* what it is */
    COLOUR_JUMPS,           /* how far the next guest cluster is */
    COLOUR_REFS,            /* how many references; file only */
    COLOUR_ORDER,           /* where it is on the other side */
    COLOUR_CONTENT,         /* what the bytes look like; file only */
    COLOUR_ZONES,           /* which zone (file system); guest only */
    N_COLOURINGS,
    COLOUR_CHANGES = N_COLOURINGS   /* what differs; only where two images are compared */
};

/* A part of the guest's disk with a letter of its own, "a" and so on. */
struct tile_zone { uint64_t off, end; unsigned number; };       /* bytes */
static inline char tile_zone_letter(unsigned number)
{
    return (char)('a' + number % 26);
}

struct tile {
    uint8_t paint;          /* enum paint */
    char letter;            /* '!' for problems */
    char inner;             /* the same without regard to problems */
    uint8_t eighths;        /* of it in use, 0 to 8 */
    bool problem;
    bool unread;            /* the running scan has not been there */
    char begins;            /* letter of a zone that begins in it; 0: none */
};

/* What tiles are made from. Before the scan has ended `scan` is NULL, and `progress` has a
 * preview while it runs. The surveys may be missing (NULL): then guest tiles are unread
 * and colourings that need the order fall back to classes. */
struct tile_source {
    const struct image *img;
    const struct scan_result *scan;
    const struct scan_progress *progress;
    const struct guest_map *guest;
    const struct order *order;
    uint32_t layer;                 /* whose disk the guest tiles are of */
    const struct tile_zone *zone;   /* of it: rising, not overlapping */
    size_t n_zones;
    /* What clusters of the file look like: enum look_like + 1, 0 where nobody has looked; ctx
     * is its own. NULL: not known. */
    uint8_t (*looks)(const void *ctx, uint64_t cluster);
    const void *looks_ctx;
    const struct difference *changes;   /* COLOUR_CHANGES: from another image to this one */
};

/* Makes n tiles of per_tile clusters each, the first of them starting at cluster `first`.
 * Tiles past the end get the letter 0. Cost: about that of looking at each tile once. */
void tiles_make(const struct tile_source *from, enum map_space space,
                enum map_colouring colouring, uint64_t first, uint64_t per_tile, size_t n,
                struct tile *out);

/* For tiles.c: tiles of COLOUR_CHANGES; change_tiles.c. Tiles after `from` ends are made as well,
 * as long as something differs there. */
void change_tiles_make(const struct tile_source *from, enum map_space space, uint64_t first,
                       uint64_t per_tile, size_t n, struct tile *out);
enum change_look change_look_of_host(enum host_change_kind k);
enum change_look change_look_of_guest(enum guest_change_kind k);
/* How full a tile is: part / whole in eighths, at least one of something. */
uint8_t tiles_eighths(uint64_t part, uint64_t whole);

/* Clusters of a space; of the guest disk: in a layer. */
uint64_t tiles_clusters(const struct image *img, enum map_space space, uint32_t layer);

/* The running scan's sample of [first, first+n) as a histogram of places looked at. */
void tiles_preview(const struct image *img, const struct scan_progress *progress,
                   uint64_t first, uint64_t n, struct map_hist *out);

/* Clusters of a tile, so that all of a space fits into `room` of them and fills most of
 * it: few significant bits, so that people can read it. */
uint64_t tiles_fit(uint64_t clusters, uint64_t room);

/* Step of the ramp for a number of references. */
unsigned tiles_ref_level(uint64_t references);

/* What a step of the ramp says in a colouring that has one. */
const char *tiles_ramp_name(enum map_colouring c, unsigned step);

#endif
