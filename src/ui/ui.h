/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The inspector: everything a command needs to know of it. */
#ifndef QCHECK_UI_UI_H
#define QCHECK_UI_UI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "disk/disk.h"
#include "qcow2/image.h"
#include "qcow2/place.h"
#include "ui/keeper.h"
#include "ui/keys.h"
#include "ui/number.h"
#include "ui/theme.h"
#include "volumes/volumes.h"

struct reopener;
struct scribe;

struct ui_options {
    enum theme_id theme;
    bool ascii;                 /* --ascii; also chosen when the locale is not UTF-8 */
    bool no_mouse;
    bool mono;                  /* NO_COLOR is set: no colours whatever the theme */
    unsigned threads;           /* of the scan; 0: as many as cores */
    size_t problems_kept;       /* 0: the default */
    uint64_t memory_limit;      /* bytes; 0: the default */
    bool sandbox;               /* give up all but terminal and image once open */
    struct disk_options disk;   /* what of the chain is open, and keys that are */
    struct volumes_helper *helper;  /* reads file systems; NULL: nothing does */
    struct image_options image; /* with which it was opened */
    struct source *plan;        /* a plan to begin with; NULL: none */
    struct reopener *reopener;  /* opens the image's file again; NULL: nothing does */
    const struct scribe *scribe;    /* writes plans that are saved; NULL: nobody does */
    const struct keymap *keys;  /* a person's own; NULL: none */
    const struct theme_colours *colours;
    enum number_style numbers;  /* that views begin with */
    struct keeper *keeper;      /* writes what a person keeps; NULL: nothing does */
    const char *bookmarks;      /* those there are, as text; NULL: none */
    bool tour;                  /* guide through the image when the scan has ended */
    const char *script;         /* ... of it (ui/guide.h); NULL: none */
    const struct image *other;  /* A, to compare the image with, which is B then; NULL: nothing */
    struct disk_options other_disk;     /* as `disk`, of that one */
    uint32_t layer_a, layer_b;  /* layers that are compared: of the two, or of the image when they
                                   differ */
    bool changes;               /* begin with what differs */
    const char *start;          /* address to start at, as at the go-to prompt; or NULL */
};

/* Runs the inspector on the controlling terminal until the person leaves. setlocale() has
 * been called. False when the terminal cannot be used or memory runs out. */
struct ui_end {
    int signo;                  /* 0, or the signal that ended it: the caller should end by
                                   the same one (the terminal is restored) */
    bool reading;               /* threads still wait for storage that does not answer: the
                                   image must not be closed; leave by _exit() */
};
bool ui_run(const struct image *img, const struct ui_options *opt, struct ui_end *end,
            struct error *err);

#endif
