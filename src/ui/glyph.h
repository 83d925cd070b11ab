/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Characters: decoding UTF-8, what may be shown, how wide it is, and what stands for it
 * on a terminal that has ASCII only. */
#ifndef QCHECK_UI_GLYPH_H
#define QCHECK_UI_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point from NUL-terminated text; *text moves past it. An invalid byte
 * is returned as 0x80000000 | byte. 0 at the end (*text does not move). */
#define GLYPH_INVALID 0x80000000u
uint32_t glyph_next(const char **text);

/* UTF-8 of a code point, NUL-terminated; returns the bytes. */
size_t glyph_encode(uint32_t ch, char out[5]);

/* Columns: 1 or 2; 0 for a combining mark; -1 for what must not be shown as it is. */
int glyph_width(uint32_t ch);

/* ASCII character for a line, block, arrow or mark of ours; 0 where there is none. */
char glyph_ascii(uint32_t ch);

/* "\x1b" or "\u{202e}": how a character that must not be shown appears. */
void glyph_escape(uint32_t ch, char out[16]);

#endif
