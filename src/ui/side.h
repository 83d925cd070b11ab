/* A few lines of text that explain what the cursor stands on: built while preparing,
 * drawn in a narrow pane, wrapped to its width, or in a single line. */
#ifndef QCHECK_UI_SIDE_H
#define QCHECK_UI_SIDE_H

#include "ui/grid.h"

#define SIDE_LINES_MAX 64

struct side_line {
    uint8_t role;
    uint8_t swatch_role;
    char swatch;                /* a letter in its own colour before the text; 0: none */
    char text[240];
};

struct side {
    struct side_line line[SIDE_LINES_MAX];
    size_t n;
};

void side_reset(struct side *s);
void side_add(struct side *s, unsigned role, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void side_swatch(struct side *s, char letter, unsigned role, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void side_draw(const struct side *s, const struct area *a);

#endif
