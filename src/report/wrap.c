/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/wrap.h"

#include <string.h>

void wrap_text(struct buf *out, const char *text, size_t col, size_t indent, size_t width)
{
    size_t at = indent + col;
    bool fresh = true;      /* nothing of the text stands on this line yet */

    while (*text) {
        size_t word = strcspn(text, " ");

        if (word && !fresh && at + 1 + word > width) {
            buf_putc(out, '\n');
            for (size_t i = 0; i < indent; i++)
                buf_putc(out, ' ');
            at = indent;
            fresh = true;
        }
        if (word && !fresh) {
            buf_putc(out, ' ');
            at++;
        }
        buf_add(out, text, word);
        at += word;
        fresh = fresh && word == 0;
        text += word;
        text += *text == ' ';
    }
    buf_putc(out, '\n');
}
