/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the commands have in common: opening, scanning, messages, the end of output. */
#ifndef QCHECK_CMD_COMMON_H
#define QCHECK_CMD_COMMON_H

#include "base/lookout.h"
#include "cmd/commands.h"
#include "cmd/out_file.h"
#include "disk/chain.h"
#include "insight/cause.h"
#include "insight/figures.h"
#include "report/out.h"
#include "scan/scan.h"

/* "qcheck: WHATNAME" on standard error; name is made visible. */
void message(const char *what, const char *name);

/* "qcheck: NAME: ERROR" */
void message_error(const char *name, const struct error *err);
/* Says which values of the header were guessed, forced or proposed. */
void tell_guesses(const char *name, const struct image *img);

/* "qcheck COMMAND: WHAT", and where help is. Returns STATUS_FAILED. */
int usage_error(const struct command *cmd, const char *what);

/* Ends output: `status`, or STATUS_FAILED after a message when it could not be written.
 * A reader that went away is no failure. */
int finish(struct out *out, int status);

/* Opens the image `name` with the values the person forces, for a command that opens
 * nothing else: it is in the sandbox (base/sandbox.h) before it looks at a byte. */
bool open_image(const struct settings *s, const char *name, struct image **out,
                struct error *err);

/* The same without the sandbox: the caller enters it when all is open that it needs. */
bool open_image_only(const struct settings *s, const char *name, struct image **out,
                     struct error *err);
/* The same in its first stage: files can be opened for reading until the caller enters it for
 * good, nothing else. */
bool open_image_reading(const struct settings *s, const char *name, struct image **out,
                        struct error *err);
/* What can tell which of the files that an image names are there. */
struct beside { struct lookout lookout; bool pack; };
#define BESIDE_NONE { LOOKOUT_NONE, false }

void beside_look(void *beside, struct image *img);      /* notes it in the image */
void beside_end(struct beside *b);

/* The bytes alone, in the sandbox of commands that write a file, which is open already: a
 * rescue works on what is no image any more. *beside is to be ended. */
bool open_source_writing(const struct settings *s, const char *name, struct source **out,
                         struct beside *beside, struct error *err);
void enter_sandbox_writing(const struct settings *s);      /* for one that writes a file */

/* The image and, where --backing asks for it, the chain of files below it; then the
 * sandbox. Without --backing nothing that the image names is touched. */
bool open_image_and_chain(const struct settings *s, const char *name, struct image **out,
                          struct chain *chain, struct error *err);

/* Two images, opened before the sandbox and parsed in it; the plan, if there is one, is laid over
 * the second. On failure *bad names the one to blame, and one that was opened
 * stays the caller's. */
bool open_two_images(const struct settings *s, const char *name_a, const char *name_b,
                     struct image **a, struct image **b, const char **bad,
                     struct error *err);

/* The same in the first stage of the sandbox, as open_image_reading(). */
bool open_two_images_reading(const struct settings *s, const char *name_a, const char *name_b,
                             struct image **a, struct image **b, const char **bad,
                             struct error *err);

/* The layer of that name; NULL: the active one. VM states are none here. */
bool layer_named(const struct image *img, const char *name, uint32_t *out, struct error *err);

/* Number of images to work on: the sample, or the operands. image_name(s, i) names them;
 * false when the sample does not exist. */
int image_count(const struct settings *s);
bool image_name(const struct settings *s, int i, struct buf *out, struct error *err);
/* The same; false with a message and *status set. */
bool image_named(const struct settings *s, int i, struct buf *out, int *status);
/* The name of the image of a command that takes one. False, with a message and *status set: the
 * command line has none or several, or there is no such sample. */
bool one_image(const struct command *cmd, const struct settings *s, struct buf *out, int *status);

/* Work on one image; returns the exit status. */
typedef int image_fn(const struct settings *s, const char *name, struct out *out);

/* Does `one` for all images of the settings and ends the output; the worst status. */
int each_image(const struct settings *s, image_fn *one);
/* All of a command that takes any number of images. */
int each_image_named(const struct command *cmd, int argc, char **argv, image_fn *one);

/* Does work on an image in a process of its own, which ends `out`; the exit status. */
int run_apart(int (*work)(void *ctx), void *ctx, const char *name, struct out *out);

/* Does work that writes the file of -o, which is opened first and taken away again where the
 * work fails and the file is new; without -o, with `sink` NULL and in this process. */
int with_out_file(const struct settings *s, enum out_kind kind,
                  int (*work)(void *ctx, struct sink *sink),
                  void *ctx, const char *name, struct out *out);

/* The worse of two: corruptions, then failures, then references outside, then leaks. */
int status_worst(int a, int b);

/* Scans, with progress on standard error as the settings say. */
bool scan_image(const struct settings *s, const struct image *img,
                struct scan_result **out, struct error *err);

/* A scan with the causes and all figures. */
struct findings {
    struct scan_result *scan;
    struct insight *insight;
    struct figures figures;
};

bool findings_make(const struct settings *s, const char *name, const struct image *img,
                   const struct chain *chain, struct findings *out, struct error *err);
void findings_free(struct findings *f);

/* The script of its tour (ui/guide.h); nothing where there is none. */
void sample_tour(const char *sample, struct buf *out);

/* --sample=list: prints the samples there are. */
int list_samples(void);

#endif
