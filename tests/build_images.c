/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writes one image of every sort that the builder makes into a directory, and prints the
 * path of each. builder_qemu.sh asks qemu-img what it thinks of them. */
#include "config.h"

#include <stdio.h>

#include "support/sound_images.h"

int main(int argc, char **argv)
{
    struct sound_image image[SOUND_IMAGES_MAX];
    size_t n = sound_images(image);

    if (argc != 2)
        return 2;
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        struct builder *b = sound_image_build(&image[i]);

        snprintf(path, sizeof path, "%s/%s.qcow2", argv[1], image[i].name);
        builder_save(b, path);
        puts(path);
        builder_free(b);
    }
    return 0;
}
