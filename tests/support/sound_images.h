/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One sound image of every sort that the builder makes. */
#ifndef QCHECK_TESTS_SOUND_IMAGES_H
#define QCHECK_TESTS_SOUND_IMAGES_H

#include "image_builder.h"

#define SOUND_IMAGES_MAX 32

struct sound_image {
    char name[64];
    struct builder_options opt;
};

/* Fills `out` and returns how many there are. */
size_t sound_images(struct sound_image out[SOUND_IMAGES_MAX]);

/* With data, zeros, compressed clusters, snapshots and bitmaps, as far as it can have them. */
struct builder *sound_image_build(const struct sound_image *image);

#endif
