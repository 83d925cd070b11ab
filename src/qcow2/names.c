/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/names.h"

#include <string.h>

/* The decoders end what they keep with a NUL, so strlen stays inside. */
size_t snapshot_id_len(const struct snapshot *s)
{
    return strlen(s->id);
}

size_t snapshot_name_len(const struct snapshot *s)
{
    return strlen(s->name);
}

size_t bitmap_name_len(const struct bitmap *b)
{
    return strlen(b->name);
}

const char *l2_type_id(enum l2_type type)
{
    static const char *const id[] = {
        [L2_UNALLOCATED] = "unallocated", [L2_ZERO_PLAIN] = "zero",
        [L2_ZERO_ALLOC] = "zero-allocated", [L2_NORMAL] = "data",
        [L2_COMPRESSED] = "compressed",
    };

    return id[type];
}

bool snapshot_find(const struct image *img, const char *text, size_t *out)
{
    for (size_t i = 0; i < img->snaps.n; i++) {
        if (strcmp(img->snaps.list[i].id, text) == 0) {
            *out = i;
            return true;
        }
    }
    for (size_t i = 0; i < img->snaps.n; i++) {
        if (strcmp(img->snaps.list[i].name, text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

const char *side_state_name(enum side_state state)
{
    static const char *const name[] = {
        [SIDE_NONE] = "none",
        [SIDE_UNKNOWN] = "not-looked-at",
        [SIDE_THERE] = "there",
        [SIDE_MISSING] = "missing",
        [SIDE_UNFIT] = "unfit",
        [SIDE_SHORT] = "short",
    };

    return name[state];
}
