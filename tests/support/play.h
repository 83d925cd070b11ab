/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Plays a script on the inspector and collects the screens it asks for. */
#ifndef QCHECK_TESTS_SUPPORT_PLAY_H
#define QCHECK_TESTS_SUPPORT_PLAY_H

#include "base/buf.h"
#include "base/source.h"
#include "ui/theme.h"
#include "ui/ui.h"

struct play {
    const char *script;         /* as in ui/term_fake.h */
    int cols, rows;             /* 0: 80x24 */
    enum depth depth;
    enum theme_id theme;
    bool ascii;
    bool roles;                 /* screens with roles */
    bool backing;               /* play_sample: open the files that the image names */
    bool tour;                  /* as ui_options.tour */
    bool files;                 /* with the process that reads file systems */
    const char *other;          /* a sample that the image is compared with, as A */
    uint32_t layer_a, layer_b;  /* as in ui_options */
    bool changes;               /* ... as well */
    const char *start;          /* as ui_options.start */
    const char *watched;        /* name of the file behind the source: W opens it again */
    void (*change)(void *arg, const char *name);    /* called by "shot:change-NAME" */
    void *arg;
    struct gate *gate;          /* opened by "shot:open-gate"; NULL: none */
};

/* Runs until the script ends; every shot is appended to *out under a line "== NAME".
 * Returns the signal app_run returned. Takes `src`. */
int play_source(struct source *src, const struct play *p, struct buf *out);
/* The same on a sample of the tree. */
int play_sample(const char *name, const struct play *p, struct buf *out);

/* Where it is; and the states of the files that it names, as the commands look for them. */
void sample_path(const char *name, char path[4096]);
void sample_beside(const char *path, struct image *img);

/* A sample in memory: what the host says of a file (size on disk, file system) is no part
 * of a screen. The caller frees the bytes once the source is closed. */
uint8_t *sample_load(const char *name, struct source **out);

/* A sample behind a gate (below): the scan stands still until "shot:open-gate". */
void play_gated(const char *name, const struct play *p, struct buf *out);

/* A source that lets only the thread that made it read; others wait until the gate is
 * open, so that a scan stands still while a script plays. */
struct gate;
struct source *gate_new(struct source *inner, struct gate **out);      /* takes inner */
void gate_open(struct gate *g);

#endif
