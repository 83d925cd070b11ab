/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Text for people: numbers with units, and bytes of unknown origin made visible. */
#ifndef QCHECK_BASE_TEXT_H
#define QCHECK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TEXT_NUM 48         /* enough for every function below that fills `out` */

/* 65536 -> "64 KiB", 1610612736 -> "1.5 GiB", 1000 -> "1000 B". At most 4 digits, one
 * decimal, never rounded up to a value that is not reached ("1023.9 KiB"). */
const char *text_size(char out[TEXT_NUM], uint64_t bytes);

/* "2023-11-14 22:13:20", UTC, of seconds since 1970; "-" outside of the years 1601 to 9999. Not by
 * time_t, which has 32 bits on some machines. */
const char *text_utc(char out[TEXT_NUM], int64_t seconds);

/* Two sizes that are to be told apart: as text_size, or in bytes where that is the same. */
void text_sizes(char a[TEXT_NUM], uint64_t one, char b[TEXT_NUM], uint64_t other);

/* 1226355 -> "1,226,355" */
const char *text_group(char out[TEXT_NUM], uint64_t n);

/* part of whole as "3.1 %"; "0 %" when whole is 0; "< 0.1 %" for a little. */
const char *text_percent(char out[TEXT_NUM], uint64_t part, uint64_t whole);

/* Reads a number a person typed: 0x hex, or decimal with an optional unit k M G T P E
 * (any case, optional "iB" or "B", powers of 1024; a decimal part is allowed with a unit:
 * "1.5G"). The whole string must be used. False when it is no number or does not fit. */
bool text_parse_size(const char *text, uint64_t *out);

/* An offset, exactly: as a size where that is a round one ("64 KiB"), else in hex. */
void text_offset(struct buf *out, uint64_t off);
/* The bytes [start, end), exactly: "64 KiB - 96 KiB", "0x8000 - 0x8200"; both in the same
 * form. The dash is of the inspector, or the one of reports, which are ASCII. */
#define TEXT_DASH   " \u2013 "
#define ASCII_DASH  " - "
void text_range(struct buf *out, uint64_t start, uint64_t end, const char *dash);

/* Length of the well-formed UTF-8 sequence of several bytes at p (at most `left`), 0 if there
 * is none: no overlong forms, no surrogates, nothing past U+10FFFF. */
size_t text_utf8(const uint8_t *p, size_t left, uint32_t *cp);

/* The one way for bytes of an image to reach a screen, a report or a message.
 * Appends `bytes` as valid UTF-8 in which nothing can act on a terminal: control
 * characters, DEL, C1 codes, bidirectional controls, other invisible format characters
 * and invalid UTF-8 appear as \xNN (bytes) or \u{NNNN} (code points); a backslash appears
 * doubled, so that the result is unambiguous. */
void text_visible(struct buf *out, const void *bytes, size_t len);

/* Name and suffix as a shell takes them, quoted where they must be; what could act on a
 * terminal is made visible. */
void text_quoted(struct buf *out, const char *name, const char *suffix);

#endif
