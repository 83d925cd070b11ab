/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the overview says, line by line; made anew for every frame, out of the image and
 * of what the scan has found so far. */
#ifndef QCHECK_UI_OVERVIEW_H
#define QCHECK_UI_OVERVIEW_H

#include "ui/view.h"

#define OVERVIEW_LINES_MAX  200
#define OVERVIEW_KINDS      6           /* kinds of problems listed before "more kinds" */

enum overview_section {
    SECTION_CAUSES, SECTION_STEPS, SECTION_PROBLEMS, SECTION_SPACE, SECTION_METADATA,
    SECTION_DISK, SECTION_FIGURES,
    SECTION_IMAGE, SECTION_CHECK, N_SECTIONS
};

enum overview_look {
    LOOK_HEADING,           /* label */
    LOOK_FACT,              /* label: text */
    LOOK_BAR,               /* letter, label, a bar of part/whole, text */
    LOOK_KIND,              /* a kind of problem: label is the count, text the title */
    LOOK_STEP,              /* of what to do: label is its number */
    N_LOOKS
};

enum overview_link { LINK_NONE, LINK_PLACE, LINK_CLASS, LINK_KIND, LINK_CAUSE, LINK_VIEW };

struct overview_line {
    enum overview_section section;
    enum overview_look look;
    uint8_t role;           /* of the text; of bars: of the bar and its letter */
    char letter;
    char label[40], text[400];
    uint64_t part, whole;
    enum overview_link link;        /* where Enter goes */
    struct place place;             /* LINK_PLACE */
    int which;                      /* class, kind, cause or view */
};

struct overview {
    char verdict[800];                  /* the state of things in a sentence or two ... */
    unsigned role;                      /* ... and the role to draw it in */
    uint64_t share[N_CLASSES]; /* clusters of each class; while the scan runs, places
                                  looked at */
    struct overview_line line[OVERVIEW_LINES_MAX];
    size_t n;
};

/* all_kinds: however many kinds of problems there are. */
void overview_make(struct overview *o, const struct ui *ui, bool all_kinds);

/* For the parts the overview is made in: a line without text, and one with. */
struct overview_line *overview_add(struct overview *o, enum overview_section section,
                                   enum overview_look look, const char *label);
struct overview_line *overview_fact(struct overview *o, enum overview_section section,
                                    const char *label, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
unsigned overview_cause_role(const struct cause *c);
void overview_add_causes(struct overview *o, const struct ui *ui);  /* overview_causes.c */
void overview_add_figures(struct overview *o, const struct ui *ui); /* overview_figures.c */
void overview_add_image(struct overview *o, const struct ui *ui);   /* overview_image.c */

/* Classes in the order of the overview: data, metadata, the rest; N_CLASSES ends. */
enum cluster_class overview_class(size_t i);

#endif
