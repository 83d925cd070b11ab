/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The view of changes: three maps that move together (A, B, and what differs), the list of
 * changes, and what differs in words. */
#ifndef QCHECK_UI_CHANGES_VIEW_H
#define QCHECK_UI_CHANGES_VIEW_H

#include "ui/list.h"
#include "ui/map_pane.h"

enum changes_pane { PANE_A, PANE_B, PANE_CHANGES, N_CHANGES_PANES };
enum changes_focus { IN_MAPS, IN_LIST, IN_WORDS, N_CHANGES_FOCUS };

struct changes_view {
    struct map_pane pane[N_CHANGES_PANES];  /* of equal size, zoom and cursor */
    enum map_space space;
    bool hilbert;
    enum map_style style;
    bool style_chosen;                  /* else what suits the terminal */
    enum changes_focus focus;
    struct list list;
    int words_top, words_n, words_h;    /* lines: first one shown, all, rows */
    unsigned age;                       /* of what is compared, when it was looked at last */
    char said[2][160];                  /* of A and B: what is under the cursor */
    int rows, cols;
};

/* Where the parts lie; h 0: not there. */
struct changes_part { int y, x, h, w; };
struct changes_layout {
    struct changes_part pane[N_CHANGES_PANES];  /* without the line above */
    struct changes_part legend, said, list, words;  /* the last two with a line above */
};
struct changes_layout changes_layout(const struct changes_view *v, int rows, int cols);

/* Changes of the space that is shown. */
size_t changes_n(const struct changes_view *v, const struct ui *ui);
/* Number i of them: clusters of the maps. */
void changes_at(const struct changes_view *v, const struct ui *ui, size_t i, uint64_t *first,
                uint64_t *n);

/* The last change that begins at or before a cluster of the maps; their number: the first one does
 * not. */
size_t changes_before(const struct changes_view *v, const struct ui *ui, uint64_t cluster);

/* A side, and clusters of the maps: they are as large as the larger ones of the two images, so
 * that each is 2^shift of those of a side. */
const struct compared_side *changes_side_of(const struct compared *c, enum compared_which which);
unsigned changes_unit_bits(const struct compared *c);
unsigned changes_shift(const struct compared *c, const struct compared_side *side);

/* All maps show what the one of changes does; it goes to a cluster; the other space. */
void changes_follow(struct changes_view *v);
void changes_go(struct changes_view *v, uint64_t cluster);
void changes_choose(struct changes_view *v, enum map_space space);

void changes_prepare(void *state, const struct ui *ui, int rows, int cols);

/* changes_draw.c */
void changes_draw(const struct changes_view *v, const struct ui *ui, const struct area *a);

#endif
